//! Lines that a component failed on when they were alone: known, so that nobody looks for them again. A batch is run for
//! every sink, and again after an error.

use super::GuestError;
use crate::cursor::StreamId;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// So many are known at most; the first is then forgotten, and found again.
const MOST: usize = 4096;

/// Where a stream waits for a component to take a line, it is shown the line again after this, then after twice as long…
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// …up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A line that a component failed on.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Why.
    pub error: GuestError,
    /// When it may be tried again, if its stream waits for that.
    pub again_at: Instant,
    pause: Duration,
}

/// Where lines begin that a component failed on.
#[derive(Debug, Default)]
pub struct Marks {
    known: BTreeMap<(StreamId, u64), Mark>,
    order: VecDeque<(StreamId, u64)>,
}

impl Marks {
    /// The first one that begins within these bytes of a stream.
    pub fn first_in(&self, stream: StreamId, bytes: &Range<u64>) -> Option<(u64, &Mark)> {
        let mut there = self.known.range((stream, bytes.start)..(stream, bytes.end));
        there.next().map(|((_, at), mark)| (*at, mark))
    }

    /// One more. False: it was known.
    pub fn add(&mut self, stream: StreamId, at: u64, error: GuestError, now: Instant) -> bool {
        if self.known.contains_key(&(stream, at)) {
            return false;
        }
        let mark = Mark { error, again_at: now + FIRST_PAUSE, pause: FIRST_PAUSE };
        self.known.insert((stream, at), mark);
        self.order.push_back((stream, at));
        if self.order.len() > MOST
            && let Some(first) = self.order.pop_front()
        {
            self.known.remove(&first);
        }
        true
    }

    /// It was tried again, and failed.
    pub fn failed_again(&mut self, stream: StreamId, at: u64, now: Instant) {
        if let Some(mark) = self.known.get_mut(&(stream, at)) {
            mark.pause = (mark.pause * 2).min(LONGEST_PAUSE);
            mark.again_at = now + mark.pause;
        }
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

    fn error() -> GuestError {
        GuestError::StackOverflow { limit: 1 }
    }

    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn what_a_stream_waits_for_is_tried_again_less_and_less_often() {
        let (mut marks, start) = (Marks::default(), Instant::now());
        marks.add(1, 0, error(), start);
        let wait = |marks: &Marks| marks.first_in(1, &(0..1)).map(|(_, mark)| mark.again_at - start);
        let mut waits = vec![wait(&marks).unwrap().as_secs()];
        for _ in 0..9 {
            marks.failed_again(1, 0, start);
            waits.push(wait(&marks).unwrap().as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn the_first_mark_within_the_bytes_of_its_own_stream_is_found() {
        let mut marks = Marks::default();
        assert!(marks.add(1, 50, error(), now()) && marks.add(1, 20, error(), now()));
        assert!(!marks.add(1, 20, error(), now()), "known already");
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
        (0..=MOST as u64).for_each(|at| assert!(marks.add(1, at, error(), now())));
        assert!(marks.first_in(1, &(0..1)).is_none() && marks.first_in(1, &(1..2)).is_some());
    }
}
