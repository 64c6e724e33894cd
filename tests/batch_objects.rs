//! Promise: with layout `batch` each event is in one object, in the folder of its time, whatever ends a run; what was to
//! be put when it ended is put by the next, the very same object under the very same key.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use updraft_tests::{
    BUCKET, Failure, LogFolder, Moto, Running, TRY, Updraft, eventually, files_in, fixture_sets, guest, line,
    updraft,
};

/// Objects are done at `max_bytes`, or when the run ends.
const WAITS: &str = "timeout_secs: 3600, max_wait_secs: 7200";

/// A folder of logs on its way into a bucket.
struct Lake {
    moto: Moto,
    logs: LogFolder,
    data: LogFolder,
    /// What the sink takes from.
    input: &'static str,
    /// Options of the sink.
    options: String,
}

impl Lake {
    fn of(logs: LogFolder, options: &str) -> Self {
        let (moto, data) = (Moto::with_bucket(), LogFolder::empty());
        Self { moto, logs, data, input: "normalize", options: options.to_owned() }
    }

    fn set_up(&self, updraft: Updraft) -> Updraft {
        let Self { input, options, .. } = self;
        let sink = format!("{{ type: aws_s3, inputs: [{input}], bucket: {BUCKET}, {options} }}");
        updraft
            .on(&self.moto)
            .as_anyone()
            .config("lake.yaml", &pipeline(self.logs.path(), self.data.path(), &sink))
    }

    fn spawn(&self) -> Running {
        self.set_up(updraft!("run")).spawn()
    }

    fn run_once(&self) {
        self.set_up(updraft!("run", "--once")).run().exits(0);
    }

    /// Object by key, as they were put.
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.moto.objects(BUCKET).into_iter().map(|(key, object)| (key, object.body)).collect()
    }

    /// Every event that arrived, sorted.
    fn events(&self) -> Vec<String> {
        sorted(self.objects().iter().flat_map(|(key, body)| lines_of(key, body)))
    }
}

