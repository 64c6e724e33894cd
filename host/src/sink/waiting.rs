//! Lanes that found no room in their sink, to be woken when there is some: those that have waited longest first, and no
//! more than are likely to find it. The rest follows as turns end ([`EventSink::turn_over`](super::EventSink::turn_over)).

use crate::cursor::StreamId;
use crate::lane::Lane;
use crate::schedule::Schedule;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many are woken at a time. Each takes a batch or finds no room; thousands may wait.
const AT_A_TIME: usize = 4;

/// Bounded by the number of streams.
#[derive(Debug, Default)]
pub struct Waiting(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    /// Begins anew with the queue.
    next: u64,
    numbers: HashMap<StreamId, u64>,
    order: BTreeMap<u64, StreamId>,
}

impl Queue {
    fn add(&mut self, stream: StreamId) {
        if let std::collections::hash_map::Entry::Vacant(place) = self.numbers.entry(stream) {
            place.insert(self.next);
            self.order.insert(self.next, stream);
            self.next += 1;
        }
    }

    fn remove(&mut self, stream: StreamId) {
        if let Some(number) = self.numbers.remove(&stream) {
            self.order.remove(&number);
        }
    }
}

impl Waiting {
    /// Whether there is room; if not, the lane is woken by a [`Waiting::wake`].
    pub fn has_room(&self, lane: &Lane, room: impl Fn() -> bool) -> bool {
        if room() {
            return true;
        }
        let stream = lane.stream.id;
        self.queue().add(stream);
        // It may have become free in between, and then nobody wakes us.
        let free = room();
        if free {
            self.queue().remove(stream);
        }
        free
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.queue().order.is_empty()
    }

    /// This one waits as well.
    pub fn add(&self, stream: StreamId) {
        self.queue().add(stream);
    }

    /// There may be room again, for all of them.
    pub fn wake(&self, schedule: &Schedule) {
        let waiting = std::mem::take(&mut *self.queue());
        for stream in waiting.order.into_values() {
            schedule.wake(stream);
        }
    }

    /// There may be some room again. `begun`: whether a stream's lane is in the middle of its turn; none: it is over and has
    /// no turn, so none would follow.
    pub fn wake_some(&self, schedule: &Schedule, begun: impl Fn(StreamId) -> Option<bool>) {
        let living = std::iter::from_fn(|| self.pop()).filter_map(|stream| Some((stream, begun(stream)?)));
        for (stream, begun) in living.take(AT_A_TIME) {
            if begun {
                schedule.resume(stream);
            } else {
                schedule.wake(stream);
            }
        }
    }

    fn pop(&self) -> Option<StreamId> {
        let mut queue = self.queue();
        let (_, stream) = queue.order.pop_first()?;
        queue.numbers.remove(&stream);
        Some(stream)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_in_their_turn_are_woken_first_then_who_waited_longest_and_each_once() {
        let (waiting, schedule) = (Waiting::default(), Schedule::default());
        for stream in [5, 4, 3, 5, 2, 1, 6] {
            waiting.add(stream);
        }
        schedule.wake(8);
        waiting.wake_some(&schedule, |stream| (stream != 3).then_some(stream == 1));
        let mut first = Vec::new();
        for _ in 0..=AT_A_TIME {
            first.push(schedule.next().await);
        }
        assert_eq!(first, [1, 8, 5, 4, 2]);
        waiting.add(7);
        waiting.wake(&schedule);
        assert_eq!((schedule.next().await, schedule.next().await), (6, 7));
        let queue = waiting.queue();
        assert_eq!((queue.numbers.len(), queue.order.len()), (0, 0));
    }
}
