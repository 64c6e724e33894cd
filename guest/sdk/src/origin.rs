//! Who a stream is: what a component is told with every batch.

/// Who a stream is; the same for all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// Id of the source in the config, for example `airflow`.
    pub source: String,
    /// Path of the file relative to the source's root, with `/` on every platform.
    pub path: String,
    /// Name of the machine that wrote it.
    pub host: String,
    /// What kind of log it is, as far as the path says.
    pub kind: StreamKind,
    /// The task try that wrote it, where the path says so.
    pub task: Option<TaskTry>,
    /// Where the host runs, as far as it was told.
    pub deployment: Deployment,
}

/// Kinds of logs that Airflow writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// One try of one task instance.
    Task,
    /// What the triggerer wrote while a task was deferred.
    Trigger,
    /// The scheduler's logs.
    Scheduler,
    /// Logs of DAG file processing.
    DagProcessor,
    /// Anything else, custom file name templates included.
    Other,
}

/// One attempt of one task instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskTry {
    /// DAG.
    pub dag_id: String,
    /// Run of that DAG.
    pub run_id: String,
    /// Task of that DAG.
    pub task_id: String,
    /// Only for mapped tasks.
    pub map_index: Option<u32>,
    /// Counts from 1.
    pub try_number: u32,
}

/// Ids that the platform injects; none where it did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployment {
    /// `ASTRO_CLUSTER_ID`
    pub cluster_id: Option<String>,
    /// `ASTRO_WORKSPACE_ID`
    pub workspace_id: Option<String>,
    /// `ASTRO_DEPLOYMENT_ID`
    pub deployment_id: Option<String>,
}
