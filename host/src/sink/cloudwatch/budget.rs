//! How fast log streams may be created: a token bucket whose rate falls by half when AWS throttles us and creeps up
//! again while it does not. It owns no clock.
//!
//! AWS allows 50 in a second to all of an account and region together. How many other processes there are, and what
//! they need, shows only in what is throttled; additive increase with multiplicative decrease shares such a limit
//! fairly (Chiu and Jain, 1989, <https://doi.org/10.1016/0169-7552(89)90019-6>).
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>

use std::time::{Duration, Instant};

/// What was not used so far may be caught up with, but no more than this much of it.
const BURST: Duration = Duration::from_millis(200);
/// The rate is cut at most so often: what is throttled within it was sent before the cut could show.
const CUT_EVERY: Duration = Duration::from_secs(1);
/// It creeps from nothing to the most in this time.
const RECOVERY: Duration = Duration::from_mins(1);
/// It never falls below this many in a second (or below the most, if that is less): somebody has to ask.
const LEAST: f64 = 0.5;

/// So many in a second, the first few at once.
#[derive(Debug)]
pub struct Budget {
    /// The most in a second.
    most: f64,
    /// How many in a second at present, as of `seen`.
    rate: f64,
    seen: Option<Instant>,
    /// When the rate was last cut.
    cut: Option<Instant>,
    /// When the next one's turn is.
    turn: Option<Instant>,
}

impl Budget {
    /// `most`: in a second, more than 0.
    pub fn new(most: f64) -> Self {
        Self { most, rate: most, seen: None, cut: None, turn: None }
    }

    /// From now on it is never more than that in a second.
    pub fn limit(&mut self, most: f64) {
        self.most = self.most.min(most);
        self.rate = self.rate.min(most);
    }

    /// Takes one, and says how long to wait before it is used. `now` never goes back.
    pub fn take(&mut self, now: Instant) -> Duration {
        self.creep(now);
        let (turn, interval) = (self.turn.map_or(now, |turn| turn.max(now)), self.interval());
        self.turn = Some(turn + interval);
        // One may go so long before its turn: the burst, but for the one that goes itself.
        let ahead = BURST.saturating_sub(interval);
        turn.saturating_duration_since(now).saturating_sub(ahead)
    }

    /// AWS throttled one.
    pub fn throttled(&mut self, now: Instant) {
        self.creep(now);
        if self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < CUT_EVERY) {
            return;
        }
        self.cut = Some(now);
        self.rate = (self.rate / 2.0).max(LEAST.min(self.most));
        // And no burst.
        let next = now + self.interval().max(BURST);
        self.turn = Some(self.turn.map_or(next, |turn| turn.max(next)));
    }

    fn creep(&mut self, now: Instant) {
        let passed = self.seen.map_or(Duration::ZERO, |seen| now.saturating_duration_since(seen));
        let more = self.most * passed.as_secs_f64() / RECOVERY.as_secs_f64();
        self.rate = (self.rate + more).min(self.most);
        self.seen = Some(now);
    }

    fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(self.rate.recip()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// When each of those that were asked for then may be used.
    fn uses(rate: f64, asked_ms: &[u64]) -> Vec<Duration> {
        let asked: Vec<(u64, bool)> = asked_ms.iter().map(|ms| (*ms, false)).collect();
        uses_throttled(rate, &asked)
    }

    /// The same where some were throttled before they were asked for.
    fn uses_throttled(rate: f64, asked: &[(u64, bool)]) -> Vec<Duration> {
        let (mut budget, start) = (Budget::new(rate), Instant::now());
        let mut at = Duration::ZERO;
        let uses = asked.iter().map(|(ms, throttled)| {
            at += Duration::from_millis(*ms);
            if *throttled {
                budget.throttled(start + at);
            }
            at + budget.take(start + at)
        });
        uses.collect()
    }

    /// So many are used in the second that begins then, if there is always another to ask for.
    fn in_second(budget: &mut Budget, from: Instant) -> usize {
        let (mut now, mut count) = (from, 0);
        loop {
            now += budget.take(now);
            if now >= from + Duration::from_secs(1) {
                return count;
            }
            count += 1;
        }
    }

    #[test]
    fn what_is_throttled_halves_the_rate_once_however_many_were_under_way() {
        let (mut budget, now) = (Budget::new(50.0), Instant::now());
        in_second(&mut budget, now);
        let later = now + Duration::from_secs(2);
        for _ in 0..30 {
            budget.throttled(later);
        }
        assert!((20..=26).contains(&in_second(&mut budget, later)));
    }

    #[test]
    fn what_is_throttled_for_long_still_asks_now_and_then() {
        let (mut budget, mut now) = (Budget::new(50.0), Instant::now());
        for _ in 0..100 {
            now += CUT_EVERY;
            budget.throttled(now);
        }
        assert!(in_second(&mut budget, now) <= 3);
        let again = now + Duration::from_secs(2);
        assert!(budget.take(again) <= Duration::from_secs(2));
        let mut slow = Budget::new(0.1);
        slow.throttled(now);
        assert!(slow.take(now) <= Duration::from_secs(10));
    }

    #[test]
    fn a_minute_without_throttling_brings_the_whole_rate_back() {
        let (mut budget, now) = (Budget::new(50.0), Instant::now());
        budget.throttled(now);
        assert!(in_second(&mut budget, now + RECOVERY / 10) < 40);
        let whole = in_second(&mut budget, now + RECOVERY);
        assert!((50..=60).contains(&whole), "{whole}");
    }

    #[test]
    fn fifty_in_a_second_are_ten_at_once_and_then_one_every_twenty_milliseconds() {
        let ms: Vec<u128> = uses(50.0, &[0; 13]).iter().map(Duration::as_millis).collect();
        assert_eq!(ms, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 40, 60]);
    }

    #[test]
    fn one_in_a_minute_is_one_at_once_and_the_next_after_a_minute() {
        assert_eq!(uses(1.0 / 60.0, &[0, 0])[1].as_millis(), 60_000);
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_share_and_the_burst(
            rate in prop_oneof![0.01..10.0, 10.0..10_000.0],
            asked in prop::collection::vec((prop_oneof![Just(0_u64), 0..5_000_u64], any::<bool>()), 1..300),
        ) {
            let uses = uses_throttled(rate, &asked);
            let burst = (rate * BURST.as_secs_f64()).max(1.0);
            for (first, from) in uses.iter().enumerate() {
                for (last, until) in uses.iter().enumerate().skip(first) {
                    let window = until.saturating_sub(*from).as_secs_f64();
                    let most = rate * window + burst;
                    // Times are whole nanoseconds.
                    prop_assert!((last - first + 1) as f64 <= most * (1.0 + 1e-6) + 1e-6);
                }
            }
        }

        #[test]
        fn nobody_waits_longer_than_those_before_take(
            rate in 0.01..10_000.0, asked_ms in prop::collection::vec(0..5_000_u64, 1..300),
        ) {
            let (mut budget, start, mut at) = (Budget::new(rate), Instant::now(), Duration::ZERO);
            for (before, ms) in asked_ms.iter().enumerate() {
                at += Duration::from_millis(*ms);
                prop_assert!(budget.take(start + at).as_secs_f64() <= before as f64 / rate + 1e-6);
            }
        }
    }
}
