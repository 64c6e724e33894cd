//! Promise: whatever a service refuses holds up what it is refused for and nothing else, is said once, and is made up
//! for by itself when it is mended. Nothing is lost, and nothing given up but the event that is at fault.

use std::collections::{BTreeMap, BTreeSet};

use updraft_tests::{
    ACCOUNT, BUCKET, Failure, LogFolder, Moto, Updraft, allow, allow_both, eventually, line, trust, updraft,
};

const THROTTLED: Failure = Failure { status: 400, code: "ThrottlingException", after: false };
const WRITER: &str = "arn:aws:iam::123456789012:role/writer";

/// Each DAG has a log group, each task a log stream; with more options of the sink, in YAML's flow style.
fn lifting(updraft: Updraft, logs: &LogFolder, moto: &Moto, options: &str) -> Updraft {
    let config = format!(
        "
sources:
  airflow: {{ type: airflow }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
sinks:
  cloudwatch: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: '{{{{ dag_id }}}}',
    stream_name: '{{{{ task_id }}}}', encoding: {{ codec: text }}, healthcheck: {{ enabled: false }}, {options} }}
"
    );
    updraft.on(moto).deployed(logs).config("pipeline.yaml", &config)
}

fn file_of(dag: &str, task: &str) -> String {
    format!("dag_id={dag}/run_id=r/task_id={task}/attempt=1.log")
}

/// The messages of a log stream.
fn messages(moto: &Moto, dag: &str, task: &str) -> Vec<String> {
    moto.log_events(dag, task).into_iter().map(|event| event.message).collect()
}

