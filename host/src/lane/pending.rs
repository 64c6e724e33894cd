//! A batch that is under way: which of its events are acknowledged, how far the cursor may go for it, and what the
//! receipt says of it then.

use crate::event::{Batch, NotHere};
use crate::receipt::{Entry, Fate, Tally};
use std::collections::VecDeque;
use std::ops::Range;

/// A place in the file that the cursor may stand at, and the time of the event before it.
pub type Stop = (u64, i64);

/// A batch that is not acknowledged as a whole.
#[derive(Debug)]
pub struct Pending {
    /// Where it begins.
    start: u64,
    /// Where it ends.
    pub end: Stop,
    /// What is still awaited, in order of the file. Empty as soon as all of it is acknowledged.
    awaited: VecDeque<Awaited>,
    /// How many of those lack an acknowledgement.
    lacking: usize,
    /// Something of it is acknowledged that the cursor is not past.
    ahead: bool,
    /// What became of those that the cursor has not passed yet.
    tally: Tally,
    /// What can have become of them: few, and named by many.
    fates: Vec<Fate>,
    /// What it is instead, if it is no batch: bytes that nobody can read any more.
    lost: Option<Range<u64>>,
}

/// An event, a run of events that do not leave, or all that is acknowledged together.
#[derive(Debug)]
struct Awaited {
    /// Place of the event, or of the first of the run, in the batch; events of the run.
    place: u32,
    events: u32,
    /// How many acknowledgements there are to be, and how many are missing.
    parts: u32,
    open: u32,
    /// The bytes that it came from, in the batch's.
    bytes: Range<u32>,
    /// The time of its last event, where the cursor may go when it is acknowledged: to its end. None: nowhere.
    stop: Option<i64>,
    /// What became of it, by its place among the fates; none where the batch moves as a whole.
    fate: Option<u32>,
}

impl Pending {
    /// A batch that is acknowledged bit by bit, but moves the cursor as a whole.
    pub fn whole(batch: &Batch, open: usize, tally: Tally) -> Self {
        let parts = u32::try_from(open).unwrap_or(u32::MAX);
        let all = Awaited { place: 0, events: 0, parts, open: parts, bytes: 0..0, stop: None, fate: None };
        let awaited = (parts > 0).then_some(all);
        Self { tally, ..Self::awaiting(batch.range.start, (batch.range.end, batch.clock), awaited) }
    }

    /// A batch whose events move the cursor each. `parts`: in how many each of them leaves; none where a transform dropped
    /// it, or it is not for this sink.
    pub fn of_events(batch: &Batch, parts: &[u32], not_here: &NotHere) -> Self {
        let (dropped, elsewhere) = (0, 1);
        let mut awaited: Vec<Awaited> = Vec::with_capacity(parts.len());
        let mut start = 0;
        for ((place, &end), &parts) in (0_u32..).zip(&batch.events.source_ends).zip(parts) {
            let stop = stop_after(batch, place as usize);
            let away = batch.events.labels.get(place as usize).is_some_and(|&label| not_here.has(label));
            let fate = Some(if away { elsewhere } else { dropped });
            match awaited.last_mut() {
                // Most of a batch may be dropped: a run of such is one.
                Some(run) if parts == 0 && run.parts == 0 && run.fate == fate => {
                    (run.events, run.bytes.end, run.stop) = (run.events + 1, end, stop);
                }
                _ => {
                    let (events, open, bytes) = (1, parts, start..end);
                    awaited.push(Awaited { place, events, parts, open, bytes, stop, fate });
                }
            }
            start = end;
        }
        let fates = vec![Fate::dropped(), Fate::not_here()];
        Self { fates, ..Self::awaiting(batch.range.start, (batch.range.end, batch.clock), awaited) }
    }

    /// Bytes that nobody can read any more, after an event of that time: the cursor passes them when it comes to them.
    pub fn lost(range: Range<u64>, clock: i64) -> Self {
        Self { lost: Some(range.clone()), ..Self::awaiting(range.start, (range.end, clock), []) }
    }

    fn awaiting(start: u64, end: Stop, awaited: impl IntoIterator<Item = Awaited>) -> Self {
        let awaited: VecDeque<Awaited> = awaited.into_iter().collect();
        let lacking = awaited.iter().filter(|awaited| awaited.open > 0).count();
        let (tally, fates) = (Tally::default(), Vec::new());
        Self { start, end, awaited, lacking, ahead: false, tally, fates, lost: None }
    }

    /// So many bits of the whole are acknowledged, and this is what became of them.
    pub fn acknowledge(&mut self, count: usize, entry: Option<Entry>) {
        if let Some(Entry { fate, range, events, bytes }) = entry {
            self.tally.add(&fate, range, events, bytes);
        }
        self.count_down(0, count);
    }

