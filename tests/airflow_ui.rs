//! Promise: with `for: airflow-ui` the bucket and the log group hold what Airflow's own readers find and can read. Whether they
//! do is asked of real Airflows by `cargo xtask test --airflow`; this is what they are given.

use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};
use updraft_tests::{
    BUCKET, Event, Failure, LogFolder, Moto, REGION, Running, TRY, Updraft, eventually, fixture_sets, guest,
    updraft,
};

const GROUP: &str = "/airflow/tasks";

/// Both sinks as the page of the manual has them.
const PIPELINE: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  logs: { type: aws_cloudwatch_logs, inputs: [normalize], for: airflow-ui, group_name: /airflow/tasks }
  objects: { type: aws_s3, inputs: [airflow], for: airflow-ui, bucket: my-bucket, key_prefix: logs/ }
";

fn lifting(updraft: Updraft, logs: &LogFolder, moto: &Moto) -> Updraft {
    updraft.mirroring(logs, moto, PIPELINE)
}

fn stream_of(path: &str) -> String {
    path.replace([':', '*'], "_")
}

fn events_of(moto: &Moto, path: &str) -> Vec<Event> {
    moto.log_events(GROUP, &stream_of(path))
}

fn messages_of(moto: &Moto, path: &str) -> Vec<String> {
    events_of(moto, path).into_iter().map(|event| event.message).collect()
}

/// What became of a file, as `prove --remote` says.
fn proof(logs: &LogFolder, moto: &Moto, path: &str) -> Value {
    let done = lifting(updraft!("prove", "--format", "json", "--remote", path), logs, moto).run();
    done.exits(0);
    serde_json::from_str(&done.stdout).expect("a line of JSON")
}

fn entries<'p>(proof: &'p Value, sink: &str) -> &'p Vec<Value> {
    let sinks = proof["sinks"].as_array().expect("sinks");
    let sink = sinks.iter().find(|it| it["sink"] == sink).unwrap_or_else(|| panic!("{proof:#}"));
    sink["targets"].as_array().expect("targets")
}

fn wait_for_object(moto: &Moto, body: &[u8]) {
    let key = format!("logs/{TRY}");
    eventually("the object", || (moto.objects(BUCKET).get(&key)?.body == body).then_some(()));
}

fn end(run: Running) -> String {
    run.terminate();
    let done = run.wait();
    done.exits(0);
    done.stderr
}

#[test]
fn every_record_of_real_logs_is_an_event_in_the_log_stream_of_its_try() {
    for set in fixture_sets() {
        let (moto, logs) = (Moto::with_bucket(), LogFolder::of(&set));
        lifting(updraft!("run", "--once"), &logs, &moto).run().exits(0);

        let mut streams = moto.log_groups(REGION).remove(GROUP).unwrap_or_default();
        let files = logs.task_files();
        for (path, bytes) in files.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            let task = path.split(".trigger.").next().expect("a path");
            let events =
                streams.get(&stream_of(task)).unwrap_or_else(|| panic!("{set}/{path}: no log stream"));
            let messages: Vec<_> = events.iter().map(|event| &*event.message).collect();
            let lines = messages.join("\n");
            // What is larger than an event may be is in several.
            let parts = messages.concat();
            for line in String::from_utf8_lossy(bytes).lines() {
                let said = line.split_once("] {").map_or(line, |(_, said)| said);
                let there = match line.strip_prefix('{') {
                    Some(_) if line.contains("\"event\":\"") => messages.contains(&line),
                    // Made into another object: what of it, the tests of the encoder say.
                    Some(_) => true,
                    None => lines.contains(said) || parts.contains(said),
                };
                assert!(there, "{set}/{path}: {}", &line[..line.floor_char_boundary(200)]);
            }
        }
        let tasks = files.keys().map(|path| stream_of(path.split(".trigger.").next().expect("a path")));
        let tasks: std::collections::BTreeSet<_> = tasks.collect();
        assert!(streams.keys().all(|name| tasks.contains(name)), "{set}: {:?}", streams.keys());
        streams.retain(|_, events| events.iter().any(|event| event.message.is_empty()));
        assert!(streams.is_empty(), "{set}: {:?}", streams.keys());
    }
}

