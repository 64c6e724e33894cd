//! Drops what says nothing: records of low levels, what Airflow says of every healthy task, and the lines that fold a log
//! in Airflow's web page. A warning or worse is never dropped, unless its level is named.
//!
//! ```yaml
//! config:
//!   levels: [debug]                          # the default; [] for none
//!   groups: true                             # the default: `::group::…` and `::endgroup::`
//!   chatter: ["Poking *"]                    # messages, * and ? as in a shell; instead of those built in
//!   more_chatter: ["heartbeat *"]            # besides them
//! ```
//!
//! The host counts what was dropped; this counts why: `dropped_level`, `dropped_group`, `dropped_chatter`.
//!
//! Built in is what Airflow 2.11 and 3.3 write for every task, whatever it does: [`CHATTER`].

use serde::Deserialize;
use updraft_guest::{EventSet, LogStream, Severity, Table, Transformer, host};

/// What Airflow says of every task that is well.
pub const CHATTER: [&str; 16] = [
    // 2
    "Dependencies all met for dep_context=*",
    "Started process * to run task",
    "Running: ['airflow', 'tasks', 'run', *",
    "Running: ['*/airflow', 'tasks', 'run', *",
    "Job *: Subtask *",
    "Exporting env vars: AIRFLOW_CTX_*",
    "* downstream tasks scheduled from follow-on schedule check",
    "Task exited with return code 0",
    // 3
    "DAG bundles loaded: *",
    "Worker startup parse complete",
    "Pushing xcom",
    "trigger completed",
    // both
    "Filling up the DagBag from *",
    "Done. Returned value was: None",
    "Tmp dir root location: *",
    "Callback requested but no callback found",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "debug")]
    levels: Vec<Level>,
    #[serde(default = "yes")]
    groups: bool,
    chatter: Option<Vec<String>>,
    #[serde(default)]
    more_chatter: Vec<String>,
}

#[derive(Debug, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Level {
    /// None: no level was found.
    fn of(severity: Severity) -> Option<Self> {
        Some(match severity {
            Severity::NONE => return None,
            it if it < Severity::INFO => Self::Debug,
            it if it < Severity::WARNING => Self::Info,
            it if it < Severity::ERROR => Self::Warning,
            it if it < Severity::CRITICAL => Self::Error,
            _ => Self::Critical,
        })
    }
}

fn debug() -> Vec<Level> {
    vec![Level::Debug]
}

fn yes() -> bool {
    true
}

/// Drops noise.
#[derive(Debug)]
pub struct DropNoise {
    levels: Vec<Level>,
    groups: bool,
    chatter: Table<()>,
}

impl Transformer for DropNoise {
    fn configure(config: &str) -> Result<Self, String> {
        let config: Config =
            serde_json::from_str(config).map_err(|error| format!("config of drop-noise: {error}"))?;
        let chatter = config.chatter.unwrap_or_else(|| CHATTER.map(str::to_owned).to_vec());
        Ok(Self {
            levels: config.levels,
            groups: config.groups,
            chatter: Table::new([(chatter.into_iter().chain(config.more_chatter), ())]),
        })
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        let mut dropped = [("dropped_level", 0), ("dropped_group", 0), ("dropped_chatter", 0)];
        for event in events {
            if let Some(reason) = self.reason(event.severity(), event.message()) {
                dropped[reason as usize].1 += 1;
                event.drop_event();
            }
        }
        for (name, times) in dropped.into_iter().filter(|(_, times)| *times > 0) {
            host::count(name, times);
        }
        Ok(())
    }
}

/// Why an event is dropped.
#[derive(Clone, Copy)]
enum Reason {
    Level,
    Group,
    Chatter,
}

impl DropNoise {
    fn reason(&self, severity: Severity, message: &[u8]) -> Option<Reason> {
        if Level::of(severity).is_some_and(|level| self.levels.contains(&level)) {
            return Some(Reason::Level);
        }
        if severity >= Severity::WARNING {
            return None;
        }
        if self.groups && (message.starts_with(b"::group::") || message.starts_with(b"::endgroup::")) {
            return Some(Reason::Group);
        }
        let text = std::str::from_utf8(message).ok()?;
        self.chatter.find(text).map(|()| Reason::Chatter)
    }
}

updraft_guest::export_transformer!(DropNoise);
