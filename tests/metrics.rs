//! Promise: whoever asks a running Updraft by HTTP how it does is told the truth: numbers that agree with what AWS saw,
//! whether it is alive, whether it is ready. Nothing of it holds anything up, and no secret is in it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use updraft_tests::{
    Failure, LogFolder, Moto, PATIENCE, Running, Series, Updraft, allow, eventually, http_request, updraft,
};

/// Nobody listens there. <https://www.iana.org/assignments/service-names-port-numbers> (tcpmux)
const DEAD: &str = "http://127.0.0.1:1";

fn run(moto: &Moto, options: &str, logs: &LogFolder) -> Updraft {
    updraft!("run").on(moto).as_anyone().observed().lifting_with(options, logs)
}

/// Sink, operation and result of each series of requests, and its number.
fn requests(series: &Series) -> BTreeMap<(String, String, String), u64> {
    let of = |(name, count): (&String, &f64)| {
        let labels = name.strip_prefix("updraft_requests_total{")?.strip_suffix('}')?;
        let mut labels =
            labels.split(',').filter_map(|label| Some(label.split_once('=')?.1.trim_matches('"')));
        let mut next = || labels.next().unwrap_or_default().to_owned();
        Some(((next(), next(), next()), *count as u64))
    };
    series.0.iter().filter_map(of).collect()
}

/// The same as moto's journal has it; `result` says what an answer of that operation and status is called.
fn journal(
    moto: &Moto,
    result: impl Fn(&str, u16) -> &'static str,
) -> BTreeMap<(String, String, String), u64> {
    let mut counts = BTreeMap::new();
    for asked in moto.requests() {
        let sink = match asked.service.as_deref() {
            Some("logs") => "cloudwatch",
            Some("s3") => "s3",
            // Of STS: the SDK's own.
            _ => continue,
        };
        let Some(status) = asked.status else { continue };
        let result = result(&asked.operation, status).to_owned();
        *counts.entry((sink.to_owned(), asked.operation, result)).or_default() += 1;
    }
    counts
}

/// Waits until the numbers are those of the journal: a request is counted a moment after it was answered.
#[track_caller]
fn agree(running: &Running, moto: &Moto, result: impl Fn(&str, u16) -> &'static str) {
    let mut last = String::new();
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        let (before, counted, after) =
            (journal(moto, &result), requests(&running.scrape()), journal(moto, &result));
        if before == after && counted == after {
            return;
        }
        last = format!("counted {counted:?}\njournal {after:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{last}");
}

