//! Promise: CloudWatch gets full puts, one at a time for each log stream, and what it refuses is tried again or counted.

use updraft_tests::{
    BUCKET, Failure, GROUP, LogFolder, Moto, Request, STREAM, TRY, eventually, fixture_sets, line, updraft,
};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>
const MAX_EVENTS: usize = 10_000;
const MAX_BYTES: usize = 1_048_576;

fn lines(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

#[test]
fn a_put_that_need_not_wait_is_as_full_as_aws_allows() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..35_000);
    // Nothing but a full put goes out until the run is to end.
    let config = format!(
        "sources: {{ airflow: {{ type: airflow, base_log_folder: '{}' }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cw:
    type: aws_cloudwatch_logs
    inputs: [normalize]
    group_name: {GROUP}
    stream_name: {STREAM}
    batch: {{ timeout_secs: 3600 }}
",
        logs.path().display()
    );
    let running = updraft!("run").on(&moto).as_anyone().config("full.yaml", &config).spawn();
    eventually("full puts", || (accepted(&moto).len() >= 3).then_some(()));
    let puts = accepted(&moto);
    running.terminate();
    running.wait().exits(0);

    let longest =
        moto.log_events(GROUP, STREAM).iter().map(|event| event.message.len() + 26).max().unwrap_or(0);
    for put in &puts {
        let (events, bytes) = (put.events.unwrap_or(0), put.event_bytes.unwrap_or(0));
        assert!(
            events == MAX_EVENTS || bytes + longest > MAX_BYTES,
            "a put of {events} events and {bytes} bytes"
        );
    }
    assert_eq!(moto.messages(), lines(0..35_000));
}

#[test]
fn files_that_share_a_log_stream_share_puts() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    for file in 0..200 {
        logs.append(&format!("dag_id=d/run_id=r/task_id=t{file}/attempt=1.log"), line(file));
    }
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.messages().len(), 200);
    let puts = accepted(&moto).len();
    assert!(puts <= 20, "{puts} puts for 200 files");
}

#[test]
fn one_put_is_in_flight_for_each_log_stream() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    // Files of two DAGs, a log stream for each: many files that fill many puts to one stream.
    for (dag, task) in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3)] {
        let file = format!("dag_id={dag}/run_id=r/task_id=t{task}/attempt=1.log");
        logs.append(&file, (0..8_000).map(line).collect::<String>());
    }
    updraft!("run", "--once")
        .lifting(&logs, &moto)
        .env("ASTRO_CLOUDWATCH_TASK_LOGS_GROUP_STREAM", "{{ dag_id }}")
        .run()
        .exits(0);

    for stream in ["a", "b"] {
        let mut puts = accepted(&moto);
        puts.retain(|put| put.stream.as_deref() == Some(stream));
        puts.sort_by_key(|put| put.began);
        assert_eq!(puts.iter().filter_map(|put| put.events).sum::<usize>(), 24_000);
        assert!(puts.len() >= 4, "only {} puts to {stream}", puts.len());
        let mut free = 0;
        for put in &puts {
            assert!(free < put.began, "two puts at once to {stream}");
            free = put.ended.expect("what was accepted was answered");
        }
    }
}

#[test]
fn a_call_that_aws_cannot_serve_now_is_tried_again() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..10);
    let throttled = Failure { status: 400, code: "ThrottlingException", after: false };
    let unavailable = Failure { status: 503, code: "ServiceUnavailableException", after: false };
    moto.fail("PutLogEvents", 2, throttled);
    moto.fail("CreateLogStream", 1, throttled);
    moto.fail("CreateLogGroup", 1, unavailable);
    moto.fail("PutObject", 2, Failure { status: 503, code: "SlowDown", after: false });

    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.messages(), lines(0..10));
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_sink_that_is_down_holds_the_other_up_in_nothing() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::of("airflow2/default_utc");
    moto.hold("PutObject");
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    let through = Moto::with_bucket();
    let copy = LogFolder::of("airflow2/default_utc");
    updraft!("run", "--once").lifting(&copy, &through).run().exits(0);

    let all = through.messages().len();
    eventually("all events while S3 hangs", || (moto.messages().len() == all).then_some(()));
    assert!(moto.objects(BUCKET).is_empty());
    moto.release();
    eventually("all objects", || (moto.mirrored() == logs.task_files()).then_some(()));
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.messages().len(), all, "the sink that was well sent nothing twice");
}

#[test]
fn events_too_old_for_cloudwatch_are_counted_and_the_rest_is_taken() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..5);
    let old = "dag_id=old/run_id=r/task_id=t/attempt=1.log";
    for day in 1..4 {
        logs.append(old, format!("[2026-10-0{day}T12:00:00.000+0000] {{load.py:7}} INFO - too old\n"));
    }
    let done = updraft!("run", "--once").lifting(&logs, &moto).run();

    // Not delivered, and no sink for dead letters: so it says.
    done.exits(1);
    assert!(done.stderr.contains("3 rejected as too old"), "{}", done.stderr);
    assert_eq!(moto.messages(), lines(0..5));
    assert_eq!(moto.mirrored(), logs.task_files());

    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    assert_eq!(moto.messages(), lines(0..5), "what was refused is not asked again");
}

#[test]
fn no_put_of_real_logs_is_one_that_aws_would_refuse() {
    let moto = Moto::with_bucket();
    for set in fixture_sets() {
        let logs = LogFolder::of(&set);
        updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    }
    let puts = moto.requests_of("PutLogEvents");
    let made = moto.requests_of("CreateLogStream");
    let to = |request: &Request| (request.group.clone(), request.stream.clone());
    assert!(puts.iter().any(|put| put.status == Some(200)));
    for refused in puts.iter().filter(|put| put.status != Some(200)) {
        // Only where its stream was not there: then that very stream is made, and the very same put is taken.
        let taken = made.iter().any(|made| {
            to(made) == to(refused)
                && made.status == Some(200)
                && refused.ended.is_some_and(|ended| ended < made.began)
                && puts.iter().any(|put| {
                    to(put) == to(refused)
                        && (put.events, put.event_bytes) == (refused.events, refused.event_bytes)
                        && put.status == Some(200)
                        && made.ended.is_some_and(|ended| ended < put.began)
                })
        });
        assert!(refused.status == Some(400) && taken, "{refused:?}");
    }
}

#[test]
fn an_event_larger_than_a_put_is_split_and_can_be_put_together() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..1);
    let long = "x".repeat(3 * MAX_BYTES);
    logs.append(TRY, format!("[2026-11-21T12:30:00.000+0000] {{load.py:7}} INFO - {long}\n"));
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    let together: String = moto.messages()[1..].concat();
    assert_eq!(together, long);
}

fn accepted(moto: &Moto) -> Vec<Request> {
    moto.requests_of("PutLogEvents").into_iter().filter(|put| put.status == Some(200)).collect()
}
