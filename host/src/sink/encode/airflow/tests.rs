//! What Airflow's readers get, on records of either version.

use super::super::fixture::Event;
use super::super::{encode, lossy, texts};
use super::stamp;
use crate::config::Codec;
use crate::event::{Batch, CLAIMED};
use proptest::prelude::*;
use serde_json::{Value, json};

fn record(raw: &str) -> Event {
    Event { raw: raw.as_bytes().to_vec(), ..Event::default() }
}

fn shown(event: &Event) -> String {
    shown_of(&event.batch())
}

fn shown_of(batch: &Batch) -> String {
    let mut out = Vec::new();
    batch.iter().for_each(|event| encode(Codec::Airflow, event, &mut out));
    lossy(out)
}

fn parts(raw: &str, max_bytes: usize) -> Vec<String> {
    let (batch, mut parts) = (record(raw).batch(), Vec::new());
    batch.iter().for_each(|event| texts(Codec::Airflow, event, max_bytes, |text| parts.push(text)));
    parts
}

#[test]
fn a_line_of_airflow_3_stays_as_it_stands() {
    let line =
        r#"{"timestamp":"2026-11-21T16:12:07.756123Z","level":"info","event":"caf\u00e9 \"x\"","n":[1, 2]}"#;
    assert_eq!(shown(&record(&format!("{line}\n"))), line);
    assert_eq!(shown(&record(&format!("{line}\r\n"))), line);
}

