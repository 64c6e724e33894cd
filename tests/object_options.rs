//! Promise: each object is what the config asks for, whether it goes up in one piece or in parts; and what nobody
//! asked for is not sent.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use updraft_tests::{
    BUCKET, Keys, LogFolder, MIB, Moto, ObjectKind, REGION, Running, TRY, Updraft, allow, eventually, line,
    text, updraft,
};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1";
const SECOND_TRY: &str = "dag_id=prüfen/run_id=r/task_id=t/attempt=2.log";

/// These logs to the bucket of this moto, with more options of the sink, in YAML's flow style.
fn mirroring(updraft: Updraft, logs: &LogFolder, moto: &Moto, options: &str) -> Updraft {
    let config = format!(
        "
sources:
  airflow: {{ type: airflow }}
sinks:
  s3: {{ type: aws_s3, inputs: [airflow], bucket: {BUCKET}, healthcheck: {{ enabled: false }}, {options} }}
"
    );
    updraft.on(moto).deployed(logs).config("pipeline.yaml", &config)
}

fn once(logs: &LogFolder, moto: &Moto, options: &str) -> Updraft {
    mirroring(updraft!("run", "--once"), logs, moto, options).as_anyone()
}

/// One file that goes up in one piece, and one that goes up in parts.
fn small_and_large() -> LogFolder {
    let logs = LogFolder::with_lines(0..3);
    logs.append(SECOND_TRY, text(1, 9 * MIB));
    logs
}

/// Both objects of [`small_and_large`], the large one last.
fn both(moto: &Moto) -> [ObjectKind; 2] {
    let mut kinds = moto.object_kinds(BUCKET);
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    [TRY, SECOND_TRY].map(|key| kinds.remove(key).expect("it is there"))
}

fn bucket_with_locks() -> Moto {
    let moto = Moto::start();
    moto.create_bucket_with_locks(BUCKET);
    moto
}

#[test]
fn an_object_is_plain_where_nobody_asked_for_more() {
    let moto = Moto::with_bucket();
    once(&small_and_large(), &moto, "key_prefix: ''").run().exits(0);

    assert_eq!(moto.requests_of("CreateMultipartUpload").len(), 1);
    for kind in both(&moto) {
        assert_eq!(
            (kind.storage_class.as_str(), &kind.encryption, &kind.kms_key_id),
            ("STANDARD", &None, &None)
        );
        assert_eq!((&kind.acl, &kind.lock_mode, &kind.lock_until), (&None, &None, &None));
        assert_eq!((kind.tags.len(), kind.checksum_algorithm.as_deref()), (0, Some("CRC32")));
        assert_eq!(kind.metadata["content-type"], "text/plain; charset=utf-8");
        let names: Vec<_> = kind.metadata.keys().filter(|name| name.starts_with("x-amz-meta-")).collect();
        assert_eq!(names, ["x-amz-meta-updraft-generation"]);
        assert!(!kind.metadata.contains_key("content-encoding"));
    }
}

#[test]
fn acl_and_storage_class_are_what_was_asked_for() {
    for (acl, class) in [("bucket-owner-full-control", "STANDARD_IA"), ("public-read", "INTELLIGENT_TIERING")]
    {
        let moto = Moto::with_bucket();
        once(&small_and_large(), &moto, &format!("acl: {acl}, storage_class: {class}")).run().exits(0);
        for kind in both(&moto) {
            assert_eq!((kind.acl.as_deref(), kind.storage_class.as_str()), (Some(acl), class));
        }
    }
}

#[test]
fn objects_are_encrypted_as_was_asked_for() {
    for (encryption, key) in
        [("AES256", None), ("aws:kms", None), ("aws:kms", Some(KEY)), ("aws:kms:dsse", Some(KEY))]
    {
        let moto = Moto::with_bucket();
        let key_option = key.map_or(String::new(), |key| format!(", ssekms_key_id: '{key}'"));
        let options = format!("server_side_encryption: '{encryption}'{key_option}");
        once(&small_and_large(), &moto, &options).run().exits(0);
        for kind in both(&moto) {
            assert_eq!((kind.encryption.as_deref(), kind.kms_key_id.as_deref()), (Some(encryption), key));
        }
    }
}

