//! Promise: what the config asks of CloudWatch, for groups that the sink makes and for how it talks, is what
//! CloudWatch gets; and nothing of it ever holds up an event.

use std::collections::BTreeMap;

use updraft_tests::{
    Failure, GroupKind, LogFolder, Moto, Request, TRY, Updraft, allow, eventually, line, updraft,
};

const GROUP: &str = "airflow";
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1";
const THROTTLED: Failure = Failure { status: 400, code: "ThrottlingException", after: false };

/// These logs to a log stream for each DAG, by message; with more options of the sink, in YAML's flow style.
fn lifting(updraft: Updraft, logs: &LogFolder, moto: &Moto, options: &str) -> Updraft {
    let config = format!(
        "
sources:
  airflow: {{ type: airflow }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
sinks:
  cloudwatch: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: {GROUP}, stream_name: '{{{{ dag_id }}}}',
    encoding: {{ codec: text }}, healthcheck: {{ enabled: false }}, {options} }}
"
    );
    updraft.on(moto).deployed(logs).config("pipeline.yaml", &config)
}

fn file_of(dag: &str) -> String {
    format!("dag_id={dag}/run_id=r/task_id=t/attempt=1.log")
}

fn messages(moto: &Moto, stream: &str) -> Vec<String> {
    moto.log_events(GROUP, stream).into_iter().map(|event| event.message).collect()
}

/// Everything a sink may do that makes groups, but for these.
fn may_all_but(missing: &[&str]) -> serde_json::Value {
    let all = ["CreateLogGroup", "CreateLogStream", "PutLogEvents", "PutRetentionPolicy", "TagResource"];
    let actions: Vec<String> = all
        .iter()
        .filter(|action| !missing.contains(action))
        .map(|action| format!("logs:{action}"))
        .collect();
    allow(&actions.iter().map(String::as_str).collect::<Vec<_>>(), &["*"])
}

#[test]
fn a_group_that_the_sink_makes_has_the_retention_key_tags_and_class_that_were_asked_for() {
    let moto = Moto::start();
    let logs = LogFolder::with_lines(0..3);
    let options = format!(
        "retention: {{ days: 30 }}, kms_key: '{KEY}', tags: {{ team: data, stage: test }}, log_group_class: infrequent_access"
    );
    lifting(updraft!("run", "--once"), &logs, &moto, &options).as_anyone().run().exits(0);

    let tags = BTreeMap::from([("team".into(), "data".into()), ("stage".into(), "test".into())]);
    let class = Some("INFREQUENT_ACCESS".to_owned());
    assert_eq!(
        moto.group_kinds()[GROUP],
        GroupKind { retention: Some(30), kms_key: Some(KEY.into()), tags, class }
    );
    assert_eq!(messages(&moto, "etl").len(), 3);
}

#[test]
fn a_group_is_plain_where_nobody_asked_for_more() {
    let moto = Moto::start();
    let logs = LogFolder::with_lines(0..3);
    let disabled = "retention: { enabled: false, days: 30 }";
    lifting(updraft!("run", "--once"), &logs, &moto, disabled).as_anyone().run().exits(0);

    let plain = GroupKind { class: Some("STANDARD".into()), ..GroupKind::default() };
    assert_eq!(moto.group_kinds()[GROUP], plain);
    assert!(moto.requests_of("PutRetentionPolicy").is_empty());
}

#[test]
fn a_group_that_is_there_is_left_as_it_is() {
    let moto = Moto::start();
    moto.create_log_group_that_keeps(7, GROUP);
    let before = moto.group_kinds();
    let logs = LogFolder::with_lines(0..3);
    let options = format!("retention: {{ days: 30 }}, kms_key: '{KEY}', tags: {{ team: data }}");
    lifting(updraft!("run", "--once"), &logs, &moto, &options).as_anyone().run().exits(0);

    assert_eq!(moto.group_kinds(), before);
    assert!(moto.requests_of("PutRetentionPolicy").is_empty());
    assert_eq!(messages(&moto, "etl").len(), 3);
}

#[test]
fn a_retention_that_is_refused_names_the_right_that_is_missing_and_holds_up_nothing() {
    let moto = Moto::start();
    let keys = moto.create_user("airflow", &may_all_but(&["PutRetentionPolicy"]));
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let once = lifting(updraft!("run", "--once"), &logs, &moto, "retention: { days: 30 }");
    let done = once.signing_with(&keys).run();

    done.exits(0);
    assert_eq!(messages(&moto, "etl").len(), 3);
    assert_eq!(done.stderr.matches("grant logs:PutRetentionPolicy").count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("made without its retention"), "{}", done.stderr);
}

