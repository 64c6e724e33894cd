//! Promise: an object is its file, byte for byte, and no object that is there is ever overwritten by another file's.

use updraft_tests::{BUCKET, Failure, LogFolder, Moto, TRY, updraft};

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MIN_PART: usize = 5 * 1024 * 1024;

#[test]
fn a_key_that_someone_else_has_taken_is_left_alone() {
    let moto = Moto::with_bucket();
    moto.put_object(BUCKET, &format!("logs/{TRY}"), b"of another worker");
    let logs = LogFolder::with_lines(0..3);
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    let mut objects = moto.mirrored();
    assert_eq!(objects.remove(TRY).as_deref(), Some(b"of another worker".as_slice()));
    let (key, body) = objects.pop_first().expect("ours has a key of its own");
    assert!(key.starts_with(&format!("{TRY}.")), "{key}");
    assert_eq!(body, logs.task_files()[TRY]);
    assert!(objects.is_empty(), "{objects:?}");

    // A key once chosen stays with its file.
    logs.append_lines(3..6);
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    assert_eq!(moto.mirrored()[&key], logs.task_files()[TRY]);
    assert_eq!(moto.mirrored().len(), 2);
}

#[test]
fn an_upload_whose_answer_was_lost_is_recognised_as_our_own() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    moto.fail("PutObject", 1, Failure { status: 500, code: "InternalError", after: true });
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_large_file_goes_up_in_parts() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    let text: Vec<u8> = (0..40 * 1024 * 1024_u32)
        .map(|at| b"0123456789abcde\n"[at as usize % 16] ^ (at >> 20 & 1) as u8)
        .collect();
    logs.append(TRY, &text);
    updraft!("run", "--once").on(&moto).deployed(&logs).to_s3().as_anyone().run().exits(0);

    let parts = moto.requests_of("UploadPart");
    assert!(parts.len() > 1);
    let small = parts.iter().filter(|part| part.size < MIN_PART).count();
    assert!(small <= 1, "only the last part may be small: {small} are");
    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    assert!(moto.requests_of("AbortMultipartUpload").is_empty(), "the page's policy does not allow it");
}

#[test]
fn every_byte_a_file_name_can_hold_reaches_its_key() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    for name in [
        "a b",
        "ä+ß",
        "检查",
        "a&b;c,d~e",
        "100%",
        "a?b#c",
        "\"quoted\"",
        "<xml>",
        "manual__2026-11-21T12:00:00+00:00",
    ] {
        logs.append(&format!("dag_id={name}/run_id=r/task_id=t/attempt=1.log"), name);
    }
    updraft!("run", "--once").on(&moto).deployed(&logs).to_s3().as_anyone().run().exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
}