#[test]
fn the_numbers_are_those_of_what_was_delivered_and_of_moto_s_journal() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::of("airflow2/default_utc");
    let bytes = logs.task_files().values().map(Vec::len).sum::<usize>() as u64;
    let running = run(&moto, "request: {}", &logs).spawn();
    eventually("all to be acknowledged", || {
        let now = running.scrape();
        let has_all =
            |sink| now.count(&format!("updraft_acknowledged_bytes_total{{sink=\"{sink}\"}}")) == bytes;
        (has_all("cloudwatch") && has_all("s3")).then_some(())
    });

    agree(&running, &moto, |operation, status| match (operation, status) {
        (_, 200) => "ok",
        ("PutLogEvents" | "DescribeLogStreams" | "CreateLogStream", 400) => "not_found",
        _ => "unexpected",
    });
    let now = running.scrape();
    let lines =
        logs.task_files().values().map(|file| String::from_utf8_lossy(file).lines().count()).sum::<usize>()
            as u64;
    for (series, value) in [
        ("updraft_lines_total{sink=\"cloudwatch\"}", lines),
        ("updraft_events_total{sink=\"s3\",outcome=\"delivered\"}", lines),
        ("updraft_acknowledged_bytes_total{sink=\"cloudwatch\"}", bytes),
        ("updraft_acknowledged_bytes_total{sink=\"s3\"}", bytes),
        ("updraft_uploaded_bytes_total{sink=\"s3\"}", bytes),
        ("updraft_files_total{sink=\"s3\"}", logs.task_files().len() as u64),
        ("updraft_lag_bytes{sink=\"cloudwatch\"}", 0),
        ("updraft_files_behind{sink=\"s3\"}", 0),
        ("updraft_lag_seconds{sink=\"cloudwatch\"}", 0),
        ("updraft_retries_total{sink=\"cloudwatch\"}", 0),
        ("updraft_sink_trouble{sink=\"cloudwatch\",class=\"denied\"}", 0),
        ("updraft_build_info{version=\"0.1.0\"}", 1),
    ] {
        assert_eq!(now.count(series), value, "{series} in {now:#?}");
    }
    assert!(now.number("process_start_time_seconds") > 1.7e9);
    assert!(now.number("process_resident_memory_bytes") > 1e6 && now.number("process_open_fds") > 3.0);
    assert!(
        !now.0.keys().any(|series| series.contains(".log") || series.contains("dag_id")),
        "no series per file"
    );
    assert_eq!(running.ask("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(running.ask("/readyz"), (200, "ready\n".to_owned()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn a_denied_sink_is_shown_with_its_fault_and_lag_while_the_pipeline_stays_ready() {
    let moto = Moto::with_bucket();
    let actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "s3:*"];
    let keys = moto.create_user("reader", &allow(&actions, &["*"]));
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let bytes = logs.task_files().values().map(Vec::len).sum::<usize>() as u64;
    let running =
        updraft!("run").on(&moto).signing_with(&keys).observed().lifting_with("request: {}", &logs).spawn();

    running.says(&["WARN", "sink cloudwatch: logs:PutLogEvents"]);
    let now = eventually("the copy to be there, and the trouble shown", || {
        let now = running.scrape();
        let denied = now.count("updraft_sink_trouble{sink=\"cloudwatch\",class=\"denied\"}");
        (denied == 1 && now.count("updraft_lag_bytes{sink=\"s3\"}") == 0).then_some(now)
    });
    assert_eq!(now.count("updraft_lag_bytes{sink=\"cloudwatch\"}"), bytes);
    assert!(now.number("updraft_lag_seconds{sink=\"cloudwatch\"}") > 0.0);
    assert_eq!(now.count("updraft_files_behind{sink=\"cloudwatch\"}"), 1);
    assert_eq!(now.count("updraft_sink_trouble{sink=\"s3\",class=\"denied\"}"), 0);
    agree(&running, &moto, |operation, status| match (operation, status) {
        ("PutLogEvents", 400 | 403) => "denied",
        ("DescribeLogStreams", 400) => "not_found",
        (_, 200) => "ok",
        _ => "unexpected",
    });
    let (status, ready) = running.ask("/readyz");
    assert_eq!(
        (status, ready.as_str()),
        (200, "ready\nsink cloudwatch: in trouble (denied); its logs wait on disk\n")
    );
    for said in [ready, running.ask("/metrics").1, running.ask("/healthz").1] {
        assert!(!said.contains(&keys.secret) && !said.contains(&keys.id), "{said}");
    }
}

#[test]
fn each_failure_is_counted_under_what_it_was_and_each_retry_is_counted() {
    let moto = Moto::with_bucket();
    // Made before, so that nothing is missing.
    moto.create_log_group_that_keeps(30, "airflow");
    moto.fail("CreateLogStream", 1, Failure { status: 400, code: "ThrottlingException", after: false });
    moto.fail("PutObject", 2, Failure { status: 503, code: "SlowDown", after: false });
    moto.fail("PutObject", 1, Failure { status: 500, code: "InternalError", after: true });
    let logs = LogFolder::with_lines(0..3);
    let running = run(&moto, "request: {}", &logs).spawn();
    eventually("both to have all", || moto.has_both(&logs).then_some(()));

    let now = eventually("the copy to be acknowledged", || {
        let now = running.scrape();
        (now.count("updraft_lag_bytes{sink=\"s3\"}") == 0).then_some(now)
    });
    assert_eq!(now.count("updraft_retries_total{sink=\"cloudwatch\"}"), 1);
    assert_eq!(now.count("updraft_retries_total{sink=\"s3\"}"), 3);
    for class in ["throttled", "server_error"] {
        assert_eq!(
            now.count(&format!("updraft_sink_trouble{{sink=\"s3\",class=\"{class}\"}}")),
            0,
            "it is over"
        );
    }
    agree(&running, &moto, |operation, status| match (operation, status) {
        (_, 200) => "ok",
        ("CreateLogStream", 400) | ("PutObject", 503) => "throttled",
        ("PutLogEvents", 400) => "not_found",
        ("PutObject", 500) => "server_error",
        // The object was there after all.
        ("PutObject", 412) => "conflict",
        _ => "unexpected",
    });
}

