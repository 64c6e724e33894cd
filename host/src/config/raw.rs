//! The shape of the config file. These doc comments are the text of `updraft config reference` and of the schema.

mod aws;
mod s3;
mod sinks;
mod testing;

pub(super) use aws::{Auth, Healthcheck, Proxy, Request, Tls, session_name};
pub(super) use s3::*;
pub use s3::{Acl, Checksum, Encryption, StorageClass};
pub(super) use sinks::*;
pub(super) use testing::*;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reference::{any_route, any_sink, any_source, any_test, any_transform};

/// A pipeline: sources, transforms and sinks, each under a name of your choice (letters, digits, `_`, `-`). In every
/// value `${NAME}` and `${NAME:-default}` are replaced from the environment; `$$` is a literal `$`. Relative paths are
/// relative to the folder of the config file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    /// Where cursors live. Default: `$UPDRAFT_DATA_DIR`, else `.updraft` in the first source's log folder (cursors live
    /// and die with the logs they speak of), else `$XDG_STATE_HOME/updraft` where that cannot be written.
    pub(super) data_dir: Option<PathBuf>,
    /// Who we are, for templates.
    #[serde(default)]
    pub(super) deployment: Deployment,
    /// What is kept to prove what went where.
    #[serde(default)]
    pub(super) receipts: Receipts,
    /// Where lines come from.
    #[serde(default)]
    #[schemars(schema_with = "any_source")]
    pub(super) sources: Map<String, Value>,
    /// What makes events of lines, and changes them on their way. A sink that takes a source directly gets each line as
    /// it stands.
    #[serde(default)]
    #[schemars(schema_with = "any_transform")]
    pub(super) transforms: Map<String, Value>,
    /// What chooses names and says what goes where. Optional: without a route a sink's own templates do. A sink names its
    /// route as `route`.
    #[serde(default)]
    #[schemars(schema_with = "any_route")]
    pub(super) routes: Map<String, Value>,
    /// Where events go.
    #[serde(default)]
    #[schemars(schema_with = "any_sink")]
    pub(super) sinks: Map<String, Value>,
    /// Tests of this pipeline, which `updraft test` runs and all else ignores. Text in them is literal: no `${NAME}` is
    /// replaced.
    #[serde(default)]
    #[schemars(schema_with = "any_test")]
    pub(super) tests: Vec<Value>,
}

/// Who we are, for templates.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the platform's names")]
pub(super) struct Deployment {
    /// Default: `$ASTRO_CLUSTER_ID`.
    pub(super) cluster_id: Option<String>,
    /// Default: `$ASTRO_WORKSPACE_ID`.
    pub(super) workspace_id: Option<String>,
    /// Default: `$ASTRO_DEPLOYMENT_ID`.
    pub(super) deployment_id: Option<String>,
}

/// What is kept to prove what went where: for every generation of a file a receipt, in the data dir.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipts {
    /// Days after which a receipt that nothing was added to is forgotten.
    #[serde(default = "keep_days")]
    pub(super) keep_days: f64,
    /// So many receipts are kept at most, the latest; each takes about 1 KiB for two sinks.
    #[serde(default = "keep_count")]
    pub(super) keep_count: usize,
    /// Hash each file, as it is delivered; one of which this run did not read all is read once more at its end.
    #[serde(default = "sha256")]
    pub(super) sha256: bool,
}

impl Default for Receipts {
    fn default() -> Self {
        Self { keep_days: keep_days(), keep_count: keep_count(), sha256: sha256() }
    }
}

pub(super) fn keep_days() -> f64 {
    30.0
}

pub(super) fn keep_count() -> usize {
    100_000
}

pub(super) fn sha256() -> bool {
    true
}

/// The files below Airflow's log folder. Each is a stream of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Airflow {
    /// Airflow's `[logging] base_log_folder`. Default: `$AIRFLOW__LOGGING__BASE_LOG_FOLDER`, else `$AIRFLOW_HOME/logs`.
    /// It need not be there yet.
    pub(super) base_log_folder: Option<PathBuf>,
    /// Globs below the folder; `*` stays within a folder, `**` does not.
    #[serde(default = "include")]
    pub(super) include: Vec<String>,
    /// Globs below the folder; they win over `include`. The default leaves task logs only.
    #[serde(default = "exclude")]
    pub(super) exclude: Vec<String>,
    /// How the paths of tries look, where Airflow's `[logging] log_filename_template` is not its default: regular
    /// expressions for the whole path below the folder (without the `.trigger.N.log` of a triggerer's file), with groups
    /// `(?P<dag_id>…)`, `(?P<run_id>…)`, `(?P<task_id>…)`, `(?P<try_number>…)` and perhaps `(?P<map_index>…)`. The first
    /// that fits counts, then the default layout.
    #[serde(default)]
    pub(super) path_patterns: Vec<String>,
    /// Where to begin in files that are there when Updraft runs for the first time.
    #[serde(default)]
    pub(super) read_from: ReadFrom,
    /// Milliseconds of quiet after which the last event of a file is taken as whole.
    #[serde(default = "join_ms")]
    pub(super) join_ms: u64,
    /// Seconds after which a line without its line break is shipped as it is.
    #[serde(default = "partial_line_secs")]
    pub(super) partial_line_secs: f64,
    /// Seconds between looks through the whole folder, the safety net under inotify. Up to six times as many where a look
    /// takes long and inotify watches all of it.
    #[serde(default = "rescan_secs")]
    pub(super) rescan_secs: f64,
    /// Let the system say which files change (inotify). `false`: the folder is only looked through every `rescan_secs`,
    /// as it has to be on network file systems, where nobody says what other machines write.
    #[serde(default = "watch")]
    pub(super) watch: bool,
}

