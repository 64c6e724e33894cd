//! Promise: what CloudWatch refuses, and what a component fails on, goes to the sink that `dead_letter` names: with reason,
//! stream and original bytes, once, and after a kill as well.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use updraft_tests::{
    BUCKET, Failure, Finished, LogFolder, Moto, TRY, Updraft, eventually, files_in, guest, line, updraft,
};

const GROUP: &str = "g";
const STREAM: &str = "s";
const OLD: &str = "dag_id=old/run_id=r/task_id=t/attempt=1.log";
const EXPIRED: &str = "dag_id=expired/run_id=r/task_id=t/map_index=3/attempt=2.log";
const NEW: &str = "dag_id=new/run_id=r/task_id=t/attempt=1.log";
const TO_FILE: &str = "{ type: file, path: '${OUT}' }";
const TO_S3: &str = "{ type: aws_s3, bucket: my-bucket, key_prefix: copy/ }";

fn too_old(message: &str) -> String {
    format!("[2026-10-01T12:00:00.000+0000] {{load.py:7}} INFO - {message}\n")
}

/// Logs on their way to CloudWatch and, what it refuses, to the sink `dead`.
struct Lift {
    moto: Moto,
    logs: LogFolder,
    out: LogFolder,
    data: TempDir,
    dead: &'static str,
    /// Of the sink that gets what is taken.
    options: &'static str,
    /// After the normalizer.
    transform: &'static str,
}

impl Lift {
    fn with_dead_letters(dead: &'static str) -> Self {
        let data = tempfile::tempdir().expect("the temp folder can be written");
        let (moto, logs, out) = (Moto::with_bucket(), LogFolder::empty(), LogFolder::empty());
        Self { moto, logs, out, data, dead, options: "", transform: "" }
    }

    fn set_up(&self, updraft: Updraft) -> Updraft {
        let last = if self.transform.is_empty() { "normalize" } else { "last" };
        let pipeline = format!(
            "
sources: {{ airflow: {{ type: airflow, rescan_secs: 0.1 }} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
  {}
sinks:
  cloudwatch:
    {{ type: aws_cloudwatch_logs, inputs: [{last}], group_name: {GROUP}, stream_name: {STREAM}, dead_letter: dead{} }}
  dead: {}
",
            self.transform, self.options, self.dead
        );
        updraft
            .on(&self.moto)
            .as_anyone()
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", self.logs.path())
            .env("UPDRAFT_DATA_DIR", self.data.path())
            .env("OUT", self.out.path())
            .config("pipeline.yaml", &pipeline)
    }

    /// All of it is delivered, and nothing of it is left waiting.
    fn run_once(&self) -> Finished {
        let done = self.set_up(updraft!("run", "--once")).run();
        done.exits(0);
        assert_eq!(self.waiting(), Vec::<PathBuf>::new(), "{}", done.stderr);
        done
    }

    /// Segments in the spool of the sink, the one that is still written among them.
    fn waiting(&self) -> Vec<PathBuf> {
        let spool = fs::read_dir(self.data.path().join("dead_letters/dead"));
        let entries = spool.into_iter().flatten();
        entries.map(|entry| entry.expect("a folder can be listed").path()).collect()
    }

    /// What arrived at the sink for dead letters, by name.
    fn delivered(&self) -> BTreeMap<String, Vec<u8>> {
        if self.dead == TO_S3 {
            return self.moto.objects(BUCKET).into_iter().map(|(key, object)| (key, object.body)).collect();
        }
        files_in(self.out.path())
    }

    fn records(&self) -> Vec<Value> {
        records(self.delivered().values())
    }

    fn messages(&self) -> Vec<String> {
        self.moto.log_events(GROUP, STREAM).iter().map(updraft_tests::Event::normalized_message).collect()
    }
}

fn records<'a>(files: impl Iterator<Item = &'a Vec<u8>>) -> Vec<Value> {
    let text = files.map(|file| String::from_utf8(file.clone()).expect("records are UTF-8"));
    let record = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    text.collect::<String>().lines().map(record).collect()
}

fn originals(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["original"].as_str().expect("a text")).collect()
}