#[test]
fn requests_without_an_answer_are_counted_each_once() {
    let moto = Moto::with_bucket();
    moto.hold("PutLogEvents");
    let logs = LogFolder::with_lines(0..3);
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks:\n  slow: {{type: \
         aws_cloudwatch_logs, inputs: [airflow], group_name: a, healthcheck: {{enabled: false}}, request: \
         {{timeout_secs: 0.3}}}}\n  dead: {{type: aws_s3, inputs: [airflow], bucket: my-bucket, endpoint: '{DEAD}', \
         healthcheck: {{enabled: false}}}}\n  unknown: {{type: aws_s3, inputs: [airflow], bucket: my-bucket, auth: \
         {{profile: nobody}}, healthcheck: {{enabled: false}}}}\n",
        logs.path().display()
    );
    let running = updraft!("run").on(&moto).as_anyone().observed().config("p.yaml", &config).spawn();
    let count = |now: &Series, sink: &str, operation: &str, result: &str| {
        requests(now).get(&(sink.to_owned(), operation.to_owned(), result.to_owned())).copied().unwrap_or(0)
    };
    let now = eventually("some of each", || {
        let now = running.scrape();
        let both = count(&now, "slow", "PutLogEvents", "timeout") > 1
            && count(&now, "dead", "PutObject", "connection") > 1
            && now.count("updraft_sink_trouble{sink=\"unknown\",class=\"credentials\"}") > 0;
        both.then_some(now)
    });
    assert!(now.count("updraft_sink_trouble{sink=\"slow\",class=\"timeout\"}") == 1, "{now:#?}");
    assert!(now.count("updraft_sink_trouble{sink=\"dead\",class=\"connection\"}") == 1, "{now:#?}");
    assert!(
        !requests(&now).keys().any(|(sink, ..)| sink == "unknown"),
        "what cannot be signed is not sent: {now:#?}"
    );
    // What is under way now is counted when it is over.
    let (counted, asked) = eventually("a moment between two requests", || {
        let before = moto.requests_of("PutLogEvents").len() as u64;
        let counted = count(&running.scrape(), "slow", "PutLogEvents", "timeout");
        let after = moto.requests_of("PutLogEvents").len() as u64;
        (before == after).then_some((counted, after))
    });
    assert!(counted == asked || counted + 1 == asked, "{counted} counted, {asked} asked");
    moto.release();
}

#[test]
fn a_pipeline_that_drains_is_alive_and_not_ready() {
    let moto = Moto::with_bucket();
    moto.hold("PutLogEvents");
    let logs = LogFolder::with_lines(0..3);
    let running = run(&moto, "request: {timeout_secs: 3600}", &logs).spawn();
    eventually("the put", || (!moto.requests_of("PutLogEvents").is_empty()).then_some(()));
    eventually("it to be ready", || (running.ask("/readyz").0 == 200).then_some(()));
    running.terminate();
    running.says(&["reading on to each file's end"]);
    let text = eventually("it to drain", || {
        let (status, text) = running.ask("/readyz");
        (status == 503).then_some(text)
    });
    assert!(text.starts_with("draining"), "{text}");
    assert_eq!(running.ask("/healthz").0, 200);
    moto.release();
    running.wait().exits(0);
}

#[test]
fn what_is_started_is_alive_and_not_ready() {
    let moto = Moto::with_bucket();
    moto.hold("HeadBucket");
    let logs = LogFolder::with_lines(0..3);
    let options = "request: {timeout_secs: 3600}, healthcheck: {required: true}";
    let running = run(&moto, options, &logs).spawn();
    eventually("the question", || (!moto.requests_of("HeadBucket").is_empty()).then_some(()));
    assert_eq!(running.ask("/healthz").0, 200);
    assert_eq!(running.ask("/readyz"), (503, "starting\n".to_owned()));
    assert_eq!(running.ask("/metrics").0, 503);
    moto.release();
    eventually("it to be ready", || (running.ask("/readyz").0 == 200).then_some(()));
}

