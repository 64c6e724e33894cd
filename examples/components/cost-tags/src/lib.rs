//! Adds who a log belongs to and who pays for it: fields `team` and `cost_centre`, by the DAG's id, from a table.
//!
//! ```yaml
//! config:
//!   tags:                                    # the first entry that fits counts; * and ? as in a shell
//!     - { dags: [billing, "invoice_*"], team: finance, cost_centre: "4711" }
//!     - { dags: ["etl_*"], team: data }      # no cost centre is known: none is added
//! ```
//!
//! The fields land below `fields` of the normalized event. A log cannot forge them: where the table knows one, a field
//! of the same name is overwritten. What the table does not know is left as it is, and so is the original line (codec
//! `raw`, layout `mirror`).

use serde::Deserialize;
use updraft_guest::{EventSet, LogStream, Table, Transformer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    tags: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dags: Vec<String>,
    team: Option<String>,
    cost_centre: Option<String>,
}

/// Adds tags.
#[derive(Debug)]
pub struct CostTags {
    /// Name and value of each.
    tags: Table<Vec<(&'static str, String)>>,
}

impl Transformer for CostTags {
    fn configure(config: &str) -> Result<Self, String> {
        let config: Config =
            serde_json::from_str(config).map_err(|error| format!("config of cost-tags: {error}"))?;
        let tags = |entry: Entry| {
            let tags = [("team", entry.team), ("cost_centre", entry.cost_centre)];
            let known = tags.into_iter().filter_map(|(name, value)| Some((name, value?)));
            (entry.dags, known.collect())
        };
        Ok(Self { tags: Table::new(config.tags.into_iter().map(tags)) })
    }

    fn transform(&mut self, origin: &LogStream, events: &EventSet) -> Result<(), String> {
        let tags = origin.task.as_ref().and_then(|task| self.tags.find(&task.dag_id));
        let Some(tags) = tags else { return Ok(()) };
        for mut event in events {
            for (name, value) in tags {
                event.set_text(name, value.as_str());
            }
        }
        Ok(())
    }
}

updraft_guest::export_transformer!(CostTags);
