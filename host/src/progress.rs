//! How far each sink is, for people and programs that ask; and how long a drain waits for it.

use crate::lanes::Lanes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far one sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkProgress {
    /// Its id.
    pub sink: String,
    /// Streams that were there since the start.
    pub files: u64,
    /// Lines read for it.
    pub lines: u64,
    /// Events that the service acknowledged; a mirror copies bytes and counts none.
    pub delivered: u64,
    /// Events that a transform dropped, as it was meant to.
    pub dropped: u64,
    /// Events that its router keeps from it.
    pub not_here: u64,
    /// Events that the service refused, by reason: too old, too new, malformed.
    pub too_old: u64,
    /// See above.
    pub too_new: u64,
    /// See above.
    pub invalid: u64,
    /// Of those three, what went to the sink for dead letters.
    pub dead_lettered: u64,
    /// Bytes of log acknowledged since the start.
    pub bytes: u64,
    /// Bytes of log that vanished before the sink had them.
    pub lost_at_source: u64,
    /// Bytes of log that are there and not acknowledged yet.
    pub behind: u64,
    /// Files that are not wholly acknowledged yet.
    pub files_behind: u64,
    /// Requests to its service that are over, whatever came of them.
    pub requests: u64,
}

impl SinkProgress {
    /// Events that the service refused, whatever the reason.
    pub fn rejected(&self) -> u64 {
        self.too_old + self.too_new + self.invalid
    }

    /// Events that the service refused and that no other sink gets.
    pub fn given_up(&self) -> u64 {
        self.rejected().saturating_sub(self.dead_lettered)
    }
}

/// Reads how far each sink is, as long as somebody holds it.
pub struct Meter(pub(crate) Vec<Arc<Lanes>>);

impl Meter {
    /// How far each sink is.
    pub fn read(&self) -> Vec<SinkProgress> {
        self.0.iter().map(|lanes| of(lanes)).collect()
    }
}

/// What a drain came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// How far each sink came.
    pub sinks: Vec<SinkProgress>,
    /// What components counted (`host.count`), by transform and name.
    pub counted: BTreeMap<String, BTreeMap<String, u64>>,
    /// Whether every sink has all that was there when the drain began.
    pub all_acknowledged: bool,
    /// Since the pipeline was started.
    pub elapsed: Duration,
}

impl Report {
    /// Everything was acknowledged, nothing refused but for what went to a sink for dead letters, nothing lost at the
    /// source.
    pub fn all_delivered(&self) -> bool {
        self.all_acknowledged && self.sinks.iter().all(|it| it.given_up() == 0 && it.lost_at_source == 0)
    }
}

/// How long a drain waits.
#[derive(Debug, Clone, Copy)]
pub enum Patience {
    /// So long, whatever happens.
    For(Duration),
    /// As long as something is acknowledged within this time, again and again.
    WhileItMoves(Duration),
}

impl Patience {
    pub(crate) fn watch(self, begun: Instant) -> Watch {
        Watch { patience: self, since: begun, acknowledged: 0 }
    }
}

/// Looks whether patience is at its end.
pub(crate) struct Watch {
    patience: Patience,
    since: Instant,
    acknowledged: u64,
}

impl Watch {
    /// `acknowledged`: bytes so far, of all sinks together.
    pub(crate) fn over(&mut self, acknowledged: u64) -> bool {
        match self.patience {
            Patience::For(limit) => self.since.elapsed() >= limit,
            Patience::WhileItMoves(limit) => {
                if acknowledged > self.acknowledged {
                    self.acknowledged = acknowledged;
                    self.since = Instant::now();
                }
                self.since.elapsed() >= limit
            }
        }
    }
}

/// Age of the oldest byte of log that is there and not acknowledged.
pub(crate) fn lag(lanes: &Lanes) -> Duration {
    let oldest = lanes.all().iter().filter_map(|lane| lane.behind_since()).min();
    oldest.map_or(Duration::ZERO, |since| since.elapsed())
}

pub(crate) fn of(lanes: &Lanes) -> SinkProgress {
    let counters = &lanes.counters;
    let (mut behind, mut files_behind) = (0, 0);
    for lane in lanes.all() {
        let left = lane.stream.snapshot().size.saturating_sub(lane.committed());
        behind += left;
        files_behind += u64::from(left > 0);
    }
    SinkProgress {
        sink: lanes.sink.clone(),
        files: counters.streams.get(),
        lines: counters.lines.get(),
        delivered: counters.delivered.get(),
        dropped: counters.dropped.get(),
        not_here: counters.not_here.get(),
        too_old: counters.too_old.get(),
        too_new: counters.too_new.get(),
        invalid: counters.invalid.get(),
        dead_lettered: counters.dead_lettered.get(),
        bytes: counters.bytes.get(),
        lost_at_source: counters.lost_at_source.get(),
        behind,
        files_behind,
        requests: counters.requests.total(),
    }
}

/// Of the present generation: the one that is not gone, else the latest.
pub(crate) fn acknowledged(lanes: &Lanes, path: &str) -> Option<u64> {
    let of_path = lanes.all().into_iter().filter(|lane| lane.stream.origin.path == path);
    of_path.max_by_key(|lane| lane.stream.id).map(|lane| lane.committed())
}