#[test]
fn what_cloudwatch_refuses_by_its_age_goes_to_a_file_with_reason_stream_and_original_bytes() {
    let lift = Lift::with_dead_letters(TO_FILE);
    lift.moto.create_log_group_that_keeps(7, GROUP);
    let old = [too_old("first"), too_old("second") + "with a second line\n"];
    let expired = "[2026-11-12T12:00:00.250+0000] {load.py:7} INFO - expired\n";
    let new = "[2026-11-22T03:00:00.000+0000] {load.py:7} INFO - of tomorrow\n";
    lift.logs.append(OLD, old.concat());
    lift.logs.append(EXPIRED, expired);
    lift.logs.append(NEW, new);
    lift.logs.append(TRY, line(0) + &line(1));

    let done = lift.run_once();

    assert_eq!(lift.messages(), ["line 0", "line 1"]);
    assert!(done.stderr.contains("4 of the rejected sent to dead letters"), "{}", done.stderr);
    let mut by_reason: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for mut record in lift.records() {
        let reason = record["reason"].as_str().expect("a reason").to_owned();
        let generation = record["stream"]["generation"].take();
        assert_eq!(generation.as_str().map(str::len), Some(36), "a UUID: {generation}");
        assert!(record["stream"]["host"].take().is_string());
        by_reason.entry(reason).or_default().push(record);
    }
    let record =
        |reason: &str, error: &str, timestamp: &str, stream: Value, offset: [usize; 2], original: &str| {
            json!({
                "reason": reason, "sink": "cloudwatch", "error": error, "timestamp": timestamp,
                "stream": stream, "offset": offset, "original": original,
            })
        };
    let stream = |path: &str, dag: &str, map_index: Option<u32>, try_number: u32| {
        let mut stream = json!({
            "source": "airflow", "path": path, "host": null, "kind": "task",
            "dag_id": dag, "run_id": "r", "task_id": "t", "try_number": try_number, "generation": null,
        });
        if let Some(index) = map_index {
            stream["map_index"] = index.into();
        }
        stream
    };
    let of_old = |offset, original| {
        let error = "older than CloudWatch takes (14 days)";
        record("too_old", error, "2026-10-01T12:00:00Z", stream(OLD, "old", None, 1), offset, original)
    };
    let (first, all) = (old[0].len(), old.concat().len());
    assert_eq!(by_reason["too_old"], [of_old([0, first], &old[0]), of_old([first, all], &old[1])]);
    let error = "older than the log group's retention";
    let whence = stream(EXPIRED, "expired", Some(3), 2);
    assert_eq!(
        by_reason["expired"],
        [record("expired", error, "2026-11-12T12:00:00.250Z", whence, [0, expired.len()], expired)]
    );
    let error = "more than 2 hours ahead of AWS's clock";
    let whence = stream(NEW, "new", None, 1);
    assert_eq!(
        by_reason["too_new"],
        [record("too_new", error, "2026-11-22T03:00:00Z", whence, [0, new.len()], new)]
    );
    assert_eq!(by_reason.len(), 3);

    let before = lift.delivered();
    lift.run_once();
    assert_eq!(lift.delivered(), before, "what was refused is not asked again");
}

#[test]
fn an_object_of_dead_letters_is_named_by_sink_time_and_host() {
    let lift = Lift::with_dead_letters(TO_S3);
    lift.logs.append(OLD, too_old("one") + &too_old("two"));
    lift.run_once();

    let delivered = lift.delivered();
    let (key, body) = delivered.first_key_value().expect("an object");
    assert!(key.starts_with("copy/dead_letters/dead/2"), "{key}");
    assert_eq!(Path::new(key).extension().and_then(OsStr::to_str), Some("ndjson"));
    assert_eq!(originals(&records([body].into_iter())), [too_old("one"), too_old("two")]);
    assert_eq!(delivered.len(), 1);
}

