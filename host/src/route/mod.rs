//! Where events go: names from templates, made to fit what each service allows, and what a router makes of them.
//!
//! `template` and `partition` are Jinja; `standard` what a sink's own templates say; `target` a name as routers see it, and
//! the rules of each service; `naming` all of that for one sink, cached.

pub mod naming;
pub mod partition;
pub mod standard;
pub mod target;
pub mod template;

pub use naming::{Named, Naming};
pub use target::{BadName, LogStreamName, Question, Rules, Target};

use sha2::{Digest, Sha256};

/// Longest name of a log stream, in characters.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>
pub const LOG_STREAM_NAME_MAX_CHARS: usize = 512;
/// Longest name of a log group, in characters.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
pub const LOG_GROUP_NAME_MAX_CHARS: usize = 512;
/// Longest object key, in bytes of UTF-8.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub const OBJECT_KEY_MAX_BYTES: usize = 1024;

/// Hexadecimal digits of the hash that keeps names apart that had to be cut.
const HASH_DIGITS: usize = 12;

/// A name that CloudWatch takes for a log stream: `:` and `*` become `_`, as Airflow's own handler has it; what is too
/// long is cut and ends in a hash of the whole.
pub fn log_stream_name(text: &str) -> String {
    let name: String = text.chars().map(|c| if matches!(c, ':' | '*') { '_' } else { c }).collect();
    cut(name, text, LOG_STREAM_NAME_MAX_CHARS, |name| name.chars().count())
}

/// A name that CloudWatch takes for a log group: whatever is not `.-_/#`, an ASCII letter or digit becomes `_`; what
/// is too long is cut and ends in a hash of the whole.
pub fn log_group_name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#');
    let name: String = text.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    cut(name, text, LOG_GROUP_NAME_MAX_CHARS, |name| name.chars().count())
}

/// The key of an object: the prefix as it stands, then the text without empty segments (so without a leading `/`).
/// What is too long is cut and ends in a hash of the whole.
pub fn object_key(prefix: &str, text: &str) -> String {
    let mut key = prefix.to_owned();
    for (at, segment) in text.split('/').filter(|segment| !segment.is_empty()).enumerate() {
        if at > 0 {
            key.push('/');
        }
        key.push_str(segment);
    }
    let whole = key.clone();
    cut(key, &whole, OBJECT_KEY_MAX_BYTES, str::len)
}

/// `name` if it is at most `max` long by `measure`, else its beginning, `-` and a hash of `whole`.
fn cut(mut name: String, whole: &str, max: usize, measure: fn(&str) -> usize) -> String {
    if measure(&name) <= max {
        return name;
    }
    while measure(&name) > max - HASH_DIGITS - 1 {
        name.pop();
    }
    name.push('-');
    name.extend(
        Sha256::digest(whole).iter().flat_map(|byte| [byte >> 4, byte & 15]).take(HASH_DIGITS).map(hex_digit),
    );
    name
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stream_names_replace_what_airflow_replaces_and_nothing_else() {
        let path = "dag_id=é/run_id=manual__2024-05-01T00:00:00+00:00/task_id=a b/attempt=1.log*";
        assert_eq!(
            log_stream_name(path),
            "dag_id=é/run_id=manual__2024-05-01T00_00_00+00_00/task_id=a b/attempt=1.log_"
        );
    }

    #[test]
    fn group_names_keep_only_what_cloudwatch_allows() {
        assert_eq!(
            log_group_name("/airflow/etl.mapped-orders_2#x/überprüfung a=b"),
            "/airflow/etl.mapped-orders_2#x/_berpr_fung_a_b"
        );
    }

    #[test]
    fn a_name_of_512_characters_is_kept_and_one_of_513_is_cut_to_512() {
        for rule in [log_stream_name, log_group_name] {
            let longest = "a".repeat(512);
            assert_eq!(rule(&longest), longest);
            let cut = rule(&"a".repeat(513));
            assert_eq!(cut.chars().count(), 512);
            assert_ne!(cut, rule(&"a".repeat(514)), "the hash keeps them apart");
        }
        assert_eq!(log_stream_name(&"é".repeat(512)).chars().count(), 512, "characters count, not bytes");
    }

    #[test]
    fn a_key_of_1024_bytes_is_kept_and_one_of_1025_is_cut_to_at_most_1024() {
        assert_eq!(object_key("logs/", &"a".repeat(1019)), format!("logs/{}", "a".repeat(1019)));
        assert_eq!(object_key("logs/", &"a".repeat(1020)).len(), 1024);
        assert!(object_key("logs/", &"é".repeat(600)).len() <= 1024);
    }

    #[test]
    fn mirror_keys_are_literally_prefix_and_path() {
        let path = "dag_id=a/run_id=x: y&z;ü/task_id=b/attempt=1.log";
        assert_eq!(object_key("logs/", path), format!("logs/{path}"));
        assert_eq!(object_key("", path), path);
        assert_eq!(object_key("logs-", path), format!("logs-{path}"));
    }

    #[test]
    fn empty_segments_of_a_rendered_key_vanish() {
        assert_eq!(object_key("logs/", "/a//b.log"), "logs/a/b.log");
    }

    proptest! {
        #[test]
        fn every_name_is_within_its_services_rules(text in "\\PC{1,700}") {
            let stream = log_stream_name(&text);
            prop_assert!((1..=512).contains(&stream.chars().count()) && !stream.contains([':', '*']));
            let group = log_group_name(&text);
            prop_assert!((1..=512).contains(&group.len()));
            prop_assert!(group.chars().all(|c| c.is_ascii_alphanumeric() || ".-_/#".contains(c)));
            prop_assert!(object_key("p/", &text).len() <= 1024);
        }
    }
}
