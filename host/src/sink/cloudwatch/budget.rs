//! How fast a sink may create log streams: a token bucket that owns no clock.
//!
//! AWS allows 50 in a second to all of an account and region together, so each process has a share of its own.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>

use std::time::{Duration, Instant};

/// What was not used so far may be caught up with, but no more than this much of it.
const BURST: Duration = Duration::from_millis(200);

/// So many in a second, the first few at once.
#[derive(Debug)]
pub struct Budget {
    interval: Duration,
    /// How long before its turn one may go: the burst, but for the one that goes itself.
    ahead: Duration,
    /// When the next one's turn is.
    turn: Option<Instant>,
}

impl Budget {
    /// `rate`: in a second, more than 0.
    pub fn new(rate: f64) -> Self {
        let interval = Duration::try_from_secs_f64(rate.recip()).unwrap_or_default();
        Self { interval, ahead: BURST.saturating_sub(interval), turn: None }
    }

    /// Takes one, and says how long to wait before it is used. `now` never goes back.
    pub fn take(&mut self, now: Instant) -> Duration {
        let turn = self.turn.map_or(now, |turn| turn.max(now));
        self.turn = Some(turn + self.interval);
        turn.saturating_duration_since(now).saturating_sub(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// When each of those that were asked for then may be used.
    fn uses(rate: f64, asked_ms: &[u64]) -> Vec<Duration> {
        let (mut budget, start) = (Budget::new(rate), Instant::now());
        let mut at = Duration::ZERO;
        let uses = asked_ms.iter().map(|ms| {
            at += Duration::from_millis(*ms);
            at + budget.take(start + at)
        });
        uses.collect()
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
            asked_ms in prop::collection::vec(prop_oneof![Just(0_u64), 0..5_000_u64], 1..300),
        ) {
            let uses = uses(rate, &asked_ms);
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