fn pipeline(logs: &Path, data: &Path, sink: &str) -> String {
    let hostile = if sink.contains("hostile") { hostile() } else { String::new() };
    format!(
        "data_dir: '{}'
sources: {{ airflow: {{ type: airflow, base_log_folder: '{}', rescan_secs: 0.1 }} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
{hostile}
sinks: {{ lake: {sink} }}
",
        data.display(),
        logs.display()
    )
}

/// A component that fails on a line with `POISON`, and then the stream waits.
fn hostile() -> String {
    let component = guest("hostile", env!("CARGO_TARGET_TMPDIR"));
    let component = component.display();
    format!(
        "  hostile: {{ type: wasm, inputs: [airflow], component: '{component}', config: {{ do: err }}, on_error: halt }}"
    )
}

fn lines_of(key: &str, body: &[u8]) -> Vec<String> {
    let mut text = String::new();
    match Path::new(key).extension().and_then(|it| it.to_str()) {
        Some("gz") => drop(flate2::read::GzDecoder::new(body).read_to_string(&mut text).expect("gzip")),
        Some("zst") => {
            text = String::from_utf8(zstd::decode_all(body).expect("zstd")).expect("a text");
        }
        _ => text = String::from_utf8(body.to_vec()).expect("a text"),
    }
    text.lines().map(str::to_owned).collect()
}

fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort();
    lines
}

/// What a console gets of the same logs, sorted.
fn on_console(logs: &LogFolder) -> Vec<String> {
    let data = LogFolder::empty();
    let sink = "{ type: console, inputs: [normalize] }";
    let run = updraft!("run", "--once").config("c.yaml", &pipeline(logs.path(), data.path(), sink)).run();
    sorted(run.exits(0).stdout.lines().map(str::to_owned))
}

fn message(event: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(event).expect("a JSON object");
    event["message"].as_str().unwrap_or_default().to_owned()
}

fn expected_messages(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    sorted(numbers.into_iter().map(|number| format!("line {number}")))
}

fn folder_of(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[test]
fn every_event_of_real_logs_is_in_the_folder_of_its_hour() {
    for set in fixture_sets() {
        let lake = Lake::of(LogFolder::of(&set), "layout: batch, key_prefix: lake/");
        lake.run_once();

        assert_eq!(lake.events(), on_console(&lake.logs), "{set}");
        for (key, body) in lake.objects() {
            assert!(key.starts_with("lake/date=") && key.ends_with(".ndjson.gz"), "{key}");
            for event in lines_of(&key, &body) {
                let event: serde_json::Value = serde_json::from_str(&event).expect("a JSON object");
                let time = event["timestamp"].as_str().expect("every event has a time");
                let (date, hour) = (&time[..10], &time[11..13]);
                assert_eq!(folder_of(&key), format!("lake/date={date}/hour={hour}"), "{set}");
            }
        }
    }
}

#[test]
fn a_folder_may_speak_of_the_stream_too() {
    let logs = LogFolder::with_lines(0..3);
    logs.append("dag_id=other/run_id=r/task_id=t/attempt=1.log", line(3));
    let lake = Lake::of(logs, "layout: batch, key: 'dag={{ dag_id }}/%Y%m%d', compression: none");
    lake.run_once();

    let objects = lake.objects();
    let folders: Vec<&str> = objects.keys().map(|key| folder_of(key)).collect();
    assert_eq!(folders, ["dag=etl/20261121", "dag=other/20261121"]);
}

#[test]
fn each_compression_and_codec_holds_the_same_events() {
    let expected = on_console(&LogFolder::of("airflow3/default_utc"));
    for (compression, extension) in [("none", "ndjson"), ("gzip", "ndjson.gz"), ("zstd", "ndjson.zst")] {
        let options = format!("layout: batch, compression: {compression}");
        let lake = Lake::of(LogFolder::of("airflow3/default_utc"), &options);
        lake.run_once();
        assert_eq!(lake.events(), expected, "{compression}");
        assert!(lake.objects().keys().all(|key| key.ends_with(&format!(".{extension}"))), "{compression}");
    }
    let logs = LogFolder::with_lines(0..100);
    for (codec, extension) in [("text", "log"), ("raw", "txt")] {
        let options = format!(
            "layout: batch, compression: none, encoding: {{ codec: {codec} }}{}",
            if extension == "txt" { ", filename_extension: txt" } else { "" }
        );
        let lake = Lake::of(LogFolder::with_lines(0..100), &options);
        lake.run_once();
        let expected = match codec {
            "text" => expected_messages(0..100),
            _ => sorted(String::from_utf8_lossy(&logs.task_files()[TRY]).lines().map(str::to_owned)),
        };
        assert_eq!(lake.events(), expected, "{codec}");
        assert!(lake.objects().keys().all(|key| key.ends_with(&format!(".{extension}"))), "{codec}");
    }
}

#[test]
fn an_object_is_put_when_it_is_large_enough() {
    let options = format!("layout: batch, compression: none, batch: {{ max_bytes: 200000, {WAITS} }}");
    let lake = Lake::of(LogFolder::with_lines(0..20_000), &options);
    let running = lake.spawn();
    eventually("objects", || (lake.objects().len() >= 3).then_some(()));
    running.terminate();
    running.wait().exits(0);

    let sizes: Vec<usize> = lake.objects().values().map(Vec::len).collect();
    let small = sizes.iter().filter(|size| **size < 200_000).count();
    assert!(small <= 1, "only the last may be smaller: {sizes:?}");
    assert_eq!(sorted(lake.events().iter().map(|event| message(event))), expected_messages(0..20_000));
}

#[test]
fn thin_traffic_makes_no_tiny_objects() {
    let options = "layout: batch, batch: { timeout_secs: 0, min_bytes: 100000, max_wait_secs: 3600 }";
    let lake = Lake::of(LogFolder::with_lines(0..1), options);
    let running = lake.spawn();
    // What is large enough goes at once, so whatever came before it and was left alone was left alone on purpose.
    for round in 1..=3 {
        lake.logs.append("dag_id=etl/run_id=r/task_id=t/attempt=1.log", line(round));
        let large = format!("[2026-11-20T00:00:00.000+0000] {{a.py:1}} INFO - {}\n", "x".repeat(120_000));
        lake.logs.append(&format!("dag_id=large/run_id={round}/task_id=t/attempt=1.log"), large);
        eventually("the large one", || (lake.objects().len() == round as usize).then_some(()));
    }
    assert!(lake.objects().keys().all(|key| folder_of(key) == "date=2026-11-20/hour=00"));
    running.terminate();
    running.wait().exits(0);

    let rest: Vec<_> =
        lake.objects().into_iter().filter(|(key, _)| key.starts_with("date=2026-11-21")).collect();
    assert_eq!(rest.len(), 1, "the four small events are in one object");
    assert_eq!(lines_of(&rest[0].0, &rest[0].1).len(), 4);
}

#[test]
fn an_object_that_was_being_put_at_a_kill_is_put_again_the_same() {
    let lake =
        Lake::of(LogFolder::with_lines(0..4_000), "layout: batch, batch: { timeout_secs: 0, min_bytes: 0 }");
    lake.logs.append("dag_id=plain/run_id=r/task_id=t/attempt=1.log", "no time of its own\n".repeat(50));
    lake.moto.hold("PutObject");
    let running = lake.spawn();
    eventually("puts in flight", || (lake.moto.requests_of("PutObject").len() >= 2).then_some(()));
    running.kill();
    lake.moto.release();
    eventually("the puts carried out", || {
        lake.moto.requests_of("PutObject").iter().all(|put| put.ended.is_some()).then_some(())
    });
    let first = lake.objects();
    assert!(first.len() >= 2);
    for key in first.keys() {
        lake.moto.delete_object(BUCKET, key);
    }
    // The files go on meanwhile, and so would the batches.
    lake.logs.append_lines(4_000..6_000);
    lake.logs.append("dag_id=plain/run_id=r/task_id=t/attempt=1.log", "  and more\n".repeat(50));

    lake.run_once();

    let all = lake.objects();
    for (key, body) in &first {
        assert!(all.get(key) == Some(body), "{key} is not the same");
    }
    let messages: Vec<String> = lake.events().iter().map(|event| message(event)).collect();
    let numbered = sorted(messages.iter().filter(|it| it.starts_with("line ")).cloned());
    assert_eq!(numbered, expected_messages(0..6_000), "each line once");
    let plain: usize = messages.iter().map(|it| it.matches("no time").count()).sum();
    let more: usize = messages.iter().map(|it| it.matches("and more").count()).sum();
    assert_eq!((plain, more), (50, 50));
}

#[test]
fn a_put_whose_answer_was_lost_is_not_repeated_after_a_kill() {
    let lake =
        Lake::of(LogFolder::with_lines(0..500), "layout: batch, batch: { timeout_secs: 0, min_bytes: 0 }");
    lake.moto.fail("PutObject", 1000, Failure { status: 503, code: "SlowDown", after: true });
    let running = lake.spawn();
    let stored = eventually("an object", || Some(lake.objects()).filter(|objects| !objects.is_empty()));
    running.kill();
    lake.moto.forgive();

    lake.run_once();

    for (key, body) in stored {
        assert!(lake.objects().get(&key) == Some(&body));
    }
    assert_eq!(sorted(lake.events().iter().map(|event| message(event))), expected_messages(0..500));
}

#[test]
fn what_is_in_an_object_is_not_taken_again_though_the_cursor_waits_for_another() {
    let options = "layout: batch, batch: { max_bytes: 60000, min_bytes: 50000, timeout_secs: 3600 }";
    let lake = Lake::of(LogFolder::empty(), options);
    // A few lines of one hour, then many of the next: the next hour's are put, the cursor stays before the few.
    let first = "[2026-11-21T11:59:59.000+0000] {load.py:7} INFO - first\n".repeat(5);
    lake.logs.append(TRY, first);
    lake.logs.append_lines(0..12_000);
    let running = lake.spawn();
    eventually("objects of the next hour", || {
        (lake.objects().keys().filter(|key| key.contains("hour=12")).count() >= 2).then_some(())
    });
    running.kill();
    let before = lake.objects();
    lake.logs.append_lines(12_000..12_500);

    lake.run_once();

    let after = lake.objects();
    assert!(before.iter().all(|(key, body)| after.get(key) == Some(body)));
    let messages: Vec<String> = lake.events().iter().map(|event| message(event)).collect();
    assert_eq!(messages.iter().filter(|it| *it == "first").count(), 5);
    let numbered = sorted(messages.into_iter().filter(|it| it != "first"));
    assert_eq!(numbered, expected_messages(0..12_500), "each line once");
}

#[test]
fn nothing_is_lost_or_doubled_by_kill_after_kill() {
    let options = "layout: batch, key: 'minute=%M/{{ try_number }}', \
                   batch: { max_bytes: 20000, min_bytes: 10000, timeout_secs: 0 }";
    let lake = Lake::of(LogFolder::empty(), options);
    let mut written = 0;
    for round in 0..6_u32 {
        lake.logs.append_lines(written..written + 12_000);
        written += 12_000;
        let so_far = lake.objects().len();
        let running = lake.spawn();
        eventually("more objects", || (lake.objects().len() > so_far + round as usize % 3).then_some(()));
        running.kill();
    }

    lake.run_once();

    assert_eq!(sorted(lake.events().iter().map(|event| message(event))), expected_messages(0..written));
}

#[test]
fn a_service_that_is_away_gets_everything_when_it_is_back() {
    let lake =
        Lake::of(LogFolder::with_lines(0..3_000), "layout: batch, batch: { max_bytes: 50000, min_bytes: 0 }");
    lake.moto.fail("PutObject", 6, Failure { status: 503, code: "SlowDown", after: false });
    lake.run_once();
    assert_eq!(sorted(lake.events().iter().map(|event| message(event))), expected_messages(0..3_000));
}

#[test]
fn a_folder_on_disk_takes_the_same_layout() {
    let (logs, data, out) = (LogFolder::of("airflow2/default_utc"), LogFolder::empty(), LogFolder::empty());
    let sink = format!(
        "{{ type: file, inputs: [normalize], path: '{}', layout: batch, compression: zstd }}",
        out.path().display()
    );
    updraft!("run", "--once").config("f.yaml", &pipeline(logs.path(), data.path(), &sink)).run().exits(0);

    let files = files_in(out.path());
    assert!(files.keys().all(|name| name.starts_with("date=") && name.ends_with(".ndjson.zst")), "{files:?}");
    assert_eq!(sorted(files.iter().flat_map(|(name, body)| lines_of(name, body))), on_console(&logs));
}

#[test]
fn a_message_without_a_word_is_a_line_too() {
    let lake = Lake::of(LogFolder::empty(), "layout: batch, compression: none, encoding: { codec: text }");
    for words in ["one", "", "", "two", ""] {
        lake.logs.append(TRY, format!("[2026-11-21T12:00:00.000+0000] {{load.py:7}} INFO - {words}\n"));
    }
    lake.run_once();
    let objects = lake.objects();
    assert_eq!(
        objects.values().next().map(|body| String::from_utf8_lossy(body)).as_deref(),
        Some("one\n\n\ntwo\n\n")
    );
}

#[test]
fn a_stream_that_halts_keeps_no_other_from_the_end_of_the_run() {
    let logs = LogFolder::with_lines(0..3);
    logs.append("dag_id=bad/run_id=r/task_id=t/attempt=1.log", "POISON\n");
    let mut lake = Lake::of(logs, "layout: batch");
    lake.input = "hostile";
    let halted = lake.set_up(updraft!("run", "--once", "--give-up", "10s")).run();
    halted.exits(1);
    assert_eq!(lake.events().len(), 3, "{}", halted.stderr);
}

#[test]
fn events_that_another_key_puts_into_a_folder_of_the_same_name_are_not_taken_for_those_that_are_there() {
    let options = "layout: batch, batch: { max_bytes: 60000, min_bytes: 50000, timeout_secs: 3600 }";
    let mut lake = Lake::of(LogFolder::empty(), &format!("key: 'part=%H', {options}"));
    lake.logs.append(TRY, "[2026-11-21T11:00:12.000+0000] {load.py:7} INFO - first\n".repeat(5));
    lake.logs.append_lines(0..12_000);
    let running = lake.spawn();
    eventually("objects", || (lake.objects().len() >= 2).then_some(()));
    running.kill();
    assert!(lake.objects().keys().all(|key| folder_of(key) == "part=12"));

    // The first events, which no object has, are of `part=12` now.
    lake.options = format!("key: 'part=%S', {options}");
    lake.run_once();

    let messages: Vec<String> = lake.events().iter().map(|event| message(event)).collect();
    assert_eq!(messages.iter().filter(|it| *it == "first").count(), 5);
    let mut numbered = sorted(messages.into_iter().filter(|it| it != "first"));
    numbered.dedup();
    assert_eq!(numbered, expected_messages(0..12_000));
}

#[test]
fn a_stream_goes_on_though_its_component_makes_other_batches_after_a_kill() {
    let options = "layout: batch, batch: { timeout_secs: 0, min_bytes: 0 }";
    let mut lake = Lake::of(LogFolder::empty(), options);
    // Lines as they stand are taken by four thousand; the normalizer makes one event of all these.
    lake.logs.append(TRY, line(0) + &"  and more\n".repeat(9_000));
    lake.input = "airflow";
    lake.moto.hold("PutObject");
    let running = lake.spawn();
    eventually("a put in flight", || lake.moto.requests_of("PutObject").pop());
    running.kill();
    lake.moto.release();
    eventually("the puts carried out", || {
        lake.moto.requests_of("PutObject").iter().all(|put| put.ended.is_some()).then_some(())
    });
    for key in lake.objects().keys() {
        lake.moto.delete_object(BUCKET, key);
    }

    lake.input = "normalize";
    lake.set_up(updraft!("run", "--once", "--give-up", "10s")).run().exits(0);

    let more: usize = lake.events().iter().map(|it| message(it).matches("and more").count()).sum();
    assert_eq!(more, 9_000);
}

#[test]
fn an_object_never_has_the_name_of_one_compression_and_the_bytes_of_another() {
    let options = |compression| {
        format!("layout: batch, compression: {compression}, batch: {{ timeout_secs: 0, min_bytes: 0 }}")
    };
    let mut lake = Lake::of(LogFolder::with_lines(0..500), &options("gzip"));
    lake.moto.hold("PutObject");
    let running = lake.spawn();
    eventually("a put in flight", || lake.moto.requests_of("PutObject").pop());
    running.kill();
    lake.moto.release();
    eventually("the put carried out", || {
        lake.moto.requests_of("PutObject").iter().all(|put| put.ended.is_some()).then_some(())
    });
    for key in lake.objects().keys() {
        lake.moto.delete_object(BUCKET, key);
    }

    lake.options = options("none");
    lake.run_once();

    assert_eq!(sorted(lake.events().iter().map(|event| message(event))), expected_messages(0..500));
}
