//! Promise: at start each sink's service is asked whether it would have us; that holds nothing up, unless it is required.

use updraft_tests::{Failure, LogFolder, Moto, REGION, Updraft, allow, eventually, updraft};

/// Nobody listens there. <https://www.iana.org/assignments/service-names-port-numbers> (tcpmux)
const DEAD: &str = "http://127.0.0.1:1";

fn run(moto: &Moto, options: &str, logs: &LogFolder) -> Updraft {
    updraft!("run").on(moto).as_anyone().lifting_with(options, logs)
}

#[test]
fn each_sink_asks_its_service_once_and_says_that_all_is_well() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    let running = run(&moto, "request: {}", &logs).spawn();
    running.says(&["INFO", "sink s3: healthcheck: bucket my-bucket is there and lets us in"]);
    running.says(&["INFO", "sink cloudwatch: healthcheck: CloudWatch lets us in; log group airflow is made"]);
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.requests_of("HeadBucket").len(), 1);
    let asked = moto.requests_of("DescribeLogStreams");
    assert_eq!(asked.iter().map(|asked| asked.group.as_deref()).collect::<Vec<_>>(), [Some("airflow")]);
    assert_eq!(moto.requests().len(), 2, "and nothing else before there is something to deliver");
}

#[test]
fn a_healthcheck_that_is_turned_off_asks_nothing() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let running = run(&moto, "healthcheck: {enabled: false}", &logs).spawn();
    eventually("both to have all", || moto.has_both(&logs).then_some(()));
    running.terminate();
    running.wait().exits(0);
    assert!(moto.requests_of("HeadBucket").is_empty() && moto.requests_of("DescribeLogStreams").is_empty());
}

#[test]
fn where_each_stream_has_its_own_log_group_only_credentials_are_asked_for() {
    let moto = Moto::start();
    let logs = LogFolder::empty();
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks: {{cloudwatch: {{type: \
         aws_cloudwatch_logs, inputs: [airflow], group_name: '/a/{{{{ dag_id }}}}', auth: {{assume_role: \
         'arn:aws:iam::123456789012:role/writer'}}}}}}\n",
        logs.path().display()
    );
    let running = updraft!("run").on(&moto).as_anyone().config("p.yaml", &config).spawn();
    running.says(&["INFO", "sink cloudwatch: healthcheck: there are credentials"]);
    running.terminate();
    running.wait().exits(0);
    assert_eq!(moto.requests().len(), moto.requests_of("AssumeRole").len());
}

/// What is enough to deliver, but not to ask.
fn writer(moto: &Moto) -> updraft_tests::Keys {
    let actions =
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "s3:PutObject", "s3:GetObject"];
    moto.create_user("writer", &allow(&actions, &["*"]))
}

