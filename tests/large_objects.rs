//! Promise: a large file costs its size in traffic, however often its object is refreshed, and whatever others do to it.

use updraft_tests::{
    BUCKET, COPIED, Failure, LogFolder, MIB, Moto, NORMALIZED, Running, TRY, Updraft, eventually, s3_page,
    text, updraft,
};

/// From which size on an object is copied. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MIN_PART: usize = 5 * MIB;

/// Bytes in the bodies of all puts and parts.
fn sent(moto: &Moto) -> usize {
    let of = |operation: &str| moto.requests_of(operation).iter().map(|asked| asked.size).sum::<usize>();
    of("PutObject") + of("UploadPart")
}

fn count(moto: &Moto, operation: &str) -> usize {
    moto.requests_of(operation).len()
}

/// A try with so many bytes whose object is there, and a run that follows it.
fn mirrored(moto: &Moto, bytes: usize, pipeline: &str) -> (LogFolder, Running) {
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, bytes));
    let running = updraft!("run").mirroring(&logs, moto, pipeline).spawn();
    moto.wait_for_size(TRY, bytes);
    (logs, running)
}

/// One MiB more arrives, and the run, asked to end, has said this.
fn grows_and_ends_saying(moto: &Moto, logs: &LogFolder, run: Running, what: &str) {
    logs.append(TRY, text(1, MIB));
    moto.wait_for_size(TRY, 10 * MIB);
    run.terminate();
    let done = run.wait();

    done.exits(0);
    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    assert!(done.stderr.contains(what), "{}", done.stderr);
}

#[test]
fn a_file_that_grows_uploads_little_more_than_itself() {
    let moto = Moto::with_bucket();
    let user = moto.create_user("airflow", &s3_page());
    moto.enforce_iam();
    let logs = LogFolder::empty();
    let run = updraft!("run").mirroring(&logs, &moto, COPIED).signing_with(&user).spawn();
    for refresh in 1..=60 {
        logs.append(TRY, text(refresh, 5 * MIB));
        moto.wait_for_size(TRY, refresh as usize * 5 * MIB);
    }
    run.terminate();
    run.wait().exits(0);

    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    let sent = sent(&moto);
    assert!(sent <= 360 * MIB, "{} MiB went up", sent / MIB);
    let refused = moto.requests().into_iter().find(|asked| asked.status != Some(200));
    assert!(refused.is_none(), "{refused:?}");
}

#[test]
fn what_components_make_of_a_growing_file_goes_up_once_too() {
    let moto = Moto::with_bucket();
    let (logs, run) = mirrored(&moto, 6 * MIB, NORMALIZED);
    for step in 1..=4 {
        logs.append(TRY, text(step, MIB));
        moto.wait_for_size(TRY, (6 + step as usize) * MIB);
    }
    run.terminate();
    run.wait().exits(0);

    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    assert!(count(&moto, "UploadPartCopy") >= 4);
    let sent = sent(&moto);
    assert!(sent < 11 * MIB, "{sent} bytes went up");
}

#[test]
fn an_object_is_copied_from_5_mib_on_and_put_whole_below() {
    for (size, copies) in [(MIN_PART, 1), (MIN_PART - 1, 0)] {
        let moto = Moto::with_bucket();
        let (logs, run) = mirrored(&moto, size, COPIED);
        logs.append(TRY, text(1, MIB));
        moto.wait_for_size(TRY, size + MIB);
        run.terminate();
        run.wait().exits(0);

        assert_eq!(count(&moto, "UploadPartCopy"), copies, "of {size} bytes");
        assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    }
}

#[test]
fn a_key_with_every_character_that_urls_care_about_grows_by_copy() {
    const FILE: &str =
        "dag_id=a b&c;d/run_id=manual__2026-11-21T12:00:00+00:00/task_id=ä?%20#\"~*'(検)/attempt=1.log";
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append(FILE, text(0, 6 * MIB));
    updraft!("run", "--once").mirroring(&logs, &moto, COPIED).run().exits(0);
    logs.append(FILE, text(1, MIB));
    updraft!("run", "--once").mirroring(&logs, &moto, COPIED).run().exits(0);

    assert_eq!(count(&moto, "UploadPartCopy"), 1);
    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    assert!(sent(&moto) < 8 * MIB);
}

#[test]
fn a_key_that_someone_else_has_costs_a_large_file_nothing() {
    let moto = Moto::with_bucket();
    moto.put_object(BUCKET, &format!("logs/{TRY}"), b"of another worker");
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, 20 * MIB));
    updraft!("run", "--once").mirroring(&logs, &moto, COPIED).run().exits(0);

    let mut objects = moto.mirrored();
    assert_eq!(objects.remove(TRY).as_deref(), Some(b"of another worker".as_slice()));
    assert!(objects.into_values().eq([logs.task_files()[TRY].clone()]), "ours has a key of its own");
    assert!(sent(&moto) < 21 * MIB);
}

#[test]
fn an_object_that_is_deleted_while_its_file_grows_is_written_again() {
    let moto = Moto::with_bucket();
    let (logs, run) = mirrored(&moto, 9 * MIB, COPIED);
    moto.delete_object(BUCKET, &format!("logs/{TRY}"));
    grows_and_ends_saying(&moto, &logs, run, "the object was deleted");
}

