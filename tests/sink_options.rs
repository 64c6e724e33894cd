//! Promise: names, sizes and waits are what the config says; what other files of tests do not show of the sinks' options.
//! docs/sinks.md names a test for each option.

use std::path::Path;

use updraft_tests::{BUCKET, LogFolder, Moto, TRY, Updraft, eventually, files_in, line, updraft};

const OTHER: &str = "dag_id=other/run_id=r/task_id=t/attempt=2.log";

/// These logs through the built-in normalizer into one sink.
fn lifting(updraft: Updraft, logs: &LogFolder, moto: &Moto, sink: &str) -> Updraft {
    let pipeline = format!(
        "
sources: {{ airflow: {{ type: airflow, rescan_secs: 0.1 }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks: {{ it: {{ inputs: [normalize], {sink} }} }}
"
    );
    updraft
        .on(moto)
        .as_anyone()
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
        .config("pipeline.yaml", &pipeline)
}

fn to_s3(options: &str) -> String {
    format!("type: aws_s3, bucket: {BUCKET}, {options}")
}

/// How many events each put held that was taken.
fn events_of_puts(moto: &Moto) -> Vec<usize> {
    let puts = moto.requests_of("PutLogEvents").into_iter().filter(|put| put.status == Some(200));
    puts.filter_map(|put| put.events).collect()
}

#[test]
fn no_put_holds_more_events_than_the_config_allows_and_each_but_the_last_as_many() {
    let (moto, logs) = (Moto::start(), LogFolder::with_lines(0..38));
    let sink = "type: aws_cloudwatch_logs, group_name: g, stream_name: s, batch: { max_events: 7 }";
    lifting(updraft!("run", "--once"), &logs, &moto, sink).run().exits(0);
    assert_eq!(events_of_puts(&moto), [7, 7, 7, 7, 7, 3]);
}

#[test]
fn no_put_holds_more_bytes_than_the_config_allows() {
    let (moto, logs) = (Moto::start(), LogFolder::with_lines(0..200));
    let sink = "type: aws_cloudwatch_logs, group_name: g, stream_name: s, batch: { max_bytes: 2000 }";
    lifting(updraft!("run", "--once"), &logs, &moto, sink).run().exits(0);
    let puts = moto.requests_of("PutLogEvents");
    let sizes: Vec<usize> = puts.iter().filter_map(|put| put.event_bytes).collect();
    assert!(sizes.iter().all(|bytes| *bytes <= 2000), "{sizes:?}");
    assert_eq!(events_of_puts(&moto).iter().sum::<usize>(), 200);
}

#[test]
fn a_put_that_is_not_full_waits_for_as_long_as_the_config_says() {
    let (moto, logs) = (Moto::start(), LogFolder::with_lines(0..25));
    let sink = "type: aws_cloudwatch_logs, group_name: g, stream_name: s, batch: { max_events: 10, timeout_secs: 3600 }";
    let running = lifting(updraft!("run"), &logs, &moto, sink).spawn();
    eventually("two full puts", || (events_of_puts(&moto) == [10, 10]).then_some(()));
    logs.append_lines(25..30);
    eventually("the third", || (events_of_puts(&moto) == [10, 10, 10]).then_some(()));
    logs.append_lines(30..31);
    running.terminate();
    running.wait().exits(0);
    assert_eq!(events_of_puts(&moto), [10, 10, 10, 1]);
}

#[test]
fn log_groups_and_streams_are_called_what_their_templates_say() {
    let (moto, logs) = (Moto::start(), LogFolder::with_lines(0..2));
    logs.append(OTHER, line(2));
    let sink =
        "type: aws_cloudwatch_logs, group_name: '/airflow/{{ dag_id }}', stream_name: 'try {{ try_number }}'";
    lifting(updraft!("run", "--once"), &logs, &moto, sink).run().exits(0);
    assert_eq!(moto.log_events("/airflow/etl", "try 1").len(), 2);
    assert_eq!(moto.log_events("/airflow/other", "try 2").len(), 1);
}

#[test]
fn objects_and_files_are_called_what_their_template_says() {
    let (moto, logs, out) = (Moto::with_bucket(), LogFolder::with_lines(0..2), LogFolder::empty());
    logs.append(OTHER, line(2));
    let key = "key: '{{ dag_id }}/{{ try_number }}.log'";
    lifting(updraft!("run", "--once"), &logs, &moto, &to_s3(key)).run().exits(0);
    assert_eq!(moto.objects(BUCKET).into_keys().collect::<Vec<_>>(), ["etl/1.log", "other/2.log"]);

    let sink = format!("type: file, path: '{}', {key}", out.path().display());
    let data = LogFolder::empty();
    lifting(updraft!("run", "--once"), &logs, &moto, &sink)
        .env("UPDRAFT_DATA_DIR", data.path())
        .run()
        .exits(0);
    assert_eq!(files_in(out.path())["other/2.log"], line(2).into_bytes());
    assert_eq!(files_in(out.path()).len(), 2);
}

#[test]
fn the_object_of_a_growing_file_is_brought_up_to_date_as_often_as_the_config_says() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::with_lines(0..1));
    let running = lifting(updraft!("run"), &logs, &moto, &to_s3("refresh_secs: 0.1")).spawn();
    for count in 1..4 {
        let whole =
            || moto.objects(BUCKET).get(TRY).is_some_and(|object| object.body == logs.task_files()[TRY]);
        eventually("the object as it is now", || whole().then_some(()));
        logs.append_lines(count..count + 1);
    }
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.mirrored(), logs.task_files());
}