#[test]
fn tags_and_metadata_speak_of_the_stream() {
    let moto = Moto::with_bucket();
    let options = "tags: { dag: '{{ dag_id }}', team: 'a&b' }, \
                   metadata: { dag: '{{ dag_id }}', Try: '{{ try_number }}' }";
    once(&small_and_large(), &moto, options).run().exits(0);

    // S3 decodes and encodes what headers cannot carry.
    let expected = [("etl", "etl", "1"), ("prüfen", "=?UTF-8?B?cHLDvGZlbg==?=", "2")];
    for (kind, (dag, header, attempt)) in both(&moto).iter().zip(expected) {
        assert_eq!(kind.tags, BTreeMap::from([("dag".into(), dag.into()), ("team".into(), "a_b".into())]));
        assert_eq!(kind.metadata["x-amz-meta-dag"], header);
        assert_eq!(kind.metadata["x-amz-meta-try"], attempt);
        assert!(kind.metadata.contains_key("x-amz-meta-updraft-generation"));
    }
}

#[test]
fn a_tag_that_a_stream_cannot_have_is_left_out_and_said() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append("other.log", "x\n");
    let done = once(&logs, &moto, "tags: { dag: '{{ dag_id }}' }, metadata: { host: '{{ host }}' }").run();

    done.exits(0);
    assert!(done.stderr.contains("tags.dag left out"), "{}", done.stderr);
    let kind = &moto.object_kinds(BUCKET)["other.log"];
    assert!(kind.tags.is_empty() && kind.metadata.contains_key("x-amz-meta-host"), "{kind:?}");
}

#[test]
fn content_type_and_encoding_are_what_the_config_says() {
    let moto = Moto::with_bucket();
    let options = "content_type: text/x-airflow, content_encoding: identity";
    once(&small_and_large(), &moto, options).run().exits(0);
    for kind in both(&moto) {
        assert_eq!(kind.metadata["content-type"], "text/x-airflow");
        assert_eq!(kind.metadata["content-encoding"], "identity");
    }
}

#[test]
fn an_object_of_many_events_says_what_it_is_and_has_the_options_too() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let options = "layout: batch, storage_class: STANDARD_IA, tags: { dag: '{{ dag_id }}' }, acl: private";
    once(&logs, &moto, options).run().exits(0);

    let (_, kind) = moto.object_kinds(BUCKET).pop_first().expect("an object");
    assert_eq!(kind.metadata["content-type"], "application/x-ndjson");
    assert_eq!(kind.metadata["content-encoding"], "gzip");
    assert_eq!((kind.storage_class.as_str(), kind.acl.as_deref()), ("STANDARD_IA", Some("private")));
    assert_eq!(kind.tags["dag"], "etl");
}

#[test]
fn s3_keeps_the_checksum_that_was_asked_for() {
    for algorithm in ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] {
        let moto = Moto::with_bucket();
        let logs = small_and_large();
        once(&logs, &moto, &format!("checksum_algorithm: {algorithm}, refresh_secs: 0.1")).run().exits(0);
        for kind in both(&moto) {
            assert_eq!(kind.checksum_algorithm, Some(algorithm.to_uppercase()));
            assert!(kind.checksum.is_some(), "{kind:?}");
        }
        // What was copied has it as well.
        logs.append(SECOND_TRY, text(2, MIB));
        once(&logs, &moto, &format!("checksum_algorithm: {algorithm}, refresh_secs: 0.1")).run().exits(0);
        assert_eq!(moto.requests_of("UploadPartCopy").len(), 1, "{algorithm}");
        assert_eq!(both(&moto)[1].checksum_algorithm, Some(algorithm.to_uppercase()));
        assert!(moto.objects(BUCKET)[SECOND_TRY].body == logs.task_files()[SECOND_TRY], "{algorithm}");
    }
}

