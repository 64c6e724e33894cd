//! Promises of the limits that options of the AWS sinks have: the last good value, and the first bad one.

use crate::config::tests::{cloudwatch, problem, s3, sink};
use crate::config::{Config, Error, LogGroupClass, RETENTION_DAYS};

fn groups(options: &str) -> Result<Config, Error> {
    sink(&format!("type: aws_cloudwatch_logs, group_name: g, {options}"))
}

fn objects(options: &str) -> Result<Config, Error> {
    sink(&format!("type: aws_s3, bucket: b, {options}"))
}

fn tags(count: usize) -> String {
    let tags: Vec<String> = (0..count).map(|at| format!("t{at}: v")).collect();
    format!("tags: {{{}}}", tags.join(", "))
}

#[test]
fn nothing_is_asked_of_new_groups_by_default() {
    let config = groups("encoding: {codec: json}").expect("good");
    let sink = cloudwatch(&config);
    assert_eq!(sink.new_groups, crate::config::NewGroups::default());
    assert!(!sink.gzip && (sink.create_stream_rate - 50.0).abs() < f64::EPSILON);
}

#[test]
fn every_retention_that_cloudwatch_knows_is_taken_and_no_other() {
    for days in RETENTION_DAYS {
        let config = groups(&format!("retention: {{days: {days}}}")).expect("good");
        assert_eq!(cloudwatch(&config).new_groups.retention_days, i32::try_from(days).ok());
        assert!(problem(groups(&format!("retention: {{days: {}}}", days + 1))).contains("cannot keep"));
    }
    let off = groups("retention: {enabled: false, days: 30}").expect("as if it were not there");
    assert_eq!(cloudwatch(&off).new_groups.retention_days, None);
    assert!(problem(groups("retention: {days: 0}")).contains("cannot keep events for 0 days"));
}

#[test]
fn a_log_group_has_fifty_tags_and_not_fifty_one() {
    let config = groups(&tags(50)).expect("good");
    assert_eq!(cloudwatch(&config).new_groups.tags.len(), 50);
    assert!(problem(groups(&tags(51))).contains("sinks.s.tags: a log group has at most 50 tags"));
}

#[test]
fn tags_are_as_long_as_aws_takes_them_and_no_longer() {
    let tag = |key: usize, value: usize| format!("tags: {{{}: {}}}", "k".repeat(key), "v".repeat(value));
    assert!(groups(&tag(128, 256)).is_ok());
    assert!(problem(groups(&tag(129, 1))).contains("is not 1 to 128 characters long"));
    assert!(problem(groups(&tag(1, 257))).contains("the value of a tag has at most 256 characters"));
    assert!(objects(&tag(128, 1)).is_ok());
    assert!(problem(objects(&tag(129, 1))).contains("is not 1 to 128 characters long"));
}

#[test]
fn a_tag_holds_only_what_aws_takes() {
    assert!(groups("tags: {'a b+-=._:/@': 'Größe 1'}").is_ok());
    assert!(problem(groups("tags: {'a*': b}")).contains("`a*` cannot be the name of a tag"));
    assert!(
        problem(groups("tags: {a: 'b&c'}")).contains("sinks.s.tags.a: `b&c` cannot be the value of a tag")
    );
    for sink in [groups("tags: {'aws:x': b}"), objects("tags: {'aws:x': b}")] {
        assert!(problem(sink).contains("aws: are AWS's own"));
    }
    assert!(objects("tags: {a: '{{ path }}&'}").is_ok(), "what a template brings in is mended later");
}

#[test]
fn a_key_of_a_log_group_is_an_arn_of_256_characters_at_most() {
    let key = |len: usize| format!("kms_key: 'arn:aws:kms:{}'", "k".repeat(len - 12));
    assert!(groups(&key(256)).is_ok());
    assert!(problem(groups(&key(257))).contains("at most 256 characters"));
    let alias = problem(groups("kms_key: alias/logs"));
    assert!(alias.contains("`alias/logs` is no ARN") && alias.contains("no alias"), "{alias}");
}

#[test]
fn classes_of_log_groups_are_named_as_in_the_docs() {
    for (name, class) in [
        ("standard", LogGroupClass::Standard),
        ("infrequent_access", LogGroupClass::InfrequentAccess),
        ("delivery", LogGroupClass::Delivery),
    ] {
        let config = groups(&format!("log_group_class: {name}")).expect("good");
        assert_eq!(cloudwatch(&config).new_groups.class, Some(class));
    }
}

