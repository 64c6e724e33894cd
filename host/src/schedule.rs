//! Whose turn it is: streams that have something to do, each once, never two turns of one at a time.

use crate::cursor::StreamId;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// Room for so many streams is kept when none has anything to do; for more only while it is needed.
const ROOM: usize = 4096;

/// The turns of one sink's lanes. Bounded by the number of streams.
#[derive(Default)]
pub struct Schedule {
    state: Mutex<State>,
    notify: Notify,
}

#[derive(Default)]
struct State {
    /// Those in the middle of a turn.
    first: VecDeque<StreamId>,
    queue: VecDeque<StreamId>,
    marks: HashMap<StreamId, Mark>,
    timers: BTreeSet<(Instant, StreamId)>,
    timed: HashMap<StreamId, Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Queued,
    Busy,
    /// Woken while it had its turn: it gets another.
    BusyAgain,
    /// The same, to go on with it.
    BusyResumed,
}

impl Schedule {
    /// It has something to do.
    pub fn wake(&self, stream: StreamId) {
        self.state().wake(stream);
        self.notify.notify_one();
    }

    /// It can go on with a turn that it had begun: before those whose turn is to come.
    pub fn resume(&self, stream: StreamId) {
        self.state().resume(stream);
        self.notify.notify_one();
    }

    /// It will have something to do at that time, if nothing wakes it before.
    pub fn wake_at(&self, stream: StreamId, at: Instant) {
        let mut state = self.state();
        if let Some(earlier) = state.timed.get(&stream).copied() {
            if earlier <= at {
                return;
            }
            state.timers.remove(&(earlier, stream));
        }
        state.timed.insert(stream, at);
        state.timers.insert((at, stream));
        drop(state);
        self.notify.notify_one();
    }

    /// The next one whose turn it is. Call [`Schedule::done`] when its turn is over.
    pub async fn next(&self) -> StreamId {
        loop {
            let timer = {
                let mut state = self.state();
                state.fire(Instant::now());
                if let Some(stream) = state.first.pop_front().or_else(|| state.queue.pop_front()) {
                    state.marks.insert(stream, Mark::Busy);
                    return stream;
                }
                state.timers.first().map(|&(at, _)| at)
            };
            match timer {
                None => self.notify.notified().await,
                Some(at) => {
                    let _ = tokio::time::timeout_at(at.into(), self.notify.notified()).await;
                }
            }
        }
    }

    /// Its turn is over.
    pub fn done(&self, stream: StreamId) {
        let mut state = self.state();
        match state.marks.remove(&stream) {
            Some(Mark::BusyAgain) => state.wake(stream),
            Some(Mark::BusyResumed) => state.resume(stream),
            Some(Mark::Busy | Mark::Queued) | None => return state.make_small(),
        }
        drop(state);
        self.notify.notify_one();
    }

    /// It will never have anything to do again.
    pub fn forget(&self, stream: StreamId) {
        let mut state = self.state();
        if let Some(at) = state.timed.remove(&stream) {
            state.timers.remove(&(at, stream));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self, stream: StreamId) {
        match self.marks.get_mut(&stream) {
            Some(mark @ Mark::Busy) => *mark = Mark::BusyAgain,
            Some(Mark::BusyAgain | Mark::BusyResumed | Mark::Queued) => {}
            None => {
                self.marks.insert(stream, Mark::Queued);
                self.queue.push_back(stream);
            }
        }
    }

    /// At a start all streams have something to do, and then hardly ever again.
    fn make_small(&mut self) {
        if self.marks.is_empty() && self.marks.capacity() > ROOM {
            (self.marks, self.queue) = (HashMap::new(), VecDeque::new());
        }
        if self.timed.is_empty() && self.timed.capacity() > ROOM {
            self.timed = HashMap::new();
        }
    }

    fn resume(&mut self, stream: StreamId) {
        match self.marks.get_mut(&stream) {
            Some(mark @ (Mark::Busy | Mark::BusyAgain)) => *mark = Mark::BusyResumed,
            Some(Mark::BusyResumed | Mark::Queued) => {}
            None => {
                self.marks.insert(stream, Mark::Queued);
                self.first.push_back(stream);
            }
        }
    }

    fn fire(&mut self, now: Instant) {
        while let Some(&(at, stream)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            self.timed.remove(&stream);
            self.wake(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_stream_that_is_woken_twice_has_one_turn() {
        let schedule = Schedule::default();
        schedule.wake(1);
        schedule.wake(1);
        schedule.wake(2);
        assert_eq!((schedule.next().await, schedule.next().await), (1, 2));
        assert!(schedule.state().queue.is_empty());
    }

    #[tokio::test]
    async fn a_stream_that_is_woken_during_its_turn_has_another_after_it() {
        let schedule = Schedule::default();
        schedule.wake(1);
        let stream = schedule.next().await;
        schedule.wake(stream);
        assert!(schedule.state().queue.is_empty());
        schedule.done(stream);
        assert_eq!(schedule.next().await, 1);
    }

    #[tokio::test]
    async fn a_schedule_that_very_many_were_in_is_small_again() {
        let schedule = Schedule::default();
        let many = 3 * ROOM as StreamId;
        for stream in 0..many {
            schedule.wake_at(stream, Instant::now());
        }
        for _ in 0..many {
            let stream = schedule.next().await;
            schedule.done(stream);
        }
        let state = schedule.state();
        assert_eq!((state.marks.capacity(), state.queue.capacity(), state.timed.capacity()), (0, 0, 0));
    }

    #[tokio::test]
    async fn whose_turn_was_begun_goes_on_before_others_begin() {
        let schedule = Schedule::default();
        schedule.wake(1);
        schedule.wake(2);
        schedule.resume(3);
        schedule.resume(2);
        let order = [schedule.next().await, schedule.next().await];
        assert_eq!(order, [3, 1]);
        schedule.wake(3);
        schedule.resume(3);
        schedule.done(3);
        assert_eq!((schedule.next().await, schedule.next().await), (3, 2));
    }

    #[tokio::test]
    async fn the_earlier_of_two_times_counts() {
        let schedule = Schedule::default();
        let now = Instant::now();
        schedule.wake_at(1, now + Duration::from_hours(1));
        schedule.wake_at(1, now);
        schedule.wake_at(1, now + Duration::from_hours(1));
        assert_eq!(schedule.next().await, 1);
        assert!(schedule.state().timers.is_empty());
    }
}