/// How many events each log stream of a group has.
fn counts(moto: &Moto, group: &str) -> BTreeMap<String, usize> {
    let mut groups = moto.log_groups("us-east-1");
    let streams = groups.remove(group).unwrap_or_default();
    streams.into_iter().map(|(name, events)| (name, events.len())).collect()
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

/// The bytes of so many long lines.
fn long_lines(count: u32) -> String {
    let filler = "x".repeat(10_000);
    (0..count).map(|number| line(number).trim_end().to_owned() + " " + &filler + "\n").collect()
}

#[test]
fn a_hundred_log_streams_that_are_denied_take_no_room_of_those_that_are_not() {
    let moto = Moto::start();
    let actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    let keys = moto.create_user("airflow", &allow(&actions, &["arn:aws:logs:*:*:log-group:good:*"]));
    moto.enforce_iam();
    let logs = LogFolder::empty();
    // 30 MB for what is denied, more than the sink holds.
    for task in 0..100 {
        logs.append(&file_of("denied", &format!("t{task}")), long_lines(30));
    }
    let running = lifting(updraft!("run"), &logs, &moto, "").signing_with(&keys).spawn();
    running.says(&["logs:PutLogEvents", "AccessDeniedException", "denied", "grant"]);

    let new_streams = |from: u32, to: u32| -> BTreeMap<String, usize> {
        (from..to)
            .map(|task| {
                logs.append(&file_of("good", &format!("t{task}")), long_lines(30));
                (format!("t{task}"), 30)
            })
            .collect()
    };
    let mut good = new_streams(0, 20);
    eventually("all of the good group", || (counts(&moto, "good") == good).then_some(()));
    good.extend(new_streams(20, 40));
    eventually("what is new in it", || (counts(&moto, "good") == good).then_some(()));
    assert!(counts(&moto, "denied").is_empty());
    let said = running.stderr();
    let said = said.lines().filter(|line| line.contains("AccessDeniedException")).count();
    assert!(said <= 2, "{said} complaints of a hundred log streams: one for each action would do");

    moto.stop_enforcing_iam();
    let all: BTreeMap<String, usize> = (0..100).map(|task| (format!("t{task}"), 30)).collect();
    eventually("what was denied", || (counts(&moto, "denied") == all).then_some(()));
    running.terminate();
    let done = running.wait();
    done.exits(0);
    assert_eq!(counts(&moto, "denied"), all, "each event once");
    assert_eq!(counts(&moto, "good"), good);
    assert!(done.stderr.contains("4200 lines"), "each line is counted once: {}", done.stderr);
}

#[test]
fn what_is_held_up_lets_others_begin_though_nothing_of_it_is_let_go_of() {
    let moto = Moto::start();
    let keys = moto.create_user("airflow", &allow(&["logs:DescribeLogGroups"], &["*"]));
    moto.enforce_iam();
    let logs = LogFolder::empty();
    // Just more than 6 MiB, where no other begins; none of it goes by itself.
    for task in 0..21 {
        logs.append(&file_of("denied", &format!("t{task}")), long_lines(30));
    }
    let updraft = lifting(updraft!("run"), &logs, &moto, "batch: { timeout_secs: 3600 }").signing_with(&keys);
    let running = updraft.observed().spawn();
    let read = |files: u64| {
        eventually("what is read", || {
            let lines = running.scrape().count("updraft_lines_total{sink=\"cloudwatch\"}");
            (lines == 30 * files).then_some(())
        });
    };
    read(21);
    // It has to wait; so one of the others goes early, and is refused.
    logs.append(&file_of("other", "t"), long_lines(30));
    read(22);
    moto.stop_enforcing_iam();
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn log_streams_whose_making_is_throttled_hold_up_no_other_and_lose_nothing() {
    let moto = Moto::start();
    let logs = LogFolder::empty();
    logs.append(&file_of("etl", "old"), line(0));
    let running = lifting(updraft!("run"), &logs, &moto, "").as_anyone().spawn();
    eventually("the first line", || (messages(&moto, "etl", "old").len() == 1).then_some(()));
    let made = moto.requests_of("CreateLogStream").len();
    moto.fail("CreateLogStream", 1_000, THROTTLED);
    for task in 0..30 {
        logs.append(&file_of("etl", &format!("t{task}")), (0..10).map(line).collect::<String>());
    }
    let asked = || moto.requests_of("CreateLogStream").len() - made;
    eventually("many that are throttled", || (asked() >= 30).then_some(()));

    logs.append(&file_of("etl", "old"), line(1));
    eventually("more of the first", || (messages(&moto, "etl", "old").len() == 2).then_some(()));
    assert_eq!(counts(&moto, "etl").len(), 1, "the others are throttled still");

    moto.forgive();
    eventually("all of them", || (counts(&moto, "etl").len() == 31).then_some(()));
    running.terminate();
    running.wait().exits(0);
    for task in 0..30 {
        assert_eq!(messages(&moto, "etl", &format!("t{task}")), numbered(0..10));
    }
}

#[test]
fn sixty_throttled_calls_are_over_in_seconds() {
    let moto = Moto::start();
    moto.fail("CreateLogStream", 60, THROTTLED);
    let logs = LogFolder::empty();
    for task in 0..20 {
        logs.append(&file_of("etl", &format!("t{task}")), (0..10).map(line).collect::<String>());
    }
    lifting(updraft!("run", "--once"), &logs, &moto, "").as_anyone().run().exits(0);
    assert_eq!(counts(&moto, "etl").values().collect::<BTreeSet<_>>(), BTreeSet::from([&10]));
    assert!(moto.requests_of("CreateLogStream").len() >= 80);
}

#[test]
fn puts_that_are_throttled_for_one_log_stream_are_all_sent_in_the_end() {
    let moto = Moto::start();
    moto.fail("PutLogEvents", 40, THROTTLED);
    let logs = LogFolder::empty();
    for task in 0..10 {
        logs.append(&file_of("etl", &format!("t{task}")), (0..10).map(line).collect::<String>());
    }
    lifting(updraft!("run", "--once"), &logs, &moto, "").as_anyone().run().exits(0);
    for task in 0..10 {
        assert_eq!(messages(&moto, "etl", &format!("t{task}")), numbered(0..10));
    }
}

#[test]
fn a_session_that_expires_before_its_time_is_renewed_at_once() {
    let moto = Moto::with_bucket();
    let user = moto.create_user("airflow", &allow(&["sts:AssumeRole"], &["*"]));
    moto.create_role(WRITER, &trust(&format!("arn:aws:iam::{ACCOUNT}:user/airflow")), &allow_both());
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let options = format!("auth: {{assume_role: '{WRITER}'}}, healthcheck: {{enabled: false}}");
    let running = updraft!("run").on(&moto).lifting_with(&options, &logs).signing_with(&user).spawn();
    eventually("the first lines", || moto.has_both(&logs).then_some(()));
    let assumed = moto.requests_of("AssumeRole").len();

    moto.expire_sessions();
    logs.append_lines(3..6);
    // The object of a file that grows is not due for a minute, but at the end.
    eventually("more events", || (moto.log_events("airflow", "lines").len() == 6).then_some(()));
    running.terminate();
    let done = running.wait();
    done.exits(0);

    assert!(moto.has_both(&logs));
    let refused = moto.requests().into_iter().filter(|it| it.status == Some(400)).count();
    assert!((2..=6).contains(&refused), "{refused} requests were refused");
    let anew = moto.requests_of("AssumeRole").len() - assumed;
    assert_eq!(anew, 2, "once for each sink");
    assert!(!done.stderr.contains("growing intervals"), "{}", done.stderr);
    assert!(done.stderr.contains("they are fetched anew"), "{}", done.stderr);
}

#[test]
fn credentials_that_are_refused_time_and_again_do_not_hammer_sts() {
    let moto = Moto::with_bucket();
    let user = moto.create_user("airflow", &allow(&["sts:AssumeRole"], &["*"]));
    moto.create_role(WRITER, &trust(&format!("arn:aws:iam::{ACCOUNT}:user/airflow")), &allow_both());
    let expired = Failure { status: 400, code: "ExpiredTokenException", after: false };
    moto.fail("PutLogEvents", 1_000, expired);
    let logs = LogFolder::with_lines(0..3);
    let options = format!("auth: {{assume_role: '{WRITER}'}}, healthcheck: {{enabled: false}}");
    let running = updraft!("run").on(&moto).lifting_with(&options, &logs).signing_with(&user).spawn();
    let said = running.says(&["sink cloudwatch", "ExpiredTokenException", "growing intervals", "renew"]);
    assert!(said.contains("they are fetched anew"), "{said}");
    let asked = || moto.requests_of("PutLogEvents").len();
    eventually("another try", || (asked() >= 3).then_some(()));
    // One for each sink at first, and one for each pair of tries.
    assert!(moto.requests_of("AssumeRole").len() <= 2 + asked() / 2);

    moto.forgive();
    eventually("all of it", || moto.has_both(&logs).then_some(()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn a_policy_that_is_mended_is_noticed_without_a_restart() {
    let moto = Moto::with_bucket();
    let keys = moto.create_user("airflow", &allow(&["s3:ListBucket", "s3:GetObject"], &["*"]));
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let running = updraft!("run")
        .on(&moto)
        .lifting_with("healthcheck: {enabled: false}", &logs)
        .signing_with(&keys)
        .spawn();
    running.says(&["sink cloudwatch", "AccessDenied", "grant logs:PutLogEvents"]);
    running.says(&["sink s3", "AccessDenied", "grant s3:PutObject"]);
    logs.append_lines(3..6);
    moto.stop_enforcing_iam();
    eventually("all of it", || moto.has_both(&logs).then_some(()));
    let said = running.stderr();
    assert_eq!(said.lines().filter(|line| line.contains("AccessDenied")).count(), 2, "{said}");
    running.says(&["sink=cloudwatch", "works again"]);
    running.says(&["sink=s3", "works again"]);
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn a_group_or_a_stream_that_is_deleted_while_updraft_runs_is_made_again() {
    let moto = Moto::start();
    let logs = LogFolder::empty();
    let grows = |numbers: std::ops::Range<u32>| {
        for task in ["a", "b"] {
            logs.append(&file_of("etl", task), numbers.clone().map(line).collect::<String>());
        }
    };
    let has = |task: &str, numbers: std::ops::Range<u32>| messages(&moto, "etl", task) == numbered(numbers);
    grows(0..10);
    let running = lifting(updraft!("run"), &logs, &moto, "").as_anyone().spawn();
    eventually("the first lines", || (has("a", 0..10) && has("b", 0..10)).then_some(()));

    moto.delete_log_stream("etl", "a");
    grows(10..20);
    eventually("what came after", || (has("a", 10..20) && has("b", 0..20)).then_some(()));

    moto.delete_log_group("etl");
    grows(20..30);
    eventually("what came after", || (has("a", 20..30) && has("b", 20..30)).then_some(()));
    running.terminate();
    running.wait().exits(0);
    assert!(has("a", 20..30) && has("b", 20..30), "and once");
    assert!(moto.objects(BUCKET).is_empty());
}

#[test]
fn an_event_that_is_called_malformed_is_alone_in_that_wherever_it_stands() {
    for poisoned in [vec![0], vec![15], vec![7], vec![3, 12], vec![0, 1, 15]] {
        let moto = Moto::start();
        for number in &poisoned {
            moto.poison(&format!("line {number} "));
        }
        let logs = LogFolder::empty();
        let lines: String = (0..16).map(|number| line(number).trim_end().to_owned() + " end\n").collect();
        logs.append(&file_of("etl", "t"), lines);
        let done = lifting(updraft!("run", "--once"), &logs, &moto, "").as_anyone().run();
        let good = (0..16).filter(|number| !poisoned.contains(number));
        let good: Vec<String> = good.map(|number| format!("line {number} end")).collect();
        assert_eq!(messages(&moto, "etl", "t"), good, "but for {poisoned:?}");
        let counted = format!("{} rejected as malformed", poisoned.len());
        assert!(done.stderr.contains(&counted), "{}", done.stderr);
    }
}

#[test]
fn of_an_event_in_parts_only_the_malformed_part_is_refused() {
    let moto = Moto::start();
    moto.poison("poison");
    let logs = LogFolder::empty();
    // Parts of 1,000 bytes or less: the second of three has it.
    let long = "a".repeat(1_200) + "poison" + &"b".repeat(1_000);
    logs.append(&file_of("etl", "t"), line(0) + line(1).trim_end() + &long + "\n" + &line(2));
    let options = "batch: { max_bytes: 1026 }";
    let done = lifting(updraft!("run", "--once"), &logs, &moto, options).as_anyone().run();
    let there = messages(&moto, "etl", "t");
    assert_eq!((there.len(), &*there[0], &*there[3]), (4, "line 0", "line 2"));
    assert!(there[1].starts_with("line 1aaa") && there[2].ends_with("bbb"), "{there:?}");
    assert!(done.stderr.contains("1 rejected as malformed"), "{}", done.stderr);
}

#[test]
fn when_one_log_stream_goes_through_again_those_of_its_group_that_wait_for_minutes_are_tried_at_once() {
    let moto = Moto::start();
    let denied = Failure { status: 400, code: "AccessDeniedException", after: false };
    let logs = LogFolder::empty();
    let options = "batch: { timeout_secs: 0.1 }";
    let with = |updraft: Updraft| lifting(updraft, &logs, &moto, options).as_anyone();
    let running = with(updraft!("run")).spawn();
    let tries_of = |task: &str| {
        let puts = moto.requests_of("PutLogEvents").into_iter();
        puts.filter(|put| put.stream.as_deref() == Some(task)).collect::<Vec<_>>()
    };
    let tasks: Vec<String> = (0..20).map(|task| format!("t{task}")).collect();
    moto.fail("PutLogEvents", 1_000_000, denied);
    for task in &tasks {
        logs.append(&file_of("etl", task), line(0));
    }
    let denied_all = |times: usize| tasks.iter().all(|task| tries_of(task).len() >= times).then_some(());
    eventually("all of them to be denied", || denied_all(1));
    // Whoever drains makes them try before their time, and each failure doubles the wait that comes next.
    for times in 2..=7 {
        eventually("all of them to be denied again", || {
            with(updraft!("drain", "--all", "--timeout", "1s")).run().exits(1);
            denied_all(times)
        });
    }
    moto.forgive();

    // One that is denied for a moment. (One of the others may have been in its place, however seldom.)
    for number in 0.. {
        let task = format!("new{number}");
        moto.fail("PutLogEvents", 1, denied);
        logs.append(&file_of("etl", &task), line(0));
        eventually("the new one", || (messages(&moto, "etl", &task).len() == 1).then_some(()));
        if tries_of(&task).len() > 1 {
            break;
        }
    }
    // By themselves they would come within five minutes: hardly one in ten thousand runs sees all within PATIENCE.
    eventually("the others", || {
        tasks.iter().all(|task| messages(&moto, "etl", task).len() == 1).then_some(())
    });
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn an_object_that_is_refused_is_not_put_at_each_growth_but_when_somebody_waits_for_it() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    let config = format!(
        "
sources: {{ airflow: {{ type: airflow }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cloudwatch: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: tries, stream_name: '{{{{ task_id }}}}',
    encoding: {{ codec: text }}, batch: {{ timeout_secs: 0.1 }} }}
  s3: {{ type: aws_s3, inputs: [airflow], bucket: {BUCKET}, key_prefix: logs/, refresh_secs: 0.1 }}
"
    );
    let with =
        |updraft: Updraft| updraft.on(&moto).deployed(&logs).as_anyone().config("pipeline.yaml", &config);
    let file = file_of("etl", "t");
    let grows = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            logs.append(&file, line(number));
            // Whoever sees the growth wakes both sinks.
            eventually("the line", || (messages(&moto, "tries", "t").len() > number as usize).then_some(()));
        }
    };
    let puts = |count: usize| {
        eventually("the put", || (moto.requests_of("PutObject").len() >= count).then_some(()));
        assert_eq!(moto.requests_of("PutObject").len(), count);
    };
    moto.fail("PutObject", 1_000, Failure { status: 400, code: "EntityTooLarge", after: false });
    let running = with(updraft!("run")).spawn();
    grows(0..1);
    running.says(&["EntityTooLarge", "now and then"]);
    grows(1..10);
    puts(1);

    // Once for whoever waits, and not again because he did.
    with(updraft!("drain", "--all", "--timeout", "3s")).run().exits(1);
    puts(2);
    grows(10..15);
    puts(2);

    moto.forgive();
    with(updraft!("drain", "--all", "--timeout", "60s")).run().exits(0);
    assert_eq!(moto.mirrored(), logs.task_files());
    running.terminate();
    running.wait().exits(0);
}
