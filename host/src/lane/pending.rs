//! A batch that is under way: which of its events are acknowledged, and how far the cursor may go for it.

use crate::event::Batch;
use std::collections::VecDeque;
use std::ops::Range;

/// A place in the file that the cursor may stand at, and the time of the event before it.
pub type Stop = (u64, i64);

/// A batch that is not acknowledged as a whole.
#[derive(Debug)]
pub struct Pending {
    /// Where it ends.
    pub end: Stop,
    /// What is still awaited, in order of the file.
    awaited: VecDeque<Awaited>,
    /// So many were awaited before them.
    passed: usize,
    /// What it is instead, if it is no batch: bytes that nobody can read any more.
    lost: Option<Range<u64>>,
}

/// An event, or all that is acknowledged together.
#[derive(Debug)]
struct Awaited {
    /// How many acknowledgements are missing.
    open: u32,
    /// Where the cursor may go when they have come: before the next event. None: nowhere.
    stop: Option<Stop>,
}

impl Pending {
    /// A batch that is acknowledged bit by bit, but moves the cursor as a whole.
    pub fn whole(batch: &Batch, open: usize) -> Self {
        let awaited =
            (open > 0).then(|| Awaited { open: u32::try_from(open).unwrap_or(u32::MAX), stop: None });
        let awaited = awaited.into_iter().collect();
        Self { end: (batch.range.end, batch.clock), awaited, passed: 0, lost: None }
    }

    /// A batch whose events move the cursor each. `sent`: those that leave, by their places in the batch, and in how many
    /// parts each.
    pub fn of_events(batch: &Batch, sent: &[(usize, u32)]) -> Self {
        let following = sent.iter().skip(1).map(|(event, _)| Some(*event)).chain([None]);
        let awaited = sent.iter().zip(following).map(|((_, parts), next)| Awaited {
            open: *parts,
            stop: next.and_then(|next| stop_before(batch, next)),
        });
        Self { end: (batch.range.end, batch.clock), awaited: awaited.collect(), passed: 0, lost: None }
    }

    /// Bytes that nobody can read any more, after an event of that time: the cursor passes them when it comes to them.
    pub fn lost(range: Range<u64>, clock: i64) -> Self {
        Self { end: (range.end, clock), awaited: VecDeque::new(), passed: 0, lost: Some(range) }
    }

    /// So many acknowledgements of the whole, or of the event that was sent as number `at`, have come.
    pub fn acknowledge(&mut self, at: usize, count: usize) {
        let awaited = at.checked_sub(self.passed).and_then(|at| self.awaited.get_mut(at));
        if let Some(awaited) = awaited {
            awaited.open = awaited.open.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// How far the cursor may go; none: no further than before.
    pub fn advance(&mut self) -> Option<Stop> {
        let mut stop = None;
        while self.awaited.front().is_some_and(|front| front.open == 0) {
            stop = self.awaited.pop_front().and_then(|front| front.stop).or(stop);
            self.passed += 1;
        }
        if self.awaited.is_empty() { Some(self.end) } else { stop }
    }

    /// The bytes, if they are lost.
    pub fn into_lost(self) -> Option<Range<u64>> {
        self.lost
    }

    /// All of it is acknowledged.
    pub fn is_over(&self) -> bool {
        self.awaited.is_empty()
    }
}

/// Where reading may begin so that `next` is the first event: only at a line's beginning, and only where events follow
/// each other in the file as they do in the batch.
fn stop_before(batch: &Batch, next: usize) -> Option<Stop> {
    let ends = &batch.events.source_ends;
    let last = next.checked_sub(1)?;
    let end = *ends.get(last)?;
    let begins_a_line = end > 0 && batch.bytes.get(end as usize - 1) == Some(&b'\n');
    let clock = *batch.events.timestamps.get(last)?;
    (batch.divisible && begins_a_line && ends.get(next).is_some_and(|&after| after > end))
        .then(|| (batch.range.start + u64::from(end), clock))
}