/// Ways in which an object that is far from full is put before the run ends.
const WAITS: [&str; 2] =
    ["timeout_secs: 0.2, min_bytes: 0", "timeout_secs: 0, min_bytes: 1000000, max_wait_secs: 0.5"];

#[test]
fn an_object_of_many_files_is_put_when_it_is_old_enough_and_a_tiny_one_when_it_has_waited_enough() {
    for waits in WAITS {
        let (moto, logs) = (Moto::with_bucket(), LogFolder::with_lines(0..3));
        let options = format!("layout: batch, batch: {{ {waits} }}");
        let running = lifting(updraft!("run"), &logs, &moto, &to_s3(&options)).spawn();
        eventually("the object, before the end", || (moto.sizes(BUCKET).len() == 1).then_some(()));
        running.terminate();
        running.wait().exits(0);
        assert_eq!(moto.sizes(BUCKET).len(), 1);
    }
}

#[test]
fn a_file_of_many_files_is_written_when_it_is_full_old_or_has_waited_enough_and_ends_as_it_is_told() {
    for waits in WAITS.into_iter().chain(["max_bytes: 1024, min_bytes: 0, timeout_secs: 3600"]) {
        let (moto, logs, out) = (Moto::start(), LogFolder::with_lines(0..200), LogFolder::empty());
        let sink = format!(
            "type: file, path: '{}', layout: batch, batch: {{ {waits} }}, compression: none, encoding: {{ codec: text }}, filename_extension: txt",
            out.path().display()
        );
        let whole = |name: &String| Path::new(name).extension().is_some_and(|ending| ending == "txt");
        let files = || files_in(out.path()).into_iter().filter(|(name, _)| whole(name)).collect::<Vec<_>>();
        let running = lifting(updraft!("run"), &logs, &moto, &sink).spawn();
        eventually("a file, before the end", || (!files().is_empty()).then_some(()));
        running.terminate();
        running.wait().exits(0);
        let mut lines: Vec<u32> = files()
            .iter()
            .flat_map(|(_, bytes)| {
                String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .map(|line| line.trim_start_matches("line ").parse().expect("a number"))
            .collect();
        lines.sort_unstable();
        assert_eq!(lines, (0..200).collect::<Vec<_>>());
    }
}