#[test]
fn an_event_that_cloudwatch_calls_malformed_goes_there_alone() {
    let lift = Lift::with_dead_letters(TO_FILE);
    lift.logs.append(TRY, (0..4).map(line).collect::<String>());
    // The put of four, of its first two, of its first: that one is alone.
    let malformed = Failure { status: 400, code: "InvalidParameterException", after: false };
    lift.moto.fail("PutLogEvents", 3, malformed);

    let done = lift.run_once();

    assert_eq!(lift.messages(), ["line 1", "line 2", "line 3"]);
    let records = lift.records();
    assert_eq!(originals(&records), [line(0)]);
    assert_eq!(records[0]["reason"], "malformed");
    assert_eq!(records[0]["error"], "InvalidParameterException: made to fail by a test");
    assert!(done.stderr.contains("1 rejected as malformed; 1 of the rejected sent to dead letters"));
}

#[test]
fn bytes_that_are_no_text_are_kept_as_they_are() {
    let lift = Lift::with_dead_letters(TO_S3);
    lift.logs.append(OLD, b"[2026-10-01T12:00:00.000+0000] {load.py:7} INFO - \xff\xfe\n");
    lift.run_once();

    let records = lift.records();
    assert_eq!(
        records[0]["original_base64"],
        "WzIwMjYtMTAtMDFUMTI6MDA6MDAuMDAwKzAwMDBdIHtsb2FkLnB5Ojd9IElORk8gLSD//go="
    );
    assert_eq!((records.len(), records[0].get("original")), (1, None));
}

#[test]
fn an_event_that_is_refused_in_parts_is_one_dead_letter() {
    let lift = Lift::with_dead_letters(TO_FILE);
    let long = too_old(&"x".repeat(3 << 20));
    lift.logs.append(OLD, &long);
    let done = lift.run_once();

    assert!(originals(&lift.records()) == [long], "one record with all of it");
    assert!(done.stderr.contains("4 rejected as too old; 4 of the rejected"), "{}", done.stderr);
}

#[test]
fn a_sink_with_a_codec_of_its_own_gets_dead_letters_as_they_stand() {
    let mut lift = Lift::with_dead_letters(
        "{ type: file, path: '${OUT}', inputs: [normalize], encoding: { codec: text } }",
    );
    lift.options = ", encoding: { codec: raw }";
    lift.logs.append(OLD, too_old("one"));
    lift.run_once();

    let mut delivered = lift.delivered();
    assert_eq!(delivered.remove(OLD).as_deref(), Some(b"one\n".as_slice()));
    assert_eq!(originals(&records(delivered.values())), [too_old("one")]);
}

#[test]
fn objects_of_many_files_hold_dead_letters_as_they_stand() {
    let lift = Lift::with_dead_letters(
        "{ type: file, path: '${OUT}', layout: batch, key: 'kind={{ kind }}', compression: none }",
    );
    lift.logs.append(OLD, too_old("one") + &too_old("two"));
    lift.logs.append(EXPIRED, too_old("three"));
    lift.run_once();

    let delivered = lift.delivered();
    assert!(delivered.keys().all(|name| name.starts_with("kind=dead_letter/")), "{delivered:?}");
    let records = lift.records();
    let mut kept = originals(&records);
    kept.sort_unstable();
    assert_eq!(kept, [too_old("one"), too_old("three"), too_old("two")]);
}

