//! Promises of the spool, its records, and what becomes of both.

use super::spool::{SEGMENT_AGE, SEGMENT_BYTES};
use super::*;
use crate::event::{DROPPED, Deployment, Events, NO_TIMESTAMP, Origin, StreamKind, TaskTry};
use crate::source::Stream;
use proptest::prelude::*;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("folder")
}

fn spool(folder: &TempDir) -> Spool {
    Spool::open(folder.path(), "worker 1").expect("spool")
}

fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.path()).expect("folder").map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}

/// What the source finds, in the order of names.
fn handed_over(folder: &TempDir) -> Vec<String> {
    let mut files = files(folder);
    files.retain(|path| path.extension().is_some_and(|ending| ending == "ndjson"));
    files.iter().map(|path| fs::read_to_string(path).expect("text")).collect()
}

fn stream() -> Stream {
    Stream::for_tests(Origin {
        source: "airflow".into(),
        path: "dag_id=d/run_id=r/task_id=t/attempt=1.log".into(),
        host: "h".into(),
        kind: StreamKind::Task,
        task: Some(TaskTry {
            dag_id: "d".into(),
            run_id: "r".into(),
            task_id: "t".into(),
            map_index: None,
            try_number: 1,
        }),
        deployment: Deployment::default(),
    })
}

fn record(stream: &Stream, timestamp: i64, original: &[u8]) -> String {
    let mut line = Vec::new();
    let letter = Letter {
        reason: Reason::TooOld,
        by: By::Sink("cloudwatch"),
        error: "older than \"14\" days",
        stream,
        timestamp,
        source: 10..20,
        original,
    };
    write(&letter, &mut line).expect("JSON");
    String::from_utf8(line).expect("UTF-8")
}

#[test]
fn a_record_says_why_who_where_and_what() {
    let stream = stream();
    assert_eq!(
        record(&stream, 1_500_000_000, b"caf\xc3\xa9\n"),
        concat!(
            r#"{"reason":"too_old","sink":"cloudwatch","error":"older than \"14\" days","timestamp":"1970-01-01T00:00:01.500Z","#,
            r#""stream":{"source":"airflow","path":"dag_id=d/run_id=r/task_id=t/attempt=1.log","host":"h","kind":"task","#,
            r#""dag_id":"d","run_id":"r","task_id":"t","try_number":1,"generation":"generation"},"#,
            r#""offset":[10,20],"original":"café\n"}"#,
            "\n"
        )
    );
    let binary = record(&stream, NO_TIMESTAMP, b"\xff\x00");
    assert!(binary.ends_with("\"offset\":[10,20],\"original_base64\":\"/wA=\"}\n"), "{binary}");
    assert!(!binary.contains("timestamp"));
}

#[test]
fn a_source_sees_a_segment_only_when_it_is_whole_and_never_again_written() {
    let (folder, now) = (folder(), Instant::now());
    let mut spool = spool(&folder);
    spool.append(b"1\n", now).expect("written");
    spool.append(b"2\n", now).expect("written");
    assert!(handed_over(&folder).is_empty());
    spool.close().expect("closed");
    assert_eq!(handed_over(&folder), ["1\n2\n"]);
    spool.append(b"3\n", now).expect("written");
    assert_eq!(handed_over(&folder), ["1\n2\n"]);
    spool.close().expect("closed");
    let mut both = handed_over(&folder);
    both.sort();
    assert_eq!(both, ["1\n2\n", "3\n"]);
    spool.close().expect("nothing to close");
    assert_eq!(files(&folder).len(), 2);
    let name = files(&folder)[0].file_name().expect("name").to_string_lossy().into_owned();
    assert!(name.contains("Z-worker_1-"), "{name}");
}

#[test]
fn a_segment_of_8_mib_is_one_and_a_byte_more_goes_into_the_next() {
    let (folder, now) = (folder(), Instant::now());
    let mut spool = spool(&folder);
    let half = vec![b'\n'; SEGMENT_BYTES as usize / 2];
    spool.append(&half, now).expect("written");
    assert!(!spool.is_due(now));
    spool.append(&half, now).expect("written");
    assert!(spool.is_due(now) && handed_over(&folder).is_empty());
    spool.append(b"\n", now).expect("written");
    assert_eq!(handed_over(&folder).iter().map(String::len).collect::<Vec<_>>(), [8 << 20]);
    spool.close().expect("closed");
    assert_eq!(handed_over(&folder).len(), 2);
}