#[test]
fn a_locked_object_is_locked_for_as_long_as_was_asked_for() {
    for mode in ["governance", "compliance"] {
        let moto = bucket_with_locks();
        let hours_of_days = |at: Timestamp| at + (30 * 24).hours();
        let before = hours_of_days(Timestamp::now());
        let options = format!("write_once: true, object_lock: {{ mode: {mode}, days: 30 }}");
        once(&small_and_large(), &moto, &options).run().exits(0);
        let after = hours_of_days(Timestamp::now());
        for kind in both(&moto) {
            assert_eq!(kind.lock_mode, Some(mode.to_uppercase()));
            let until: Timestamp = kind.lock_until.as_deref().unwrap_or_default().parse().expect("a time");
            // In whole seconds.
            assert!(before - 1.second() <= until && until <= after, "{before} {until} {after}");
        }
    }
}

#[test]
fn a_bucket_without_locks_is_named() {
    let moto = Moto::with_bucket();
    let options = "write_once: true, object_lock: { mode: governance, days: 1 }";
    let logs = LogFolder::with_lines(0..3);
    let refused = once(&logs, &moto, options);
    refused.run_until_it_says(&["use a bucket that was made with Object Lock"]).exits(1);
}

fn writer(moto: &Moto, more: &[&str]) -> Keys {
    let page = ["s3:PutObject", "s3:GetObject", "s3:ListBucket", "s3:DeleteObject"];
    let keys = moto.create_user("airflow", &allow(&[&page, more].concat(), &["*"]));
    moto.enforce_iam();
    keys
}

#[test]
fn an_option_names_the_right_that_it_needs() {
    for (options, right) in [
        ("acl: private", "s3:PutObjectAcl"),
        ("tags: { team: data }", "s3:PutObjectTagging"),
        ("write_once: true, object_lock: { mode: governance, days: 1 }", "s3:PutObjectRetention"),
        ("server_side_encryption: 'aws:kms', ssekms_key_id: k", "kms:GenerateDataKey"),
    ] {
        for logs in [LogFolder::with_lines(0..3), {
            let logs = LogFolder::empty();
            logs.append(SECOND_TRY, text(1, 9 * MIB));
            logs
        }] {
            let moto = bucket_with_locks();
            let keys = writer(&moto, &[]);
            let refused = once(&logs, &moto, options);
            refused.signing_with(&keys).run_until_it_says(&["grant s3:PutObject on", right]).exits(1);

            // With it, all is well.
            let moto = bucket_with_locks();
            let keys = writer(&moto, &[right]);
            let again = once(&logs, &moto, options);
            let data = again.home().join("data");
            again.env("UPDRAFT_DATA_DIR", data).signing_with(&keys).run().exits(0);
        }
    }
}

#[test]
fn what_needs_no_right_works_with_the_pages_policy() {
    let moto = Moto::with_bucket();
    let keys = writer(&moto, &[]);
    let options = "storage_class: STANDARD_IA, server_side_encryption: AES256, metadata: { team: data }, \
                   checksum_algorithm: sha256, content_type: text/x";
    once(&small_and_large(), &moto, options).signing_with(&keys).run().exits(0);
    both(&moto);
}

/// A run whose second sink shows what it has seen.
fn running_beside_a_copy(logs: &LogFolder, moto: &Moto, out: &std::path::Path, options: &str) -> Running {
    let copy = out.display();
    let options = format!("{options} }}\n  copy: {{ type: file, inputs: [airflow], path: '{copy}'");
    mirroring(updraft!("run"), logs, moto, &options).as_anyone().spawn()
}

