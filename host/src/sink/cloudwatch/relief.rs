//! Room for lanes that wait for it: they are woken when there is some, and where there is none puts go before they are full.

use super::CloudWatch;
use crate::sink::waiting::Waiting;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// So many puts go at a time that could be fuller, when there is no room: what is full goes by itself.
const RELIEF: usize = 2;

impl CloudWatch {
    /// There may be room again.
    pub(super) fn wake_waiting(&self) {
        self.stuck.wake(&self.lanes.schedule);
        self.wake_some(&self.several);
        self.wake_for_room();
    }

    /// The sink may have room.
    pub(super) fn wake_for_room(&self) {
        self.wake_some(&self.begun);
        if self.room.has_space(true) {
            self.wake_some(&self.waiting);
        } else if !self.waiting.is_empty() {
            self.relieve(true);
        }
    }

    pub(super) fn wake_some(&self, waiting: &Waiting) {
        let begun = |stream| Some(self.lanes.get(stream)?.of_turn() > 0);
        waiting.wake_some(&self.lanes.schedule, begun);
    }

    /// The sink is full of what waits for more, and more has no room: some go as they are, first those that no more is there
    /// for, then the largest. `begins`: a lane needs room to begin its turn; then those that will be filled soon may wait.
    pub(super) fn relieve(&self, begins: bool) {
        let most = self.config.aws.concurrency.max(RELIEF);
        let going = self.relieving.fetch_add(1, Ordering::AcqRel);
        if going < most {
            let outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
            let held = outlets.values().filter_map(|outlet| Some((outlet.holds_back(begins)?, outlet)));
            // That of a file which has no more is as full as it will be.
            let first = held.max_by_key(|(held, _)| *held).filter(|((over, _), _)| *over || going < RELIEF);
            if first.is_some_and(|(_, outlet)| outlet.hurry()) {
                return;
            }
        }
        self.relieved();
    }

    /// One that went early is through.
    pub(super) fn relieved(&self) {
        self.relieving.fetch_sub(1, Ordering::AcqRel);
    }
}