#[test]
fn what_is_wrong_is_said_with_what_mends_it_and_the_delivery_goes_on() {
    let moto = Moto::with_bucket();
    let keys = writer(&moto);
    moto.enforce_iam();
    let logs = LogFolder::with_lines(0..3);
    let running = updraft!("run").on(&moto).signing_with(&keys).lifting_with("request: {}", &logs).spawn();
    running.says(&[
        "WARN",
        "healthcheck: sink s3: s3:ListBucket on bucket my-bucket",
        "tried all the same",
        "grant s3:ListBucket on arn:aws:s3:::my-bucket to",
    ]);
    running.says(&[
        "WARN",
        "healthcheck: sink cloudwatch: logs:DescribeLogStreams on log group \"airflow\"",
        "tried all the same",
        "grant logs:DescribeLogStreams on",
    ]);
    eventually("both to have all", || moto.has_both(&logs).then_some(()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn what_is_not_there_is_named() {
    let moto = Moto::start();
    let logs = LogFolder::empty();
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks:\n  s3: {{type: aws_s3, inputs: \
         [airflow], bucket: nowhere}}\n  cloudwatch: {{type: aws_cloudwatch_logs, inputs: [airflow], group_name: \
         nothing, create_missing_group: false}}\n",
        logs.path().display()
    );
    let running = updraft!("run").on(&moto).as_anyone().config("p.yaml", &config).spawn();
    running.says(&["WARN", "bucket nowhere", "there is no such bucket", "create the bucket nowhere"]);
    running.says(&[
        "WARN",
        "log group \"nothing\"",
        "create the log group nothing, or set create_missing_group",
    ]);
}

#[test]
fn a_service_that_never_answers_holds_up_neither_delivery_nor_exit() {
    let moto = Moto::with_bucket();
    moto.hold("HeadBucket");
    moto.hold("DescribeLogStreams");
    let logs = LogFolder::with_lines(0..3);
    let running = run(&moto, "request: {timeout_secs: 3600}", &logs).spawn();
    for operation in ["HeadBucket", "DescribeLogStreams"] {
        eventually("the question", || (!moto.requests_of(operation).is_empty()).then_some(()));
    }
    eventually("both to have all", || moto.has_both(&logs).then_some(()));
    running.terminate();
    running.wait().exits(0);
    moto.release();
}

#[test]
fn a_healthcheck_that_is_required_keeps_us_from_starting() {
    for (sink, options, words) in [
        (
            "s3",
            "type: aws_s3, bucket: my-bucket",
            ["sink s3: s3:ListBucket on bucket my-bucket", "grant s3:ListBucket"],
        ),
        (
            "cloudwatch",
            "type: aws_cloudwatch_logs, group_name: airflow",
            ["sink cloudwatch: logs:DescribeLogStreams on log group \"airflow\"", "AccessDeniedException"],
        ),
    ] {
        let moto = Moto::with_bucket();
        let keys = writer(&moto);
        moto.enforce_iam();
        let logs = LogFolder::with_lines(0..3);
        let config = format!(
            "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks: {{{sink}: {{inputs: [airflow], \
             {options}, healthcheck: {{required: true}}}}}}\n",
            logs.path().display()
        );
        let done = updraft!("run").on(&moto).signing_with(&keys).config("p.yaml", &config).run();
        done.exits(3);
        for word in words.into_iter().chain(["its healthcheck is required, so nothing is started"]) {
            assert!(done.stderr.contains(word), "no {word} in {}", done.stderr);
        }
        assert_eq!(moto.requests().len(), 1, "and nothing was delivered");
    }
}

#[test]
fn a_required_healthcheck_waits_for_what_is_only_busy() {
    let moto = Moto::with_bucket();
    moto.fail("HeadBucket", 2, Failure { status: 503, code: "SlowDown", after: false });
    moto.fail("DescribeLogStreams", 1, Failure { status: 400, code: "ThrottlingException", after: false });
    let logs = LogFolder::with_lines(0..3);
    let options = "healthcheck: {required: true}";
    updraft!("run", "--once").on(&moto).as_anyone().lifting_with(options, &logs).run().exits(0);
    assert!(moto.has_both(&logs));
    let first_put = moto.requests().iter().position(|asked| asked.operation.starts_with("Put"));
    let last_question = moto
        .requests()
        .iter()
        .rposition(|asked| asked.operation == "HeadBucket" || asked.operation == "DescribeLogStreams");
    assert!(first_put > last_question, "the delivery begins when all have answered");
    assert_eq!(moto.requests_of("HeadBucket").len(), 3);
}

#[test]
fn a_required_healthcheck_of_a_dead_endpoint_ends_after_some_tries() {
    let logs = LogFolder::with_lines(0..3);
    let options = format!("region: {REGION}, endpoint: '{DEAD}', healthcheck: {{required: true}}");
    let done = updraft!("run").as_anyone().lifting_with(&options, &logs).run();
    done.exits(3);
    assert!(done.stderr.contains("Connection refused"), "{}", done.stderr);
}

#[test]
fn a_signal_ends_what_still_waits_for_a_required_healthcheck() {
    let moto = Moto::with_bucket();
    moto.hold("DescribeLogStreams");
    let logs = LogFolder::with_lines(0..3);
    let options = "healthcheck: {required: true}, request: {timeout_secs: 3600}";
    let running = run(&moto, options, &logs).spawn();
    eventually("the question", || (!moto.requests_of("DescribeLogStreams").is_empty()).then_some(()));
    running.terminate();
    running.wait().exits(1);
    moto.release();
}

#[test]
fn credentials_that_never_come_end_a_required_healthcheck_and_the_wait_is_said() {
    let logs = LogFolder::with_lines(0..3);
    let keys = logs.path().join(".keys");
    std::fs::write(&keys, "[default]\ncredential_process = sleep 1000\n").expect("written");
    // With a log group for each DAG credentials are all that can be asked for.
    let config = format!(
        "sources: {{airflow: {{type: airflow, base_log_folder: '{}'}}}}\nsinks: {{cloudwatch: {{type: \
         aws_cloudwatch_logs, inputs: [airflow], group_name: '/a/{{{{ dag_id }}}}', region: {REGION}, auth: \
         {{credentials_file: '{}'}}, request: {{timeout_secs: 0.1, connect_timeout_secs: 0.1}}, healthcheck: {{required: true}}}}}}\n",
        logs.path().display(),
        keys.display()
    );
    let done = updraft!("run").config("p.yaml", &config).run();
    done.exits(3);
    assert!(done.stderr.contains("no credentials: ") && done.stderr.contains("timed out"), "{}", done.stderr);
    assert!(done.stderr.contains("nothing is started"), "{}", done.stderr);
    let waits = done.stderr.lines().filter(|line| line.contains("WARN") && line.contains("is asked again"));
    assert_eq!(waits.count(), 1, "{}", done.stderr);
}
