//! What the rest of the host works from: a configuration that has been checked once and needs no second look.
//!
//! Text ([`parse`]) → raw types with the shape of the file ([`raw`]) → the checked types here ([`check`]). Without
//! a file the same types are built from the environment ([`environment`]).

mod check;
mod defaults;
mod environment;
mod error;
mod graph;
mod interpolate;
mod parse;
mod raw;
mod reference;
mod rewrite;
mod section;
mod sink;
mod sinks;
mod testing;
#[cfg(test)]
mod tests;
mod transforms;
mod values;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Deployment;
use crate::source::identify::PathPattern;

pub use environment::{Misspelt, from_environment, idle, misspelt};
pub use error::{Error, Problem};
pub use parse::Format;
pub use raw::{Acl, Checksum, Encryption, StorageClass};
pub use reference::{reference, schema};
pub use rewrite::{NewEvents, RewriteError, with_events};
pub use sink::*;
pub use sinks::{CLOUDWATCH_MAX_BATCH_BYTES, CLOUDWATCH_MAX_BATCH_EVENTS, RETENTION_DAYS};
pub use testing::{Place, Test, TestContent, TestInput, TestOutput, refusal};
pub use write::{Event, events as write_events};

/// Components that are embedded in the binary.
const BUILTINS: [&str; 1] = ["airflow"];

/// Environment variables, handed in so that tests and embedders decide what is in them.
pub type Env = BTreeMap<String, String>;

/// The variables of this process; what is not UTF-8 is left out.
pub fn process_env() -> Env {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A whole pipeline, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Cursors, spool and the cache of compiled components. Perhaps not there yet.
    pub data_dir: PathBuf,
    /// Name of this machine, as streams and templates show it.
    pub host: String,
    /// Where this host runs.
    pub deployment: Deployment,
    /// What is kept to prove what went where.
    pub receipts: Receipts,
    /// Where lines come from.
    pub sources: Vec<Source>,
    /// What makes events of them.
    pub transforms: Vec<Transform>,
    /// What names log streams and objects: components, too.
    pub routes: Vec<Transform>,
    /// Where events go; never empty.
    pub sinks: Vec<Sink>,
    /// The environment variables that templates name as `env.NAME`, and no others.
    pub env: Env,
    /// Tests of it, which a run ignores.
    pub tests: Vec<Test>,
    /// What looks like a mistake but is none for certain; to be said once at start.
    pub warnings: Vec<String>,
}

impl Config {
    /// All that is a component: transforms, then routes.
    pub fn components(&self) -> impl Iterator<Item = &Transform> {
        self.transforms.iter().chain(&self.routes)
    }
}

/// How long receipts are kept, and whether files are hashed for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipts {
    /// Forgotten when nothing was added for so long.
    pub age: Duration,
    /// At most so many are kept, the latest.
    pub most: usize,
    /// Files that have come to their ends are hashed.
    pub sha256: bool,
}

/// A source of type `airflow`: the files below Airflow's log folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name in the config.
    pub id: String,
    /// The folder; perhaps not there yet.
    pub base_log_folder: PathBuf,
    /// Globs below it.
    pub include: Vec<String>,
    /// Globs below it; they win over `include`. Holds the data dir too where that lies below the folder.
    pub exclude: Vec<String>,
    /// How the paths of tries look that are not named as Airflow's default says.
    pub path_patterns: Vec<PathPattern>,
    /// Where to begin in files that are there at the first start.
    pub read_from: ReadFrom,
    /// Quiet for so long: the event is taken as whole.
    pub join: Duration,
    /// A line without its break is shipped after this.
    pub partial_line: Duration,
    /// How often the whole folder is looked through, whatever the watcher says.
    pub rescan: Duration,
    /// Whether there may be a watcher.
    pub watch: bool,
    /// Its files are dead letters, written by this host: each line is a record as it stands, whatever the sink's codec.
    pub dead_letters: bool,
}

/// Where to begin in files that are there at the first start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// At byte 0.
    Beginning,
    /// At their present end.
    End,
}

/// A component between sources and sinks, or beside a sink.
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    /// Its name in the config.
    pub id: String,
    /// What it does there.
    pub role: Role,
    /// Which component.
    pub component: Component,
    /// SHA-256 of the only component that will do, in lower-case hex; none: any.
    pub sha256: Option<String>,
    /// What it may use of the world outside.
    pub grants: Grants,
    /// Given to the component as JSON.
    pub config: serde_json::Value,
    /// The same with variables not replaced: it holds no secrets that the file does not.
    pub config_as_written: serde_json::Value,
    /// Per instance and call.
    pub limits: Limits,
    /// None: the default of what the component turns out to be.
    pub on_error: Option<OnError>,
    /// The sink that gets what it fails on; there is one where `on_error` is [`OnError::DeadLetter`].
    pub dead_letter: Option<String>,
}

