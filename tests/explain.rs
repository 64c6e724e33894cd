//! Promise: of any line of a real file one can see what each stage made of it, and where each sink would put it and why,
//! without anything being sent or written.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use updraft_tests::{Finished, LogFolder, Updraft, files_in, guest, updraft};

/// A path with characters that CloudWatch does not take.
const PATH: &str = "dag_id=etl/run_id=manual__2026-01-01T00:00:00+00:00/task_id=load/attempt=1.log";

const LINES: &str = "\
[2026-01-01T00:00:00.000+0000] {a.py:1} INFO - the password is hunter2
[2026-01-01T00:00:01.000+0000] {a.py:2} ERROR - boom
Traceback (most recent call last):
  File \"a.py\", line 2, in f
ValueError: boom
[2026-01-01T00:00:02.000+0000] {a.py:3} INFO - NOISE of no use
no time of its own
[2026-01-01T00:00:03.000+0000] {a.py:4} INFO - AUDIT kept for seven years
[2026-01-01T00:00:04.000+0000] {a.py:5} INFO - DEBUG nobody wants this
";

/// Two ways that part behind a mask, a copy, and a sink of each type.
const PIPELINE: &str = r"
data_dir: '${DATA_DIR}'
sources:
  airflow: { type: airflow, base_log_folder: '${LOGS}' }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
  mask: { type: wasm, inputs: [normalize], component: '${MASK}', MASK_OPTIONS }
  labels: { type: wasm, inputs: [mask], component: '${LABELS}' }
routes:
  naming: { type: wasm, component: '${NAMER}', config: { do: '${DO:-name}' } }
sinks:
  cloudwatch:
    type: aws_cloudwatch_logs
    inputs: [labels]
    route: naming
    group_name: /air flow/{{ dag_id }}
    region: us-east-1
  audit_objects:
    type: aws_s3
    inputs: [labels]
    route: naming
    bucket: b
    region: us-east-1
    layout: batch
    key_prefix: audit/
    key: date=%F/{{ dag_id }}
  archive: { type: aws_s3, inputs: [airflow], bucket: b, key_prefix: logs/, region: us-east-1 }
  local: { type: file, inputs: [mask], path: '${OUT}' }
  console: { type: console, inputs: [normalize], encoding: { codec: text } }
";

struct Bench {
    logs: LogFolder,
    data: LogFolder,
}

impl Bench {
    fn new() -> Self {
        Self::with(LINES)
    }

    fn with(lines: &str) -> Self {
        let logs = LogFolder::empty();
        logs.append(PATH, lines);
        Self { logs, data: LogFolder::empty() }
    }

    fn explain(&self, what: &str, options: &[&str]) -> Finished {
        self.explain_with(what, options, "on_error: halt", "name")
    }

    fn explain_with(&self, what: &str, options: &[&str], mask: &str, namer: &str) -> Finished {
        let guest = |name: &str| guest(name, env!("CARGO_TARGET_TMPDIR"));
        let run = updraft!("explain", what)
            .env("DATA_DIR", self.data.path().join("not/made"))
            .env("OUT", self.data.path().join("out"))
            .env("LOGS", self.logs.path())
            .env("MASK", guest("mask"))
            .env("LABELS", guest("labels"))
            .env("NAMER", guest("namer"))
            .env("DO", namer)
            .config("pipeline.yaml", &PIPELINE.replace("MASK_OPTIONS", mask));
        options.iter().fold(run, Updraft::arg).run()
    }

    fn json(&self, what: &str) -> Value {
        read(&self.explain(what, &["--format", "json"]))
    }
}

fn read(done: &Finished) -> Value {
    serde_json::from_str(&done.exits(0).stdout).unwrap_or_else(|_| panic!("one JSON object: {done:?}"))
}

/// The event that begins with this line.
fn event(account: &Value, line: u64) -> Value {
    let all = account["readings"][0]["events"].as_array().expect("events");
    let found = all.iter().find(|event| event["lines"][0] == line);
    found.unwrap_or_else(|| panic!("no event begins with line {line}: {account:#}")).clone()
}

fn sink<'e>(event: &'e Value, id: &str) -> &'e Value {
    let sinks = event["sinks"].as_array().expect("sinks");
    sinks.iter().find(|sink| sink["sink"] == id).unwrap_or_else(|| panic!("no sink {id}: {event:#}"))
}

fn stage<'e>(event: &'e Value, id: &str) -> &'e Value {
    let stages = event["stages"].as_array().expect("stages");
    stages.iter().find(|stage| stage["transform"] == id).unwrap_or_else(|| panic!("no stage {id}: {event:#}"))
}

#[track_caller]
fn says(done: &Finished, words: &[&str]) {
    for word in words {
        assert!(done.stdout.contains(word), "no `{word}` in\n{}", done.stdout);
    }
}