#[test]
fn a_retention_that_was_refused_is_set_when_the_policy_is_mended() {
    let moto = Moto::start();
    let keys = moto.create_user("airflow", &may_all_but(&["PutRetentionPolicy"]));
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let running =
        lifting(updraft!("run"), &logs, &moto, "retention: { days: 30 }").signing_with(&keys).spawn();
    eventually("the refusal", || running.stderr().contains("logs:PutRetentionPolicy").then_some(()));
    eventually("all events", || (messages(&moto, "etl").len() == 3).then_some(()));

    moto.stop_enforcing_iam();
    eventually("the retention", || (moto.group_kinds()[GROUP].retention == Some(30)).then_some(()));
    running.terminate();
    let done = running.wait();
    done.exits(0);
    assert!(!done.stderr.contains("made without its retention"), "{}", done.stderr);
}

#[test]
fn a_retention_that_is_throttled_is_set_before_a_run_ends() {
    let moto = Moto::start();
    moto.fail("PutRetentionPolicy", 3, THROTTLED);
    let logs = LogFolder::with_lines(0..3);
    lifting(updraft!("run", "--once"), &logs, &moto, "retention: { days: 30 }").as_anyone().run().exits(0);

    assert_eq!(moto.group_kinds()[GROUP].retention, Some(30));
    assert_eq!(moto.requests_of("PutRetentionPolicy").len(), 4);
}