#[test]
fn a_segment_is_due_when_it_is_a_minute_old_and_not_before() {
    let (folder, now) = (folder(), Instant::now());
    let mut spool = spool(&folder);
    assert!(!spool.is_due(now + SEGMENT_AGE), "there is none");
    spool.append(b"1\n", now).expect("written");
    spool.append(b"2\n", now + SEGMENT_AGE / 2).expect("written");
    assert!(!spool.is_due(now + SEGMENT_AGE.saturating_sub(Duration::from_nanos(1))));
    assert!(spool.is_due(now + SEGMENT_AGE));
}

#[test]
fn letters_that_cannot_be_kept_are_an_error_until_they_can() {
    let parent = folder();
    let path = parent.path().join("spool");
    let letters = DeadLetters::open(&path, "dead", "h").expect("spool");
    fs::remove_dir(&path).expect("removed");
    fs::write(&path, "in the way").expect("written");
    assert!(letters.keep(b"1\n").is_err());
    letters.hand_over(true);
    fs::remove_file(&path).expect("removed");
    letters.keep(b"1\n").expect("kept");
    letters.hand_over(false);
    let only = || fs::read_dir(&path).expect("folder").next().expect("a file").expect("file").path();
    assert!(only().extension().is_some_and(|ending| ending == "part"), "not old enough");
    letters.hand_over(true);
    assert!(only().extension().is_some_and(|ending| ending == "ndjson"));
    assert_eq!(fs::read_to_string(only()).expect("text"), "1\n");
}

/// Lines as they stand, their labels given.
fn events(lines: &[&str], labels: &[u16]) -> (Vec<u8>, Events) {
    let bytes = lines.concat().into_bytes();
    let ends: Vec<u32> = lines
        .iter()
        .scan(0, |end, line| {
            *end += line.len() as u32;
            Some(*end)
        })
        .collect();
    let starts: Vec<u32> = std::iter::once(0).chain(ends.iter().copied()).take(lines.len()).collect();
    let events = Events {
        timestamps: vec![NO_TIMESTAMP; lines.len()],
        source_ends: ends.clone(),
        raw_starts: starts,
        raw_ends: ends,
        labels: labels.to_vec(),
        ..Events::default()
    };
    (bytes, events)
}

#[test]
fn what_a_component_failed_on_is_kept_once_however_often_it_is_run() {
    let folder = folder();
    let letters = DeadLetters::open(folder.path(), "dead", "h").expect("spool");
    let failures = Failures::new("mask", letters.clone());
    let stream = stream();
    let keep = |offset, lines: &[&str], labels: &[u16]| {
        let (bytes, events) = events(lines, labels);
        failures.keep("trapped", &stream, offset, &bytes, &events).expect("kept")
    };
    assert!(keep(10, &["a\n", "dropped before\n", "b\n"], &[0, DROPPED, 0]));
    assert!(!keep(10, &["a\n", "dropped before\n", "b\n"], &[0, DROPPED, 0]), "again");
    assert!(!keep(12, &["dropped before\n", "b\n"], &[DROPPED, 0]), "by a lane with other batches");
    assert!(keep(8, &["z\n", "a\n"], &[0, 0]), "with more before it");
    letters.hand_over(true);
    let records: Vec<serde_json::Value> =
        handed_over(&folder).concat().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let originals: Vec<_> = records.iter().map(|record| record["original"].as_str()).collect();
    assert_eq!(originals, [Some("a\n"), Some("b\n"), Some("z\n")]);
    assert_eq!(records[1]["offset"], serde_json::json!([27, 29]));
    assert_eq!(
        (&records[0]["transform"], &records[0]["reason"]),
        (&"mask".into(), &"component_failed".into())
    );
}

proptest! {
    #[test]
    fn of_what_a_killed_process_left_each_whole_line_is_handed_over_and_nothing_else(
        lines in prop::collection::vec("[a-z]{0,6}\n", 0..8), cut in any::<prop::sample::Index>(),
    ) {
        let folder = folder();
        let text = lines.concat();
        let left = &text[..cut.index(text.len() + 1)];
        fs::write(folder.path().join("1.ndjson.part"), left).expect("written");
        spool(&folder);
        let whole = left.rfind('\n').map_or("", |at| &left[..=at]);
        let expected: Vec<&str> = if whole.is_empty() { vec![] } else { vec![whole] };
        prop_assert_eq!(handed_over(&folder), expected);
        prop_assert_eq!(files(&folder).len(), usize::from(!whole.is_empty()));
    }
}