#[test]
fn what_a_triggerer_wrote_is_between_what_the_task_wrote_before_and_after() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    let line = |second: u32, said: &str| {
        format!(
            "{{\"timestamp\":\"2026-11-21T12:00:{second:02}.000000Z\",\"level\":\"info\",\"event\":\"{said}\"}}\n"
        )
    };
    logs.append(TRY, line(1, "defers") + &line(9, "goes on"));
    logs.append(&format!("{TRY}.trigger.2.log"), line(3, "waits") + &line(5, "fires"));
    lifting(updraft!("run", "--once"), &logs, &moto).run().exits(0);
    let said = messages_of(&moto, TRY).into_iter().map(|line| {
        let line: Value = serde_json::from_str(&line).expect("JSON");
        line["event"].as_str().expect("text").to_owned()
    });
    assert_eq!(said.collect::<Vec<_>>(), ["defers", "waits", "fires", "goes on"]);
    assert_eq!(moto.log_groups(REGION)[GROUP].len(), 1);
}

#[test]
fn both_hops_of_a_task_that_deferred_twice_are_there_though_the_file_was_truncated() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    let trigger = format!("{TRY}.trigger.2.log");
    let hop = |hop: u32| format!("[2026-11-21T12:00:0{hop}.000+0000] {{t.py:1}} INFO - hop {hop}\n");
    logs.append(TRY, hop(0));
    logs.append(&trigger, hop(1));
    let run = lifting(updraft!("run"), &logs, &moto).spawn();
    eventually("the first hop, in both", || {
        let there = moto.mirrored().values().any(|body| *body == hop(1).as_bytes());
        (there && messages_of(&moto, TRY).len() == 2).then_some(())
    });
    fs::write(logs.path().join(&trigger), hop(2)).expect("it is truncated and written");
    eventually("the second hop", || (messages_of(&moto, TRY).len() == 3).then_some(()));
    end(run);
    let hops = [0, 1, 2].map(|hop| format!("{{t.py:1}} INFO - hop {hop}"));
    assert_eq!(messages_of(&moto, TRY), hops);
    let objects = moto.mirrored();
    let bodies: Vec<_> = objects.iter().map(|(key, body)| (key.starts_with(TRY), &**body)).collect();
    assert_eq!(
        bodies,
        [0, 1, 2].map(|at| (true, hop(at).into_bytes())).each_ref().map(|(is, body)| (*is, &**body))
    );
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_counted_and_in_the_receipt() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    logs.append(TRY, b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - caf\xe9 \xff\xfe\n");
    let run = lifting(updraft!("run").observed(), &logs, &moto).spawn();
    wait_for_object(&moto, b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - caf? ??\n");
    logs.append(TRY, b"[2026-11-21T12:00:01.000+0000] {a.py:1} INFO - \xc3\xa9 \xe9\n");
    wait_for_object(
        &moto,
        "[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - caf? ??\n[2026-11-21T12:00:01.000+0000] {a.py:1} INFO - é ?\n"
            .as_bytes(),
    );
    let counted =
        |sink: &str| run.scrape().count(&format!("updraft_replaced_bytes_total{{sink=\"{sink}\"}}"));
    for sink in ["objects", "logs"] {
        eventually("four of them to be counted", || (counted(sink) >= 4).then_some(()));
        assert_eq!(counted(sink), 4, "{sink}: each once, though the object was written twice");
    }
    let said = end(run);
    assert_eq!(said.matches("bytes of the file are not UTF-8").count(), 2, "once by each sink: {said}");

    let proof = proof(&logs, &moto, TRY);
    let entries = entries(&proof, "objects");
    assert_eq!(entries[0]["remote"]["verdict"], "same_but_replaced", "{proof:#}");
    let replaced =
        entries.iter().find(|it| it["outcome"] == "replaced").unwrap_or_else(|| panic!("{proof:#}"));
    assert_eq!((&replaced["bytes"], &replaced["events"]), (&4.into(), &0.into()));
    assert_eq!(replaced["target"], entries[0]["target"]);
    let said = lifting(updraft!("prove", TRY), &logs, &moto).run();
    said.exits(0);
    assert!(said.stdout.contains("4 bytes that are not UTF-8 are `?` in s3://"), "{}", said.stdout);

    // Another byte of it changed is another object.
    let forged = b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - CAF? ??\n";
    moto.put_object(BUCKET, &format!("logs/{TRY}"), forged);
    lifting(updraft!("prove", "--remote", TRY), &logs, &moto).run().exits(1);
}

#[test]
fn what_components_let_through_is_legible_too() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    logs.append(TRY, b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - caf\xe9\nand \xff\n");
    let masked = PIPELINE.replace("inputs: [airflow], for", "inputs: [normalize], for");
    let done = updraft!("run", "--once").mirroring(&logs, &moto, &masked).run();
    done.exits(0);
    let object = moto.mirrored().remove(TRY).expect("the object");
    assert_eq!(object, b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - caf?\nand ?\n");
    assert!(done.stderr.contains("bytes of the file are not UTF-8"), "{}", done.stderr);
}

#[test]
fn without_the_preset_a_mirror_is_the_file_whatever_its_bytes() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    logs.append(TRY, b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - caf\xe9 \xff\xfe\n");
    let plain = PIPELINE.replace(" for: airflow-ui,", "");
    updraft!("run", "--once").mirroring(&logs, &moto, &plain).run().exits(0);
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn while_a_file_grows_its_object_has_whole_lines_and_the_rest_soon_after_it_stopped() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    let often = PIPELINE.replace("key_prefix: logs/", "key_prefix: logs/, refresh_secs: 0.1");
    logs.append(TRY, "one\ntw");
    let run = updraft!("run").mirroring(&logs, &moto, &often).spawn();
    wait_for_object(&moto, b"one\n");
    logs.append(TRY, "o\nthr");
    wait_for_object(&moto, b"one\ntwo\n");
    let puts = || moto.requests_of("PutObject").len();
    let (before, since) = (puts(), Instant::now());
    wait_for_object(&moto, b"one\ntwo\nthr");
    assert!(puts() <= before + 1, "nothing is put while there is nothing whole to put");
    assert!(since.elapsed() > Duration::from_secs(2), "a line that may be written on is left out");
    end(run);
}

#[test]
fn a_character_that_lies_in_two_parts_of_an_upload_is_whole() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    // One line without a break, of characters of three bytes: a part of 8 MiB ends in the middle of one.
    let mut text = b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - ".to_vec();
    text.extend_from_slice("✓".repeat(7 << 20).as_bytes());
    text.extend_from_slice(b"\xff\n");
    logs.append(TRY, &text);
    lifting(updraft!("run", "--once"), &logs, &moto).run().exits(0);
    let object = moto.mirrored().remove(TRY).expect("the object");
    let end = text.len() - 2;
    assert!(object[..end] == text[..end], "the checks are whole");
    assert_eq!(&object[end..], b"?\n");
    assert!(!moto.requests_of("UploadPart").is_empty(), "it was sent in parts");
    let proof = proof(&logs, &moto, TRY);
    let replaced = entries(&proof, "objects").iter().find(|it| it["outcome"] == "replaced");
    assert_eq!(replaced.unwrap_or_else(|| panic!("{proof:#}"))["bytes"], 1);
}

#[test]
fn noise_that_looks_like_the_beginning_of_characters_is_replaced_like_any_other() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    let mut text = vec![b'x'; 8 << 20];
    text[7 << 20] = b'\n';
    text.resize((8 << 20) + 300_000, 0xc3);
    logs.append(TRY, &text);
    let copied = "sources: { airflow: { type: airflow } }\nsinks:\n  objects: { type: aws_s3, inputs: [airflow], for: airflow-ui, \
                  bucket: my-bucket, key_prefix: logs/ }\n";
    updraft!("run", "--once").mirroring(&logs, &moto, copied).run().exits(0);
    let object = moto.mirrored().remove(TRY).expect("the object");
    assert!(object[..8 << 20] == text[..8 << 20]);
    assert!(object.len() == text.len() && object[8 << 20..].iter().all(|&byte| byte == b'?'));
}

