//! What a sink has done so far, counted where it happens.

mod requests;
mod troubles;

pub use requests::{Outcome, Requests};
pub use troubles::{Trouble, Troubles};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// Reads.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a sink has done since the host started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Streams that were there.
    pub streams: Counter,
    /// Lines read for it.
    pub lines: Counter,
    /// Events that the service acknowledged (a mirror counts none: it copies bytes).
    pub delivered: Counter,
    /// Events that a transform dropped, as it was meant to.
    pub dropped: Counter,
    /// Events that its router keeps from it.
    pub not_here: Arc<Counter>,
    /// Events that the service refused: too old.
    pub too_old: Counter,
    /// Too far in the future.
    pub too_new: Counter,
    /// Malformed, as the service sees it.
    pub invalid: Counter,
    /// Of those three, what the sink for dead letters gets.
    pub dead_lettered: Counter,
    /// Bytes of log that are acknowledged and whose cursors are written down.
    pub bytes: Counter,
    /// Bytes of log that vanished before this sink had them.
    pub lost_at_source: Counter,
    /// Bytes that are not UTF-8 and are `?` in the object, as `for: airflow-ui` has it.
    pub replaced: Counter,
    /// Bytes that the service took, and that moved no cursor yet, perhaps: texts of events before compression, objects
    /// as they are, parts of objects.
    pub uploaded: Counter,
    /// Requests to its service and what came of them; its clients count them themselves (`aws/requests`).
    pub requests: Arc<Requests>,
    /// What it waits for, and how often it tried again.
    pub troubles: Arc<Troubles>,
}