#[test]
fn no_event_waits_for_a_retention_that_hangs() {
    let moto = Moto::start();
    moto.hold("PutRetentionPolicy");
    let logs = LogFolder::with_lines(0..3);
    let running = lifting(updraft!("run"), &logs, &moto, "retention: { days: 30 }").as_anyone().spawn();
    eventually("all events", || (messages(&moto, "etl").len() == 3).then_some(()));
    logs.append_lines(3..5);
    eventually("what came later", || (messages(&moto, "etl").len() == 5).then_some(()));
    assert_eq!(moto.group_kinds()[GROUP].retention, None);

    moto.release();
    eventually("the retention", || (moto.group_kinds()[GROUP].retention == Some(30)).then_some(()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn tags_that_may_not_be_given_name_the_right_that_is_missing() {
    let moto = Moto::start();
    let keys = moto.create_user("airflow", &may_all_but(&["TagResource"]));
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let refused = lifting(updraft!("run", "--drain-timeout", "1s"), &logs, &moto, "tags: { team: data }");
    let said = ["grant logs:CreateLogGroup and, for its tags, logs:TagResource"];
    refused.signing_with(&keys).run_until_it_says(&said).exits(1);
    assert!(moto.group_kinds().is_empty());
}

#[test]
fn a_key_that_cloudwatch_may_not_use_is_named_with_what_to_mend() {
    let moto = Moto::start();
    moto.fail(
        "CreateLogGroup",
        100,
        Failure { status: 400, code: "InvalidParameterException", after: false },
    );
    let logs = LogFolder::with_lines(0..3);
    let refused = updraft!("run", "--drain-timeout", "1s");
    let refused = lifting(refused, &logs, &moto, &format!("kms_key: '{KEY}'")).as_anyone();
    refused.run_until_it_says(&[&format!("the policy of the key {KEY}")]).exits(1);
}

#[test]
fn compressed_puts_hold_the_same_events_in_a_fraction_of_the_bytes() {
    let logs = LogFolder::with_lines(0..20_000);
    let (mut events, mut sizes) = (Vec::new(), Vec::new());
    for compression in ["none", "gzip"] {
        let moto = Moto::start();
        let keys = moto.create_user("airflow", &may_all_but(&[]));
        // The signature is of the compressed body.
        moto.enforce_iam();
        let once = lifting(updraft!("run", "--once"), &logs, &moto, &format!("compression: {compression}"));
        let data = once.home().join("data");
        once.env("UPDRAFT_DATA_DIR", data).signing_with(&keys).run().exits(0);

        let puts = moto.requests_of("PutLogEvents");
        let encoding = (compression == "gzip").then(|| "gzip".to_owned());
        assert!(puts.iter().all(|put| put.encoding == encoding), "{puts:?}");
        assert!(moto.requests_of("CreateLogStream").iter().all(|other| other.encoding.is_none()));
        events.push(moto.log_events(GROUP, "etl"));
        sizes.push(puts.iter().map(|put| put.size).sum::<usize>());
    }
    assert_eq!(events[0].len(), 20_000);
    assert_eq!(events[0], events[1]);
    assert!(sizes[1] * 3 < sizes[0], "{sizes:?}");
}

#[test]
fn no_more_puts_are_under_way_at_once_than_the_config_says() {
    let dags = ["a", "b", "c", "d", "e", "f"];
    let logs = LogFolder::empty();
    for dag in dags {
        logs.append(&file_of(dag), line(0));
    }
    let moto = Moto::start();
    let once = lifting(updraft!("run", "--once"), &logs, &moto, "request: { concurrency: 1 }");
    let data = once.home().join("data");
    once.env("UPDRAFT_DATA_DIR", data).as_anyone().run().exits(0);
    let mut puts: Vec<Request> = moto.requests_of("PutLogEvents");
    puts.sort_by_key(|put| put.began);
    assert!(puts.len() >= dags.len());
    for two in puts.windows(2) {
        assert!(two[0].ended.is_some_and(|ended| ended < two[1].began), "two puts at once: {two:?}");
    }

    // With two of them, two are under way at once.
    let moto = Moto::start();
    moto.hold("PutLogEvents");
    let running = lifting(updraft!("run"), &logs, &moto, "request: { concurrency: 2 }").as_anyone().spawn();
    eventually("two puts under way", || (moto.requests_of("PutLogEvents").len() == 2).then_some(()));
    moto.release();
    let all = || dags.iter().all(|dag| messages(&moto, dag).len() == 1);
    eventually("all events", || all().then_some(()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn a_log_stream_that_waits_for_its_turn_to_be_made_holds_up_no_other() {
    let moto = Moto::start();
    moto.create_log_group_that_keeps(30, GROUP);
    let logs = LogFolder::empty();
    logs.append(&file_of("a"), line(0));
    // One in a hundred seconds: the first goes at once, the second waits.
    let running = lifting(updraft!("run", "--drain-timeout", "1s"), &logs, &moto, "create_stream_rate: 0.01")
        .as_anyone()
        .spawn();
    eventually("the first log stream", || (messages(&moto, "a").len() == 1).then_some(()));
    let puts_to_b =
        || moto.requests_of("PutLogEvents").into_iter().filter(|put| put.stream.as_deref() == Some("b"));

    logs.append(&file_of("b"), line(0));
    eventually("a put to the second", || (puts_to_b().count() == 1).then_some(()));
    logs.append(&file_of("a"), line(1));
    eventually("more in the first", || (messages(&moto, "a").len() == 2).then_some(()));
    assert_eq!(moto.requests_of("CreateLogStream").iter().filter(|made| made.status == Some(200)).count(), 1);

    running.terminate();
    running.wait().exits(1);
}

#[test]
fn a_log_stream_whose_making_is_throttled_is_made_all_the_same() {
    let moto = Moto::start();
    moto.fail("CreateLogStream", 2, THROTTLED);
    let logs = LogFolder::with_lines(0..3);
    lifting(updraft!("run", "--once"), &logs, &moto, "create_stream_rate: 1000").as_anyone().run().exits(0);
    assert_eq!(messages(&moto, "etl").len(), 3);
}

#[test]
fn a_group_is_made_where_its_streams_are_left_to_others() {
    let moto = Moto::start();
    let logs = LogFolder::with_lines(0..3);
    let options = "create_missing_stream: false, retention: { days: 30 }";
    let running = lifting(updraft!("run"), &logs, &moto, options).as_anyone().spawn();
    eventually("the group", || (moto.group_kinds().get(GROUP)?.retention == Some(30)).then_some(()));
    eventually("the complaint", || running.stderr().contains("create_missing_stream").then_some(()));
    assert!(moto.requests_of("CreateLogStream").is_empty());
    assert!(logs.task_files().contains_key(TRY));
    drop(running);
}

#[test]
fn no_group_is_made_where_that_is_left_to_others() {
    let moto = Moto::start();
    let logs = LogFolder::with_lines(0..3);
    let refused = updraft!("run", "--drain-timeout", "1s");
    let refused = lifting(refused, &logs, &moto, "create_missing_group: false").as_anyone();
    refused.run_until_it_says(&["create_missing_group"]).exits(1);
    assert!(moto.requests_of("CreateLogGroup").is_empty());
}
