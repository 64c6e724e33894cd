//! Promise: a host that is killed at any request, whichever it is and whether or not AWS carries it out, loses nothing
//! and repeats no more than that request; and a sink that is down costs the other nothing.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;

use rusqlite::Connection;
use updraft_tests::{BUCKET, LogFolder, MIB, Moto, Updraft, eventually, line, text, updraft};

/// Events in a put.
const PUT: usize = 100;

/// A config with these sinks, in YAML's flow style.
fn pipeline(logs: &LogFolder, data: &Path, sinks: &str) -> String {
    format!(
        "
data_dir: '{}'
sources: {{ airflow: {{ type: airflow, base_log_folder: '{}' }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks: {sinks}
",
        data.display(),
        logs.path().display()
    )
}

fn to_cloudwatch(group: &str) -> String {
    format!(
        "cloudwatch: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: {group}, stream_name: lines, \
         encoding: {{ codec: text }}, batch: {{ max_events: {PUT} }}, healthcheck: {{ enabled: false }} }}"
    )
}

fn to_s3(prefix: &str, options: &str) -> String {
    format!(
        "s3: {{ type: aws_s3, inputs: [airflow], bucket: {BUCKET}, key_prefix: '{prefix}', refresh_secs: 0.1, \
         healthcheck: {{ enabled: false }}, {options} }}"
    )
}

/// Runs until the call after so many of an operation is there, kills it there, has AWS carry the call out, and runs
/// again to the end.
fn killed_at(moto: &Moto, operation: &str, after: u32, run: impl Fn(Updraft) -> Updraft) {
    let before = moto.requests_of(operation).len();
    moto.hold_after(after, operation);
    let running = run(updraft!("run")).on(moto).as_anyone().spawn();
    eventually(&format!("call {after} of {operation}"), || {
        (moto.requests_of(operation).len() > before + after as usize).then_some(())
    });
    running.kill();
    moto.release();
    eventually("the call carried out", || {
        moto.requests_of(operation).iter().all(|call| call.ended.is_some()).then_some(())
    });
    run(updraft!("run", "--once")).on(moto).as_anyone().run().exits(0);
}

#[test]
fn a_kill_at_any_request_to_cloudwatch_repeats_one_put_at_most() {
    let moto = Moto::start();
    let puts = [0, 1, 4].map(|after| ("PutLogEvents", after));
    for (number, (operation, after)) in puts
        .into_iter()
        .chain([("CreateLogGroup", 0), ("CreateLogStream", 0), ("CreateLogStream", 1)])
        .enumerate()
    {
        let (logs, data) = (LogFolder::with_lines(0..450), LogFolder::empty());
        let group = format!("g{number}");
        let config = pipeline(&logs, data.path(), &format!("{{ {} }}", to_cloudwatch(&group)));
        killed_at(&moto, operation, after, |updraft| updraft.config("p.yaml", &config));

        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for event in moto.log_events(&group, "lines") {
            *times.entry(event.message).or_default() += 1;
        }
        assert_eq!(times.len(), 450, "killed at call {after} of {operation}: nothing is lost");
        let again: usize = times.values().map(|times| times - 1).sum();
        assert!(again <= PUT, "killed at call {after} of {operation}: {again} came twice");
    }
}

/// The objects below a prefix, by what follows it.
fn objects(moto: &Moto, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let all = moto.objects(BUCKET).into_iter();
    all.filter_map(|(key, object)| Some((key.strip_prefix(prefix)?.to_owned(), object.body))).collect()
}

#[test]
fn a_kill_at_any_put_of_a_mirror_leaves_each_file_its_object() {
    let moto = Moto::with_bucket();
    for after in 0..4 {
        let (logs, data) = (LogFolder::empty(), LogFolder::empty());
        for task in 0..3 {
            let file = format!("dag_id=d/run_id=r/task_id=t{task}/attempt=1.log");
            logs.append(&file, (0..10).map(line).collect::<String>());
        }
        let prefix = format!("p{after}/");
        let config = pipeline(&logs, data.path(), &format!("{{ {} }}", to_s3(&prefix, "request: {}")));
        // A fourth is asked for when one of the three has grown.
        if after == 3 {
            updraft!("run", "--once").on(&moto).as_anyone().config("p.yaml", &config).run().exits(0);
            logs.append("dag_id=d/run_id=r/task_id=t0/attempt=1.log", line(10));
        }
        let after = if after == 3 { 0 } else { after };
        killed_at(&moto, "PutObject", after, |updraft| updraft.config("p.yaml", &config));
        assert_eq!(objects(&moto, &prefix), logs.task_files(), "killed at put {after}");
    }
}

#[test]
fn an_object_keeps_its_key_though_its_first_put_was_cut_off_and_the_config_names_another() {
    let moto = Moto::with_bucket();
    let (logs, data) = (LogFolder::with_lines(0..10), LogFolder::empty());
    let config = |key: &str| {
        let s3 = to_s3("", &format!("key: '{key}/{{{{ path }}}}'"));
        pipeline(&logs, data.path(), &format!("{{ {s3} }}"))
    };
    moto.hold("PutObject");
    let running = updraft!("run").on(&moto).as_anyone().config("p.yaml", &config("before")).spawn();
    eventually("the put", || moto.requests_of("PutObject").pop());
    running.kill();
    moto.release();
    eventually("the put carried out", || (!moto.objects(BUCKET).is_empty()).then_some(()));
    logs.append_lines(10..20);

    updraft!("run", "--once").on(&moto).as_anyone().config("p.yaml", &config("after")).run().exits(0);

    assert_eq!(objects(&moto, "before/"), logs.task_files());
    assert_eq!(moto.objects(BUCKET).len(), 1, "and no second one of the same file");
}

#[test]
fn a_kill_at_any_request_of_a_large_upload_leaves_the_file_its_object() {
    let moto = Moto::with_bucket();
    // Between parts: see `uploads.rs`.
    let calls = [("CreateMultipartUpload", 0), ("UploadPart", 0), ("CompleteMultipartUpload", 0)];
    for (number, (operation, after)) in calls.into_iter().enumerate() {
        let (logs, data) = (LogFolder::empty(), LogFolder::empty());
        logs.append("dag_id=d/run_id=r/task_id=t/attempt=1.log", text(1, 18 * MIB));
        let prefix = format!("u{number}/");
        let config = pipeline(&logs, data.path(), &format!("{{ {} }}", to_s3(&prefix, "request: {}")));
        let sent = moto.requests_of("UploadPart").len();
        killed_at(&moto, operation, after, |updraft| updraft.config("p.yaml", &config));
        assert!(objects(&moto, &prefix) == logs.task_files(), "killed at call {after} of {operation}");
        let sent = moto.requests_of("UploadPart").len() - sent;
        assert!(sent <= 4, "{sent} parts were sent of an object of three");
    }
}

#[test]
fn a_kill_at_any_put_of_many_files_events_leaves_each_event_in_one_object() {
    let moto = Moto::with_bucket();
    for after in 0..4 {
        let (logs, data) = (LogFolder::empty(), LogFolder::empty());
        for task in 0..4 {
            let file = format!("dag_id=d{task}/run_id=r/task_id=t/attempt=1.log");
            logs.append(&file, (0..50).map(|number| line(task * 50 + number)).collect::<String>());
        }
        let prefix = format!("b{after}/");
        let lake = format!(
            "{{ lake: {{ type: aws_s3, inputs: [normalize], bucket: {BUCKET}, key_prefix: {prefix}, layout: batch, \
             key: 'dag={{{{ dag_id }}}}', encoding: {{ codec: text }}, compression: none, healthcheck: {{ enabled: false }}, \
             batch: {{ timeout_secs: 0.1, min_bytes: 1, max_wait_secs: 1 }}, request: {{ concurrency: 1 }} }} }}"
        );
        let config = pipeline(&logs, data.path(), &lake);
        killed_at(&moto, "PutObject", after, |updraft| updraft.config("p.yaml", &config));
        let bodies = objects(&moto, &prefix).into_values();
        let mut lines: Vec<String> = bodies
            .flat_map(|body| String::from_utf8_lossy(&body).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        lines.sort();
        let mut expected: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
        expected.sort();
        assert_eq!(lines, expected, "killed at put {after}: each event once");
    }
}

/// How far a sink is in the one file, as the store has it.
fn cursor(data: &Path, sink: &str) -> Option<i64> {
    let db = Connection::open(data.join("cursors.sqlite")).ok()?;
    db.query_row("SELECT offset FROM cursors WHERE sink = ?1", [sink], |row| row.get(0)).ok()
}

#[test]
fn a_sink_that_nobody_listens_to_costs_the_other_nothing_and_catches_up_from_its_own_cursor() {
    let moto = Moto::with_bucket();
    let (logs, data) = (LogFolder::with_lines(0..1_000), LogFolder::empty());
    // A port that was free a moment ago refuses connections.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    let config = |s3_endpoint: &str| {
        let s3 = to_s3("logs/", &format!("endpoint: 'http://{s3_endpoint}'"));
        pipeline(&logs, data.path(), &format!("{{ {}, {s3} }}", to_cloudwatch("g")))
    };
    let run =
        |updraft: Updraft, endpoint: &str| updraft.on(&moto).as_anyone().config("p.yaml", &config(endpoint));
    let running = run(updraft!("run", "--drain-timeout", "1s"), &nobody.to_string()).spawn();
    running.says(&["sink s3: s3:PutObject", "will be retried"]);
    let delivered = |count: usize| (moto.log_events("g", "lines").len() == count).then_some(());
    eventually("all events", || delivered(1_000));
    logs.append_lines(1_000..2_000);
    eventually("more events", || delivered(2_000));
    let size: usize = logs.task_files().values().map(Vec::len).sum();
    eventually("the cursor", || (cursor(data.path(), "cloudwatch")? == size as i64).then_some(()));
    assert_eq!(cursor(data.path(), "s3").unwrap_or(0), 0, "nothing of it is there");
    assert!(moto.objects(BUCKET).is_empty());
    running.terminate();
    running.wait().exits(1);

    // It is back.
    let there = moto.endpoint();
    run(updraft!("run", "--once"), there.trim_start_matches("http://")).run().exits(0);
    assert_eq!(objects(&moto, "logs/"), logs.task_files());
    assert_eq!(moto.log_events("g", "lines").len(), 2_000, "and the other got nothing twice");
    assert_eq!(cursor(data.path(), "s3"), Some(size as i64));
}
