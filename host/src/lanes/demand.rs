//! What is asked of a sink besides its usual pace, and what keeps it from delivering.

use super::Lanes;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Somebody who waits makes a sink try again before its pause is over, at most so often, however many they are.
const HURRY: Duration = Duration::from_secs(1);

/// What a sink was asked for besides its usual pace.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Nothing more will be waited for: what is there is to be delivered now.
    closing: bool,
    /// How often it was asked to try again at once, closing included.
    times: u64,
}

impl Lanes {
    /// From now on nothing is waited for; every lane gets a turn.
    pub fn close(&self) {
        self.asked.send_modify(|asked| *asked = Asked { closing: true, times: asked.times + 1 });
        for lane in self.all() {
            self.schedule.wake(lane.stream.id);
        }
    }

    /// Nothing more will be waited for.
    pub fn closing(&self) -> bool {
        self.asked.borrow().closing
    }

    /// Somebody waits for something: pauses end, and what failed is tried once more.
    pub fn hurry(&self) {
        let mut hurried = self.hurried.lock().unwrap_or_else(PoisonError::into_inner);
        if hurried.is_none_or(|last| last.elapsed() >= HURRY) {
            *hurried = Some(Instant::now());
            self.asked.send_modify(|asked| asked.times += 1);
        }
    }

    /// How often that was, the end of the run included: a pause that began before is over.
    pub fn asked(&self) -> u64 {
        self.asked.borrow().times
    }

    /// The sink cannot deliver, and why.
    pub fn in_trouble(&self, why: &str) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// The sink delivers.
    pub fn out_of_trouble(&self) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What keeps it from delivering, as far as it is known.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resolves when nothing more will be waited for.
    pub async fn closed(&self) {
        // An error would say that the lanes are gone, and they are ours.
        let _ = self.asked.subscribe().wait_for(|asked| asked.closing).await;
    }

    /// Sleeps, but wakes when somebody begins to wait for the sink.
    pub async fn pause(&self, length: Duration) {
        let mut asked = self.asked.subscribe();
        asked.borrow_and_update();
        let _ = tokio::time::timeout(length, asked.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::tests::lanes;

    const LONG: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_pause_ends_when_somebody_begins_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let lanes = lanes(&dir);
        let mut pause = std::pin::pin!(lanes.pause(LONG));
        assert!(futures::poll!(pause.as_mut()).is_pending());
        lanes.hurry();
        pause.await;
        let mut pause = std::pin::pin!(lanes.pause(LONG));
        assert!(futures::poll!(pause.as_mut()).is_pending(), "what was asked before is answered");
        lanes.close();
        pause.await;
        lanes.closed().await;
    }

    #[tokio::test]
    async fn many_who_wait_ask_no_more_often_than_one() {
        let dir = tempfile::tempdir().unwrap();
        let lanes = lanes(&dir);
        for _ in 0..1000 {
            lanes.hurry();
        }
        // A thousand of them take less than a minute.
        assert!((1..60).contains(&lanes.asked()), "{}", lanes.asked());
        let before = lanes.asked();
        lanes.close();
        assert_eq!(lanes.asked(), before + 1);
        assert!(lanes.closing());
    }
}