#[test]
fn a_secret_that_a_transform_masked_is_in_no_byte_that_is_kept_or_sent() {
    let mut lift = Lift::with_dead_letters(TO_FILE);
    lift.transform = "last: { type: wasm, inputs: [normalize], component: '${MASK}' }";
    lift.logs.append(OLD, too_old("the password is hunter2"));
    lift.logs.append(TRY, line(0).replace("line 0", "hunter2"));
    // The spool as it is before the sink has it.
    let running =
        lift.set_up(updraft!("run")).env("MASK", guest("mask", env!("CARGO_TARGET_TMPDIR"))).spawn();
    let wrote = || lift.waiting().into_iter().find(|file| fs::metadata(file).is_ok_and(|it| it.len() > 0));
    let file = eventually("a dead letter", wrote);
    assert!(fs::read_to_string(file).expect("a text").contains("the password is ***"));
    eventually("the other file", || (lift.messages() == ["***"]).then_some(()));
    no_byte_of(&lift, "hunter2");
    running.terminate();
    let done = running.wait();
    done.exits(0);

    assert_eq!(originals(&lift.records()), [too_old("the password is ***")]);
    no_byte_of(&lift, "hunter2");
    assert!(!done.stderr.contains("hunter2"));
}

#[track_caller]
fn no_byte_of(lift: &Lift, secret: &str) {
    for folder in [lift.data.path(), lift.out.path()] {
        for (name, bytes) in files_in(folder) {
            let leaked = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!leaked, "{name} has it");
        }
    }
}

#[test]
fn a_kill_between_refusal_and_delivery_loses_no_dead_letter_and_repeats_none() {
    let lift = Lift::with_dead_letters(TO_S3);
    lift.logs.append(OLD, too_old("one") + &too_old("two"));
    lift.moto.hold("PutObject");
    let running = lift.set_up(updraft!("run")).spawn();
    eventually("dead letters in the spool", || {
        let text: Vec<String> =
            lift.waiting().iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
        (text.concat().lines().count() == 2).then_some(())
    });
    // The next put to a log stream goes only after the cursors of the last one are written down.
    lift.logs.append(TRY, line(0));
    eventually("the next put", || (lift.messages() == ["line 0"]).then_some(()));
    running.kill();
    assert!(lift.delivered().is_empty() && !lift.waiting().is_empty());
    lift.moto.release();

    lift.run_once();

    assert_eq!(originals(&lift.records()), [too_old("one"), too_old("two")]);
    assert_eq!(lift.messages(), ["line 0"]);
}

#[test]
fn a_dead_letter_that_comes_again_after_a_kill_is_the_very_same() {
    let mut lift = Lift::with_dead_letters(TO_FILE);
    lift.logs.append(OLD, too_old("one") + &too_old("two"));
    lift.moto.hold("PutLogEvents");
    let running = lift.set_up(updraft!("run")).spawn();
    eventually("a put in flight", || lift.moto.requests_of("PutLogEvents").pop());
    running.kill();
    lift.moto.release();
    // As after a kill between the dead letter and the cursor: the letter is there, the cursor where it was.
    let before = tempfile::tempdir().expect("the temp folder can be written");
    for (name, bytes) in files_in(lift.data.path()) {
        let copy = before.path().join(name);
        fs::create_dir_all(copy.parent().expect("a folder")).expect("the data dir can be copied");
        fs::write(copy, bytes).expect("the data dir can be copied");
    }
    lift.run_once();
    let first = lift.delivered();
    (lift.data, lift.out) = (before, LogFolder::empty());
    lift.run_once();

    let again = lift.delivered();
    assert_eq!(first.values().collect::<Vec<_>>(), again.values().collect::<Vec<_>>());
    assert_eq!(originals(&lift.records()), [too_old("one"), too_old("two")]);
}

#[test]
fn dead_letters_of_a_sink_that_is_named_no_more_are_kept_and_said() {
    let lift = Lift::with_dead_letters(TO_FILE);
    let spool = lift.data.path().join("dead_letters/former");
    fs::create_dir_all(&spool).expect("a folder can be made");
    fs::write(spool.join("1.ndjson"), "{}\n").expect("a file can be made");
    lift.logs.append(TRY, line(0));

    let done = lift.run_once();

    assert!(done.stderr.contains("dead letters wait for sink `former`"), "{}", done.stderr);
    assert_eq!(fs::read_to_string(spool.join("1.ndjson")).expect("still there"), "{}\n");
}

