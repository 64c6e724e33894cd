//! What a capsule looks like in its file.

use super::Case;
use crate::event::{Deployment, Events, Origin, StreamKind, TaskTry};
use crate::transform::WIT_VERSION;
use crate::transform::component::Component;
use crate::transform::error::Failure;
use serde::{Deserialize, Serialize};

/// Version of the format.
pub const VERSION: u32 = 1;

/// A capsule as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capsule {
    /// See [`VERSION`].
    #[serde(rename = "capsule")]
    pub version: u32,
    /// The Updraft that wrote it.
    pub updraft: String,
    /// The WIT that the component was called by.
    pub wit: String,
    /// When, RFC 3339.
    pub at: String,
    /// Id of the transform.
    pub transform: String,
    /// Path of the component, or `builtin:NAME`.
    pub component: String,
    /// SHA-256 of it.
    pub sha256: String,
    /// Its config, as it is written.
    pub config: serde_json::Value,
    /// What it might take.
    pub limits: Limits,
    /// What it was granted.
    pub grants: Vec<String>,
    /// Whose batch it was.
    pub stream: LogStream,
    /// Which bytes of the file.
    pub from: u64,
    /// See `from`.
    pub to: u64,
    /// Why it failed.
    pub error: Said,
    /// What it was given.
    pub given: Given,
}

/// An error, as it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// One word.
    pub kind: String,
    /// The whole sentence.
    pub text: String,
}

/// Limits, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Milliseconds for a call.
    pub timeout_ms: u64,
    /// Bytes that it might hand over at once.
    pub result_bytes: u64,
    /// Elements of tables.
    pub table_elements: u64,
    /// Core instances.
    pub core_instances: usize,
}

/// An [`Origin`], as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStream {
    source: String,
    path: String,
    host: String,
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Task>,
    cluster_id: Option<String>,
    workspace_id: Option<String>,
    deployment_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "Airflow's names")]
struct Task {
    dag_id: String,
    run_id: String,
    task_id: String,
    map_index: Option<u32>,
    try_number: u32,
}

/// Bytes, readable where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Hex(String),
}

/// What a component was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// To `normalize`.
    Lines {
        /// The lines.
        bytes: Bytes,
        /// Where each ends.
        ends: Vec<u32>,
        /// Nothing follows for now.
        last: bool,
    },
    /// To `transform`.
    Events {
        /// The bytes that they came from.
        bytes: Bytes,
        /// Bytes that other components made.
        arena: Bytes,
        /// All else, in columns as in the WIT.
        columns: Box<Events>,
    },
}

impl Bytes {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex(hex::encode(bytes)),
        }
    }

    /// The bytes; none where they are no hex.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Hex(hex) => hex::decode(hex).ok(),
        }
    }
}

impl Given {
    fn of(case: &Case<'_>) -> Self {
        match case {
            Case::Lines { bytes, ends, last } => {
                Self::Lines { bytes: Bytes::of(bytes), ends: ends.to_vec(), last: *last }
            }
            Case::Events { bytes, events } => Self::Events {
                bytes: Bytes::of(bytes),
                arena: Bytes::of(&events.arena),
                columns: Box::new((*events).clone()),
            },
        }
    }
}

impl LogStream {
    fn of(origin: &Origin) -> Self {
        let Origin { source, path, host, kind, task, deployment } = origin.clone();
        Self {
            source,
            path,
            host,
            kind: kind.as_str().to_owned(),
            task: task.map(|TaskTry { dag_id, run_id, task_id, map_index, try_number }| Task {
                dag_id,
                run_id,
                task_id,
                map_index,
                try_number,
            }),
            cluster_id: deployment.cluster_id,
            workspace_id: deployment.workspace_id,
            deployment_id: deployment.deployment_id,
        }
    }

    /// As components are told.
    pub fn into_origin(self) -> Origin {
        let kinds = [StreamKind::Task, StreamKind::Trigger, StreamKind::Scheduler, StreamKind::DagProcessor];
        Origin {
            kind: kinds.into_iter().find(|kind| kind.as_str() == self.kind).unwrap_or(StreamKind::Other),
            source: self.source,
            path: self.path,
            host: self.host,
            task: self.task.map(|Task { dag_id, run_id, task_id, map_index, try_number }| TaskTry {
                dag_id,
                run_id,
                task_id,
                map_index,
                try_number,
            }),
            deployment: Deployment {
                cluster_id: self.cluster_id,
                workspace_id: self.workspace_id,
                deployment_id: self.deployment_id,
            },
        }
    }
}

impl Capsule {
    /// Of a failure.
    pub fn of(case: &Case<'_>, component: &Component, origin: &Origin, failure: &Failure) -> Self {
        let limits = component.limits();
        Self {
            version: VERSION,
            updraft: env!("CARGO_PKG_VERSION").to_owned(),
            wit: WIT_VERSION.to_owned(),
            at: jiff::Timestamp::now().to_string(),
            transform: failure.transform.clone(),
            component: component.name().to_owned(),
            sha256: failure.hash.clone(),
            config: component.config_as_written().clone(),
            limits: Limits {
                memory_bytes: limits.memory_bytes,
                timeout_ms: u64::try_from(limits.timeout.as_millis()).unwrap_or(u64::MAX),
                result_bytes: limits.result_bytes,
                table_elements: limits.table_elements,
                core_instances: limits.core_instances,
            },
            grants: component.grants().names().into_iter().map(str::to_owned).collect(),
            stream: LogStream::of(origin),
            from: failure.bytes.start,
            to: failure.bytes.end,
            error: Said { kind: failure.error.kind().to_owned(), text: failure.error.to_string() },
            given: Given::of(case),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn capsule() -> Capsule {
        Capsule {
            version: VERSION,
            updraft: "0.1.0".into(),
            wit: "0.1.0".into(),
            at: "2026-11-25T12:00:00Z".into(),
            transform: "mask".into(),
            component: "builtin:airflow".into(),
            sha256: "0".repeat(64),
            config: serde_json::Value::Null,
            limits: Limits {
                memory_bytes: 1,
                timeout_ms: 1,
                result_bytes: 1,
                table_elements: 1,
                core_instances: 1,
            },
            grants: Vec::new(),
            stream: LogStream {
                source: "airflow".into(),
                path: "a.log".into(),
                host: "here".into(),
                kind: "other".into(),
                task: None,
                cluster_id: None,
                workspace_id: None,
                deployment_id: None,
            },
            from: 0,
            to: 3,
            error: Said { kind: "trap".into(), text: "trapped".into() },
            given: Given::of(&Case::lines(b"a\xff\n", &[3], true)),
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_its_bytes() {
        let text = serde_json::to_vec(&capsule()).unwrap();
        let read: Capsule = serde_json::from_slice(&text).unwrap();
        assert_eq!(read, capsule());
        let Given::Lines { bytes, .. } = read.given else { panic!("it was lines") };
        assert_eq!(bytes.into_bytes().unwrap(), b"a\xff\n");
    }
}
