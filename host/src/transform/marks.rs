//! Lines that a component failed on when they were alone: known, so that nobody looks for them again. A batch is run for
//! every sink, and again after an error.

use super::GuestError;
use crate::cursor::StreamId;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// So many are known at most; the first is then forgotten, and found again.
const MOST: usize = 4096;

/// Where lines begin that a component failed on.
#[derive(Debug, Default)]
pub struct Marks {
    known: BTreeMap<(StreamId, u64), GuestError>,
    order: VecDeque<(StreamId, u64)>,
}

impl Marks {
    /// The first one that begins within these bytes of a stream.
    pub fn first_in(&self, stream: StreamId, bytes: &Range<u64>) -> Option<(u64, &GuestError)> {
        let mut there = self.known.range((stream, bytes.start)..(stream, bytes.end));
        there.next().map(|((_, at), error)| (*at, error))
    }

    /// One more. False: it was known.
    pub fn add(&mut self, stream: StreamId, at: u64, error: GuestError) -> bool {
        if self.known.insert((stream, at), error).is_some() {
            return false;
        }
        self.order.push_back((stream, at));
        if self.order.len() > MOST
            && let Some(first) = self.order.pop_front()
        {
            self.known.remove(&first);
        }
        true
    }

    /// It fails on this one no more.
    pub fn remove(&mut self, stream: StreamId, at: u64) {
        if self.known.remove(&(stream, at)).is_some() {
            self.order.retain(|place| *place != (stream, at));
        }
    }

    /// It is another component now.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mark_within_the_bytes_of_its_own_stream_is_found() {
        let mut marks = Marks::default();
        assert!(marks.add(1, 50, GuestError::Unreachable) && marks.add(1, 20, GuestError::Unreachable));
        assert!(!marks.add(1, 20, GuestError::Unreachable), "known already");
        let first = |marks: &Marks, stream, bytes| marks.first_in(stream, &bytes).map(|(at, _)| at);
        assert_eq!(first(&marks, 1, 0..100), Some(20));
        assert_eq!(first(&marks, 1, 20..21), Some(20));
        assert_eq!(first(&marks, 1, 21..50), None);
        assert_eq!(first(&marks, 2, 0..100), None);
        marks.remove(1, 20);
        assert_eq!(first(&marks, 1, 0..100), Some(50));
    }

    #[test]
    fn so_many_are_known_and_of_one_more_the_first_is_forgotten() {
        let mut marks = Marks::default();
        (0..=MOST as u64).for_each(|at| assert!(marks.add(1, at, GuestError::Unreachable)));
        assert!(marks.first_in(1, &(0..1)).is_none() && marks.first_in(1, &(1..2)).is_some());
    }
}
