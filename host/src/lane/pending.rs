//! A batch that is under way: which of its events are acknowledged, how far the cursor may go for it, and what the
//! receipt says of it then.

use crate::event::Batch;
use crate::receipt::{Entry, Fate, Tally};
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
    /// What became of those that the cursor has not passed yet.
    tally: Tally,
    /// What it is instead, if it is no batch: bytes that nobody can read any more.
    lost: Option<Range<u64>>,
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
    /// The bytes of the file that it came from, and what became of it; none where the batch moves as a whole.
    event: Option<(Range<u64>, Fate)>,
}

impl Pending {
    /// A batch that is acknowledged bit by bit, but moves the cursor as a whole.
    pub fn whole(batch: &Batch, open: usize, tally: Tally) -> Self {
        let parts = u32::try_from(open).unwrap_or(u32::MAX);
        let awaited = (parts > 0).then_some(Awaited { parts, open: parts, stop: None, event: None });
        Self { tally, ..Self::awaiting((batch.range.end, batch.clock), awaited) }
    }

    /// A batch whose events move the cursor each. `parts`: in how many each of them leaves; none where a transform dropped it.
    pub fn of_events(batch: &Batch, parts: &[u32]) -> Self {
        let dropped = Fate::dropped();
        let awaited = batch.iter().zip(parts).map(|(event, &parts)| Awaited {
            parts,
            open: parts,
            stop: stop_before(batch, event.index() + 1),
            event: Some((event.source(), dropped.clone())),
        });
        Self::awaiting((batch.range.end, batch.clock), awaited)
    }

    /// Bytes that nobody can read any more, after an event of that time: the cursor passes them when it comes to them.
    pub fn lost(range: Range<u64>, clock: i64) -> Self {
        Self { lost: Some(range.clone()), ..Self::awaiting((range.end, clock), []) }
    }

    fn awaiting(end: Stop, awaited: impl IntoIterator<Item = Awaited>) -> Self {
        let awaited = awaited.into_iter().collect();
        Self { end, awaited, passed: 0, tally: Tally::default(), lost: None }
    }

    /// So many bits of the whole are acknowledged, and this is what became of them.
    pub fn acknowledge(&mut self, count: usize, entry: Option<Entry>) {
        self.count_down(0, count);
        if let Some(Entry { fate, range, events, bytes }) = entry {
            self.tally.add(&fate, range, events, bytes);
        }
    }

    /// So many parts of the event at that place in the batch have come to this. Refused in one part is refused.
    pub fn acknowledge_event(&mut self, at: usize, count: usize, fate: &Fate) {
        let awaited = at.checked_sub(self.passed).and_then(|at| self.awaited.get_mut(at));
        if let Some((_, told)) = awaited.and_then(|awaited| awaited.event.as_mut())
            && !told.outcome.is_refusal()
        {
            told.clone_from(fate);
        }
        self.count_down(at, count);
    }

    fn count_down(&mut self, at: usize, count: usize) {
        let awaited = at.checked_sub(self.passed).and_then(|at| self.awaited.get_mut(at));
        if let Some(awaited) = awaited {
            awaited.open = awaited.open.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// How far the cursor may go, and what became of the events before that; none: no further than before.
    pub fn advance(&mut self) -> Option<(Stop, Vec<Entry>)> {
        // Told only with the cursor: what is behind it comes again after a kill, and would be told twice.
        let run = self.awaited.iter().take_while(|awaited| awaited.open == 0).count();
        let (passed, stop) = if run == self.awaited.len() {
            (run, self.end)
        } else {
            let at = self.awaited.iter().take(run).rposition(|awaited| awaited.stop.is_some())?;
            (at + 1, self.awaited.get(at)?.stop?)
        };
        for awaited in self.awaited.drain(..passed) {
            if let Some((range, fate)) = awaited.event {
                let bytes = range.end - range.start;
                self.tally.add(&fate, range, 1, bytes);
            }
        }
        self.passed += passed;
        Some((stop, self.tally.take()))
    }

    /// How many acknowledgements are missing.
    pub fn open(&self) -> usize {
        self.awaited.iter().map(|awaited| awaited.open as usize).sum()
    }

    /// Something of it is acknowledged that the cursor is not past: read again, it would come twice.
    pub fn is_ahead(&self) -> bool {
        self.awaited.iter().any(|awaited| awaited.open < awaited.parts)
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
