//! Errors to a log group of their own, audit records to a sink of their own, debug records nowhere: one component that
//! labels events (as a transform) and says where events of a label go (as a router). Name it in both places, with the
//! same config.
//!
//! ```yaml
//! config:
//!   log_group: /airflow/errors               # the default
//!   key_prefix: errors/                      # the default; where objects are written
//!   audit:                                   # optional: events of these loggers go to that sink alone, and it gets
//!     loggers: ["audit", "audit.*"]          # nothing else
//!     sink: audit
//!   debug: nowhere                           # or as_ever, the default
//! ```
//!
//! | label | which events |
//! |---|---|
//! | `audit` | those of the loggers named |
//! | `errors` | others of severity error or worse |
//! | `debug` | others of severity debug or less |
//!
//! A label that a stage before gave stays. What has another one goes where the sink's own templates say.

use serde::Deserialize;
use updraft_guest::{
    EventSet, LogStream, LogStreamName, Router, Severity, Sink, Table, Target, Transformer, Value,
};

const ERRORS: &str = "errors";
const AUDIT: &str = "audit";
const DEBUG: &str = "debug";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "log_group")]
    log_group: String,
    #[serde(default = "key_prefix")]
    key_prefix: String,
    audit: Option<AuditConfig>,
    #[serde(default)]
    debug: Debugs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditConfig {
    loggers: Vec<String>,
    sink: String,
}

/// Where debug records go.
#[derive(Debug, Default, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Debugs {
    #[default]
    AsEver,
    Nowhere,
}

fn log_group() -> String {
    "/airflow/errors".to_owned()
}

fn key_prefix() -> String {
    "errors/".to_owned()
}

/// Labels events and routes by the labels.
#[derive(Debug)]
pub struct ErrorsToOwnGroup {
    log_group: String,
    key_prefix: String,
    audit: Option<Audit>,
    debug: Debugs,
}

#[derive(Debug)]
struct Audit {
    loggers: Table<()>,
    sink: String,
}

impl Transformer for ErrorsToOwnGroup {
    fn configure(config: &str) -> Result<Self, String> {
        let config: Config = serde_json::from_str(config)
            .map_err(|error| format!("config of errors-to-own-group: {error}"))?;
        let audit = config.audit.map(|it| Audit { loggers: Table::new([(it.loggers, ())]), sink: it.sink });
        Ok(Self { log_group: config.log_group, key_prefix: config.key_prefix, audit, debug: config.debug })
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        for mut event in events {
            if event.label() != "default" {
                continue;
            }
            let logger = match event.attribute("logger") {
                Some(Value::Text(logger)) => std::str::from_utf8(logger).unwrap_or_default(),
                _ => "",
            };
            let is_audit = self.audit.as_ref().is_some_and(|audit| audit.loggers.find(logger).is_some());
            let severity = event.severity();
            if is_audit {
                event.set_label(AUDIT);
            } else if severity >= Severity::ERROR {
                event.set_label(ERRORS);
            } else if (Severity::TRACE..Severity::INFO).contains(&severity) {
                event.set_label(DEBUG);
            }
        }
        Ok(())
    }
}

impl Router for ErrorsToOwnGroup {
    fn configure(config: &str) -> Result<Self, String> {
        <Self as Transformer>::configure(config)
    }

    fn route(
        &mut self,
        _origin: &LogStream,
        label: &str,
        sink: &Sink,
        standard: Target,
    ) -> Result<Option<Target>, String> {
        let is_for_audit = self.audit.as_ref().is_some_and(|audit| audit.sink == sink.id);
        if self.audit.is_some() && is_for_audit != (label == AUDIT) {
            return Ok(None);
        }
        Ok(match (label, standard) {
            (DEBUG, _) if self.debug == Debugs::Nowhere => None,
            (ERRORS, Target::LogStream(LogStreamName { name, .. })) => {
                Some(Target::LogStream(LogStreamName { group: self.log_group.clone(), name }))
            }
            (ERRORS, Target::ObjectKey(key)) => Some(Target::ObjectKey(format!("{}{key}", self.key_prefix))),
            (_, standard) => Some(standard),
        })
    }
}

updraft_guest::export_component!(ErrorsToOwnGroup: Transformer, Router);