/// A record of six MiB with a byte that is not UTF-8 near its end: more than what S3 copies, less than a part.
fn six_mib() -> Vec<u8> {
    let mut text = b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - ".to_vec();
    text.resize(6 << 20, b'x');
    text.extend_from_slice(b" caf\xe9\n");
    text
}

#[test]
fn an_object_that_was_written_without_the_preset_is_written_anew() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    logs.append(TRY, six_mib());
    let plain = PIPELINE.replace(" for: airflow-ui,", "");
    updraft!("run", "--once").mirroring(&logs, &moto, &plain).run().exits(0);
    assert_eq!(moto.mirrored(), logs.task_files());
    logs.append(TRY, "[2026-11-21T12:00:01.000+0000] {a.py:1} INFO - more\n");
    lifting(updraft!("run", "--once"), &logs, &moto).run().exits(0);
    let object = moto.mirrored().remove(TRY).expect("the object");
    let text = String::from_utf8(object).expect("UTF-8");
    assert!(text.contains(" caf?\n[2026") && text.ends_with("more\n"));

    // And back.
    logs.append(TRY, "[2026-11-21T12:00:02.000+0000] {a.py:1} INFO - still more\n");
    updraft!("run", "--once").mirroring(&logs, &moto, &plain).run().exits(0);
    assert!(moto.mirrored() == logs.task_files(), "byte for byte again");
}

#[test]
fn what_is_replaced_is_in_the_receipt_though_the_answer_to_the_put_was_lost() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    logs.append(TRY, six_mib());
    moto.fail("PutObject", 1, Failure { status: 500, code: "InternalError", after: true });
    lifting(updraft!("run", "--once"), &logs, &moto).run().exits(0);
    let proof = proof(&logs, &moto, TRY);
    let replaced = entries(&proof, "objects").iter().find(|it| it["outcome"] == "replaced");
    assert_eq!(replaced.unwrap_or_else(|| panic!("{proof:#}"))["bytes"], 1);
}

