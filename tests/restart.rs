//! Promise: however a run ends, the next one goes on where it stood; a clean stop loses nothing and doubles nothing.

use std::collections::BTreeMap;

use updraft_tests::{GROUP, LogFolder, Moto, STREAM, eventually, updraft};

fn messages(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

#[test]
fn a_second_run_sends_nothing_again() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::of("airflow3/default_utc");
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    let (events, puts) = (moto.log_events(GROUP, STREAM), moto.requests_of("PutLogEvents").len());
    let uploads = moto.requests_of("PutObject").len();

    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.log_events(GROUP, STREAM), events);
    assert_eq!(moto.requests_of("PutLogEvents").len(), puts);
    assert_eq!(moto.requests_of("PutObject").len(), uploads);
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_run_goes_on_where_the_last_one_stood() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..100);
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    logs.append_lines(100..250);

    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.messages(), messages(0..250));
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_clean_stop_delivers_what_is_there_once_and_exits_0() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..100);
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    eventually("the first lines", || (moto.messages().len() == 100).then_some(()));

    logs.append_lines(100..5_000);
    running.terminate();
    running.wait().exits(0);

    assert_eq!(moto.messages(), messages(0..5_000));
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_stop_in_the_middle_leaves_the_rest_to_the_next_run() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::of("airflow2/default_utc");
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    eventually("a first put", || {
        moto.requests_of("PutLogEvents").into_iter().find(|put| put.status == Some(200))
    });
    running.terminate();
    let stopped = running.wait();
    assert!(matches!(stopped.code(), Some(0 | 1)), "{}", stopped.stderr);

    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    let through = Moto::with_bucket();
    let copy = LogFolder::of("airflow2/default_utc");
    updraft!("run", "--once").lifting(&copy, &through).run().exits(0);
    assert_eq!(sorted(moto.messages()), sorted(through.messages()), "as if it had never stopped");
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_kill_loses_nothing_and_repeats_at_most_the_put_that_was_in_flight() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..25_000);
    moto.hold("PutLogEvents");
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    let in_flight = eventually("a put in flight", || moto.requests_of("PutLogEvents").pop());
    running.kill();
    // AWS has the request, and the one who sent it is dead.
    moto.release();
    eventually("the put carried out", || {
        moto.requests_of("PutLogEvents").iter().all(|put| put.ended.is_some()).then_some(())
    });

    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for message in moto.messages() {
        *times.entry(message).or_default() += 1;
    }
    assert_eq!(times.len(), 25_000, "nothing is lost");
    let repeated: usize = times.values().map(|times| times - 1).sum();
    assert!(repeated <= in_flight.events.unwrap_or_default(), "{repeated} events came twice");
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_kill_repeats_one_put_at_most_however_small_puts_are() {
    let moto = Moto::start();
    let (logs, data) = (LogFolder::with_lines(0..2_000), LogFolder::empty());
    let config = format!(
        "data_dir: '{}'
sources: {{ airflow: {{ type: airflow, base_log_folder: '{}' }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cw: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: {GROUP}, stream_name: {STREAM}, batch: {{ max_events: 50 }} }}
",
        data.path().display(),
        logs.path().display()
    );
    let updraft =
        |updraft: updraft_tests::Updraft| updraft.on(&moto).as_anyone().config("small.yaml", &config);
    // One asks for the log stream, some are taken, and one is under way: in the middle of a batch of 1,000 lines.
    moto.hold_after(8, "PutLogEvents");
    let running = updraft(updraft!("run")).spawn();
    eventually("the put that is held", || (moto.requests_of("PutLogEvents").len() == 9).then_some(()));
    running.kill();
    moto.release();
    eventually("the put carried out", || {
        moto.requests_of("PutLogEvents").iter().all(|put| put.ended.is_some()).then_some(())
    });
    let before = moto.messages().len();
    assert!((100..1_000).contains(&before), "{before} events: not in the middle of a batch");

    updraft(updraft!("run", "--once")).run().exits(0);

    let mut all = moto.messages();
    assert_eq!(all.len(), 2_050, "the put that was in flight comes twice, and nothing else");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 2_000);
}

#[test]
fn a_data_dir_has_one_owner_at_a_time() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let first = updraft!("run").lifting(&logs, &moto).spawn();
    eventually("the first to deliver", || (moto.messages().len() == 3).then_some(()));

    let second = updraft!("run", "--once").lifting(&logs, &moto).run();

    second.exits(3);
    assert!(second.stderr.contains(".updraft"), "{}", second.stderr);
    first.terminate();
    first.wait().exits(0);
}

fn sorted(mut messages: Vec<String>) -> Vec<String> {
    messages.sort();
    messages
}
