//! Gives each team a log group and a folder of its own, by how its DAGs' ids begin, and sends debug nowhere.

use updraft_guest::json::Json;
use updraft_guest::{LogStream, LogStreamName, Router, Sink, Target};

/// The component. Its config: `teams`, from the beginning of a DAG's id to the name of a team.
pub struct Teams {
    /// Longest first: `etl_orders` says more than `etl`.
    prefixes: Vec<(String, String)>,
}

impl Router for Teams {
    fn configure(config: &str) -> Result<Self, String> {
        let members = Json::parse(config.as_bytes())
            .map(Json::members)
            .unwrap_or_default();
        let teams = members
            .into_iter()
            .find(|(name, _)| name.plain() == Some(b"teams"));
        let (_, teams) =
            teams.ok_or("its config must name `teams`, such as {\"etl\": \"data-platform\"}")?;
        let pair = |(prefix, team): (Json, Json)| Some((text(prefix)?, text(team)?));
        let prefixes = teams
            .members()
            .into_iter()
            .map(pair)
            .collect::<Option<Vec<_>>>();
        let mut prefixes = prefixes.ok_or("each of its `teams` must be a text")?;
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self { prefixes })
    }

    fn route(
        &mut self,
        origin: &LogStream,
        label: &str,
        _sink: &Sink,
        standard: Target,
    ) -> Result<Option<Target>, String> {
        if label == "debug" {
            return Ok(None);
        }
        let dag_id = origin.task.as_ref().map_or("", |task| &task.dag_id);
        let Some((_, team)) = self
            .prefixes
            .iter()
            .find(|(prefix, _)| dag_id.starts_with(prefix))
        else {
            return Ok(Some(standard));
        };
        Ok(Some(match standard {
            Target::LogStream(LogStreamName { name, .. }) => Target::LogStream(LogStreamName {
                group: format!("/airflow/{team}"),
                name,
            }),
            Target::ObjectKey(key) => Target::ObjectKey(format!("{team}/{key}")),
        }))
    }
}

updraft_guest::export_router!(Teams);

fn text(json: Json) -> Option<String> {
    let mut scratch = Vec::new();
    json.string(&mut scratch)
        .map(|text| String::from_utf8_lossy(text).into_owned())
}
