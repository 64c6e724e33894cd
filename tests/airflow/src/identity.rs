//! A try as Airflow names it, and where its log is by the default file name template of both versions.

use serde::Serialize;

/// What a log belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Identity {
    /// Of the DAG.
    pub dag_id: String,
    /// Of the DAG run.
    pub run_id: String,
    /// Of the task, with the groups that it is in.
    pub task_id: String,
    /// -1: the task is not mapped.
    pub map_index: i32,
    /// From 1.
    pub try_number: u32,
}

impl Identity {
    /// The first try of a task that is not mapped.
    pub fn new(dag_id: &str, run_id: &str, task_id: &str) -> Self {
        let (dag_id, run_id, task_id) = (dag_id.to_owned(), run_id.to_owned(), task_id.to_owned());
        Self { dag_id, run_id, task_id, map_index: -1, try_number: 1 }
    }

    /// The same of a mapped task.
    #[must_use]
    pub fn mapped(mut self, map_index: i32) -> Self {
        self.map_index = map_index;
        self
    }

    /// Another try of it.
    #[must_use]
    pub fn retried(mut self, try_number: u32) -> Self {
        self.try_number = try_number;
        self
    }

    /// The log's path below the log folder.
    pub fn path(&self) -> String {
        let Self { dag_id, run_id, task_id, map_index, try_number } = self;
        let mapped = if *map_index < 0 { String::new() } else { format!("map_index={map_index}/") };
        format!("dag_id={dag_id}/run_id={run_id}/task_id={task_id}/{mapped}attempt={try_number}.log")
    }

    /// Whose log that is; none for a trigger's, and for a path by another template.
    pub fn of(path: &str) -> Option<Self> {
        let mut parts: Vec<&str> = path.split('/').collect();
        let try_number = parts.pop()?.strip_prefix("attempt=")?.strip_suffix(".log")?.parse().ok()?;
        let mapped = parts.get(3).and_then(|part| part.strip_prefix("map_index="));
        let map_index = mapped.map_or(Some(-1), |index| index.parse().ok())?;
        parts.truncate(3);
        let [dag, run, task] = parts[..] else { return None };
        let identity = Self::new(
            dag.strip_prefix("dag_id=")?,
            run.strip_prefix("run_id=")?,
            task.strip_prefix("task_id=")?,
        );
        Some(identity.mapped(map_index).retried(try_number))
    }
}
