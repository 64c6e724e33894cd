//! Sends each team's logs to a place of the team's own: a log group, or a prefix of the object's key. Who owns a stream,
//! its DAG's id says, by a table.
//!
//! ```yaml
//! config:
//!   teams:                                   # the first entry that fits counts; * and ? as in a shell
//!     - { team: finance, dags: [billing, "invoice_*"] }
//!     - { team: data, dags: ["etl_*", "*_export"] }
//!   default_team: platform                   # for all else; without it, that goes where the sink itself says
//!   log_group: /airflow/{team}               # the default
//!   key_prefix: "{team}/"                    # the default; goes before the key that the sink itself says
//! ```
//!
//! The log stream's name, and the key behind the prefix, stay what the sink's own templates say. A name is asked for once
//! for each stream, label and sink: a router costs nothing per line.

use serde::Deserialize;
use updraft_guest::{LogStream, LogStreamName, Router, Sink, Table, Target};

const PLACE: &str = "{team}";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    teams: Vec<Team>,
    default_team: Option<String>,
    #[serde(default = "log_group")]
    log_group: String,
    #[serde(default = "key_prefix")]
    key_prefix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Team {
    team: String,
    dags: Vec<String>,
}

fn log_group() -> String {
    format!("/airflow/{PLACE}")
}

fn key_prefix() -> String {
    format!("{PLACE}/")
}

/// Routes by team.
#[derive(Debug)]
pub struct RouteByTeam {
    teams: Table<String>,
    default_team: Option<String>,
    log_group: String,
    key_prefix: String,
}

impl Router for RouteByTeam {
    fn configure(config: &str) -> Result<Self, String> {
        let config: Config =
            serde_json::from_str(config).map_err(|error| format!("config of route-by-team: {error}"))?;
        for team in config.teams.iter().map(|entry| &entry.team).chain(&config.default_team) {
            let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
            if team.is_empty() || !team.bytes().all(is_fine) {
                return Err(format!(
                    "a log group's name cannot hold the team `{team}`: letters, digits and .-_/# only"
                ));
            }
        }
        for (option, pattern) in [("log_group", &config.log_group), ("key_prefix", &config.key_prefix)] {
            if !pattern.contains(PLACE) || pattern.replace(PLACE, "").contains(['{', '}']) {
                return Err(format!("`{option}` needs {PLACE}, and no other braces: {pattern}"));
            }
        }
        Ok(Self {
            teams: Table::new(config.teams.into_iter().map(|entry| (entry.dags, entry.team))),
            default_team: config.default_team,
            log_group: config.log_group,
            key_prefix: config.key_prefix,
        })
    }

    fn route(
        &mut self,
        origin: &LogStream,
        _label: &str,
        _sink: &Sink,
        standard: Target,
    ) -> Result<Option<Target>, String> {
        let owner = origin.task.as_ref().and_then(|task| self.teams.find(&task.dag_id));
        let Some(team) = owner.or(self.default_team.as_ref()) else { return Ok(Some(standard)) };
        Ok(Some(match standard {
            Target::LogStream(LogStreamName { name, .. }) => {
                Target::LogStream(LogStreamName { group: self.log_group.replace(PLACE, team), name })
            }
            Target::ObjectKey(key) => Target::ObjectKey(self.key_prefix.replace(PLACE, team) + &key),
        }))
    }
}

updraft_guest::export_router!(RouteByTeam);
