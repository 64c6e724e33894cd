//! Promises of the options that say how AWS is reached.

use std::path::Path;

use super::*;
use crate::config::tests::{cloudwatch, problem, problems, s3, sink};
use crate::config::{Config, Error};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

/// A sink with these options besides those that it must have.
fn with(options: &str) -> Result<Config, Error> {
    sink(&format!("type: aws_s3, bucket: b, {options}"))
}

fn aws(options: &str) -> Aws {
    s3(&with(options).expect("good")).aws.clone()
}

#[test]
fn both_sinks_have_all_options_and_each_its_own_concurrency() {
    let options = format!(
        "region: eu-west-1, endpoint: 'https://vpce.example', use_fips_endpoint: false, use_dualstack_endpoint: false, \
         auth: {{assume_role: '{ROLE}', external_id: x, session_name: s-1, via: ['{ROLE}2'], region: us-west-2}}, \
         proxy: {{http: 'http://p:1', https: 'http://q:2', no_proxy: [localhost, .internal]}}, \
         request: {{timeout_secs: 9, connect_timeout_secs: 0.5}}, healthcheck: {{required: true}}"
    );
    let first = s3(&sink(&format!("type: aws_s3, bucket: b, {options}")).expect("good")).aws.clone();
    let config = sink(&format!("type: aws_cloudwatch_logs, group_name: g, {options}")).expect("good");
    let second = cloudwatch(&config).aws.clone();
    assert_eq!((first.concurrency, second.concurrency), (4, 8));
    assert_eq!(first, Aws { concurrency: 4, ..second });
    assert_eq!(
        (first.region.as_deref(), first.use_fips, first.use_dual_stack),
        (Some("eu-west-1"), Some(false), Some(false))
    );
    assert_eq!(first.auth.roles, [format!("{ROLE}2"), ROLE.to_owned()], "the way first, the role last");
    assert_eq!((first.auth.session_name.as_str(), first.auth.region.as_deref()), ("s-1", Some("us-west-2")));
    assert_eq!(first.request_timeout, Duration::from_secs(9));
    assert_eq!(first.connect_timeout, Duration::from_millis(500));
    assert_eq!(first.healthcheck, Healthcheck::Required);
    assert_eq!(first.proxy.map(|proxy| proxy.no_proxy), Some(vec!["localhost".into(), ".internal".into()]));
}

#[test]
fn without_options_it_is_the_surroundings_that_say() {
    assert_eq!(aws("key: x"), Aws::ambient(Aws::S3_CONCURRENCY));
    assert_eq!(aws("key: x").healthcheck, Healthcheck::On);
    assert_eq!(aws("healthcheck: {enabled: false}").healthcheck, Healthcheck::Off);
}

#[test]
fn what_a_role_is_assumed_with_needs_a_role() {
    for (option, value) in [
        ("external_id", "x"),
        ("session_name", "xx"),
        ("via", "['arn:aws:iam::123456789012:role/v']"),
        ("web_identity_token_file", "/t"),
        ("region", "us-east-1"),
    ] {
        let said = problem(with(&format!("auth: {{{option}: {value}}}")));
        assert!(said.ends_with(&format!("auth.{option}: `{option}` goes with `assume_role` only")), "{said}");
    }
    assert!(with("auth: {profile: p, credentials_file: c}").is_ok());
}

#[test]
fn every_role_of_a_chain_must_be_the_arn_of_a_role() {
    let said = problems(with(&format!("auth: {{assume_role: r, via: ['{ROLE}', v]}}")));
    assert!(said[0].contains("auth.via[1]: `v` is no ARN of an IAM role"), "{said:?}");
    assert!(said[1].contains("auth.assume_role: `r` is no ARN of an IAM role"), "{said:?}");
}

#[test]
fn a_web_identity_stands_alone_and_takes_no_external_id() {
    let auth = |more: &str| {
        with(&format!("auth: {{assume_role: '{ROLE}', web_identity_token_file: token, {more}}}"))
    };
    for other in ["profile", "credentials_file"] {
        let said = problem(auth(&format!("{other}: x")));
        assert!(said.contains(&format!("auth.{other}: a web identity stands alone")), "{said}");
    }
    assert!(problem(auth("external_id: x")).contains("assumed with a web identity takes none"));
    // Of a chain it is the last role's, which is assumed by a role.
    assert!(auth(&format!("external_id: x, via: ['{ROLE}2']")).is_ok());
}

#[test]
fn a_sessions_name_has_2_to_64_characters_that_sts_takes() {
    let named = |name: &str| with(&format!("auth: {{assume_role: '{ROLE}', session_name: '{name}'}}"));
    for good in ["ab", &"x".repeat(64), "a_B=1,.@-"] {
        assert!(named(good).is_ok(), "{good}");
    }
    for bad in ["a", &"x".repeat(65), "a b", "a/b", "äö"] {
        assert!(problem(named(bad)).contains("is no name of a session; 2 to 64 letters"), "{bad}");
    }
}

#[test]
fn a_profile_and_an_external_id_are_not_empty() {
    assert!(problem(with("auth: {profile: ''}")).contains("sinks.s.auth.profile: it is empty"));
    let said = problem(with(&format!("auth: {{assume_role: '{ROLE}', external_id: ''}}")));
    assert!(said.contains("sinks.s.auth.external_id: it is empty"), "{said}");
}