    /// So many parts of the event at that place in the batch have come to this. Refused in one part is refused.
    pub fn acknowledge_events<'a>(&mut self, parts: impl IntoIterator<Item = (usize, usize, &'a Fate)>) {
        let mut last: Option<(&Fate, u32)> = None;
        for (place, count, fate) in parts {
            let Some(at) = u32::try_from(place).ok().and_then(|place| self.place_of(place)) else { continue };
            // Nearly always it is the very same as that of the event before.
            let named = match last {
                Some((same, named)) if std::ptr::eq(same, fate) => named,
                _ => self.place_of_fate(fate),
            };
            last = Some((fate, named));
            if let Some(told) = self.awaited.get_mut(at).and_then(|awaited| awaited.fate.as_mut())
                && !self.fates.get(*told as usize).is_some_and(|told| told.outcome.is_refusal())
            {
                *told = named;
            }
            self.count_down(at, count);
        }
    }

    /// Among those that are known, from now on.
    fn place_of_fate(&mut self, fate: &Fate) -> u32 {
        let known = self.fates.iter().position(|known| known == fate);
        if known.is_none() {
            self.fates.push(fate.clone());
        }
        known.unwrap_or(self.fates.len() - 1) as u32
    }

    /// Where in `awaited` the event at that place of the batch is.
    fn place_of(&self, place: u32) -> Option<usize> {
        // Where no run of several is in front of it, as many entries as events are.
        let guess = place.checked_sub(self.awaited.front()?.place)? as usize;
        if self.awaited.get(guess).is_some_and(|it| it.place == place) {
            return Some(guess);
        }
        self.awaited.binary_search_by_key(&place, |it| it.place).ok()
    }

    fn count_down(&mut self, at: usize, count: usize) {
        let Some(awaited) = self.awaited.get_mut(at).filter(|awaited| awaited.open > 0) else { return };
        awaited.open = awaited.open.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        self.lacking -= usize::from(awaited.open == 0);
        self.ahead = true;
        // Behind others it may wait for long: then it needs no more memory than its sums.
        if self.lacking == 0 {
            self.pass(self.awaited.len());
        }
    }

    /// How far the cursor may go, and what became of the events before that; none: no further than before.
    pub fn advance(&mut self) -> Option<(Stop, Vec<Entry>)> {
        // Told only with the cursor: what is behind it comes again after a kill, and would be told twice.
        let run = self.awaited.iter().take_while(|awaited| awaited.open == 0).count();
        let stop = if run == self.awaited.len() {
            self.pass(run);
            self.end
        } else {
            let at = self.awaited.iter().take(run).rposition(|awaited| awaited.stop.is_some())?;
            let last = self.awaited.get(at)?;
            let stop = (self.start + u64::from(last.bytes.end), last.stop?);
            self.pass(at + 1);
            stop
        };
        self.ahead = self.awaited.iter().any(|awaited| awaited.open < awaited.parts);
        Some((stop, self.tally.take()))
    }

    /// What became of the first so many is clear.
    fn pass(&mut self, count: usize) {
        let mut passed = self.awaited.drain(..count).peekable();
        while let Some(Awaited { mut events, mut bytes, fate, .. }) = passed.next() {
            // What follows each other in the file is told at once.
            while let Some(next) = passed.next_if(|it| it.fate == fate && it.bytes.start == bytes.end) {
                (events, bytes.end) = (events + next.events, next.bytes.end);
            }
            let Some(fate) = fate.and_then(|fate| self.fates.get(fate as usize)) else { continue };
            let [from, to] = [bytes.start, bytes.end].map(|at| self.start + u64::from(at));
            self.tally.add(fate, from..to, u64::from(events), to - from);
        }
    }

    /// How many acknowledgements are missing.
    pub fn open(&self) -> usize {
        self.awaited.iter().map(|awaited| awaited.open as usize).sum()
    }

    /// Something of it is acknowledged that the cursor is not past: read again, it would come twice.
    pub fn is_ahead(&self) -> bool {
        self.ahead
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

/// The time of the event at that place, where reading may begin after it: only at a line's beginning, and only where
/// events follow each other in the file as they do in the batch.
fn stop_after(batch: &Batch, place: usize) -> Option<i64> {
    let ends = &batch.events.source_ends;
    let end = *ends.get(place)?;
    let begins_a_line = end > 0 && batch.bytes.get(end as usize - 1) == Some(&b'\n');
    let clock = *batch.events.timestamps.get(place)?;
    (batch.divisible && begins_a_line && ends.get(place + 1).is_some_and(|&after| after > end))
        .then_some(clock)
}