fn watch() -> bool {
    true
}

pub(super) fn include() -> Vec<String> {
    vec!["**/*".to_owned()]
}

pub(super) fn exclude() -> Vec<String> {
    ["scheduler/**", "dag_processor*/**", "**/.*", ".*/**"].map(str::to_owned).to_vec()
}

pub(super) fn join_ms() -> u64 {
    200
}

pub(super) fn partial_line_secs() -> f64 {
    5.0
}

pub(super) fn rescan_secs() -> f64 {
    10.0
}

/// Where to begin in files that are there already.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadFrom {
    /// With their first line.
    #[default]
    Beginning,
    /// With what is written from now on.
    End,
}

/// A WebAssembly component.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wasm {
    /// Names of sources and transforms whose output it takes.
    pub(super) inputs: Vec<String>,
    /// `builtin:airflow`, or the path of a `.wasm` file.
    pub(super) component: String,
    /// SHA-256 of the component, 64 hex digits: any other is refused at start. `updraft inspect` prints it.
    pub(super) sha256: Option<String>,
    /// Given to the component as JSON. Variables in it stay strings.
    #[serde(default)]
    pub(super) config: Value,
    /// What it may use of the world outside: `clock`, the time of day and how time goes by (else it is always midnight of
    /// 1970-01-01), and `random` (else each call finds the same numbers). Files, network and environment cannot be granted:
    /// what a component needs to know goes into `config`.
    #[serde(default)]
    pub(super) grants: Vec<Grant>,
    /// What one instance may take.
    #[serde(default)]
    pub(super) limits: Limits,
    /// What becomes of a batch that it fails on. Default: `pass` for what makes events of lines, `halt` for what
    /// changes events, so that nothing leaks past a mask that failed.
    pub(super) on_error: Option<OnError>,
    /// With `on_error: dead_letter`: the sink (`aws_s3` or `file`) that gets the lines it fails on, with the reason.
    pub(super) dead_letter: Option<String>,
}

/// A WebAssembly component that chooses names: it is asked once for each file, label and sink, is shown what the sink's own
/// templates say, and may change that or say that the events of that label do not go to the sink. If it fails, or gives a
/// name that the service does not take, the sink's own name is used, and that is said.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Router {
    /// The path of a `.wasm` file.
    pub(super) component: String,
    /// SHA-256 of the component, 64 hex digits: any other is refused at start. `updraft inspect` prints it.
    pub(super) sha256: Option<String>,
    /// Given to the component as JSON. Variables in it stay strings.
    #[serde(default)]
    pub(super) config: Value,
    /// What it may use of the world outside: `clock` and `random`, as in transforms.
    #[serde(default)]
    pub(super) grants: Vec<Grant>,
    /// What one instance may take.
    #[serde(default)]
    pub(super) limits: Limits,
}

/// What a component may be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grant {
    /// The time of day, and how time goes by.
    Clock,
    /// Random numbers.
    Random,
}

/// What one instance of a component may take. Whatever it wants beyond that is a failure that names the limit.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// MiB of memory.
    #[serde(default = "memory_mib")]
    pub(super) memory_mib: u64,
    /// Milliseconds of its own CPU time in one call; a wait counts as if it had computed. The call that configures it has as
    /// many.
    #[serde(default = "timeout_ms")]
    pub(super) timeout_ms: u64,
    /// MiB that it may hand over at once, as a result or in a call to the host. Default: as much as its memory.
    pub(super) result_mib: Option<u64>,
    /// Lines that it may log each second; those of ten seconds at once. What is more is counted and not shown.
    #[serde(default = "log_lines_per_sec")]
    pub(super) log_lines_per_sec: u32,
    /// Elements of its tables.
    #[serde(default = "table_elements")]
    pub(super) table_elements: u64,
    /// Core modules that an instance may be made of, adapters and shims included.
    #[serde(default = "core_instances")]
    pub(super) core_instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_mib: memory_mib(),
            timeout_ms: timeout_ms(),
            result_mib: None,
            log_lines_per_sec: log_lines_per_sec(),
            table_elements: table_elements(),
            core_instances: core_instances(),
        }
    }
}

fn memory_mib() -> u64 {
    64
}

fn timeout_ms() -> u64 {
    1000
}

fn log_lines_per_sec() -> u32 {
    10
}

fn table_elements() -> u64 {
    100_000
}

fn core_instances() -> usize {
    64
}

/// What becomes of a batch that a component fails on.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnError {
    /// It goes on as it came in.
    Pass,
    /// It is dropped, and counted.
    Drop,
    /// The branch waits.
    Halt,
    /// Its lines go to the sink that `dead_letter` names, with the reason.
    DeadLetter,
}
