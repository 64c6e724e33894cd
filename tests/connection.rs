//! Promise: each sink reaches AWS by the endpoint, the proxy, the certificates and the limits that its options say, and
//! so does all that it asks of STS.

use updraft_tests::{LogFolder, Moto, RecordingProxy, Updraft, eventually, updraft};

const ROLE: &str = "arn:aws:iam::123456789012:role/writer";

/// All that the network and what is above it could say.
const TRACE: &str = "warn,updraft=trace,hyper=trace,hyper_util=trace,rustls=trace,aws_config=trace,aws_runtime=trace,\
     aws_smithy_http_client=trace,aws_smithy_runtime=trace,aws_smithy_runtime_api=trace,aws_sdk_sts=trace,\
     aws_sdk_s3=trace,aws_sdk_cloudwatchlogs=trace";

/// Anyone, who assumes a role, so that STS is asked too.
fn once(options: &str, logs: &LogFolder) -> Updraft {
    following(options, logs).arg("--once")
}

/// The same until the test has seen what it waits for.
fn following(options: &str, logs: &LogFolder) -> Updraft {
    let options = format!("region: us-east-1, auth: {{assume_role: '{ROLE}'}}, {options}");
    updraft!("run").as_anyone().lifting_with(&options, logs)
}

/// What it takes to trust moto.
fn trusting(moto: &Moto) -> String {
    format!("ca_file: '{}'", moto.certificate("ca.pem").display())
}

/// The same, and to show who we are.
fn known_to(moto: &Moto) -> String {
    let (crt, key) = (moto.certificate("client.pem"), moto.certificate("client.key"));
    format!("{}, crt_file: '{}', key_file: '{}'", trusting(moto), crt.display(), key.display())
}

fn server_with_tls() -> Moto {
    let moto = Moto::start_with_tls();
    moto.create_bucket(updraft_tests::BUCKET, updraft_tests::REGION);
    moto
}

/// The operations that both sinks and STS were asked for.
fn operations(moto: &Moto) -> Vec<String> {
    let mut operations: Vec<String> = moto.requests().into_iter().map(|asked| asked.operation).collect();
    operations.sort();
    operations.dedup();
    operations
}

#[test]
fn an_authority_is_trusted_only_where_ca_file_names_it() {
    let moto = server_with_tls();
    let logs = LogFolder::with_lines(0..3);

    let running = following("request: {}", &logs).env("AWS_ENDPOINT_URL", moto.secure_endpoint()).spawn();
    for sink in ["cloudwatch", "s3"] {
        let sink = format!("sink {sink}:");
        running.says(&[&sink, "invalid peer certificate", "set the sink's `tls.ca_file`"]);
    }
    drop(running);
    assert!(moto.requests().is_empty());

    let tls = format!("tls: {{{}}}", trusting(&moto));
    once(&tls, &logs).env("AWS_ENDPOINT_URL", moto.secure_endpoint()).run().exits(0);
    assert!(moto.has_both(&logs));
    assert!(moto.requests().iter().all(|asked| asked.secure && asked.certificate.is_none()));
    assert!(operations(&moto).iter().any(|asked| asked == "AssumeRole"));
}

#[test]
fn a_server_that_asks_for_our_certificate_is_shown_it() {
    let moto = server_with_tls();
    let logs = LogFolder::with_lines(0..3);

    let tls = format!("tls: {{{}}}", known_to(&moto));
    once(&tls, &logs).env("AWS_ENDPOINT_URL", moto.secure_endpoint()).run().exits(0);

    assert!(moto.has_both(&logs));
    assert!(moto.requests().iter().all(|asked| asked.certificate.as_deref() == Some("updraft")));
    assert!(operations(&moto).iter().any(|asked| asked == "AssumeRole"));
}

#[test]
fn with_a_certificate_of_ours_plain_http_works_as_well() {
    let moto = server_with_tls();
    let logs = LogFolder::with_lines(0..3);
    let tls = format!("tls: {{{}}}", known_to(&moto));
    once(&tls, &logs).on(&moto).run().exits(0);
    assert!(moto.has_both(&logs));
}

#[test]
fn a_server_whose_authority_is_not_trusted_is_shown_nothing() {
    let (moto, other) = (server_with_tls(), Moto::start_with_tls());
    let logs = LogFolder::with_lines(0..3);
    let tls = format!("tls: {{{}}}", known_to(&other));
    let running = following(&tls, &logs).env("AWS_ENDPOINT_URL", moto.secure_endpoint()).spawn();
    for sink in ["cloudwatch", "s3"] {
        running.says(&[&format!("sink {sink}:"), "invalid peer certificate"]);
    }
    assert!(moto.requests().is_empty());
}