#[test]
fn a_table_shows_each_stage_each_sink_and_why_and_is_not_wider_than_a_terminal() {
    let bench = Bench::new();
    let done = bench.explain(&format!("{PATH}:1-2"), &[]);
    done.exits(0);
    says(
        &done,
        &[
            "lines       lines 1–2 of 9",
            "dag_id      etl",
            "→ archive (aws_s3) copies the file's bytes as they are",
            "── line 1 ─",
            "── lines 2–5 ─",
            "  normalize (builtin:airflow)",
            "- the password is hunter2",
            "+ the password is ***",
            "→ cloudwatch (aws_cloudwatch_logs)",
            "by group_name `/air flow/{{ dag_id }}`",
            "` ` became `_` (CloudWatch allows A-Z",
            "`:` became `_` (CloudWatch allows none in names of log streams)",
            "→ cloudwatch (aws_cloudwatch_logs), label errors",
            "group       /airflow/errors",
            "route       `naming` chose this name",
        ],
    );
    let widest = done.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?} columns:\n{}", done.stdout);
    assert_eq!(done.stdout.matches("  normalize (builtin:airflow)").count(), 2, "once for each event");
}

#[test]
fn an_event_of_several_lines_is_shown_whole_for_each_of_them() {
    let bench = Bench::new();
    for line in 2..=5 {
        let account = bench.json(&format!("{PATH}:{line}"));
        let events = account["readings"][0]["events"].as_array().expect("events");
        assert_eq!((events.len(), &events[0]["lines"]), (1, &json!([2, 5])), "line {line}");
        let made = &stage(&events[0], "normalize")["events"][0]["event"];
        assert_eq!(
            made["exception"],
            "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\nValueError: boom"
        );
    }
}

#[test]
fn the_clock_of_a_line_without_a_time_is_that_of_a_run() {
    let account = Bench::new().json(&format!("{PATH}:7"));
    let made = &event(&account, 6)["stages"][0]["events"][0]["event"];
    assert_eq!(made["timestamp"], "2026-01-01T00:00:02Z");
}

#[test]
fn what_a_transform_changes_is_shown_as_a_difference_and_what_it_drops_says_who() {
    let account = Bench::new().json(PATH);
    let first = event(&account, 1);
    let changes = &stage(&first, "mask")["events"][0]["changes"];
    assert_eq!(changes["message"], json!({"from": "the password is hunter2", "to": "the password is ***"}));
    assert!(changes["raw"]["to"].as_str().is_some_and(|raw| raw.contains("***") && !raw.contains("hunter2")));
    let labelled = event(&account, 2);
    let changes = &stage(&labelled, "labels")["events"][0]["changes"];
    assert_eq!(changes["label"], json!({"from": "default", "to": "errors"}));
    assert_eq!(changes["fields.team"], json!({"from": null, "to": "data"}));
    let dropped = event(&account, 6);
    assert_eq!(stage(&dropped, "labels")["events"][0]["dropped"], true);
    assert_eq!(sink(&dropped, "cloudwatch")["dropped_by"], "labels");
    assert_eq!(sink(&dropped, "local")["dropped_by"], Value::Null, "it leaves the way before");
}

#[test]
fn each_sink_says_where_and_why() {
    let account = Bench::new().json(PATH);
    assert_eq!(account["copied_by"][0]["key"], format!("logs/{PATH}"));
    let first = event(&account, 1);
    let there = &sink(&first, "cloudwatch")["events"][0];
    assert_eq!((&there["group"], &there["here"]), (&json!("/air_flow/etl"), &json!(true)));
    assert_eq!(there["stream"], PATH.replace(':', "_"));
    assert_eq!(there["route"]["answer"], "standard");
    assert_eq!(
        there["templates"][1]["replaced"][0],
        "`:` became `_` (CloudWatch allows none in names of log streams)"
    );
    let kept_away = &sink(&first, "audit_objects")["events"][0];
    assert_eq!((&kept_away["here"], &kept_away["route"]["answer"]), (&json!(false), &json!("not_here")));
    let audited = event(&account, 8);
    assert_eq!(sink(&audited, "audit_objects")["events"][0]["key"], "audit/date=2026-01-01/etl/");
    assert_eq!(sink(&audited, "cloudwatch")["events"][0]["here"], false);
    assert_eq!(sink(&first, "local")["events"][0]["key"], PATH);
    assert_eq!(sink(&first, "console")["events"][0]["written"], json!(["the password is hunter2"]));
}

#[test]
fn a_router_that_fails_is_shown_with_its_error_and_the_name_that_is_used() {
    let bench = Bench::new();
    for (deed, word) in [
        ("bad_name", "no ':' and no '*'"),
        ("refuse", "no name for label `default`"),
        ("trap", "unreachable"),
    ] {
        let done = bench.explain_with(&format!("{PATH}:1"), &["--format", "json"], "", deed);
        let account = read(&done);
        let there = event(&account, 1);
        let there = &sink(&there, "cloudwatch")["events"][0];
        assert_eq!(there["route"]["answer"], "failed", "{deed}");
        assert!(
            there["route"]["error"].as_str().is_some_and(|error| error.contains(word)),
            "{deed}: {there:#}"
        );
        assert_eq!(there["group"], "/air_flow/etl");
    }
}

