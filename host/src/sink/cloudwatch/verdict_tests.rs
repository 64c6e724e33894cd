//! Every operation on CloudWatch Logs and every way in which it can fail: what comes next.

use super::client::{Client, LogStreamName};
use crate::config::NewGroups;
use crate::sink::canned::{Failure, NEEDS_SOMEBODY, PASSES, WITH_OTHER_CREDENTIALS, access, verdict};
use crate::sink::piece::{Piece, Pieces, Written};
use crate::sink::retry::{Missing, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    PutLogEvents,
    CreateLogStream,
    CreateLogGroup,
    DescribeLogStreams,
    PutRetentionPolicy,
}

use Operation::{CreateLogGroup, CreateLogStream, DescribeLogStreams, PutLogEvents, PutRetentionPolicy};

const ALL: [Operation; 5] =
    [PutLogEvents, CreateLogStream, CreateLogGroup, DescribeLogStreams, PutRetentionPolicy];

/// None: it was no failure.
async fn ask(client: &Client, operation: Operation) -> Option<Verdict> {
    let stream = LogStreamName { group: "g".to_owned(), name: "s".to_owned() };
    let mut written = Written::default();
    written.add_text(0, 0, "x");
    let events: Pieces<()> = Piece::of(0, written, ()).into_iter().collect();
    match operation {
        PutLogEvents => verdict(client.put_log_events(&stream, &events).await),
        CreateLogStream => verdict(client.create_log_stream(&stream).await),
        CreateLogGroup => verdict(client.create_log_group("g", &NewGroups::default()).await),
        DescribeLogStreams => verdict(client.describe_log_streams("g").await),
        PutRetentionPolicy => verdict(client.put_retention_policy("g", 30).await),
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_soon_and_what_needs_somebody_slowly_whatever_was_asked() {
    for operation in ALL {
        for (failures, next) in [(&PASSES[..], Verdict::Retry), (&NEEDS_SOMEBODY[..], Verdict::RetrySlowly)] {
            for failure in failures {
                let client = Client::new(&access(*failure));
                assert_eq!(ask(&client, operation).await, Some(next), "{operation:?}: {failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_renewed_at_once_and_then_slowly() {
    for operation in ALL {
        for failure in WITH_OTHER_CREDENTIALS {
            let client = Client::new(&access(failure));
            let next = [ask(&client, operation).await, ask(&client, operation).await];
            let expected = [Some(Verdict::Renewed), Some(Verdict::RetrySlowly)];
            assert_eq!(next, expected, "{operation:?}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_created_and_what_is_wrong_in_a_put_is_isolated() {
    let (missing, wrong) = ("ResourceNotFoundException", "InvalidParameterException");
    for (operation, code, next) in [
        (PutLogEvents, missing, Some(Verdict::Create(Missing::LogStream))),
        (CreateLogStream, missing, Some(Verdict::Create(Missing::LogGroup))),
        (DescribeLogStreams, missing, Some(Verdict::Create(Missing::LogGroup))),
        // The group was there a moment ago: `groups` tries some times.
        (PutRetentionPolicy, missing, Some(Verdict::RetrySlowly)),
        (PutLogEvents, wrong, Some(Verdict::Reject)),
        // Here it is a name or an option that is wrong: the events are not to blame.
        (CreateLogStream, wrong, Some(Verdict::RetrySlowly)),
        (CreateLogGroup, wrong, Some(Verdict::RetrySlowly)),
        (DescribeLogStreams, wrong, Some(Verdict::RetrySlowly)),
        (PutRetentionPolicy, wrong, Some(Verdict::RetrySlowly)),
        // Somebody was faster.
        (CreateLogStream, "ResourceAlreadyExistsException", None),
        (CreateLogGroup, "ResourceAlreadyExistsException", None),
        (CreateLogGroup, "OperationAbortedException", Some(Verdict::Retry)),
        (CreateLogGroup, "LimitExceededException", Some(Verdict::RetrySlowly)),
    ] {
        let client = Client::new(&access(Failure::Answer(400, code)));
        assert_eq!(ask(&client, operation).await, next, "{operation:?}: {code}");
    }
}
