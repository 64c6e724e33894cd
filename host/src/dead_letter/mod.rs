//! What nobody else takes: events that a service refuses, and batches that a component fails on, kept until a sink has
//! them.
//!
//! `record` writes one as a line; `spool` keeps lines on disk, in files that are a source of their sink like any other;
//! `failures` sees to it that a batch which is run again is not kept again.

mod failures;
mod record;
mod spool;

pub use failures::Failures;
pub use record::{By, Letter, Reason, write};

use crate::config::{Config, SinkKind};
use crate::cursor::StoreError;
use crate::sink::complaint::Complaint;
use spool::Spool;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Folder of the spools in the data dir, and first part of what a segment is called.
pub const FOLDER: &str = "dead_letters";

/// The dead letters for one sink. Cheap to clone.
#[derive(Clone)]
pub struct DeadLetters(Arc<Shared>);

struct Shared {
    sink: String,
    spool: Mutex<Spool>,
    /// About writing…
    keeping: Mutex<Complaint>,
    /// …and about all else.
    other: Mutex<Complaint>,
}

impl DeadLetters {
    fn open(folder: &Path, sink: &str, host: &str) -> io::Result<Self> {
        let spool = Mutex::new(Spool::open(folder, host)?);
        let (sink, keeping, other) = (sink.to_owned(), Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Shared { sink, spool, keeping, other })))
    }

    /// What a segment is called in names of objects and files.
    pub fn path(&self, segment: &str) -> String {
        format!("{FOLDER}/{}/{segment}", self.0.sink)
    }

    /// The sink that takes them.
    pub fn sink(&self) -> &str {
        &self.0.sink
    }

    /// Keeps records, each a line, and returns when they are safe on disk; all of them or, with an error, none. Blocks.
    pub fn keep(&self, lines: &[u8]) -> io::Result<()> {
        let kept = self.spool().append(lines, Instant::now());
        let mut complaint = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        match &kept {
            Ok(()) if complaint.settle() => {
                tracing::info!(sink = %self.0.sink, "dead letters can be kept again");
            }
            Err(error) if complaint.raise(&error.to_string(), Instant::now()) => {
                tracing::error!(sink = %self.0.sink,
                    "dead letters cannot be kept: {error}; what they are of is not acknowledged, and is tried again until they can");
            }
            _ => {}
        }
        kept
    }

    /// Gives the sink what is kept: with `all` everything, else what has waited for long enough. Blocks.
    pub fn hand_over(&self, all: bool) {
        let mut spool = self.spool();
        if (all || spool.is_due(Instant::now()))
            && let Err(error) = spool.close()
        {
            self.complain(&format!("cannot be handed over: {error}; will be tried again"));
        }
    }

    /// Says what is wrong with the dead letters of this sink, but not all the time.
    pub fn complain(&self, what: &str) {
        let mut complaint = self.0.other.lock().unwrap_or_else(PoisonError::into_inner);
        if complaint.raise(what, Instant::now()) {
            tracing::error!(sink = %self.0.sink, "dead letters {what}");
        }
    }

    fn spool(&self) -> MutexGuard<'_, Spool> {
        self.0.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the spools of a pipeline, by the sink that takes from each.
pub fn open(config: &Config) -> Result<HashMap<String, DeadLetters>, StoreError> {
    let mut spools = HashMap::new();
    for (index, source) in config.sources.iter().enumerate().filter(|(_, source)| source.dead_letters) {
        let takes = |kind: &SinkKind| kind.layout().is_some();
        let sink = config.sinks.iter().find(|sink| takes(&sink.kind) && sink.takes_from(index));
        let Some(sink) = sink else { continue };
        let folder = &source.base_log_folder;
        let letters = DeadLetters::open(folder, &sink.id, &config.host)
            .map_err(|error| StoreError::Unusable { dir: folder.clone(), error })?;
        spools.insert(sink.id.clone(), letters);
    }
    say_what_is_left(&config.data_dir.join(FOLDER), &spools);
    Ok(spools)
}

/// What waits for a sink that no config names any more is not forgotten, but nobody delivers it.
fn say_what_is_left(folder: &Path, spools: &HashMap<String, DeadLetters>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let sink = entry.file_name().to_string_lossy().into_owned();
        let waiting = spool::waiting(&entry.path());
        if waiting > 0 && !spools.contains_key(&sink) {
            tracing::warn!(folder = %entry.path().display(), files = waiting,
                "dead letters wait for sink `{sink}`, which no `dead_letter` names any more; name it again to have them delivered");
        }
    }
}

#[cfg(test)]
mod tests;