#[test]
fn an_object_that_somebody_replaced_is_left_alone_and_its_file_gets_another() {
    let moto = Moto::with_bucket();
    let (logs, run) = mirrored(&moto, 9 * MIB, COPIED);
    moto.put_object(BUCKET, &format!("logs/{TRY}"), b"of somebody");
    logs.append(TRY, text(1, MIB));
    let done = after_its_object_was_replaced(&moto, &logs, run);
    assert!(done.contains("replaced by somebody"), "{done}");
}

#[test]
fn an_object_that_is_replaced_while_it_is_copied_is_left_alone_as_well() {
    let moto = Moto::with_bucket();
    let (logs, run) = mirrored(&moto, 9 * MIB, COPIED);
    moto.hold("UploadPartCopy");
    logs.append(TRY, text(1, MIB));
    eventually("a copy in flight", || moto.requests_of("UploadPartCopy").pop());
    moto.put_object(BUCKET, &format!("logs/{TRY}"), b"of somebody");
    moto.release();
    after_its_object_was_replaced(&moto, &logs, run);
    assert_eq!(moto.requests_of("UploadPartCopy")[0].status, Some(412));
}

fn after_its_object_was_replaced(moto: &Moto, logs: &LogFolder, run: Running) -> String {
    eventually("another object", || moto.sizes(BUCKET).into_values().find(|&size| size == 10 * MIB));
    // That one grows like any other.
    logs.append(TRY, text(2, MIB));
    eventually("its growth", || moto.sizes(BUCKET).into_values().find(|&size| size == 11 * MIB));
    run.terminate();
    let done = run.wait();
    done.exits(0);

    let mut objects = moto.mirrored();
    assert_eq!(objects.remove(TRY).as_deref(), Some(b"of somebody".as_slice()));
    let (key, body) = objects.pop_first().expect("ours has a key of its own");
    assert!(key.starts_with(&format!("{TRY}.")), "{key}");
    assert!(body == logs.task_files()[TRY], "the object is not the file");
    assert!(objects.is_empty());
    done.stderr
}

#[test]
fn what_cannot_be_copied_is_sent_again() {
    let moto = Moto::with_bucket();
    let (logs, run) = mirrored(&moto, 9 * MIB, COPIED);
    moto.fail("UploadPartCopy", 1, Failure { status: 403, code: "InvalidObjectState", after: false });
    grows_and_ends_saying(&moto, &logs, run, "cannot be copied");
}

#[test]
fn without_the_right_to_read_large_files_still_arrive_and_the_right_is_named() {
    let moto = Moto::with_bucket();
    let may = updraft_tests::allow(&["s3:PutObject"], &["arn:aws:s3:::my-bucket/*"]);
    let user = moto.create_user("airflow", &may);
    moto.enforce_iam();
    let logs = LogFolder::empty();
    let run = |logs: &LogFolder| -> Updraft {
        updraft!("run", "--once").mirroring(logs, &moto, COPIED).signing_with(&user)
    };
    logs.append(TRY, text(0, 9 * MIB));
    run(&logs).run().exits(0);
    logs.append(TRY, text(1, MIB));
    let done = run(&logs).run();

    done.exits(0);
    assert!(moto.mirrored() == logs.task_files(), "the object is not the file");
    assert!(done.stderr.contains("s3:GetObject"), "{}", done.stderr);
}

#[test]
fn a_key_that_was_chosen_and_not_written_before_a_kill_is_claimed_like_any_other() {
    let moto = Moto::with_bucket();
    let (logs, run) = mirrored(&moto, 9 * MIB, COPIED);
    moto.put_object(BUCKET, &format!("logs/{TRY}"), b"of somebody");
    moto.fail("CreateMultipartUpload", 1_000_000, Failure { status: 503, code: "SlowDown", after: false });
    logs.append(TRY, text(1, MIB));
    let another = format!("/{BUCKET}/logs/{TRY}.");
    let chosen = eventually("another key", || {
        let asked = moto.requests_of("CreateMultipartUpload").into_iter();
        asked.map(|it| it.path).find(|path| path.starts_with(&another))
    });
    run.kill();
    moto.forgive();
    let chosen = chosen.trim_start_matches(&format!("/{BUCKET}/"));
    moto.put_object(BUCKET, chosen, b"of another");
    // As without s3:ListBucket.
    moto.fail("HeadObject", 1, Failure { status: 403, code: "AccessDenied", after: false });
    let done = updraft!("run", "--once").mirroring(&logs, &moto, COPIED).run();

    done.exits(0);
    assert!(!done.stderr.contains("was deleted"), "{}", done.stderr);
    let mut objects: Vec<Vec<u8>> = moto.mirrored().into_values().collect();
    objects.sort_unstable_by_key(Vec::len);
    let expected = [b"of another".to_vec(), b"of somebody".to_vec(), logs.task_files()[TRY].clone()];
    assert!(objects == expected, "{:?}", objects.iter().map(Vec::len).collect::<Vec<_>>());
}