#[test]
fn what_is_asked_of_groups_that_are_never_made_is_a_warning() {
    for option in
        ["retention: {days: 30}", "kms_key: 'arn:aws:kms:k'", "tags: {a: b}", "log_group_class: standard"]
    {
        let config = groups(&format!("create_missing_group: false, {option}")).expect("good");
        assert!(config.warnings.iter().any(|it| it.contains("create_missing_group is false")), "{option}");
        assert!(groups(option).expect("good").warnings.is_empty(), "{option}");
    }
}

#[test]
fn log_streams_are_made_at_a_rate_within_reason() {
    for (rate, good) in [("0.01", true), ("10000", true), ("0.0099", false), ("10000.5", false), ("0", false)]
    {
        let config = groups(&format!("create_stream_rate: {rate}"));
        assert_eq!(config.is_ok(), good, "{rate}: {config:?}");
    }
    assert!(problem(groups("create_stream_rate: 0")).contains("0 is not between 0.01 and 10000"));
}

#[test]
fn puts_of_log_events_are_compressed_with_gzip_or_not_at_all() {
    assert!(cloudwatch(&groups("compression: gzip").expect("good")).gzip);
    assert!(!cloudwatch(&groups("compression: none").expect("good")).gzip);
    assert!(groups("compression: zstd").is_err());
}

#[test]
fn an_object_is_locked_for_a_day_to_a_hundred_years() {
    let days =
        |days: u32| objects(&format!("write_once: true, object_lock: {{mode: governance, days: {days}}}"));
    for good in [1, 36_500] {
        assert_eq!(s3(&days(good).expect("good")).objects.lock.map(|lock| lock.days), Some(good));
    }
    for bad in [0, 36_501] {
        assert!(problem(days(bad)).contains(&format!("{bad} is not between 1 and 36500")));
    }
    assert!(objects("object_lock: {mode: other, days: 1}, write_once: true").is_err());
    assert!(
        objects("layout: batch, object_lock: {mode: compliance, days: 1}").is_ok(),
        "they are put once anyway"
    );
}

#[test]
fn quiet_is_at_least_a_tenth_of_a_second() {
    assert!(objects("write_once: true, quiet_secs: 0.1").is_ok());
    assert!(problem(objects("write_once: true, quiet_secs: 0.09")).contains("quiet_secs"));
}

#[test]
fn names_of_metadata_are_those_of_headers_and_not_ours() {
    assert!(objects("metadata: {a-b_c.1: '{{ dag_id }}'}").is_ok());
    for bad in ["a b", "ä", "updraft-x", "Updraft-Generation", "''"] {
        assert!(
            problem(objects(&format!("metadata: {{{bad}: x}}"))).contains("cannot be a name of metadata"),
            "{bad}"
        );
    }
    assert!(problem(objects("metadata: {a: '{{ nobody }}'}")).contains("unknown name `nobody`"));
    // S3 keeps them in small letters.
    let twice = problem(objects("metadata: {team: x, Team: y}"));
    assert!(twice.contains("`Team` and `team` are one name to S3"), "{twice}");
}

#[test]
fn what_no_header_can_carry_is_refused_before_anything_runs() {
    let key = "server_side_encryption: 'aws:kms', ssekms_key_id";
    for option in ["content_type", "content_encoding", key] {
        let name = option.rsplit(' ').next().unwrap_or_default();
        for bad in ["\"a\\nb\"", "''", "' '", "ä"] {
            let said = problem(objects(&format!("{option}: {bad}")));
            assert!(said.contains(&format!("sinks.s.{name}: ")) && said.contains("header"), "{said}");
        }
        assert!(objects(&format!("{option}: 'text/plain; charset=utf-8'")).is_ok());
    }
}

#[test]
fn a_prefix_is_no_template() {
    let said = problem(objects("key_prefix: 'logs/{{ dag_id }}/'"));
    assert!(said.contains("sinks.s.key_prefix: ") && said.contains("put it into key"), "{said}");
    assert!(objects("key_prefix: 'logs/'").is_ok());
}

#[test]
fn the_key_of_a_log_group_is_the_arn_of_a_key() {
    let key = |key: &str| groups(&format!("kms_key: '{key}'"));
    assert!(key("arn:aws:kms:us-east-1:123456789012:key/1234abcd").is_ok());
    for bad in ["1234abcd", "alias/logs", "arn:aws:s3:::b"] {
        assert!(problem(key(bad)).contains("CloudWatch takes a key's ARN only"), "{bad}");
    }
}
