//! Promise: an upload that is cut short is completed, whatever cut it short, and nothing of it is sent twice.

use std::collections::BTreeMap;

use updraft_tests::{
    COPIED, Failure, LogFolder, MIB, Moto, NORMALIZED, Running, TRY, eventually, text, updraft,
};

fn follow(logs: &LogFolder, moto: &Moto, pipeline: &str) -> Running {
    updraft!("run").mirroring(logs, moto, pipeline).spawn()
}

fn finish(logs: &LogFolder, moto: &Moto, pipeline: &str) {
    updraft!("run", "--once").mirroring(logs, moto, pipeline).run().exits(0);
    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
}

fn count(moto: &Moto, operation: &str) -> usize {
    moto.requests_of(operation).len()
}

/// How often each part was sent or copied.
fn parts(moto: &Moto) -> BTreeMap<u16, usize> {
    let mut parts = BTreeMap::new();
    for asked in moto.requests() {
        if let Some(part) = asked.part {
            *parts.entry(part).or_default() += 1;
        }
    }
    parts
}

/// Lets a run come to a request of that operation after so many others, and kills it there; AWS carries the request out.
fn killed_at(operation: &str, after: usize, logs: &LogFolder, moto: &Moto, pipeline: &str) {
    moto.hold_after(after as u32, operation);
    let before = count(moto, operation);
    let run = follow(logs, moto, pipeline);
    eventually("a request in flight", || (count(moto, operation) > before + after).then_some(()));
    run.kill();
    moto.release();
    eventually("the request carried out", || {
        moto.requests().iter().all(|asked| asked.ended.is_some()).then_some(())
    });
}

#[test]
fn a_kill_between_parts_costs_the_part_that_was_in_flight_and_no_other() {
    for pipeline in [COPIED, NORMALIZED] {
        let moto = Moto::with_bucket();
        let logs = LogFolder::empty();
        logs.append(TRY, text(0, 42 * MIB));
        killed_at("UploadPart", 2, &logs, &moto, pipeline);
        // It grows on before the next process comes.
        logs.append(TRY, text(1, 3 * MIB));
        finish(&logs, &moto, pipeline);

        assert_eq!(count(&moto, "CreateMultipartUpload"), 1);
        let parts = parts(&moto);
        assert_eq!(parts[&3], 2, "the one in flight");
        assert!(parts.into_iter().all(|(part, times)| times == 1 || part == 3));
    }
}

#[test]
fn a_kill_while_an_upload_is_completed_sends_no_part_again() {
    for pipeline in [COPIED, NORMALIZED] {
        let moto = Moto::with_bucket();
        let logs = LogFolder::empty();
        logs.append(TRY, text(0, 20 * MIB));
        killed_at("CompleteMultipartUpload", 0, &logs, &moto, pipeline);
        finish(&logs, &moto, pipeline);

        assert_eq!(count(&moto, "CreateMultipartUpload"), 1);
        assert!(parts(&moto).into_values().all(|times| times == 1));
    }
}

#[test]
fn a_kill_while_a_grown_object_is_made_copies_and_sends_nothing_again() {
    for pipeline in [COPIED, NORMALIZED] {
        let moto = Moto::with_bucket();
        let logs = LogFolder::empty();
        logs.append(TRY, text(0, 6 * MIB));
        finish(&logs, &moto, pipeline);
        logs.append(TRY, text(1, 20 * MIB));
        killed_at("UploadPart", 1, &logs, &moto, pipeline);
        finish(&logs, &moto, pipeline);

        assert_eq!(count(&moto, "CreateMultipartUpload"), 1);
        assert_eq!(count(&moto, "UploadPartCopy"), 1);
        let parts = parts(&moto);
        assert_eq!(parts[&3], 2, "the one in flight");
        assert!(parts.into_iter().all(|(part, times)| times == 1 || part == 3));
    }
}

#[test]
fn a_kill_while_what_is_there_is_copied_goes_on_with_the_copy() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, 6 * MIB));
    finish(&logs, &moto, COPIED);
    logs.append(TRY, text(1, MIB));
    killed_at("UploadPartCopy", 0, &logs, &moto, COPIED);
    finish(&logs, &moto, COPIED);

    assert_eq!(count(&moto, "CreateMultipartUpload"), 1);
    assert_eq!(parts(&moto), BTreeMap::from([(1, 2), (2, 1)]));
}

#[test]
fn an_upload_that_was_completed_though_nobody_heard_it_is_recognised() {
    for pipeline in [COPIED, NORMALIZED] {
        // S3 says that it is done, again; or that it knows no such upload any more.
        for said in [None, Some(Failure { status: 404, code: "NoSuchUpload", after: false })] {
            let moto = Moto::with_bucket();
            let logs = LogFolder::empty();
            logs.append(TRY, text(0, 20 * MIB));
            killed_at("CompleteMultipartUpload", 0, &logs, &moto, pipeline);
            if let Some(failure) = said {
                moto.fail("CompleteMultipartUpload", 1, failure);
            }
            logs.append(TRY, text(1, MIB));
            finish(&logs, &moto, pipeline);

            assert_eq!(count(&moto, "CreateMultipartUpload"), 2, "one for the file, one for its growth");
            assert_eq!(count(&moto, "UploadPartCopy"), 1);
            assert_eq!(count(&moto, "UploadPart"), 4, "three parts, and what is new");
        }
    }
}

#[test]
fn an_answer_that_is_lost_sends_no_part_again() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, 20 * MIB));
    moto.fail("CompleteMultipartUpload", 1, Failure { status: 500, code: "InternalError", after: true });
    moto.fail("UploadPart", 1, Failure { status: 500, code: "InternalError", after: true });
    moto.fail("UploadPart", 1, Failure { status: 503, code: "SlowDown", after: false });
    finish(&logs, &moto, COPIED);

    assert_eq!(count(&moto, "CreateMultipartUpload"), 1);
    assert_eq!(parts(&moto), BTreeMap::from([(1, 3), (2, 1), (3, 1)]));
}

#[test]
fn an_upload_that_the_bucket_has_thrown_away_is_begun_anew() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, 20 * MIB));
    killed_at("UploadPart", 1, &logs, &moto, COPIED);
    moto.fail("UploadPart", 1, Failure { status: 404, code: "NoSuchUpload", after: false });
    finish(&logs, &moto, COPIED);

    assert_eq!(count(&moto, "CreateMultipartUpload"), 2);
}

#[test]
fn a_large_object_that_was_put_and_never_written_down_is_not_sent_again() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, 6 * MIB));
    killed_at("PutObject", 0, &logs, &moto, COPIED);
    logs.append(TRY, text(1, 3 * MIB));
    finish(&logs, &moto, COPIED);

    assert_eq!(count(&moto, "PutObject"), 1);
    assert_eq!(parts(&moto), BTreeMap::from([(1, 1), (2, 1)]), "a copy, and what is new");
}