#[test]
fn regions_and_endpoints_are_checked() {
    assert!(problem(with("region: US")).contains("`US` is no AWS region"));
    assert!(problem(with("endpoint: 'localhost:1'")).contains("`localhost:1` is no URL"));
    let said = problem(with(&format!("auth: {{assume_role: '{ROLE}', region: US}}")));
    assert!(said.contains("auth.region: `US` is no AWS region"), "{said}");
}

#[test]
fn an_endpoint_of_ones_own_has_no_variants() {
    for name in ["use_fips_endpoint", "use_dualstack_endpoint"] {
        let said = problem(with(&format!("endpoint: 'https://vpce.example', {name}: true")));
        assert!(said.contains(&format!("{name}: `endpoint` says which endpoint it is")), "{said}");
        assert!(with(&format!("endpoint: 'https://vpce.example', {name}: false")).is_ok());
        assert!(with(&format!("{name}: true")).is_ok());
    }
}

#[test]
fn files_of_tls_are_there_and_certificate_and_key_go_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.pem");
    std::fs::write(&file, "").expect("written");
    let file = file.display();
    let said = problem(with("tls: {ca_file: /nowhere/ca.pem}"));
    assert!(said.ends_with("tls.ca_file: there is no file /nowhere/ca.pem"), "{said}");
    for lone in ["crt_file", "key_file"] {
        let said = problem(with(&format!("tls: {{{lone}: '{file}'}}")));
        assert!(said.ends_with("tls: crt_file and key_file go together"), "{said}");
    }
    let tls = aws(&format!("tls: {{ca_file: '{file}', crt_file: '{file}', key_file: '{file}'}}")).tls;
    assert!(tls.ca_file.is_some() && tls.identity.is_some());
}

#[test]
fn paths_are_relative_to_the_config() {
    let auth = aws(&format!("auth: {{assume_role: '{ROLE}', web_identity_token_file: token}}")).auth;
    assert_eq!(auth.web_identity_token_file.as_deref(), Some(Path::new("token")));
    let auth = aws("auth: {credentials_file: keys}").auth;
    assert_eq!(auth.credentials_file.as_deref(), Some(Path::new("keys")));
}

#[test]
fn a_proxy_is_a_url_whose_password_is_never_shown() {
    for bad in [
        "user:hunter2@proxy:1",
        "socks5://user:hunter2@proxy:1",
        "http://user:hunter2@",
        "http://a b",
        // A character of the password that is not encoded ends the host: it would be `user`.
        "http://user:hunter2/x@proxy:1",
        "http://user:hunter2#x@proxy:1",
        "http://user:1?hunter2@proxy:1",
        "http://user:hunter2@proxy:99999",
        "http://user:hunter2@proxy:1/path",
    ] {
        let said = problem(with(&format!("proxy: {{https: '{bad}'}}")));
        assert!(said.contains("proxy.https: it is no URL of a proxy; write it as in http://"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    for good in ["http://proxy", "https://proxy:3128/", "http://user:p%2Fw@[::1]:3128", "http://u@10.0.0.1:1"]
    {
        assert!(with(&format!("proxy: {{https: '{good}'}}")).is_ok(), "{good}");
    }
    for misplaced in
        ["'http://user:hunter2@p:1'", "{no_proxy: 'http://user:hunter2@p:1'}", "{http: {hunter2: x}}"]
    {
        let said = problems(with(&format!("proxy: {misplaced}")));
        assert!(said.iter().all(|it| it.contains("sinks.s.proxy") && !it.contains("hunter2")), "{said:?}");
    }
    let proxy = aws("proxy: {http: 'http://user:hunter2@p:1', https: 'http://user:hunter2@p:1'}").proxy;
    let shown = format!("{proxy:?}");
    assert!(shown.contains("http") && !shown.contains("hunter2"), "{shown}");
    let said = problem(with("proxy: {no_proxy: [localhost]}"));
    assert!(said.contains("no_proxy: there is no proxy that it could be an exception to"), "{said}");
    assert_eq!(aws("proxy: {}").proxy, Some(Proxy::default()), "none at all, whatever the environment says");
}

#[test]
fn a_request_has_at_least_a_tenth_of_a_second_and_a_sink_1_to_256_requests() {
    let request = |options: &str| with(&format!("request: {{{options}}}"));
    for (option, good, bad) in [
        ("timeout_secs", "0.1", "0.09"),
        ("timeout_secs", "86400", "86401"),
        ("connect_timeout_secs", "0.1", "0.09"),
        ("concurrency", "1", "0"),
        ("concurrency", "256", "257"),
    ] {
        assert!(request(&format!("{option}: {good}")).is_ok(), "{option}: {good}");
        let said = problem(request(&format!("{option}: {bad}")));
        assert!(said.contains(&format!("request.{option}: {bad} is not between")), "{said}");
    }
}

#[test]
fn a_healthcheck_that_is_required_is_made() {
    let said = problem(with("healthcheck: {enabled: false, required: true}"));
    assert!(said.ends_with("healthcheck: it cannot be required and not enabled"), "{said}");
}
