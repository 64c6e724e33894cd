//! When a failed request is worth sending again, and how long to wait before it: no clock, no network, no luck.

use std::time::Duration;

/// The most that a wait after the first failure can be.
pub const FIRST: Duration = Duration::from_millis(200);
/// The most that any wait can be while the service is only busy.
pub const CAP: Duration = Duration::from_secs(30);
/// The same two where waiting does not help until somebody has changed something.
pub const SLOW_FIRST: Duration = Duration::from_secs(5);
/// The most between two tries while a human is needed: a fixed policy is noticed within this time.
pub const SLOW_CAP: Duration = Duration::from_mins(5);

/// What a failure means for the request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Busy, broken or out of reach for now: throttled, timed out, 5xx, no connection.
    Retry,
    /// The credentials were refused, and others are there: with those, at once.
    Renewed,
    /// Needs a human: not allowed, no credentials, no such bucket, wrong region.
    RetrySlowly,
    /// Send it again once this has been made.
    Create(Missing),
    /// This very request can never be right; the next one may.
    Reject,
}

impl Verdict {
    /// What happens next, as error messages say it.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Retry => "will be retried",
            Self::Renewed => "will be retried with new credentials",
            Self::RetrySlowly => "will be retried, at growing intervals, until somebody has mended it",
            Self::Create(Missing::LogGroup) => "will be retried once the log group is there",
            Self::Create(Missing::LogStream) => "will be retried once the log stream is there",
            Self::Reject => "will not be retried",
        }
    }
}

/// What a service says is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The log group (and so the stream, too).
    LogGroup,
    /// The log stream, or one of the two where the service doesn't say which: creating a stream tells.
    LogStream,
}

/// Exponential backoff with full jitter: the wait is anywhere between nothing and a ceiling that doubles with each
/// failure in a row. <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
#[derive(Debug, Clone)]
pub struct Backoff {
    failures: u32,
    slow_cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { failures: 0, slow_cap: SLOW_CAP }
    }
}

impl Backoff {
    /// From now on, waits for a human end after `cap` ([`CAP`], say, where the run is to end).
    pub fn limit_slow(&mut self, cap: Duration) {
        self.slow_cap = self.slow_cap.min(cap);
    }

    /// How long to wait after one more failure; none: don't send that request again. `random` is in `[0, 1)`.
    pub fn after(&mut self, verdict: Verdict, random: f64) -> Option<Duration> {
        let ceiling = self.ceiling(verdict)?;
        // How often that happens is bounded where credentials are renewed.
        if verdict != Verdict::Renewed {
            self.failures = self.failures.saturating_add(1);
        }
        Some(ceiling.mul_f64(random.clamp(0.0, 1.0)))
    }

    /// Something went through: the next failure is a first one again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    fn ceiling(&self, verdict: Verdict) -> Option<Duration> {
        let (first, cap) = match verdict {
            // What was just created may take a moment to be seen by all of the service.
            Verdict::Retry | Verdict::Create(_) => (FIRST, CAP),
            Verdict::RetrySlowly => (SLOW_FIRST.min(self.slow_cap), self.slow_cap),
            Verdict::Renewed => (FIRST, FIRST),
            Verdict::Reject => return None,
        };
        let doubled = 2_u32.checked_pow(self.failures).and_then(|factor| first.checked_mul(factor));
        Some(doubled.map_or(cap, |ceiling| ceiling.min(cap)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALMOST_ONE: f64 = 1.0 - f64::EPSILON;

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> =
            (0..10).filter_map(|_| backoff.after(Verdict::Retry, 1.0)).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn with_new_credentials_it_is_tried_at_once_and_counts_for_nothing() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            assert_eq!(backoff.after(Verdict::Renewed, 1.0), Some(FIRST));
        }
        assert_eq!(backoff.after(Verdict::RetrySlowly, 1.0), Some(SLOW_FIRST));
    }

    #[test]
    fn a_rejected_request_is_not_sent_again() {
        assert_eq!(Backoff::default().after(Verdict::Reject, 0.5), None);
    }

    #[test]
    fn after_a_success_waits_are_short_again() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.after(Verdict::RetrySlowly, 0.5);
        }
        backoff.reset();
        assert_eq!(backoff.after(Verdict::Retry, 1.0), Some(FIRST));
    }

    #[test]
    fn a_run_that_is_to_end_never_waits_longer_than_it_was_told() {
        let mut backoff = Backoff::default();
        backoff.limit_slow(Duration::from_secs(1));
        for _ in 0..10 {
            assert_eq!(backoff.after(Verdict::RetrySlowly, 1.0), Some(Duration::from_secs(1)));
        }
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_its_cap(
            slow in prop::collection::vec(any::<bool>(), 1..200),
            random in 0.0..ALMOST_ONE,
        ) {
            let mut backoff = Backoff::default();
            for slow in slow {
                let (verdict, cap) =
                    if slow { (Verdict::RetrySlowly, SLOW_CAP) } else { (Verdict::Retry, CAP) };
                prop_assert!(backoff.after(verdict, random).is_some_and(|wait| wait <= cap));
            }
        }

        #[test]
        fn waits_spread_over_the_whole_range(failures in 0_u32..100, random in 0.0..ALMOST_ONE) {
            let backoff = Backoff { failures, slow_cap: SLOW_CAP };
            let whole = backoff.clone().after(Verdict::Retry, 1.0).unwrap_or_default();
            let part = backoff.clone().after(Verdict::Retry, random).unwrap_or_default();
            prop_assert!((part.as_secs_f64() - whole.as_secs_f64() * random).abs() < 1e-6);
        }
    }
}
