//! `PutLogEvents`: one put, and which of its events the service did not want.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>

use std::ops::Range;

use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsError;
use aws_sdk_cloudwatchlogs::types::RejectedLogEventsInfo;

use super::body::Body;
use super::client::{Client, LogStreamName};
use crate::sink::piece::Pieces;
use crate::sink::retry::{Missing, Verdict};
use crate::sink::service_error::ServiceError;

/// The put is in, but for these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// None: all of it.
    pub rejected: Option<Rejected>,
}

/// Which events of the put were refused, by their places in it. The ranges don't overlap; some are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Older than 14 days.
    pub too_old: Range<usize>,
    /// Older than the log group keeps events.
    pub expired: Range<usize>,
    /// More than 2 hours ahead of AWS's clock.
    pub too_new: Range<usize>,
}

impl Client {
    /// Puts events that a [`crate::sink::batch::Packer`] has sorted and kept within the limits.
    ///
    /// Errors: `Create` where the stream, and perhaps its group, is missing; `Reject` where the service holds the
    /// put for malformed, which then no retry can mend.
    pub async fn put_log_events<T>(
        &self,
        stream: &LogStreamName,
        events: &Pieces<T>,
    ) -> Result<Accepted, Box<ServiceError>> {
        let call = self.call_on_stream("logs:PutLogEvents", stream);
        let mut body = Body::of(stream, events);
        if self.gzip {
            let failed = |error| call.failed(&SdkError::<PutLogEventsError, _>::construction_failure(error));
            body = body.compressed().map_err(failed)?;
        }
        let request = self.sdk.put_log_events().log_group_name(&stream.group);
        let request = request.log_stream_name(&stream.name).set_log_events(Some(Vec::new()));
        let answer = request.customize().interceptor(body).send().await;
        let output = answer.map_err(|error| refine(call.failed(&error)))?;
        let rejected = output.rejected_log_events_info.map(|info| decode(&info, events.len()));
        Ok(Accepted { rejected })
    }
}

fn refine(mut failure: Box<ServiceError>) -> Box<ServiceError> {
    match failure.code.as_deref() {
        // Which of group and stream it is, creating the stream tells more reliably than the message does.
        Some("ResourceNotFoundException") => failure.verdict = Verdict::Create(Missing::LogStream),
        Some("InvalidParameterException") => failure.verdict = Verdict::Reject,
        _ => {}
    }
    failure
}

/// The two ends are exclusive and count from the put's oldest event, the start is inclusive and reaches to its newest.
fn decode(info: &RejectedLogEventsInfo, len: usize) -> Rejected {
    let place = |index: Option<i32>, absent| {
        index.map_or(absent, |index| usize::try_from(index).unwrap_or(0).min(len))
    };
    let too_old = place(info.too_old_log_event_end_index, 0);
    let expired = place(info.expired_log_event_end_index, 0).max(too_old);
    let too_new = place(info.too_new_log_event_start_index, len).max(expired);
    Rejected { too_old: 0..too_old, expired: too_old..expired, too_new: too_new..len }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info(too_old: Option<i32>, expired: Option<i32>, too_new: Option<i32>) -> RejectedLogEventsInfo {
        RejectedLogEventsInfo::builder()
            .set_too_old_log_event_end_index(too_old)
            .set_expired_log_event_end_index(expired)
            .set_too_new_log_event_start_index(too_new)
            .build()
    }

    #[test]
    fn ends_are_exclusive_and_the_start_is_inclusive() {
        let rejected = decode(&info(Some(2), Some(3), Some(8)), 10);
        assert_eq!(rejected, Rejected { too_old: 0..2, expired: 2..3, too_new: 8..10 });
    }

    #[test]
    fn an_event_is_refused_for_one_reason_only() {
        let rejected = decode(&info(Some(5), Some(5), None), 10);
        assert_eq!(rejected, Rejected { too_old: 0..5, expired: 5..5, too_new: 10..10 });
    }

    proptest! {
        #[test]
        fn whatever_the_service_says_the_ranges_are_in_bounds_and_apart(
            too_old: Option<i32>, expired: Option<i32>, too_new: Option<i32>, len in 0_usize..10_001,
        ) {
            let rejected = decode(&info(too_old, expired, too_new), len);
            prop_assert_eq!(rejected.too_old.start, 0);
            prop_assert_eq!(rejected.too_old.end, rejected.expired.start);
            prop_assert!(rejected.expired.start <= rejected.expired.end);
            prop_assert!(rejected.expired.end <= rejected.too_new.start);
            prop_assert!(rejected.too_new.start <= rejected.too_new.end);
            prop_assert_eq!(rejected.too_new.end, len);
        }
    }
}