#[test]
fn a_character_that_is_half_written_is_waited_for() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    let often = PIPELINE.replace("key_prefix: logs/", "key_prefix: logs/, refresh_secs: 0.1");
    let head = b"[2026-11-21T12:00:00.000+0000] {a.py:1} INFO - one\nhalf ";
    let whole = [&head[..], "✓ done\n".as_bytes()].concat();
    logs.append(TRY, [&head[..], b"\xe2\x9c"].concat());
    let run = updraft!("run").mirroring(&logs, &moto, &often).spawn();
    wait_for_object(&moto, head);
    logs.append(TRY, b"\x93 done\n");
    wait_for_object(&moto, &whole);
    end(run);
    let proof = proof(&logs, &moto, TRY);
    assert_eq!(entries(&proof, "objects")[0]["remote"]["verdict"], "same", "{proof:#}");

    moto.put_object(BUCKET, &format!("logs/{TRY}"), &[&head[..], b"??? done\n"].concat());
    let done = lifting(updraft!("prove", "--remote", TRY), &logs, &moto).run();
    done.exits(1);
    let said = format!("DIFFERS from byte {} on", head.len());
    assert!(done.stdout.contains(&said), "{}", done.stdout);
}

#[test]
fn a_way_on_which_nothing_puts_records_together_is_refused() {
    let logs = LogFolder::empty();
    let mask = guest("mask", env!("CARGO_TARGET_TMPDIR"));
    let config = PIPELINE.replace("builtin:airflow", &mask.to_string_lossy());
    let done = updraft!("validate").deployed(&logs).as_anyone().config("pipeline.yaml", &config).run();
    assert_ne!(done.code(), Some(0));
    assert!(done.stderr.contains("sink `logs` is `for: airflow-ui`, which shows records"), "{}", done.stderr);
}

#[test]
fn a_forged_record_of_the_near_future_is_no_later_than_its_file() {
    let moto = Moto::start_at_present();
    moto.create_bucket(BUCKET, REGION);
    let logs = LogFolder::empty();
    let now = jiff::Timestamp::now();
    let record = |minutes: i64, said: &str| {
        let time = now + jiff::SignedDuration::from_mins(minutes);
        format!("[{}] {{a.py:1}} INFO - {said}\n", time.strftime("%Y-%m-%dT%H:%M:%S.000+0000"))
    };
    logs.append(TRY, record(-1, "first") + &record(90, "forged") + &record(0, "last"));
    lifting(updraft!("run", "--once"), &logs, &moto).run().exits(0);
    let latest = events_of(&moto, TRY).into_iter().map(|event| event.timestamp).max().expect("events");
    assert!(latest < now.as_millisecond() + 30_000, "Airflow reads up to 30 s after the end of a try");
    let said = messages_of(&moto, TRY);
    let forged = said.iter().find(|message| message.contains("forged")).expect("it is there");
    assert!(forged.starts_with('['), "with the time that it claims: {forged}");
    assert!(said.contains(&"{a.py:1} INFO - first".to_owned()), "{said:?}");
}

#[test]
fn tries_of_another_file_name_template_are_known_by_a_pattern() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::of("airflow2/custom_template"));
    let pattern = r"(?P<dag_id>[^/]+)/(?P<run_id>.+)/(?P<task_id>[^/]+)\.(?P<map_index>-?\d+)\.try(?P<try_number>\d+)\.txt";
    let config =
        PIPELINE.replace("type: airflow }", &format!("type: airflow, path_patterns: ['{pattern}'] }}"));
    let config = config
        + "  known: { type: aws_cloudwatch_logs, inputs: [normalize], group_name: 'of/{{ dag_id }}', stream_name: '{{ kind }} {{ task_id }} {{ map_index | default(\"-\") }} {{ try_number }}' }\n";
    updraft!("run", "--once").mirroring(&logs, &moto, &config).run().exits(0);
    let groups = moto.log_groups(REGION);
    let deferred = &groups["of/deferrable_jobs"];
    assert!(deferred.contains_key("task defer_mapped 0 1"), "{:?}", deferred.keys());
    assert!(deferred.contains_key("trigger defer_mapped 0 1"), "{:?}", deferred.keys());
    assert!(groups[GROUP].keys().all(|name| !name.contains(".trigger.")), "{:?}", groups[GROUP].keys());
    assert_eq!(moto.mirrored(), logs.task_files(), "the path on disk is the key");
}
