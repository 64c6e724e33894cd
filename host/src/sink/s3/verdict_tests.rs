//! Every operation on S3 and every way in which it can fail: what comes next.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::client::{Client, Precondition};
use super::multipart::{Upload, must_begin_anew};
use super::settings::{LOG, ObjectSettings};
use super::upload_part_copy::{CopySource, cannot_be_copied, source_changed};
use crate::config::{self, Format, SinkKind};
use crate::sink::canned::{Failure, NEEDS_SOMEBODY, PASSES, WITH_OTHER_CREDENTIALS, access};
use crate::sink::retry::Verdict;
use crate::sink::service_error::ServiceError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    PutObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    HeadObject,
    HeadBucket,
}

use Operation::{
    CompleteMultipartUpload, CreateMultipartUpload, HeadBucket, HeadObject, PutObject, UploadPart,
    UploadPartCopy,
};

const WITH_BODIES: [Operation; 5] =
    [PutObject, CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload];

fn client(failure: Failure) -> Client {
    let text = "sources: {a: {type: airflow, base_log_folder: /logs}}\n\
                sinks: {s: {type: aws_s3, inputs: [a], bucket: b}}";
    let config = config::from_str(text, Format::Yaml, "p.yaml", &BTreeMap::new()).expect("good");
    let SinkKind::S3(options) = &config.sinks[0].kind else { panic!("S3") };
    Client::new(&access(failure), options)
}

/// None: it was no failure.
async fn ask(client: &Client, operation: Operation) -> Option<Box<ServiceError>> {
    let (bytes, absent) = (Bytes::from_static(b"x"), Precondition::Absent);
    let settings = ObjectSettings::new(client.objects(), LOG, None);
    let upload = Upload { key: "k".to_owned(), id: "u".to_owned() };
    match operation {
        PutObject => client.put_object("k", bytes.into(), &settings, absent).await.err(),
        CreateMultipartUpload => client.create_upload("k", &settings).await.err(),
        UploadPart => client.upload_part(&upload, 1, bytes).await.err(),
        UploadPartCopy => {
            let source = CopySource { key: "k", etag: None, range: None };
            client.upload_part_copy(&upload, 1, &source).await.err()
        }
        CompleteMultipartUpload => client.complete_upload(&upload, Vec::new(), absent).await.err(),
        HeadObject => client.head_object("k").await.err(),
        HeadBucket => client.head_bucket().await.err(),
    }
}

async fn verdict(client: &Client, operation: Operation) -> Option<Verdict> {
    ask(client, operation).await.map(|failure| failure.verdict)
}

#[tokio::test]
async fn what_passes_is_tried_again_soon_and_what_needs_somebody_slowly_whatever_was_asked() {
    for operation in WITH_BODIES {
        for (failures, next) in [(&PASSES[..], Verdict::Retry), (&NEEDS_SOMEBODY[..], Verdict::RetrySlowly)] {
            for failure in failures {
                let next = Some(next);
                assert_eq!(verdict(&client(*failure), operation).await, next, "{operation:?}: {failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn credentials_that_are_refused_are_renewed_at_once_and_then_slowly() {
    for operation in WITH_BODIES {
        for failure in WITH_OTHER_CREDENTIALS {
            let client = client(failure);
            let next = [verdict(&client, operation).await, verdict(&client, operation).await];
            let expected = [Some(Verdict::Renewed), Some(Verdict::RetrySlowly)];
            assert_eq!(next, expected, "{operation:?}: {failure:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_body_is_judged_by_its_status() {
    let slowly = Some(Verdict::RetrySlowly);
    for operation in [HeadObject, HeadBucket] {
        for failure in [Failure::TimedOut, Failure::Refused, Failure::Cut] {
            assert_eq!(verdict(&client(failure), operation).await, Some(Verdict::Retry), "{failure:?}");
        }
        for (status, next) in [
            (429, Some(Verdict::Retry)),
            (500, Some(Verdict::Retry)),
            (503, Some(Verdict::Retry)),
            (400, slowly),
            (403, slowly),
            (301, slowly),
            (404, if operation == HeadObject { None } else { slowly }),
        ] {
            let client = client(Failure::Answer(status, ""));
            assert_eq!(verdict(&client, operation).await, next, "{operation:?}: {status}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_or_is_wrong_is_never_given_up() {
    for operation in WITH_BODIES {
        for (status, code) in [
            (404, "NoSuchBucket"),
            (301, "PermanentRedirect"),
            (400, "InvalidArgument"),
            (400, "InvalidRequest"),
            (400, "MalformedXML"),
        ] {
            let next = verdict(&client(Failure::Answer(status, code)), operation).await;
            assert_eq!(next, Some(Verdict::RetrySlowly), "{operation:?}: {code}");
        }
        let busy = verdict(&client(Failure::Answer(409, "ConditionalRequestConflict")), operation).await;
        assert_eq!(busy, Some(Verdict::Retry), "{operation:?}");
    }
    let taken = client(Failure::Answer(412, "PreconditionFailed"));
    for operation in [PutObject, CompleteMultipartUpload] {
        assert_eq!(verdict(&taken, operation).await, None, "{operation:?}: a taken key is an answer");
    }
}

#[tokio::test]
async fn an_upload_that_is_no_more_begins_anew_and_an_object_that_changed_is_not_copied() {
    for (status, code) in [(404, "NoSuchUpload"), (400, "InvalidPart"), (400, "EntityTooSmall")] {
        let client = client(Failure::Answer(status, code));
        for operation in [UploadPart, CompleteMultipartUpload] {
            let failure = ask(&client, operation).await.expect("a failure");
            assert!(must_begin_anew(&failure), "{operation:?}: {code}");
        }
    }
    for (status, code) in [(412, "PreconditionFailed"), (404, "NoSuchKey")] {
        let failure = ask(&client(Failure::Answer(status, code)), UploadPartCopy).await;
        assert!(source_changed(&failure.expect("a failure")), "{code}");
    }
    for (status, code) in [(403, "InvalidObjectState"), (403, "AccessDenied"), (501, "NotImplemented")] {
        let failure = ask(&client(Failure::Answer(status, code)), UploadPartCopy).await;
        assert!(cannot_be_copied(&failure.expect("a failure")), "{code}");
    }
}
