//! Lanes that found no room in their sink, to be woken when there is some.

use crate::cursor::StreamId;
use crate::lane::Lane;
use crate::schedule::Schedule;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Bounded by the number of streams.
#[derive(Debug, Default)]
pub struct Waiting(Mutex<HashSet<StreamId>>);

impl Waiting {
    /// Whether there is room; if not, the lane is woken by the next [`Waiting::wake`].
    pub fn has_room(&self, lane: &Lane, room: impl Fn() -> bool) -> bool {
        if room() {
            return true;
        }
        let stream = lane.stream.id;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream);
        // It may have become free in between, and then nobody wakes us.
        let free = room();
        if free {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&stream);
        }
        free
    }

    /// This one waits as well.
    pub fn add(&self, stream: StreamId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream);
    }

    /// There may be room again.
    pub fn wake(&self, schedule: &Schedule) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in waiting {
            schedule.wake(stream);
        }
    }
}
