//! What the encoders promise, on events of any content.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::fixture::Event;
use super::{encode, lossy, texts};
use crate::config::Codec;
use crate::event::NO_TIMESTAMP;

fn encoded(codec: Codec, event: &Event) -> Vec<u8> {
    let batch = event.batch();
    let mut out = Vec::new();
    batch.iter().for_each(|event| encode(codec, event, &mut out));
    out
}

fn line(event: &Event) -> String {
    lossy(encoded(Codec::Json, event))
}

fn object(event: &Event) -> Json {
    serde_json::from_str(&line(event)).expect("JSON")
}

fn parts(codec: Codec, event: &Event, max_bytes: usize) -> Vec<String> {
    let batch = event.batch();
    let mut parts = Vec::new();
    batch.iter().for_each(|event| texts(codec, event, max_bytes, |text| parts.push(text)));
    parts
}

fn text(key: &'static str, text: &str) -> (&'static str, Vec<u8>, bool) {
    (key, text.as_bytes().to_vec(), false)
}

fn value(key: &'static str, json: &str) -> (&'static str, Vec<u8>, bool) {
    (key, json.as_bytes().to_vec(), true)
}

#[test]
fn a_normalized_event_reads_in_the_order_of_the_contract() {
    let event = Event {
        attributes: vec![
            text("exception", "Traceback"),
            value("rows", "[1, 2]"),
            text("logger", "airflow.task"),
            text("source", "load.py:7"),
        ],
        ..Event::default()
    };
    assert_eq!(
        line(&event),
        "{\"timestamp\":\"2026-11-21T16:12:07.756Z\",\"level\":\"info\",\"message\":\"a line\",\
         \"logger\":\"airflow.task\",\"source\":\"load.py:7\",\"dag_id\":\"sales\",\"run_id\":\"manual\",\
         \"task_id\":\"load\",\"try_number\":1,\"kind\":\"task\",\"exception\":\"Traceback\",\
         \"fields\":{\"rows\":[1, 2]}}"
    );
}