#[test]
fn an_event_that_is_no_string_is_given_as_its_json_text() {
    for (event, text) in [
        (r#"{"is": "a \"dict\""}"#, r#"{"is": "a \"dict\""}"#),
        ("99", "99"),
        ("null", "null"),
        ("[ ]", "[ ]"),
    ] {
        let shown = shown(&record(&format!(r#"{{"level":"info","event": {event} ,"lineno":3}}"#)));
        let value: Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(value, json!({"level": "info", "event": text, "lineno": 3}), "{shown}");
    }
}

#[test]
fn an_object_without_an_event_is_one_with_itself_as_its_event() {
    let line = r#"{"rows": 3, "of": "mine"}"#;
    assert_eq!(serde_json::from_str::<Value>(&shown(&record(line))).expect("JSON"), json!({"event": line}));
}

#[test]
fn a_text_record_is_given_without_its_own_time() {
    let text = "[2026-11-21T12:42:07.756-0330] {load.py:7} ERROR - it broke\nTraceback\n\n  File\n";
    assert_eq!(shown(&record(text)), "{load.py:7} ERROR - it broke\nTraceback\n\n  File");
}

#[test]
fn what_is_no_record_of_the_default_format_is_whole() {
    for text in [
        "2026-11-21T16:12:07.756-0330 | INFO     | logger | pid=28137 | message",
        "[2026-11-21T16:12:07.756+0000] no file",
        "[x] {load.py:7} INFO - message",
        "[2026-11-21 16:12:07,756 | ERROR | MainThread] {load.py:7} message",
        "[2026-11-21 free text of a banner] {a} kept",
        "[2026-11-21T16:12:07.755+0000] {load.py:7} INFO - not the time of the event",
        "[2026-11-21 and\nmore] {load.py:7} INFO - message",
        "just a line",
        "{ no json",
        "42",
        "",
    ] {
        assert_eq!(shown(&record(text)), text);
    }
}

#[test]
fn a_time_that_is_not_believed_stays_in_the_text() {
    let text = "[1999-12-31T23:59:59.999+0000] {fake.py:2} ERROR - forged old line";
    let claimed = (CLAIMED, b"1999-12-31T23:59:59.999Z".to_vec(), false);
    assert_eq!(shown(&Event { attributes: vec![claimed], ..record(text) }), text);
}

#[test]
fn a_record_that_is_younger_than_its_file_gets_the_time_of_the_file() {
    const SECOND: i64 = 1_000_000_000;
    let event = record("[2026-11-21T16:12:07.756+0000] {a.py:1} INFO - from the future");
    let at = |ahead: i64| {
        let mut batch = event.batch();
        batch.recipe.file_time = event.timestamp - ahead;
        let stamp = batch.iter().map(stamp).next().expect("an event");
        (event.timestamp - stamp, shown_of(&batch).starts_with("[2026"))
    };
    assert_eq!(at(0), (0, false));
    assert_eq!(at(-900 * SECOND), (0, false), "older than its file, as all are");
    assert_eq!(at(5 * SECOND), (0, false), "clocks differ a little");
    assert_eq!(
        at(5 * SECOND + 1),
        (1, true),
        "what is more is taken off, and its own time is then in the text"
    );
    assert_eq!(at(24 * 3600 * SECOND), (24 * 3600 * SECOND - 5 * SECOND, true));
    assert_eq!(at(24 * 3600 * SECOND + 1), (0, false), "the time of a file may be set back");
}

#[test]
fn a_line_within_a_record_that_begins_with_a_date_is_moved_by_a_space() {
    let text = "[2026-11-21T16:12:07.756+0000] {a.py:1} INFO - out:\n2026-11-20 12:00:00 first\n[1999-01-01] second\n7 third";
    let expected = "{a.py:1} INFO - out:\n 2026-11-20 12:00:00 first\n [1999-01-01] second\n7 third";
    assert_eq!(shown(&record(text)), expected);
    for end in ["\r", "\u{b}", "\u{c}", "\u{1d}", "\u{85}", "\u{2028}", "\u{2029}"] {
        let progress = format!("10 %{end}[1999-12-31T00:00:00] 99 %");
        assert_eq!(
            shown(&record(&progress)),
            progress.replace("[1999", " [1999"),
            "Python ends a line there"
        );
    }
}

#[test]
fn a_json_record_of_airflow_2_reads_like_its_text_records() {
    let raw = r#"{"asctime": "2026-11-21T16:12:07.756+0000", "filename": "a.py", "lineno": 7, "levelname": "WARNING", "message": "low"}"#;
    let attributes =
        vec![("source", b"a.py:7".to_vec(), false), ("exception", b"Traceback\n  x".to_vec(), false)];
    let event = Event { severity: 13, message: b"low".to_vec(), attributes, ..record(raw) };
    assert_eq!(shown(&event), "{a.py:7} WARNING - low\nTraceback\n  x");
}

#[test]
fn bytes_that_are_no_utf8_are_replaced() {
    let event = Event { raw: b"caf\xe9\n".to_vec(), ..Event::default() };
    assert_eq!(shown(&event), "caf\u{FFFD}");
}

#[test]
fn a_large_line_of_airflow_3_is_several_each_with_all_that_is_not_its_message() {
    let message = "é\"\n".repeat(200);
    let line = json!({"timestamp": "2026-11-21T16:12:07Z", "event": message, "level": "info"}).to_string();
    let parts = parts(&line, 300);
    assert!(parts.len() > 3 && parts.iter().all(|part| part.len() <= 300));
    let parts: Vec<Value> = parts.iter().map(|part| serde_json::from_str(part).expect("JSON")).collect();
    assert!(parts.iter().all(|part| part["level"] == "info" && part["timestamp"] == "2026-11-21T16:12:07Z"));
    assert_eq!(parts.iter().filter_map(|part| part["event"].as_str()).collect::<String>(), message);
}

#[test]
fn what_cannot_be_parts_of_a_record_is_cut_as_text() {
    let line = json!({"event": "short", "error_detail": "x".repeat(500)}).to_string();
    let large = json!({"event": "é".repeat(200), "rest": "x".repeat(60)}).to_string();
    for text in [line, large, format!("{{a.py:1}} INFO - {}", "y".repeat(500))] {
        let parts = parts(&text, 100);
        assert!(parts.len() > 4 && parts.iter().all(|part| part.len() <= 100));
        assert_eq!(parts.concat(), text);
    }
}

proptest! {
    #[test]
    fn whatever_a_record_is_it_becomes_utf8_and_never_an_object_without_a_string(
        raw in prop_oneof!["\\PC{0,80}", r#"\{ ?"(event|message|levelname|x)": ?("a"|1|\{\}|null), ?"event": ?("b"|2)\}"#],
    ) {
        let shown = shown(&record(&raw));
        if let Ok(Value::Object(object)) = serde_json::from_str(&shown) {
            prop_assert!(object.get("event").is_some_and(Value::is_string), "{raw:?} → {shown:?}");
        }
    }

    #[test]
    fn no_byte_of_an_event_is_lost_to_its_parts(event in "\\PC{0,400}", max in 200_usize..600) {
        let line = json!({"event": event, "level": "info"}).to_string();
        let said: String = parts(&line, max)
            .iter()
            .map(|part| serde_json::from_str::<Value>(part).expect("JSON")["event"].as_str().expect("text").to_owned())
            .collect();
        prop_assert_eq!(said, event);
    }
}
