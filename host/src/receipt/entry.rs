//! What became of some events of a stream: one line of a receipt, and how many of them are put together. Pure.

use crate::event::{Batch, EventRef, NotHere};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The service acknowledged it.
    Delivered,
    /// Bytes of delivered ones that are no UTF-8 are `?` there, as `for: airflow-ui` has it. Of no event of its own.
    Replaced,
    /// A transform dropped it, as it was meant to.
    Dropped,
    /// A router said that it does not go to this sink.
    NotHere,
    /// Refused: older than the service takes.
    TooOld,
    /// Refused: older than the log group keeps events.
    Expired,
    /// Refused: too far in the future.
    TooNew,
    /// Refused: malformed, as the service sees it.
    Malformed,
    /// Its bytes vanished before they could be read.
    Lost,
    /// The file was replaced by one that begins with all that was there: its bytes are that one's, too.
    Repeated,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Delivered,
        Self::Replaced,
        Self::Dropped,
        Self::NotHere,
        Self::TooOld,
        Self::Expired,
        Self::TooNew,
        Self::Malformed,
        Self::Lost,
        Self::Repeated,
    ];

    /// The word that the store and receipts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Replaced => "replaced",
            Self::Dropped => "dropped",
            Self::NotHere => "not_here",
            Self::TooOld => "too_old",
            Self::Expired => "expired",
            Self::TooNew => "too_new",
            Self::Malformed => "malformed",
            Self::Lost => "lost_at_source",
            Self::Repeated => "repeated",
        }
    }

    /// The outcome of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// The service refused it.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::TooOld | Self::Expired | Self::TooNew | Self::Malformed)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of an event, and where it is now: a log stream, an object, a file; of what was refused the sink that
/// its dead letter goes to, else nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// What became of it.
    pub outcome: Outcome,
    /// Where it is.
    pub target: Arc<str>,
}

impl Fate {
    /// It is there.
    pub fn delivered(target: impl Into<Arc<str>>) -> Self {
        Self { outcome: Outcome::Delivered, target: target.into() }
    }

    /// A transform dropped it.
    pub fn dropped() -> Self {
        Self { outcome: Outcome::Dropped, target: "".into() }
    }

    /// A router said that it does not go to this sink.
    pub fn not_here() -> Self {
        Self { outcome: Outcome::NotHere, target: "".into() }
    }
}

/// Events of one fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What became of them.
    pub fate: Fate,
    /// From the first byte of the file that one of them came from to the last; others may lie between.
    pub range: Range<u64>,
    /// How many.
    pub events: u64,
    /// Bytes of the file that they came from.
    pub bytes: u64,
}

/// Entries put together by their fates.
#[derive(Debug, Clone, Default)]
pub struct Tally(Vec<Entry>);

impl Tally {
    /// What all events of a batch came to that was taken whole; those that do not go to the sink apart.
    pub fn of_batch(batch: &Batch, not_here: &NotHere, target: &str) -> Self {
        let mut tally = Self::of_left_out(batch, not_here);
        let delivered = Fate::delivered(target);
        batch.going(not_here).for_each(|event| tally.add_event(&delivered, event));
        tally
    }

    /// What of a batch does not go to the sink: a transform dropped it, or a router keeps it away.
    pub fn of_left_out(batch: &Batch, not_here: &NotHere) -> Self {
        let (mut tally, dropped, elsewhere) = (Self::default(), Fate::dropped(), Fate::not_here());
        for event in batch.iter() {
            match event.label() {
                None => tally.add_event(&dropped, event),
                Some(_) if not_here.has(event.label_index()) => tally.add_event(&elsewhere, event),
                Some(_) => {}
            }
        }
        tally
    }

    /// One more event.
    pub fn add_event(&mut self, fate: &Fate, event: EventRef<'_>) {
        let range = event.source();
        self.add(fate, range.clone(), 1, range.end - range.start);
    }

    /// More events of one fate.
    pub fn add(&mut self, fate: &Fate, range: Range<u64>, events: u64, bytes: u64) {
        // There are few fates, and nearly always it is that of the event before.
        match self.0.iter_mut().rev().find(|entry| entry.fate == *fate) {
            Some(entry) => {
                entry.range = entry.range.start.min(range.start)..entry.range.end.max(range.end);
                entry.events += events;
                entry.bytes += bytes;
            }
            None => self.0.push(Entry { fate: fate.clone(), range, events, bytes }),
        }
    }

    /// The entries so far; none are left.
    pub fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_fate_are_one_entry() {
        let mut tally = Tally::default();
        let (here, there) = (Fate::delivered("here"), Fate::delivered("there"));
        tally.add(&here, 0..10, 1, 10);
        tally.add(&there, 10..15, 1, 5);
        tally.add(&here, 15..30, 2, 15);
        let entries = tally.take();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0], Entry { fate: here, range: 0..30, events: 3, bytes: 25 });
        assert_eq!(entries[1], Entry { fate: there, range: 10..15, events: 1, bytes: 5 });
    }

    #[test]
    fn every_outcome_is_found_by_its_word() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::of_word(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::of_word("else"), None);
    }
}