#[test]
fn an_object_that_is_written_once_is_not_written_while_its_file_may_grow() {
    let (moto, logs, out) = (bucket_with_locks(), LogFolder::with_lines(0..3), LogFolder::empty());
    let running = running_beside_a_copy(&logs, &moto, out.path(), "write_once: true, quiet_secs: 3600");
    for lines in [3, 4, 5] {
        eventually("the copy", || (out.task_files() == logs.task_files()).then_some(()));
        logs.append_lines(lines..lines + 1);
    }
    eventually("the copy", || (out.task_files() == logs.task_files()).then_some(()));
    assert!(moto.requests_of("PutObject").is_empty(), "{:?}", moto.requests());

    // Nothing more comes when the host stops.
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.objects(BUCKET)[TRY].body, logs.task_files()[TRY]);
    assert_eq!(moto.object_kinds(BUCKET)[TRY].versions, 1);
    assert_eq!(moto.requests_of("PutObject").len(), 1);
}

#[test]
fn an_object_that_is_written_once_is_written_when_its_file_is_gone() {
    let (moto, logs, out) = (bucket_with_locks(), LogFolder::with_lines(0..3), LogFolder::empty());
    let whole = logs.task_files()[TRY].clone();
    let running = running_beside_a_copy(&logs, &moto, out.path(), "write_once: true, quiet_secs: 3600");
    eventually("the copy", || out.task_files().contains_key(TRY).then_some(()));
    assert!(moto.requests_of("PutObject").is_empty());

    std::fs::remove_file(logs.path().join(TRY)).expect("it is there");
    eventually("the object", || (moto.objects(BUCKET).get(TRY)?.body == whole).then_some(()));
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.object_kinds(BUCKET)[TRY].versions, 1);
}

#[test]
fn a_file_that_grows_after_its_quiet_is_written_again_as_a_new_version_and_that_is_said_once() {
    let (moto, logs) = (bucket_with_locks(), LogFolder::with_lines(0..3));
    let options = "write_once: true, quiet_secs: 0.1, object_lock: { mode: governance, days: 1 }";
    let running = mirroring(updraft!("run"), &logs, &moto, options).as_anyone().spawn();
    let there = || moto.objects(BUCKET).get(TRY).is_some_and(|object| object.body == logs.task_files()[TRY]);
    eventually("the object", || there().then_some(()));
    for lines in [3, 4] {
        logs.append_lines(lines..lines + 1);
        eventually("the object again", || there().then_some(()));
    }
    running.terminate();
    let done = running.wait();
    done.exits(0);
    assert_eq!(moto.object_kinds(BUCKET)[TRY].versions, 3);
    assert_eq!(done.stderr.matches("grew after its object was written").count(), 1, "{}", done.stderr);
}

#[test]
fn a_prefix_stands_before_every_key_and_the_bucket_in_the_path() {
    let moto = Moto::start();
    moto.create_bucket(BUCKET, REGION);
    let logs = LogFolder::empty();
    logs.append("a.log", line(0));
    once(&logs, &moto, "key_prefix: 'logs/x-', force_path_style: true").run().exits(0);
    assert_eq!(moto.requests_of("PutObject")[0].path, format!("/{BUCKET}/logs/x-a.log"));
}

#[test]
fn no_more_objects_are_written_at_once_than_the_config_says() {
    let logs = LogFolder::empty();
    for file in 0..6 {
        logs.append(&format!("{file}.log"), line(0));
    }
    let moto = Moto::with_bucket();
    let one = once(&logs, &moto, "request: { concurrency: 1 }");
    let data = one.home().join("data");
    one.env("UPDRAFT_DATA_DIR", data).run().exits(0);
    let mut puts = moto.requests_of("PutObject");
    puts.sort_by_key(|put| put.began);
    assert_eq!(puts.len(), 6);
    for two in puts.windows(2) {
        assert!(two[0].ended.is_some_and(|ended| ended < two[1].began), "two puts at once: {two:?}");
    }

    // With two of them, two are under way at once.
    let moto = Moto::with_bucket();
    moto.hold("PutObject");
    let options = "request: { concurrency: 2 }, refresh_secs: 0.1";
    let running = mirroring(updraft!("run"), &logs, &moto, options).as_anyone().spawn();
    eventually("two puts under way", || (moto.requests_of("PutObject").len() == 2).then_some(()));
    moto.release();
    eventually("all objects", || (moto.objects(BUCKET).len() == 6).then_some(()));
    running.terminate();
    running.wait().exits(0);
}
