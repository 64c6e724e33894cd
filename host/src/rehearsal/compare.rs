//! What a test expects beside what it got: whether they are the same, and the difference in the config's own words.

use crate::config::{Event, Format, write_events};
use crate::event::DEFAULT_LABEL;
use jiff::Timestamp;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// Lines around a difference that are shown.
const AROUND: usize = 3;

/// Whether events are what is expected, in order and number.
pub fn all_match(expected: &[Event], got: &[Event]) -> bool {
    expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| matches(expected, got))
}

fn matches(expected: &Event, got: &Event) -> bool {
    let members = expected.iter().all(|(name, value)| match name.as_str() {
        "label" => true,
        "fields" => fields_match(value, got.get(name)),
        _ => is(value, got.get(name)),
    });
    members && label(expected) == label(got)
}

fn label(event: &Event) -> &Value {
    const DEFAULT: &Value = &Value::Null;
    event.get("label").filter(|label| *label != DEFAULT_LABEL).unwrap_or(DEFAULT)
}

/// Of further fields, too, what is written down is compared.
fn fields_match(expected: &Value, got: Option<&Value>) -> bool {
    let empty = Map::new();
    match (expected, got) {
        (Value::Object(expected), None | Some(Value::Object(_))) => {
            let got = got.and_then(Value::as_object).unwrap_or(&empty);
            expected.iter().all(|(name, value)| is(value, got.get(name)))
        }
        _ => is(expected, got),
    }
}

/// Null is what must be absent; a time may be written otherwise.
fn is(expected: &Value, got: Option<&Value>) -> bool {
    let Some(got) = got else { return expected.is_null() };
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    expected == got || time(expected).is_some_and(|expected| time(got) == Some(expected))
}

/// The difference, line by line: what is expected and was not there with `-`, what was there instead with `+`. Of an event
/// that is expected the same members are shown as are expected; of one more than that, all of `brief`.
pub fn difference(format: Format, expected: &[Event], got: &[Event], brief: &[Event]) -> String {
    let shown = got.iter().zip(brief).enumerate().map(|(at, (got, brief))| match expected.get(at) {
        Some(expected) => like(expected, got),
        None => brief.clone(),
    });
    let shown: Vec<_> = shown.collect();
    let (expected, got) = (write_events(format, expected), write_events(format, &shown));
    let diff = TextDiff::from_lines(&expected, &got);
    let mut text = String::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            text.push_str("  …\n");
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let _ = writeln!(text, "{sign} {}", change.value().trim_end_matches('\n'));
        }
    }
    text
}

/// As much of what was got as is expected, and as that writes it where it means the same.
fn like(expected: &Event, got: &Event) -> Event {
    let mut shown = Event::new();
    for (name, value) in expected {
        let there = got.get(name);
        let same = match name.as_str() {
            "label" => label(expected) == label(got),
            "fields" => fields_match(value, there),
            _ => is(value, there),
        };
        let there = match (value, there) {
            _ if same => Some(value.clone()),
            (Value::Object(expected), Some(Value::Object(got))) if name == "fields" => {
                Some(Value::Object(like_fields(expected, got)))
            }
            (_, there) => there.cloned(),
        };
        shown.extend(there.map(|value| (name.clone(), value)));
    }
    if !expected.contains_key("label") && label(expected) != label(got) {
        shown.insert("label".to_owned(), label(got).clone());
    }
    shown
}

fn like_fields(expected: &Event, got: &Event) -> Event {
    let of = |(name, value): (&String, &Value)| {
        let there = got.get(name);
        let shown = if is(value, there) { Some(value) } else { there };
        shown.map(|value| (name.clone(), value.clone()))
    };
    expected.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(members: &Value) -> Event {
        members.as_object().cloned().unwrap_or_default()
    }

    fn good(expected: &Value, got: &Value) -> bool {
        all_match(&[event(expected)], &[event(got)])
    }

    #[test]
    fn what_is_written_down_is_compared_and_the_rest_is_not() {
        let got =
            json!({"message": "boom", "level": "error", "fields": {"a": 1, "b": 2}, "label": "default"});
        assert!(good(&json!({"message": "boom"}), &got));
        assert!(good(&json!({"fields": {"b": 2}, "logger": null}), &got));
        assert!(!good(&json!({"fields": {"b": 3}}), &got));
        assert!(!good(&json!({"level": null}), &got));
        assert!(!all_match(&[], &[event(&got)]), "the number counts");
    }

    #[test]
    fn a_label_that_is_not_written_down_is_the_default_one() {
        assert!(good(&json!({}), &json!({"label": "default"})));
        assert!(!good(&json!({}), &json!({"label": "errors"})));
        assert!(!good(&json!({"label": "errors"}), &json!({"label": "default"})));
    }

    #[test]
    fn a_time_may_be_written_in_any_way_that_means_it() {
        let got = json!({"timestamp": "2026-01-01T00:00:00Z"});
        assert!(good(&json!({"timestamp": "2026-01-01T01:00:00.000+01:00"}), &got));
        assert!(!good(&json!({"timestamp": "2026-01-01T01:00:00Z"}), &got));
    }

    #[test]
    fn the_difference_shows_what_is_expected_and_what_was_there_instead() {
        let expected = [event(&json!({"level": "error", "message": "boom"}))];
        let got = [event(&json!({"message": "bang", "level": "error", "logger": "x", "label": "errors"}))];
        assert_eq!(
            difference(Format::Yaml, &expected, &got, &got),
            "  - level: error\n-   message: boom\n+   message: bang\n+   label: errors\n"
        );
    }
}