#[test]
fn a_store_that_cannot_be_written_makes_us_unready_and_is_named() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let running = run(&moto, "request: {}", &logs).spawn();
    eventually("it to be ready", || (running.ask("/readyz").0 == 200).then_some(()));
    let store = logs.path().join(".updraft/cursors.sqlite");
    let mut other = rusqlite::Connection::open(store).expect("the store is there");
    let held = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).expect("it is free");
    let (status, text) = running.ask("/readyz");
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("cursor store"), "{text}");
    held.rollback().expect("nothing was written");
    eventually("it to be ready again", || (running.ask("/readyz").0 == 200).then_some(()));
    assert_eq!(running.ask("/healthz").0, 200);
}

#[test]
fn only_reading_is_answered_and_nobody_who_dawdles_keeps_others_waiting() {
    let logs = LogFolder::with_lines(0..3);
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks: {{none: {{type: blackhole, inputs: \
         [airflow]}}}}\n",
        logs.path().display()
    );
    let running = updraft!("run").observed().config("p.yaml", &config).spawn();
    let port = running.metrics_port();
    running.scrape();
    assert_eq!(http_request(port, "POST", "/metrics", &[], b"x").0, 405);
    assert_eq!(http_request(port, "GET", "/", &[], b"").0, 404);
    let (status, body) = http_request(port, "HEAD", "/healthz", &[], b"");
    assert_eq!((status, body.len()), (200, 0));

    // Some that never ask to the end…
    let mut dawdlers: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut connection = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
            connection.write_all(b"GET /metrics HTTP/1.1\r\n").expect("it reads");
            connection
        })
        .collect();
    assert_eq!(running.ask("/healthz").0, 200);
    // …are cut off after a while, and so is a head without end.
    let mut end = Vec::new();
    dawdlers[0].read_to_end(&mut end).ok();
    let mut endless = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let mut sent = 0;
    while endless.write_all(b"X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n").is_ok() {
        sent += 1;
        assert!(sent < 1_000_000, "it reads for ever");
    }
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let logs = LogFolder::empty();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let moto = Moto::with_bucket();
    let run = updraft!("run", "--metrics-address", &address).lifting(&logs, &moto).run();
    run.exits(3);
    assert!(run.stderr.contains(&address) && run.stderr.contains("--metrics-address"), "{}", run.stderr);
    updraft!("run", "--metrics-address", "nowhere").lifting(&logs, &moto).run().exits(2);
}

#[test]
fn the_table_in_the_docs_is_what_is_printed() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
    let docs = std::fs::read_to_string(docs).expect("docs/operating.md is there");
    let documented: Vec<(String, String, String, String)> = docs
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.splitn(4, " | ");
            let mut next = || cells.next().unwrap_or_default().to_owned();
            let (name, kind, labels, help) = (next(), next(), next(), next());
            let name = name.trim_end_matches('`').to_owned();
            let metric = matches!(&*kind, "counter" | "gauge" | "histogram");
            metric.then_some((name, kind, labels, help))
        })
        .collect();

    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let running = run(&moto, "request: {}", &logs).spawn();
    eventually("both to have all", || moto.has_both(&logs).then_some(()));
    running.scrape();
    let text = running.ask("/metrics").1;
    let mut printed = Vec::new();
    let mut help = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').expect("a name and its help").1;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' ')) {
            let of = |line: &str, suffix| line.starts_with(&format!("{name}{suffix}{{"));
            let series = text.lines().find(|line| of(line, "") || of(line, "_count"));
            let labels =
                series.and_then(|it| it.split_once('{')?.1.split_once('}')).map_or(String::new(), |it| {
                    let names = it.0.split("\",").filter_map(|label| label.split_once('='));
                    names.map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                });
            // What nobody has counted yet has no series to show its labels.
            let silent = series.is_none() && !text.lines().any(|line| line.starts_with(&format!("{name} ")));
            let known = documented.iter().find(|row| silent && row.0 == name).map(|row| row.2.clone());
            printed.push((name.to_owned(), kind.to_owned(), known.unwrap_or(labels), help.to_owned()));
        }
    }
    let table: Vec<String> = printed
        .iter()
        .map(|(name, kind, labels, help)| format!("| `{name}` | {kind} | {labels} | {help} |"))
        .collect();
    assert_eq!(documented, printed, "the table should be:\n{}", table.join("\n"));
}