#[test]
fn full_segments_are_delivered_and_deleted_while_updraft_runs() {
    let lift = Lift::with_dead_letters(TO_FILE);
    let text = "x".repeat(600);
    // Of about 1,000 bytes each: more than a segment of 8 MiB.
    let lines: Vec<String> = (0..12_000).map(|number| too_old(&format!("{number} {text}"))).collect();
    lift.logs.append(OLD, lines.concat());
    let running = lift.set_up(updraft!("run")).spawn();
    eventually("a full segment, delivered and deleted", || {
        let waiting = lift.waiting();
        let gone = |name: &str| {
            !waiting
                .iter()
                .any(|path| name.ends_with(&*path.file_name().unwrap_or_default().to_string_lossy()))
        };
        lift.delivered().into_iter().find(|(name, file)| file.len() > 7 << 20 && gone(name))
    });
    running.terminate();
    running.wait().exits(0);

    assert_eq!(lift.waiting(), Vec::<PathBuf>::new());
    assert!(originals(&lift.records()) == lines, "each once, in order");
}

#[test]
fn events_whose_dead_letters_cannot_be_kept_are_not_acknowledged_until_they_can() {
    let lift = Lift::with_dead_letters(TO_FILE);
    lift.logs.append(TRY, line(0));
    let running = lift.set_up(updraft!("run")).spawn();
    eventually("the first line", || (lift.messages() == ["line 0"]).then_some(()));
    let spool = lift.data.path().join("dead_letters/dead");
    fs::remove_dir(&spool).expect("it is empty");
    fs::write(&spool, "in the way").expect("a file in its place");

    lift.logs.append(OLD, too_old("one"));
    eventually("what is wrong", || running.stderr().contains("dead letters cannot be kept").then_some(()));
    fs::remove_file(&spool).expect("it is ours");
    running.terminate();
    let done = running.wait();
    done.exits(0);

    assert_eq!(done.stderr.matches("dead letters cannot be kept").count(), 1, "{}", done.stderr);
    assert_eq!(originals(&lift.records()), [too_old("one")]);
}

#[test]
fn what_a_transform_fails_on_goes_there_as_the_stage_before_left_it() {
    let mut lift = Lift::with_dead_letters(TO_S3);
    lift.transform = "last: { type: wasm, inputs: [first], component: '${MASK}', on_error: dead_letter, dead_letter: dead }
  first: { type: wasm, inputs: [normalize], component: '${MASK}', on_error: pass }";
    lift.logs.append(TRY, line(0) + &line(1).replace("line 1", "POISON"));
    let mask = guest("mask", env!("CARGO_TARGET_TMPDIR"));
    lift.set_up(updraft!("run", "--once")).env("MASK", mask).run().exits(0);

    assert_eq!(lift.messages(), ["line 0"]);
    let records = lift.records();
    assert_eq!(originals(&records), [line(1).replace("line 1", "POISON")]);
    assert_eq!(
        (&records[0]["transform"], &records[0]["reason"]),
        (&"last".into(), &"component_failed".into())
    );
    assert_eq!(records[0]["timestamp"], "2026-11-21T12:00:00.010Z");
}

#[test]
fn dead_letters_that_wait_are_nobodys_to_read_but_ours() {
    let lift = Lift::with_dead_letters("{ type: aws_s3, bucket: nowhere }");
    lift.logs.append(OLD, too_old("one"));
    let done = lift.set_up(updraft!("run", "--once", "--give-up", "1s")).run();
    done.exits(1);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let waiting = lift.waiting();
    assert_eq!(waiting.len(), 1, "{}", done.stderr);
    assert_eq!(mode(&lift.data.path().join("dead_letters")), 0o700);
    assert_eq!(mode(&waiting[0]), 0o600);
}
