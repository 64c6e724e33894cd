//! What a component has done and what it took, for metrics: kept with its place in the pipeline, so that an exchange of
//! the component begins nothing anew.

use super::GuestError;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counters that a component may make.
const MAX_COUNTERS: usize = 100;
/// Bytes of a counter's name.
const MAX_COUNTER_NAME: usize = 100;

/// Upper bounds of the histogram of times per call, in microseconds; what took longer is in the last.
pub const CALL_BOUNDS_US: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000];

/// What a component has done and what it took.
#[derive(Debug, Default)]
pub struct Stats {
    /// Calls of `normalize` and `transform`, by how long they took (CPU time and waits).
    calls: [AtomicU64; CALL_BOUNDS_US.len() + 1],
    call_nanos: AtomicU64,
    /// Lines that it was given and that it consumed.
    pub lines_in: Count,
    /// Events that it was given and that it was done with.
    pub events_in: Count,
    /// Events that it made.
    pub events_out: Count,
    /// Of those, the ones that it dropped.
    pub dropped: Count,
    /// Lines or events that it failed on and that went the way of its `on_error`.
    pub gave_way: Count,
    /// The same, without being shown to it, since it was put aside.
    pub passed_by: Count,
    /// Times that it was put aside.
    pub put_aside: Count,
    /// Times that another build of it took over.
    pub exchanged: Count,
    /// Lines it logged, and those of them that were not shown.
    pub said: Count,
    /// See `said`.
    pub unsaid: Count,
    /// Instances that were made.
    pub made: Count,
    /// Instances that are no more.
    pub gone: Count,
    memory_peak: AtomicU64,
    errors: Mutex<BTreeMap<&'static str, u64>>,
    counted: Mutex<BTreeMap<String, u64>>,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// So many more.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// How many so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Calls by how long they took.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// Of all calls together.
    pub seconds: f64,
    /// How many calls took so many seconds at most (not cumulated); the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
}

impl Stats {
    /// A call of `normalize` or `transform` is over.
    pub fn called(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = CALL_BOUNDS_US.partition_point(|bound| *bound < micros);
        self.calls[at].fetch_add(1, Relaxed);
        self.call_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// An instance failed, at work or as it was made.
    pub fn failed(&self, error: &GuestError) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner).entry(error.kind()).or_default() += 1;
    }

    /// An instance has grown to so many bytes of memory.
    pub fn grew(&self, bytes: u64) {
        self.memory_peak.fetch_max(bytes, Relaxed);
    }

    /// Adds to a counter of the component's own. Names are as metrics have them elsewhere, with dots and dashes; others
    /// are not counted.
    pub fn count(&self, name: &str, by: u64) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counted.get_mut(name) {
            *count = count.saturating_add(by);
        } else if counted.len() < MAX_COUNTERS && is_name(name) {
            counted.insert(name.to_owned(), by);
        }
    }

    /// Its own counters, by name.
    pub fn counted(&self) -> BTreeMap<String, u64> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Failures of instances, by [kind](GuestError::kind): all kinds that there are.
    pub fn errors(&self) -> Vec<(&'static str, u64)> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        GuestError::KINDS.into_iter().map(|kind| (kind, errors.get(kind).copied().unwrap_or(0))).collect()
    }

    /// The most memory that one instance had, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Relaxed)
    }

    /// Calls by how long they took.
    pub fn times(&self) -> Times {
        let bounds = CALL_BOUNDS_US.iter().map(|&micros| micros as f64 / 1e6).chain([f64::INFINITY]);
        Times {
            seconds: self.call_nanos.load(Relaxed) as f64 / 1e9,
            buckets: bounds.zip(self.calls.iter().map(|count| count.load(Relaxed))).collect(),
        }
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/');
    (1..=MAX_COUNTER_NAME).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_in_the_first_bucket_that_has_room_for_it() {
        let stats = Stats::default();
        for micros in [0, 50, 51, 10_000_000, 10_000_001] {
            stats.called(Duration::from_micros(micros));
        }
        let counts: Vec<u64> = stats.times().buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn a_component_has_100_counters_with_names_of_100_bytes_and_no_more() {
        let stats = Stats::default();
        (0..101).for_each(|number| stats.count(&format!("{number:0100}"), 1));
        stats.count(&format!("{:0100}", 0), 1);
        stats.count(&format!("{:0101}", 0), 1);
        for name in ["", "a\nb", "a\"b", "é", "a b"] {
            stats.count(name, 1);
        }
        let counted = stats.counted();
        assert_eq!((counted.len(), counted[&format!("{:0100}", 0)]), (100, 2));
    }
}