#[test]
fn what_an_event_lacks_is_left_out() {
    let event = Event { timestamp: NO_TIMESTAMP, severity: 0, task: None, ..Event::default() };
    assert_eq!(line(&event), r#"{"message":"a line","kind":"task"}"#);
}

#[test]
fn times_are_as_precise_as_the_source_had_them() {
    for (nanoseconds, expected) in [
        (1_795_277_527_000_000_000, "2026-11-21T16:12:07Z"),
        (1_795_277_527_700_000_000, "2026-11-21T16:12:07.700Z"),
        (1_795_277_527_756_100_000, "2026-11-21T16:12:07.756100Z"),
        (1_795_277_527_756_000_001, "2026-11-21T16:12:07.756000001Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-1_000_000, "1969-12-31T23:59:59.999Z"),
    ] {
        let event = Event { timestamp: nanoseconds, ..Event::default() };
        assert_eq!(object(&event)["timestamp"], expected);
    }
}

#[test]
fn every_severity_has_the_level_that_python_calls_it() {
    let level = |severity| object(&Event { severity, ..Event::default() })["level"].clone();
    let levels: Vec<Json> = (0..=25).map(level).collect();
    assert_eq!(levels[0], Json::Null);
    assert!(levels[1..=8].iter().all(|level| level == "debug"));
    assert!(levels[9..=12].iter().all(|level| level == "info"));
    assert!(levels[13..=16].iter().all(|level| level == "warning"));
    assert!(levels[17..=20].iter().all(|level| level == "error"));
    assert!(levels[21..=24].iter().all(|level| level == "critical"));
    assert_eq!(levels[25], Json::Null);
}

#[test]
fn what_a_line_says_of_its_task_goes_before_what_the_path_says() {
    let event = Event {
        attributes: vec![
            text("dag_id", "other"),
            text("map_index", "3"),
            value("try_number", "2"),
            value("run_id", "null"),
        ],
        ..Event::default()
    };
    let object = object(&event);
    assert_eq!(object["dag_id"], "other");
    assert_eq!((&object["map_index"], &object["try_number"]), (&json!(3), &json!(2)));
    assert_eq!(object["run_id"], "manual", "null says nothing");
}

#[test]
fn a_field_never_takes_the_place_of_a_key_of_the_event() {
    let event = Event {
        attributes: vec![
            text("fields.message", "a"),
            text("kind", "b"),
            text("fields.logger", "c"),
            value("timestamp", "0"),
        ],
        ..Event::default()
    };
    let object = object(&event);
    assert_eq!((&object["message"], &object["kind"]), (&json!("a line"), &json!("task")));
    assert_eq!(object["fields"], json!({"message": "a", "kind": "b", "logger": "c", "timestamp": 0}));
}

#[test]
fn no_key_occurs_twice() {
    let event = Event {
        attributes: vec![text("a", "1"), text("fields.a", "2"), text("logger", "x"), text("logger", "y")],
        ..Event::default()
    };
    let line = line(&event);
    assert_eq!((line.matches("\"a\":").count(), line.matches("\"logger\":").count()), (1, 1));
}

#[test]
fn a_field_whose_name_is_taken_keeps_its_prefix_and_its_value() {
    let event = Event {
        attributes: vec![
            text("fields.fields.a", "3"),
            text("fields.a", "2"),
            text("a", "1"),
            // What a line says itself, and what the host adds to it.
            text("fields.claimed_timestamp", "soon"),
            text("claimed_timestamp", "1999-11-21T16:12:07Z"),
        ],
        ..Event::default()
    };
    assert_eq!(
        object(&event)["fields"],
        json!({
            "fields.fields.a": "3", "fields.a": "2", "a": "1",
            "fields.claimed_timestamp": "soon", "claimed_timestamp": "1999-11-21T16:12:07Z",
        })
    );
}

#[test]
fn the_text_codec_is_the_message_and_then_the_exception() {
    let event = Event { attributes: vec![value("exception", r#""one\ntwo""#)], ..Event::default() };
    assert_eq!(encoded(Codec::Text, &event), b"a line\none\ntwo");
}

#[test]
fn the_raw_codec_is_the_bytes_of_the_file() {
    let event = Event { raw: b"\xff\0\r\n".to_vec(), ..Event::default() };
    assert_eq!(encoded(Codec::Raw, &event), b"\xff\0\r\n");
}

#[test]
fn texts_leave_out_one_line_break_at_the_end() {
    for (raw, expected) in
        [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\r", "a\r"), ("\n", ""), ("a\nb", "a\nb")]
    {
        let event = Event { raw: raw.as_bytes().to_vec(), ..Event::default() };
        assert_eq!(parts(Codec::Raw, &event, 100), [expected]);
    }
}

#[test]
fn an_event_of_exactly_the_limit_stays_whole_and_one_byte_more_makes_two() {
    let event = Event { message: vec![b'x'; 500], ..Event::default() };
    let len = line(&event).len();
    assert_eq!(parts(Codec::Json, &event, len), [line(&event)]);
    assert_eq!(parts(Codec::Json, &event, len - 1).len(), 2);
    let event = Event { raw: vec![b'x'; 500], ..Event::default() };
    assert_eq!(parts(Codec::Raw, &event, 500).len(), 1);
    assert_eq!(parts(Codec::Raw, &event, 499).len(), 2);
}

#[test]
fn parts_carry_how_to_put_them_together() {
    let event = Event {
        message: vec![b'x'; 1000],
        attributes: vec![text("exception", "Traceback"), value("rows", "1")],
        ..Event::default()
    };
    let first = parts(Codec::Json, &event, 400);
    assert_eq!(first, parts(Codec::Json, &event, 400), "sent again, the same");
    let objects: Vec<Json> = first.iter().map(|part| serde_json::from_str(part).expect("JSON")).collect();
    for (at, object) in objects.iter().enumerate() {
        assert_eq!((&object["part"], &object["parts"]), (&json!(at + 1), &json!(objects.len())));
        assert_eq!(object["part_id"], objects[0]["part_id"]);
        assert_eq!(object["part_id"].as_str().map(str::len), Some(16));
        assert_eq!(object["dag_id"], "sales");
    }
    assert_eq!((&objects[0]["exception"], &objects[0]["fields"]), (&json!("Traceback"), &json!({"rows": 1})));
    assert!(objects[1..].iter().all(|object| object.get("exception").is_none()));
}

#[test]
fn where_no_object_fits_the_text_is_cut_and_nothing_is_lost() {
    let event = Event { message: vec![b'x'; 1000], ..Event::default() };
    let parts = parts(Codec::Json, &event, 100);
    assert!(parts.iter().all(|part| part.len() <= 100));
    assert_eq!(parts.concat(), line(&event));
}

fn joined(objects: &[Json], key: &str) -> String {
    objects.iter().filter_map(|object| object.get(key).and_then(Json::as_str)).collect()
}

prop_compose! {
    fn any_bytes(max: usize)(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..max),
        prop::collection::vec(prop::sample::select(b"ab\n\r\"\\\t\x00\x1b\x7f".to_vec()), 0..max),
        ".{0,200}".prop_map(String::into_bytes),
    ]) -> Vec<u8> {
        bytes
    }
}

proptest! {
    #[test]
    fn any_bytes_make_one_line_of_json_that_says_the_same(
        message in any_bytes(200), exception in any_bytes(200), field in any_bytes(200),
        timestamp: i64, severity: u8,
    ) {
        let event = Event {
            timestamp, severity, message,
            attributes: vec![("exception", exception, false), ("odd \" name", field, false)],
            ..Event::default()
        };
        let bytes = encoded(Codec::Json, &event);
        prop_assert!(!bytes.contains(&b'\n'));
        let object: Json = serde_json::from_slice(&bytes)?;
        prop_assert_eq!(&object["message"], &json!(String::from_utf8_lossy(&event.message)));
        prop_assert_eq!(&object["exception"], &json!(String::from_utf8_lossy(&event.attributes[0].1)));
        prop_assert_eq!(&object["fields"]["odd \" name"], &json!(String::from_utf8_lossy(&event.attributes[1].1)));
    }

    #[test]
    fn parts_joined_are_the_event_and_none_is_too_large(
        message in any_bytes(2000), exception in any_bytes(2000),
        logger in any_bytes(2500), field in any_bytes(2000), max_bytes in 350_usize..3000,
    ) {
        let event = Event {
            message,
            attributes: vec![("exception", exception, false), ("logger", logger, false), ("a", field, false)],
            ..Event::default()
        };
        let parts = parts(Codec::Json, &event, max_bytes);
        prop_assert!(parts.iter().all(|part| part.len() <= max_bytes));
        let Ok(objects) = parts.iter().map(|part| serde_json::from_str(part)).collect::<Result<Vec<Json>, _>>()
        else {
            // The logger repeated in each part left no room: the text was cut.
            prop_assert_eq!(parts.concat(), line(&event));
            return Ok(());
        };
        prop_assert_eq!(joined(&objects, "message"), String::from_utf8_lossy(&event.message));
        prop_assert_eq!(joined(&objects, "exception"), String::from_utf8_lossy(&event.attributes[0].1));
        let fields = match objects[0].get("fields") {
            Some(fields) => fields.clone(),
            None => serde_json::from_str(&joined(&objects, "fields_part"))?,
        };
        prop_assert_eq!(&fields["a"], &json!(String::from_utf8_lossy(&event.attributes[2].1)));
        let logger = objects[0].get("logger").unwrap_or(&fields["logger"]);
        prop_assert_eq!(logger, &json!(String::from_utf8_lossy(&event.attributes[1].1)));
    }

    #[test]
    fn cut_texts_joined_are_the_text(raw in any_bytes(500), max_bytes in 4_usize..200) {
        let event = Event { raw, ..Event::default() };
        let parts = parts(Codec::Raw, &event, max_bytes);
        prop_assert!(parts.iter().all(|part| part.len() <= max_bytes));
        let text = String::from_utf8_lossy(&event.raw).into_owned();
        let text = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
        prop_assert_eq!(parts.concat(), text);
    }
}