#[test]
fn the_http_proxy_carries_everything_and_its_password_is_never_said() {
    let moto = Moto::with_bucket();
    let proxy = RecordingProxy::start();
    let logs = LogFolder::with_lines(0..3);

    // A question that is broken off by the end of the run is in one of the two journals only.
    let off = "healthcheck: {enabled: false}";
    let options = format!("{off}, proxy: {{http: 'http://lifter:hunter2@{}'}}", proxy.address());
    let done = once(&options, &logs).on(&moto).arg("--log-level").arg(TRACE).run();

    done.exits(0);
    assert!(moto.has_both(&logs));
    let carried = proxy.journal();
    assert_eq!(carried.len(), moto.requests().len());
    for asked in &carried {
        assert_eq!((asked.method == "CONNECT", format!("http://{}", asked.to)), (false, moto.endpoint()));
        // lifter:hunter2
        assert_eq!(asked.authorization.as_deref(), Some("Basic bGlmdGVyOmh1bnRlcjI="));
    }
    assert!(!done.stderr.contains("hunter2") && !done.stderr.contains("bGlmdGVyOmh1bnRlcjI"));
}

#[test]
fn the_https_proxy_is_asked_for_tunnels_with_a_certificate_of_ours_or_without() {
    for with_certificate in [false, true] {
        let moto = server_with_tls();
        let (proxy, other) = (RecordingProxy::start(), RecordingProxy::start());
        let logs = LogFolder::with_lines(0..3);

        let tls = if with_certificate { known_to(&moto) } else { trusting(&moto) };
        let (https, http) = (proxy.address(), other.address());
        let options = format!(
            "tls: {{{tls}}}, proxy: {{https: 'http://lifter:hunter2@{https}', http: 'http://{http}'}}"
        );
        once(&options, &logs).env("AWS_ENDPOINT_URL", moto.secure_endpoint()).run().exits(0);

        assert!(moto.has_both(&logs));
        let shown = if with_certificate { Some("updraft") } else { None };
        assert!(moto.requests().iter().all(|asked| asked.secure && asked.certificate.as_deref() == shown));
        let tunnels = proxy.journal();
        assert!(!tunnels.is_empty());
        for asked in &tunnels {
            assert_eq!(
                (asked.method.as_str(), format!("https://{}", asked.to)),
                ("CONNECT", moto.secure_endpoint())
            );
            assert_eq!(asked.authorization.as_deref(), Some("Basic bGlmdGVyOmh1bnRlcjI="));
        }
        assert!(other.journal().is_empty(), "that one is for http://");
    }
}

#[test]
fn a_host_of_no_proxy_is_talked_to_directly() {
    let moto = server_with_tls();
    let proxy = RecordingProxy::start();
    let address = proxy.address();
    let no_proxy =
        format!("proxy: {{http: 'http://{address}', https: 'http://{address}', no_proxy: [127.0.0.0/8]}}");
    for (tls, endpoint) in [
        (String::new(), moto.endpoint()),
        (trusting(&moto), moto.secure_endpoint()),
        (known_to(&moto), moto.secure_endpoint()),
    ] {
        let logs = LogFolder::with_lines(0..3);
        once(&format!("tls: {{{tls}}}, {no_proxy}"), &logs).env("AWS_ENDPOINT_URL", endpoint).run().exits(0);
    }
    assert!(proxy.journal().is_empty());
}

#[test]
fn the_proxies_of_the_environment_are_used_unless_the_sink_has_its_own() {
    let moto = Moto::with_bucket();
    let proxy = RecordingProxy::start();
    let logs = LogFolder::with_lines(0..3);
    let in_environment = |options: &str| {
        once(options, &logs).on(&moto).env("HTTP_PROXY", format!("http://{}", proxy.address()))
    };
    in_environment("proxy: {}").run().exits(0);
    assert!(moto.has_both(&logs) && proxy.journal().is_empty(), "the sink's own is none");

    logs.append_lines(3..4);
    in_environment("request: {}").run().exits(0);
    assert!(moto.has_both(&logs) && !proxy.journal().is_empty());
}