#[test]
fn what_a_component_fails_on_goes_the_way_of_its_on_error() {
    let lines = LINES.replace("boom", "POISON");
    let bench = Bench::with(&lines);
    let explain = |options: &str| read(&bench.explain_with(PATH, &["--format", "json"], options, "name"));

    let passed = explain("on_error: pass");
    let failed = &stage(&event(&passed, 2), "mask")["failed"].clone();
    assert_eq!(
        (&failed["on_error"], failed["error"].as_str().is_some_and(|it| it.contains("poisoned"))),
        (&json!("pass"), true)
    );
    assert_eq!(sink(&event(&passed, 2), "local")["events"][0]["here"], true);
    assert_eq!(stage(&event(&passed, 1), "mask")["failed"], Value::Null, "only what it fails on");

    let dropped = explain("on_error: drop");
    assert_eq!(sink(&event(&dropped, 2), "local")["dropped_by"], "mask");

    let halted = explain("on_error: halt");
    assert_eq!(sink(&event(&halted, 1), "local")["events"][0]["here"], true, "what is before it goes on");
    assert_eq!(sink(&event(&halted, 2), "local")["waits_for"], "mask");
    assert_eq!(sink(&event(&halted, 2), "console")["events"][0]["here"], true, "another way does not wait");
    let waits = &halted["readings"][0]["waits"][0];
    assert_eq!((&waits["transform"], &waits["from_line"]), (&json!("mask"), &json!(2)));
    let text = bench.explain_with(PATH, &[], "on_error: halt", "name");
    says(&text, &["From line 2 on nothing goes to", "⨯ local (file): waits for `mask`"]);
}

#[test]
fn nothing_is_written_and_a_running_updraft_is_not_in_the_way() {
    let bench = Bench::new();
    let logs = files_in(bench.logs.path());
    bench.explain(PATH, &["--written"]).exits(0);
    assert_eq!(files_in(bench.logs.path()), logs);
    assert_eq!(fs::read_dir(bench.data.path()).expect("a folder").count(), 0);
}

#[test]
fn the_file_may_be_named_from_here_from_the_log_folder_or_by_its_whole_path() {
    let bench = Bench::new();
    let whole = bench.logs.path().join(PATH);
    for name in [PATH, whole.to_str().expect("UTF-8")] {
        assert_eq!(bench.json(name)["path"], PATH);
    }
}

#[test]
fn what_no_source_reads_is_refused_with_the_reason() {
    let bench = Bench::new();
    bench.logs.append("scheduler/latest.log", "x\n");
    let outside = LogFolder::with_lines(0..1);
    let elsewhere = outside.path().join(updraft_tests::TRY);
    let cases: [(PathBuf, &str); 4] = [
        ("scheduler/latest.log".into(), "`scheduler/**` in its `exclude`"),
        ("dag_id=no/such.log".into(), "there is no file dag_id=no/such.log"),
        (elsewhere, "is not below the log folder of any source"),
        (format!("{PATH}:99").into(), "has 9 lines, and no line 99"),
    ];
    for (what, word) in cases {
        let done = bench.explain(what.to_str().expect("UTF-8"), &[]);
        done.exits(2);
        assert!(done.stderr.contains(word), "no `{word}` in {}", done.stderr);
    }
}

#[test]
fn of_a_long_file_the_first_hundred_events_are_shown_and_the_rest_is_counted() {
    let logs = LogFolder::with_lines(0..3000);
    let account = |what: &str| {
        let explain = updraft!("explain", what, "--format", "json")
            .env("DATA_DIR", logs.path().join("../none"))
            .config("pipeline.yaml", &simple(logs.path()));
        read(&explain.run())
    };
    let all = account(updraft_tests::TRY);
    let reading = &all["readings"][0];
    assert_eq!(
        (reading["events"].as_array().map(Vec::len), &reading["more_events"]),
        (Some(100), &json!(2900))
    );
    let late = account(&format!("{}:2500", updraft_tests::TRY));
    assert_eq!(late["readings"][0]["events"][0]["stages"][0]["events"][0]["event"]["message"], "line 2499");
}

fn simple(logs: &Path) -> String {
    format!(
        "sources:\n  airflow: {{ type: airflow, base_log_folder: '{}' }}\ntransforms:\n  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}\nsinks:\n  console: {{ type: console, inputs: [normalize] }}\n",
        logs.display()
    )
}

#[test]
fn real_files_of_every_airflow_are_explained_from_the_environment_too() {
    for set in updraft_tests::fixture_sets() {
        let logs = LogFolder::of(&set);
        let Some(path) = logs.task_files().into_keys().next() else { continue };
        let done = updraft!("explain", &path, "--format", "json")
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
            .env("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", "true")
            .env("ASTRO_CLUSTER_ID", "c")
            .env("ASTRO_WORKSPACE_ID", "w")
            .env("ASTRO_DEPLOYMENT_ID", "d")
            .run();
        let account = read(&done);
        let lines = account["lines_there"].as_u64();
        let events = account["readings"][0]["events"].as_array().expect("events");
        assert!(lines > Some(0) && !events.is_empty(), "{set}: {account:#}");
        let there = &events[0]["sinks"][0]["events"][0];
        assert_eq!((&there["group"], &there["stream"]), (&json!("/astro/c/w"), &json!("d")), "{set}");
    }
}