impl Transform {
    /// One without options.
    pub fn bare(id: &str, component: Component) -> Self {
        let config = serde_json::Value::Object(serde_json::Map::new());
        Self {
            id: id.to_owned(),
            role: Role::Transform,
            component,
            sha256: None,
            grants: Grants::default(),
            config_as_written: config.clone(),
            config,
            limits: Limits::default(),
            on_error: None,
            dead_letter: None,
        }
    }
}

impl Transform {
    /// What messages call it; empty where it is no part of a config.
    pub fn place(&self) -> String {
        if self.id.is_empty() { String::new() } else { format!("{} `{}`", self.role, self.id) }
    }
}

/// What a component does in a pipeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It makes or changes events.
    #[default]
    Transform,
    /// It names log streams and objects.
    Router,
}

impl std::fmt::Display for Role {
    /// As the singular of the section that it is written in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transform => "transform",
            Self::Router => "route",
        })
    }
}

/// Which component a transform runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// One that is embedded in the binary, by its name without `builtin:`.
    Builtin(String),
    /// A `.wasm` file; was there when the config was checked.
    Path(PathBuf),
}

impl Component {
    /// As a config or a command line names it. Whether a file is there is not looked at.
    pub fn named(name: &str, folder: &Path) -> Result<Self, UnknownBuiltin> {
        match name.strip_prefix("builtin:") {
            Some(builtin) if BUILTINS.contains(&builtin) => Ok(Self::Builtin(builtin.to_owned())),
            Some(builtin) => {
                Err(UnknownBuiltin { name: builtin.to_owned(), help: error::suggest(builtin, BUILTINS) })
            }
            None => Ok(Self::Path(folder.join(name))),
        }
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// No component of this name is embedded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no built-in component `{name}`; {help}")]
pub struct UnknownBuiltin {
    /// Without `builtin:`.
    pub name: String,
    /// What there is.
    pub help: String,
}

/// What a component may use of the world outside; nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants {
    /// Real clocks.
    pub clock: bool,
    /// Real randomness.
    pub random: bool,
}

impl Grants {
    /// The grants of these names; others are none.
    pub fn of(names: &[String]) -> Self {
        let has = |name| names.iter().any(|it| it == name);
        Self { clock: has("clock"), random: has("random") }
    }

    /// By their names in the config.
    pub fn names(self) -> Vec<&'static str> {
        [("clock", self.clock), ("random", self.random)]
            .into_iter()
            .filter_map(|(name, granted)| granted.then_some(name))
            .collect()
    }
}

/// What one instance may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, all its memories together.
    pub memory_bytes: u64,
    /// The guest's own CPU time in one call.
    pub timeout: Duration,
    /// What it may hand over at once: as a result, or as the argument of a host's function.
    pub result_bytes: u64,
    /// Lines that all instances together may log, each second.
    pub log_lines_per_sec: u32,
    /// Elements of all its tables together.
    pub table_elements: u64,
    /// Core instances that one instance of the component is made of; as many memories, and tables.
    pub core_instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        defaults::limits(&raw::Limits::default())
    }
}

/// What becomes of a batch that a component failed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// It goes on as it came in.
    Pass,
    /// It is dropped, and counted.
    Drop,
    /// The branch waits.
    Halt,
    /// It goes to the sink that [`Transform::dead_letter`] names, and is dropped here.
    DeadLetter,
}

/// Reads and checks a `.yaml`, `.yml`, `.toml` or `.json` file. Relative paths in it are relative to its folder.
pub fn load(path: &Path, env: &Env) -> Result<Config, Error> {
    let name = path.display().to_string();
    let broken = |what: String| Error { problems: vec![Problem::of_file(&name, None, what)] };
    let Some(format) = Format::of(path) else {
        return Err(broken("a config file is named .yaml, .yml, .toml or .json".to_owned()));
    };
    let text = std::fs::read_to_string(path).map_err(|error| broken(format!("cannot be read: {error}")))?;
    check::config(&text, format, &name, path.parent().unwrap_or(Path::new("")), env)
}

/// The same for its tests: neither the log folder nor the data dir need be known.
pub fn load_for_tests(path: &Path, env: &Env) -> Result<Config, Error> {
    load(path, &defaults::with_folders(env))
}

/// The config of a component with its variables replaced, as they are in a file.
pub fn with_variables(mut config: serde_json::Value, env: &Env) -> Result<serde_json::Value, Error> {
    let mut report = error::Report::new("the component's config", parse::Lines::default());
    interpolate::interpolate(&mut config, env, &mut report);
    report.finish(Some(config)).map(|(config, _)| config)
}

/// Checks a config that is already in memory. `name` stands for the file in messages; relative paths in it are
/// relative to the working directory.
pub fn from_str(text: &str, format: Format, name: &str, env: &Env) -> Result<Config, Error> {
    check::config(text, format, name, Path::new(""), env)
}
