//! A failure in a box: the component's hash, its config, the smallest batch that it fails on, and the error, in a file of
//! the data dir. `updraft replay` runs it again, wherever it is taken.
//!
//! The config is kept as it is written: variables in it, which may be secrets, are not replaced. The batch is text of the
//! log; so the folder and its files are nobody else's to read.

use super::component::Component;
use super::error::Failure;
use crate::event::{Deployment, TaskTry};
use crate::event::{Events, Origin, StreamKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Folder of the capsules in the data dir.
pub const FOLDER: &str = "capsules";
/// Version of the format.
pub const VERSION: u32 = 1;
/// Capsules that are kept, the latest.
const MOST: usize = 32;
/// Bytes of all of them together.
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of a batch beyond which none is made of it: a line has 8 MiB at most.
const LARGEST_BATCH: usize = 9 << 20;

/// What a component was given in one call.
#[derive(Debug, Clone)]
pub enum Case<'a> {
    /// `normalize`
    Lines {
        /// The lines.
        bytes: &'a [u8],
        /// Where each ends.
        ends: &'a [u32],
        /// Nothing follows for now.
        last: bool,
    },
    /// `transform`
    Events {
        /// The bytes that they came from.
        bytes: &'a [u8],
        /// The events.
        events: &'a Events,
    },
}

impl<'a> Case<'a> {
    /// Of `normalize`.
    pub fn lines(bytes: &'a [u8], ends: &'a [u32], last: bool) -> Self {
        Self::Lines { bytes, ends, last }
    }

    /// Of `transform`.
    pub fn events(bytes: &'a [u8], events: &'a Events) -> Self {
        Self::Events { bytes, events }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Lines { bytes, ends, .. } => bytes.len() + ends.len() * 4,
            Self::Events { bytes, events } => bytes.len() + events.arena.len() + events.len() * 32,
        }
    }
}

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
        /// All else.
        columns: Box<Columns>,
    },
}

/// The columns of events, as in the WIT.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    pub timestamps: Vec<i64>,
    pub severities: Vec<u8>,
    pub source_ends: Vec<u32>,
    pub raw_starts: Vec<u32>,
    pub raw_ends: Vec<u32>,
    pub message_starts: Vec<u32>,
    pub message_ends: Vec<u32>,
    pub labels: Vec<u16>,
    pub label_names: Vec<String>,
    pub attribute_events: Vec<u32>,
    pub attribute_keys: Vec<u16>,
    pub key_names: Vec<String>,
    pub attribute_starts: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attribute_json: Vec<bool>,
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
                columns: Box::new(Columns::of(events)),
            },
        }
    }
}

impl Columns {
    fn of(events: &Events) -> Self {
        let it = events.clone();
        Self {
            timestamps: it.timestamps,
            severities: it.severities,
            source_ends: it.source_ends,
            raw_starts: it.raw_starts,
            raw_ends: it.raw_ends,
            message_starts: it.message_starts,
            message_ends: it.message_ends,
            labels: it.labels,
            label_names: it.label_names,
            attribute_events: it.attribute_events,
            attribute_keys: it.attribute_keys,
            key_names: it.key_names,
            attribute_starts: it.attribute_starts,
            attribute_ends: it.attribute_ends,
            attribute_json: it.attribute_json,
        }
    }

    /// With the bytes that components made.
    pub fn into_events(self, arena: Vec<u8>) -> Events {
        Events {
            arena,
            timestamps: self.timestamps,
            severities: self.severities,
            source_ends: self.source_ends,
            raw_starts: self.raw_starts,
            raw_ends: self.raw_ends,
            message_starts: self.message_starts,
            message_ends: self.message_ends,
            labels: self.labels,
            label_names: self.label_names,
            attribute_events: self.attribute_events,
            attribute_keys: self.attribute_keys,
            key_names: self.key_names,
            attribute_starts: self.attribute_starts,
            attribute_ends: self.attribute_ends,
            attribute_json: self.attribute_json,
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

/// The folder of the capsules.
#[derive(Debug)]
pub struct Capsules {
    folder: PathBuf,
    keeping: Mutex<()>,
}

impl Capsules {
    /// Of a data dir. Nothing is made before there is a capsule.
    pub fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.join(FOLDER), keeping: Mutex::default() }
    }

    /// Keeps a failure, unless one like it is kept already. Where it is; none where there can be none. Blocks.
    pub fn keep(
        &self,
        case: &Case<'_>,
        component: &Component,
        origin: &Origin,
        failure: &Failure,
    ) -> Option<PathBuf> {
        let _alone = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(name(failure));
        if path.exists() {
            return Some(path);
        }
        if case.weight() > LARGEST_BATCH {
            tracing::warn!(transform = %failure.transform, "what it failed on is too large for a capsule");
            return None;
        }
        match self.write(&path, &Capsule::of(case, component, origin, failure)) {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::warn!(transform = %failure.transform, "no capsule could be kept of its failure: {error}");
                None
            }
        }
    }

    fn write(&self, path: &Path, capsule: &Capsule) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder)?;
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let text = serde_json::to_vec_pretty(capsule)?;
        file.write_all(&text)?;
        std::fs::rename(&new, path)?;
        self.make_room(path)
    }

    /// Lets go of the oldest while there are too many.
    fn make_room(&self, newest: &Path) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let (path, about) = {
                let entry = entry?;
                (entry.path(), entry.metadata()?)
            };
            kept.push((about.modified()?, about.len(), path));
        }
        kept.sort();
        let (mut count, mut bytes) = (kept.len(), kept.iter().map(|(_, len, _)| len).sum::<u64>());
        for (_, len, path) in kept.iter().filter(|(_, _, path)| path != newest) {
            if count <= MOST && bytes <= MOST_BYTES {
                break;
            }
            std::fs::remove_file(path)?;
            count -= 1;
            bytes -= len;
        }
        Ok(())
    }
}

impl Capsule {
    fn of(case: &Case<'_>, component: &Component, origin: &Origin, failure: &Failure) -> Self {
        let limits = component.limits();
        Self {
            version: VERSION,
            updraft: env!("CARGO_PKG_VERSION").to_owned(),
            wit: super::WIT_VERSION.to_owned(),
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

/// Failures are alike if the same component fails for the same reason, whatever the numbers in it.
fn name(failure: &Failure) -> String {
    let gist: String = failure.error.to_string().chars().filter(|it| !it.is_numeric()).take(200).collect();
    let gist = hex::encode(Sha256::digest(gist));
    let hash = failure.hash.get(..12).unwrap_or(&failure.hash);
    format!("{}-{hash}-{}-{}.json", failure.transform, failure.error.kind(), &gist[..8])
}
