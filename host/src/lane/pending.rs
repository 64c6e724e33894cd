//! A batch that is under way: which of its events are acknowledged, and how far the cursor may go for it.

use crate::event::Batch;
use std::collections::VecDeque;

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
    /// Events among those that the cursor could not follow.
    ahead: bool,
}

/// An event, or all that is acknowledged together.
#[derive(Debug)]
struct Awaited {
    /// How many acknowledgements there are to be.
    parts: u32,
    /// How many of them are missing.
    open: u32,
    /// Where the cursor may go when they have come: before the next event. None: nowhere.
    stop: Option<Stop>,
}

impl Pending {
    /// A batch that is acknowledged bit by bit, but moves the cursor as a whole.
    pub fn whole(batch: &Batch, open: usize) -> Self {
        let parts = u32::try_from(open).unwrap_or(u32::MAX);
        let awaited = (open > 0).then_some(Awaited { parts, open: parts, stop: None });
        Self::awaiting(batch, awaited.into_iter().collect())
    }

    /// A batch whose events move the cursor each. `sent`: those that leave, by their places in the batch, and in how many
    /// parts each.
    pub fn of_events(batch: &Batch, sent: &[(usize, u32)]) -> Self {
        let following = sent.iter().skip(1).map(|(event, _)| Some(*event)).chain([None]);
        let awaited = sent.iter().zip(following).map(|(&(_, parts), next)| Awaited {
            parts,
            open: parts,
            stop: next.and_then(|next| stop_before(batch, next)),
        });
        Self::awaiting(batch, awaited.collect())
    }

    fn awaiting(batch: &Batch, awaited: VecDeque<Awaited>) -> Self {
        Self { end: (batch.range.end, batch.clock), awaited, passed: 0, ahead: false }
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
        while let Some(front) = self.awaited.pop_front_if(|front| front.open == 0) {
            self.ahead = front.stop.is_none();
            stop = front.stop.or(stop);
            self.passed += 1;
        }
        if self.awaited.is_empty() { Some(self.end) } else { stop }
    }

    /// How many acknowledgements are missing.
    pub fn open(&self) -> usize {
        self.awaited.iter().map(|awaited| awaited.open as usize).sum()
    }

    /// Something of it is acknowledged that the cursor is not past: read again, it would come twice.
    pub fn is_ahead(&self) -> bool {
        self.ahead || self.awaited.iter().any(|awaited| awaited.open < awaited.parts)
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
