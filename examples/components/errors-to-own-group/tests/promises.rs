//! What is labelled how, and where each label goes.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use updraft_example_errors_to_own_group::ErrorsToOwnGroup;
use updraft_guest::{LogStreamName, Router, Sink, Target, Transformer, testing};
use updraft_guest_airflow::Airflow;

const CONFIG: &str = r#"{"audit": {"loggers": ["audit", "audit.*"], "sink": "audit"}, "debug": "nowhere"}"#;

fn component(config: &str) -> ErrorsToOwnGroup {
    <ErrorsToOwnGroup as Transformer>::configure(config).unwrap()
}

fn group(name: &str) -> Target {
    Target::LogStream(LogStreamName { group: name.to_owned(), name: "the stream".to_owned() })
}

fn route(config: &str, label: &str, sink: &str, standard: Target) -> Option<Target> {
    let sink = Sink { id: sink.to_owned(), kind: "aws_cloudwatch_logs".to_owned() };
    component(config).route(&testing::origin(), label, &sink, standard).unwrap()
}

fn record(level: &str, logger: &str) -> String {
    format!(r#"{{"timestamp":"2026-11-21T12:00:00Z","level":"{level}","event":"x","logger":"{logger}"}}"#)
        + "\n"
}

#[test]
fn events_are_labelled_by_logger_first_and_by_severity_then() {
    let records = [
        ("debug", "task", Some("debug")),
        ("info", "task", Some("default")),
        ("warning", "task", Some("default")),
        ("error", "task", Some("errors")),
        ("critical", "task", Some("errors")),
        ("error", "audit", Some("audit")),
        ("debug", "audit.login", Some("audit")),
        ("info", "auditor", Some("default")),
        ("?", "task", Some("default")),
    ];
    let log: String = records.iter().map(|(level, logger, _)| record(level, logger)).collect();
    let given = testing::normalize(&mut Airflow, &testing::origin(), log, true).unwrap();
    let labelled = testing::transform(&mut component(CONFIG), &testing::origin(), &given).unwrap();
    for (row, (level, logger, label)) in labelled.rows().iter().zip(records) {
        assert_eq!(row.label.as_deref(), label, "{level} {logger}");
    }
    let again = testing::transform(&mut component("{}"), &testing::origin(), &labelled).unwrap();
    assert_eq!(again.rows(), labelled.rows(), "a label that is there stays");
}

#[test]
fn errors_go_to_their_own_group_and_all_else_where_the_sink_says() {
    assert_eq!(route("{}", "errors", "cloudwatch", group("g")), Some(group("/airflow/errors")));
    for label in ["default", "debug", "audit", "other"] {
        assert_eq!(route("{}", label, "cloudwatch", group("g")), Some(group("g")), "{label}");
    }
    let key = |key: &str| Target::ObjectKey(key.to_owned());
    assert_eq!(route("{}", "errors", "s3", key("a")), Some(key("errors/a")));
    let config = r#"{"log_group": "/alarm", "key_prefix": "e/"}"#;
    assert_eq!(route(config, "errors", "cloudwatch", group("g")), Some(group("/alarm")));
    assert_eq!(route(config, "errors", "s3", key("a")), Some(key("e/a")));
}

#[test]
fn audit_goes_to_its_sink_alone_and_debug_nowhere() {
    assert_eq!(route(CONFIG, "audit", "audit", group("g")), Some(group("g")));
    assert_eq!(route(CONFIG, "audit", "cloudwatch", group("g")), None);
    for label in ["default", "errors", "debug"] {
        assert_eq!(route(CONFIG, label, "audit", group("g")), None, "{label}");
    }
    assert_eq!(route(CONFIG, "debug", "cloudwatch", group("g")), None);
    assert_eq!(route(CONFIG, "default", "cloudwatch", group("g")), Some(group("g")));
}

#[test]
fn a_config_that_is_wrong_is_refused_in_either_role() {
    for (config, says) in [
        (r#"{"group": "x"}"#, "unknown field `group`"),
        (r#"{"debug": "here"}"#, "unknown variant `here`, expected `as_ever` or `nowhere`"),
        (r#"{"audit": {"loggers": []}}"#, "missing field `sink`"),
    ] {
        let refused = <ErrorsToOwnGroup as Transformer>::configure(config).unwrap_err();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(<ErrorsToOwnGroup as Router>::configure(config).unwrap_err(), refused);
    }
}