/// The hosts that a run wants to reach by HTTPS. None of them is reached: the proxy goes nowhere but to this machine.
fn hosts_of(options: &str, count: usize) -> Vec<String> {
    let proxy = RecordingProxy::start();
    let logs = LogFolder::with_lines(0..3);
    let options = format!("{options}, proxy: {{https: 'http://{}'}}", proxy.address());
    let running = updraft!("run").as_anyone().lifting_with(&options, &logs).spawn();
    let hosts = eventually("the hosts", || {
        let mut hosts: Vec<String> = proxy.journal().into_iter().map(|asked| asked.to).collect();
        hosts.sort();
        hosts.dedup();
        (hosts.len() == count).then_some(hosts)
    });
    running.kill();
    hosts
}

#[test]
fn a_sink_talks_to_the_endpoint_of_its_region() {
    assert_eq!(
        hosts_of("region: eu-west-1", 2),
        ["logs.eu-west-1.amazonaws.com:443", "my-bucket.s3.eu-west-1.amazonaws.com:443"]
    );
}

#[test]
fn with_use_fips_endpoint_a_sink_talks_to_fips_endpoints() {
    assert_eq!(
        hosts_of("region: us-east-1, use_fips_endpoint: true", 2),
        ["logs-fips.us-east-1.amazonaws.com:443", "my-bucket.s3-fips.us-east-1.amazonaws.com:443"]
    );
    let auth = format!("auth: {{assume_role: '{ROLE}', region: us-west-2}}");
    assert_eq!(
        hosts_of(&format!("region: us-east-1, use_fips_endpoint: true, {auth}"), 1),
        ["sts-fips.us-west-2.amazonaws.com:443"]
    );
}

#[test]
fn with_use_dualstack_endpoint_a_sink_talks_to_endpoints_that_have_ipv6_too() {
    assert_eq!(
        hosts_of("region: us-east-1, use_dualstack_endpoint: true", 2),
        ["logs.us-east-1.api.aws:443", "my-bucket.s3.dualstack.us-east-1.amazonaws.com:443"]
    );
}

#[test]
fn the_endpoint_of_a_sink_is_for_its_service_and_not_for_sts() {
    let (services, sts) = (Moto::with_bucket(), Moto::start());
    let logs = LogFolder::with_lines(0..3);
    once(&format!("endpoint: '{}'", services.endpoint()), &logs)
        .env("AWS_ENDPOINT_URL", sts.endpoint())
        .run()
        .exits(0);
    assert!(services.has_both(&logs));
    assert_eq!(operations(&sts), ["AssumeRole"]);
    assert!(!operations(&services).iter().any(|asked| asked == "AssumeRole"));
}

#[test]
fn a_request_that_takes_too_long_is_given_up_and_sent_again() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    moto.hold("PutLogEvents");
    moto.hold("PutObject");
    let options = "healthcheck: {enabled: false}, request: {timeout_secs: 0.3}";
    let running = updraft!("run").on(&moto).as_anyone().lifting_with(options, &logs).spawn();
    for operation in ["PutLogEvents", "PutObject"] {
        eventually("a second try", || (moto.requests_of(operation).len() >= 2).then_some(()));
    }
    drop(running);
}

#[test]
fn no_more_requests_are_under_way_than_concurrency_says() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    for file in 0..12 {
        let path = format!("dag_id=d{file}/run_id=r/task_id=t/attempt=1.log");
        logs.append(&path, (0..200).map(updraft_tests::line).collect::<String>());
    }
    let config = format!(
        "sources:\n  airflow: {{type: airflow, base_log_folder: '{}'}}\ntransforms:\n  \
         lines: {{type: wasm, inputs: [airflow], component: 'builtin:airflow'}}\nsinks:\n  \
         cloudwatch: {{type: aws_cloudwatch_logs, inputs: [lines], group_name: g, request: {{concurrency: 1}}}}\n  \
         s3: {{type: aws_s3, inputs: [airflow], bucket: my-bucket, request: {{concurrency: 2}}}}\n",
        logs.path().display()
    );
    updraft!("run", "--once").on(&moto).as_anyone().config("p.yaml", &config).run().exits(0);

    for (operation, most) in [("PutLogEvents", 1), ("PutObject", 2)] {
        let requests = moto.requests_of(operation);
        assert!(requests.len() >= 12, "{} of {operation}", requests.len());
        let at_once = |now: u64| {
            let under_way = |asked: &&updraft_tests::Request| {
                asked.began <= now && asked.ended.is_none_or(|ended| ended > now)
            };
            requests.iter().filter(under_way).count()
        };
        let peak = requests.iter().map(|asked| at_once(asked.began)).max();
        assert!(peak <= Some(most), "{peak:?} of {operation} at once");
    }
}
