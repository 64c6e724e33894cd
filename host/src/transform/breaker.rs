//! When a component has failed too often it is put aside, for longer each time, and comes back by itself. Pure: who
//! asks brings the time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many failures…
const MOST: usize = 20;
/// …in this time are too often.
const WINDOW: Duration = Duration::from_mins(1);
/// The first pause; each is twice as long as the one before it…
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// …up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Whether a component may work.
#[derive(Debug, Default)]
pub struct Breaker {
    recent: VecDeque<Instant>,
    /// It is put aside, or was until then and has not shown yet that it is well.
    until: Option<Instant>,
    /// How long the last pause was, and when it ended well.
    last: Option<(Duration, Option<Instant>)>,
}

/// What a failure has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    GoesOn,
    /// It is put aside for so long.
    Aside(Duration),
}

impl Breaker {
    /// When it may work again; none: it may now.
    pub fn aside_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// It failed for good on something that it had not failed on before.
    pub fn failed(&mut self, now: Instant) -> Verdict {
        if self.aside_until(now).is_some() {
            // Work that was under way when it was put aside.
            return Verdict::GoesOn;
        }
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| now.duration_since(*first) > WINDOW) {
            self.recent.pop_front();
        }
        // The first failure after a pause shows that nothing is better.
        if self.recent.len() < MOST && self.until.is_none() {
            return Verdict::GoesOn;
        }
        let pause = match self.last {
            Some((pause, well)) if well.is_none_or(|well| now.duration_since(well) <= pause + WINDOW) => {
                (pause * 2).min(LONGEST_PAUSE)
            }
            _ => FIRST_PAUSE,
        };
        self.recent.clear();
        self.until = Some(now + pause);
        self.last = Some((pause, None));
        Verdict::Aside(pause)
    }

    /// It did a whole batch. True: it is back after a pause.
    pub fn succeeded(&mut self, now: Instant) -> bool {
        if self.until.is_none_or(|until| until > now) {
            return false;
        }
        self.until = None;
        if let Some((_, well)) = &mut self.last {
            *well = Some(now);
        }
        true
    }

    /// It is another one now.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Fails until it is put aside; for how long it is.
    fn fail(breaker: &mut Breaker, now: Instant) -> Duration {
        for _ in 0..MOST {
            if let Verdict::Aside(pause) = breaker.failed(now) {
                return pause;
            }
        }
        panic!("{MOST} failures at once, and it is not put aside");
    }

    #[test]
    fn nineteen_failures_a_minute_are_borne_and_twenty_are_not() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        for failure in 0..200 {
            let at = start + WINDOW * failure / 19 + SECOND * (failure / 19);
            assert_eq!(breaker.failed(at), Verdict::GoesOn, "failure {failure}");
        }
        let mut breaker = Breaker::default();
        assert_eq!(fail(&mut breaker, start), FIRST_PAUSE);
        assert_eq!(breaker.aside_until(start), Some(start + FIRST_PAUSE));
        assert_eq!(breaker.aside_until(start + FIRST_PAUSE), None);
    }

    #[test]
    fn pauses_grow_to_their_limit_while_nothing_is_better() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        let mut pauses = vec![fail(&mut breaker, now)];
        for _ in 0..8 {
            now += *pauses.last().unwrap();
            let Verdict::Aside(pause) = breaker.failed(now) else {
                panic!("one failure after a pause is enough")
            };
            pauses.push(pause);
        }
        let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn what_works_again_is_back_and_after_a_good_while_all_is_forgotten() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        fail(&mut breaker, start);
        assert!(!breaker.succeeded(start), "work that was under way says nothing");
        let back = start + FIRST_PAUSE;
        assert!(breaker.succeeded(back) && !breaker.succeeded(back));
        assert_eq!(fail(&mut breaker, back + SECOND), FIRST_PAUSE * 2, "it was not well for long");
        let back = back + SECOND + FIRST_PAUSE * 2;
        assert!(breaker.succeeded(back));
        assert_eq!(fail(&mut breaker, back + FIRST_PAUSE * 2 + WINDOW + SECOND), FIRST_PAUSE);
    }

    #[test]
    fn failures_while_it_is_aside_make_no_pause_longer() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let pause = fail(&mut breaker, start);
        assert_eq!(breaker.failed(start + SECOND), Verdict::GoesOn);
        assert_eq!(breaker.aside_until(start + SECOND), Some(start + pause));
    }
}
