//! The shape of the config file. These doc comments are the text of `updraft config reference` and of the schema.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::reference::{any_sink, any_source, any_transform};

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
    /// Where lines come from.
    #[serde(default)]
    #[schemars(schema_with = "any_source")]
    pub(super) sources: Map<String, Value>,
    /// What makes events of lines, and changes them on their way. A sink that takes a source directly gets each line as
    /// it stands.
    #[serde(default)]
    #[schemars(schema_with = "any_transform")]
    pub(super) transforms: Map<String, Value>,
    /// Where events go.
    #[serde(default)]
    #[schemars(schema_with = "any_sink")]
    pub(super) sinks: Map<String, Value>,
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
    /// Where to begin in files that are there when Updraft runs for the first time.
    #[serde(default)]
    pub(super) read_from: ReadFrom,
    /// Milliseconds of quiet after which the last event of a file is taken as whole.
    #[serde(default = "join_ms")]
    pub(super) join_ms: u64,
    /// Seconds after which a line without its line break is shipped as it is.
    #[serde(default = "partial_line_secs")]
    pub(super) partial_line_secs: f64,
    /// Seconds between looks through the whole folder, the safety net under inotify.
    #[serde(default = "rescan_secs")]
    pub(super) rescan_secs: f64,
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
    /// Given to the component as JSON. Variables in it stay strings.
    #[serde(default)]
    pub(super) config: Value,
    /// What one instance may take.
    #[serde(default)]
    pub(super) limits: Limits,
    /// What becomes of a batch that it fails on. Default: `pass` for what makes events of lines, `halt` for what
    /// changes events, so that nothing leaks past a mask that failed.
    pub(super) on_error: Option<OnError>,
}

/// What one instance of a component may take.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// MiB of memory.
    #[serde(default = "memory_mib")]
    pub(super) memory_mib: u64,
    /// Milliseconds of its own CPU time in one call.
    #[serde(default = "timeout_ms")]
    pub(super) timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_mib: memory_mib(), timeout_ms: timeout_ms() }
    }
}

fn memory_mib() -> u64 {
    64
}

fn timeout_ms() -> u64 {
    1000
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
}

/// Amazon CloudWatch Logs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloudWatch {
    /// Names of sources and transforms whose output it takes.
    pub(super) inputs: Vec<String>,
    /// Default: the ambient region of the AWS SDK.
    pub(super) region: Option<String>,
    /// URL to talk to instead of the region's own.
    pub(super) endpoint: Option<String>,
    /// The role to assume. Default: the workload's own identity, by the AWS SDK's default chain.
    pub(super) auth: Option<Auth>,
    /// The log group; a template. What CloudWatch forbids becomes `_`.
    pub(super) group_name: String,
    /// The log stream; a template. `:` and `*`, which CloudWatch forbids, become `_`.
    #[serde(default = "path_template")]
    pub(super) stream_name: String,
    /// Create the group when it is missing.
    #[serde(default = "yes")]
    pub(super) create_missing_group: bool,
    /// Create the stream when it is missing.
    #[serde(default = "yes")]
    pub(super) create_missing_stream: bool,
    /// What an event looks like.
    #[serde(default = "json")]
    pub(super) encoding: Encoding,
    /// How many events go in one request.
    #[serde(default)]
    pub(super) batch: Batch,
}

pub(super) fn path_template() -> String {
    "{{ path }}".to_owned()
}

fn yes() -> bool {
    true
}

fn json() -> Encoding {
    Encoding { codec: Codec::Json }
}

fn raw() -> Encoding {
    Encoding { codec: Codec::Raw }
}

/// The role to assume before talking to AWS.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Auth {
    /// ARN of the role.
    pub(super) assume_role: String,
    /// What the role's trust policy demands, if it does.
    pub(super) external_id: Option<String>,
    /// How AWS's own logs name us.
    #[serde(default = "session_name")]
    pub(super) session_name: String,
}

pub(super) fn session_name() -> String {
    "updraft".to_owned()
}

/// What an event looks like.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Encoding {
    /// `json`, `text` or `raw`.
    pub(super) codec: Codec,
}

/// What is made of an event.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Codec {
    /// The normalized event, one JSON object.
    Json,
    /// Its message.
    Text,
    /// The bytes it came from.
    Raw,
}

/// How many events go in one request.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// At most so many events; CloudWatch takes 10,000.
    #[serde(default = "max_events")]
    pub(super) max_events: usize,
    /// At most so many bytes as AWS counts them; CloudWatch takes 1,048,576.
    #[serde(default = "max_bytes")]
    pub(super) max_bytes: usize,
    /// Seconds that a request waits to get full.
    #[serde(default = "timeout_secs")]
    pub(super) timeout_secs: f64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { max_events: max_events(), max_bytes: max_bytes(), timeout_secs: timeout_secs() }
    }
}

fn max_events() -> usize {
    super::CLOUDWATCH_MAX_BATCH_EVENTS
}

fn max_bytes() -> usize {
    super::CLOUDWATCH_MAX_BATCH_BYTES
}

pub(super) fn timeout_secs() -> f64 {
    1.0
}

/// Amazon S3: one object for each file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    /// Names of sources and transforms whose output it takes. From a source the objects are the files, byte for byte.
    pub(super) inputs: Vec<String>,
    /// Default: the ambient region of the AWS SDK.
    pub(super) region: Option<String>,
    /// URL to talk to instead of the region's own.
    pub(super) endpoint: Option<String>,
    /// The role to assume. Default: the workload's own identity, by the AWS SDK's default chain.
    pub(super) auth: Option<Auth>,
    /// The bucket's name.
    pub(super) bucket: String,
    /// Stands before every key as it is, so end it with `/` if it is to be a folder.
    #[serde(default)]
    pub(super) key_prefix: String,
    /// How files become objects.
    #[serde(default)]
    pub(super) layout: Layout,
    /// The key below the prefix; a template.
    #[serde(default = "path_template")]
    pub(super) key: String,
    /// Seconds between uploads of a file that keeps growing.
    #[serde(default = "refresh_secs")]
    pub(super) refresh_secs: f64,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true with an endpoint (here, in
    /// `$AWS_ENDPOINT_URL` or `$AWS_ENDPOINT_URL_S3`), else false.
    pub(super) force_path_style: Option<bool>,
}

pub(super) fn refresh_secs() -> f64 {
    60.0
}

/// What files become.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Layout {
    /// One object, or file on disk, for each generation of a file.
    #[default]
    Mirror,
}

/// Files on local disk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Names of sources and transforms whose output it takes.
    pub(super) inputs: Vec<String>,
    /// The folder to write below.
    pub(super) path: PathBuf,
    /// How Airflow's files become these files.
    #[serde(default)]
    pub(super) layout: Layout,
    /// Path of the file below that folder; a template. It must not lead upward, so no part of it is `..`.
    #[serde(default = "path_template")]
    pub(super) key: String,
    /// What an event looks like. With `raw` the files are copies.
    #[serde(default = "raw")]
    pub(super) encoding: Encoding,
}

/// Standard output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Console {
    /// Names of sources and transforms whose output it takes.
    pub(super) inputs: Vec<String>,
    /// What an event looks like.
    #[serde(default = "json")]
    pub(super) encoding: Encoding,
}
