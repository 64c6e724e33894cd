//! What CloudWatch Logs allows. Nothing is dropped for a limit: what doesn't fit is split or sent later.

use crate::sink::batch;

/// Bytes in one put: the texts in UTF-8 and [`EVENT_OVERHEAD`] for each event.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
pub const MAX_PUT_BYTES: usize = 1_048_576;
/// What an event counts besides its text. (Same page.)
pub const EVENT_OVERHEAD: usize = 26;
/// Events in one put. (Same page.)
pub const MAX_PUT_EVENTS: usize = 10_000;
/// "The time span in a single batch cannot exceed 24 hours." (Same page.) We stay below it, in milliseconds.
pub const PUT_SPAN_MS: u64 = 24 * 60 * 60 * 1000;
/// Bytes in the text of one event: "no larger than 1 MB" (same page), and it has to go into a put.
pub const MAX_EVENT_BYTES: usize = MAX_PUT_BYTES - EVENT_OVERHEAD;
/// Bytes of one character in UTF-8: a text can't be split finer.
const LONGEST_CHARACTER: usize = 4;

/// What a put may hold where the config allows no more than `max_events` and `max_bytes`.
pub fn of_put(max_events: usize, max_bytes: usize) -> batch::Limits {
    batch::Limits {
        max_events: max_events.clamp(1, MAX_PUT_EVENTS),
        max_bytes: max_bytes.clamp(EVENT_OVERHEAD + LONGEST_CHARACTER, MAX_PUT_BYTES),
        event_overhead: EVENT_OVERHEAD,
        span_ms: PUT_SPAN_MS,
    }
}

/// How large the text of one event may be in such puts, in bytes.
pub fn max_event_bytes(limits: &batch::Limits) -> usize {
    limits.max_bytes.saturating_sub(EVENT_OVERHEAD).min(MAX_EVENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::batch::{Misfit, Packer};
    use crate::sink::piece::{Piece, Written};

    #[test]
    fn the_config_cannot_raise_what_the_service_allows() {
        let limits = of_put(MAX_PUT_EVENTS + 1, MAX_PUT_BYTES + 1);
        assert_eq!((limits.max_events, limits.max_bytes), (10_000, 1_048_576));
        let limits = of_put(MAX_PUT_EVENTS - 1, MAX_PUT_BYTES - 1);
        assert_eq!((limits.max_events, limits.max_bytes), (9_999, 1_048_575));
    }

    #[test]
    fn the_largest_event_fills_a_put_and_one_byte_more_has_no_place() {
        let limits = of_put(MAX_PUT_EVENTS, MAX_PUT_BYTES);
        let event = |len| {
            let mut written = Written::default();
            written.add_text(0, 0, &"x".repeat(len));
            Piece::of(0, written, ()).expect("a text was written")
        };
        let mut packer = Packer::new(limits);
        let largest = event(max_event_bytes(&limits));
        assert_eq!(packer.fits(&largest.texts()[0]), Ok(()));
        packer.add(largest);
        assert_eq!(packer.bytes(), MAX_PUT_BYTES);
        let refused = packer.fits(&event(max_event_bytes(&limits) + 1).texts()[0]);
        assert_eq!(refused, Err(Misfit::TooLarge { weight: MAX_PUT_BYTES + 1, max_bytes: MAX_PUT_BYTES }));
    }
}
