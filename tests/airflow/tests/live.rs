//! Promise: in the UI of a real Airflow 3 that sees no file, a line of a running task is there within ten seconds, and when the
//! task has ended each of its lines is there once, in order.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use updraft_airflow_tests::live::{DAG, Page, RunningAirflow, Ui};
use updraft_airflow_tests::{Identity, updraft};
use updraft_tests::{BUCKET, Moto, REGION, eventually};

const PIPELINE: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  logs: { type: aws_cloudwatch_logs, inputs: [normalize], for: airflow-ui, group_name: /airflow/tasks }
  objects: { type: aws_s3, inputs: [airflow], for: airflow-ui, bucket: my-bucket, key_prefix: logs/ }
";
const RUN: &str = "run 1:ü+検";
/// How many lines the task `chatty` writes, one each second.
const TICKS: usize = 32;
/// How many of them have their way to the UI timed.
const TIMED: usize = 20;
const FRESH: Duration = Duration::from_secs(10);

#[test]
fn a_line_is_readable_within_ten_seconds_and_the_log_is_whole_when_its_task_has_ended() {
    let moto = Moto::start_at_present();
    moto.create_bucket(BUCKET, REGION);
    let airflow = RunningAirflow::start(&moto);
    airflow.trigger(RUN);
    let chatty = Identity::new(DAG, RUN, "chatty");
    eventually("the task to speak", || (ticks_in_file(&airflow, &chatty) >= 3).then_some(()));
    for ui in Ui::BOTH {
        let page = airflow.page(ui, &chatty);
        assert_eq!(page.with("tick").count(), 0, "{ui:?} sees the file itself: {page:#?}");
    }

    let running = updraft()
        .arg("run")
        .on(&moto)
        .as_anyone()
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", airflow.logs())
        .config("pipeline.yaml", PIPELINE)
        .spawn();
    let first_seen = watch(&airflow, &chatty);
    for ui in Ui::BOTH {
        let mut delays: Vec<Duration> = first_seen[&ui].values().rev().take(TIMED).copied().collect();
        delays.sort_unstable();
        assert_eq!(delays.len(), TIMED);
        let (median, longest) = (delays[TIMED / 2], delays[TIMED - 1]);
        println!("{ui:?}: {TIMED} lines readable after {median:.1?} (median), {longest:.1?} at most");
        assert!(median <= FRESH, "{ui:?}: {delays:?}");
    }

    airflow.wait_for_success(RUN);
    for ui in Ui::BOTH {
        whole(ui, &airflow);
    }
    running.terminate();
    running.wait().exits(0);
}

/// Looks at both pages again and again until the task has ended: how long after it was written each tick that was written
/// since was first seen.
fn watch(airflow: &RunningAirflow, chatty: &Identity) -> BTreeMap<Ui, BTreeMap<usize, Duration>> {
    let written_before = ticks_in_file(airflow, chatty);
    let mut first_seen: BTreeMap<Ui, BTreeMap<usize, Duration>> = BTreeMap::new();
    let deadline = Instant::now() + Duration::from_mins(3);
    while Ui::BOTH.iter().any(|ui| !first_seen.get(ui).is_some_and(|ticks| ticks.contains_key(&(TICKS - 1))))
    {
        assert!(Instant::now() < deadline, "not all is there: {first_seen:?}");
        for ui in Ui::BOTH {
            let page = airflow.page(ui, chatty);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
            for (tick, written) in ticks(&page).into_iter().filter(|(tick, _)| *tick >= written_before) {
                let seen = first_seen.entry(ui).or_default();
                seen.entry(tick).or_insert_with(|| now.saturating_sub(written));
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
    first_seen
}

/// Number and time of each tick on a page.
fn ticks(page: &Page) -> Vec<(usize, Duration)> {
    let ticks = page.with("tick ").map(|message| {
        let (number, time) =
            message.trim_start_matches("tick ").split_once(" at ").expect("a tick has a time");
        (number.parse().expect("a number"), Duration::from_secs_f64(time.parse().expect("seconds")))
    });
    ticks.collect()
}

fn ticks_in_file(airflow: &RunningAirflow, chatty: &Identity) -> usize {
    let file = airflow.logs().join(chatty.path());
    fs::read_to_string(file).map_or(0, |text| text.matches("\"tick ").count())
}

/// Each message of the run's tasks is on its page, once, in order.
fn whole(ui: Ui, airflow: &RunningAirflow) {
    let of = |task: &str| Identity::new(DAG, RUN, task);
    let chatty = page_with(ui, airflow, &of("chatty"), &format!("tick {} ", TICKS - 1));
    let numbers: Vec<usize> = ticks(&chatty).into_iter().map(|(number, _)| number).collect();
    assert!(numbers.iter().copied().eq(0..TICKS), "{ui:?}: {numbers:?}");

    let twice = of("twice_away");
    let hop = |hop: u32| [3, 2, 1].map(|left| format!("hop {hop}: {left} to go"));
    let parts =
        [vec!["first away".to_owned()], hop(1).to_vec(), vec!["back from hop 1".to_owned()], hop(2).to_vec()];
    let spoken: Vec<String> = parts.concat().into_iter().chain(["back from hop 2".to_owned()]).collect();
    said(ui, airflow, &twice, &spoken);

    said(ui, airflow, &of("flaky"), &["try 1".to_owned()]);
    said(ui, airflow, &of("flaky").retried(2), &["try 2".to_owned()]);
    for number in [0, 1] {
        said(ui, airflow, &of("mapped").mapped(number), &[format!("one of many: {number}")]);
    }
}

/// A page has these messages, each once, in this order, and every message of the file.
fn said(ui: Ui, airflow: &RunningAirflow, identity: &Identity, spoken: &[String]) {
    let page = page_with(ui, airflow, identity, &spoken[spoken.len() - 1]);
    let found: Vec<&String> = page.messages.iter().filter(|message| spoken.contains(message)).collect();
    assert!(found.iter().copied().eq(spoken), "{ui:?}, {}: {page:#?}", identity.path());
    let file = fs::read_to_string(airflow.logs().join(identity.path())).expect("the log is there");
    for line in file.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("Airflow 3 writes JSON");
        let message = line["event"].as_str().expect("with a message");
        let times = page.messages.iter().filter(|shown| *shown == message).count();
        assert_eq!(
            times,
            file.matches(&format!("\"event\":{}", line["event"])).count(),
            "{ui:?}: {message} in {page:#?}"
        );
    }
}

/// The page once its last message is there.
fn page_with(ui: Ui, airflow: &RunningAirflow, identity: &Identity, last: &str) -> Page {
    eventually(&format!("{last:?} in the log of {}", identity.path()), || {
        let page = airflow.page(ui, identity);
        let is_there = page.with(last).next().is_some();
        is_there.then_some(page)
    })
}
