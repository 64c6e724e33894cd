//! Whatever the bytes and however they are cut: each byte has its event, and the contract holds.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

mod support;

use proptest::prelude::*;
use support::{events, events_in_batches};
use updraft_guest::testing::{self, Row};
use updraft_guest_airflow::Airflow;

/// Pieces that lines are made of, from the ordinary to the nasty.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"\n".to_vec()),
        2 => Just(b"[2026-11-21T16:12:07.756-0330] {etl.py:7} INFO - hello".to_vec()),
        1 => Just(b"[2026-11-21T16:12:07.756-0330] {etl.py:7} Level 25 - ".to_vec()),
        1 => Just(b"2026-11-21T16:12:07.756-0330 | INFO     | airflow.task | pid=1 | hi".to_vec()),
        2 => Just(br#"{"timestamp":"2026-11-21T19:42:07Z","level":"info","event":"a\nb","x":[1,{"y":null}]}"#.to_vec()),
        1 => Just(br#"{"asctime": "2026-11-21T19:42:07.1+0000", "levelname": "INFO", "message": "m", "try_number": "1"}"#.to_vec()),
        1 => Just(br#"{"timestamp":"2026-11-21T19:42:07Z","level":"info","event":"\udc80","x":"\ud83d","y":["\ude80"]}"#.to_vec()),
        2 => Just(b"2026-11-21 00:16:39  row 999\n".to_vec()),
        1 => Just(b"\t2026-11-21 00:16:39\n".to_vec()),
        1 => Just(b"[9999-11-21T16:12:60.756-0330] {etl.py:7} SUCCESS - hello".to_vec()),
        1 => Just(b"Traceback (most recent call last):".to_vec()),
        1 => Just(b"  + Exception Group Traceback (most recent call last):".to_vec()),
        1 => Just(b"{\"timestamp\":\"20".to_vec()),
        1 => Just(b"] {".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => "[ -~]{0,12}".prop_map(String::into_bytes),
    ]
}

fn log() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

fn joined(rows: &[Row]) -> Vec<u8> {
    rows.iter().flat_map(|row| row.source.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_byte_has_the_same_event_however_a_log_is_cut(log in log(), lines in 1usize..9) {
        let rows = events_in_batches(&log, lines);
        prop_assert_eq!(&joined(&rows), &log);
        prop_assert_eq!(rows, events(&log));
    }

    #[test]
    fn no_two_fields_have_the_same_key(
        names in prop::collection::btree_set("(fields\\.){0,3}(message|level|source|rows|claimed_timestamp)", 0..12),
    ) {
        let mut record = serde_json::json!({ "timestamp": "2026-11-21T19:42:07Z", "level": "info", "event": "e" });
        for name in names.iter().filter(|name| *name != "level") {
            record[name] = name.as_str().into();
        }
        let rows = events(record.to_string().as_bytes());
        let said: std::collections::BTreeSet<_> = rows[0].attributes.iter().map(|(_, value, _)| value.clone()).collect();
        prop_assert_eq!(said.len(), names.iter().filter(|name| *name != "level").count());
    }

    #[test]
    fn what_is_used_is_used_whole(log in log(), last in any::<bool>()) {
        let batch = testing::normalize(&mut Airflow, &testing::origin(), log.clone(), last)
            .map_err(TestCaseError::fail)?;
        prop_assert_eq!(joined(&batch.rows()), &log[..batch.consumed_bytes]);
        for row in batch.rows() {
            for (key, value, is_json) in row.attributes {
                let read = serde_json::from_slice::<serde_json::Value>(&value);
                prop_assert!(!is_json || read.is_ok(), "{}: {:?}", key, String::from_utf8_lossy(&value));
            }
        }
    }

    #[test]
    fn a_json_line_says_what_serde_json_reads(text in any::<String>(), extra in "[a-z]{8,12}", number in any::<f64>()) {
        let line = serde_json::json!({ "timestamp": "2026-11-21T19:42:07Z", "event": text, "level": "info", &extra: [number] });
        let rows = events_in_batches(line.to_string().as_bytes(), 1);
        prop_assert_eq!(rows.len(), 1);
        prop_assert_eq!(&rows[0].message, text.as_bytes());
        prop_assert_eq!(rows[0].attribute(&extra), Some(line[&extra].to_string()));
    }

    #[test]
    fn a_record_says_the_same_whatever_names_came_before_it(
        records in prop::collection::vec(prop::collection::vec((name(), value()), 0..8), 0..30),
        others in 0usize..400,
    ) {
        // More names than are kept, then records that share some of theirs, duplicates included.
        let other = |at: usize| record(&[(format!("\"other{}\"", at % 200), at.to_string())]);
        let lines: Vec<String> = (0..others).map(other).chain(records.iter().map(|it| record(it))).collect();
        let apart: Vec<Row> = lines.iter().flat_map(|line| events(line.as_bytes())).collect();
        prop_assert_eq!(events(lines.concat().as_bytes()), apart);
    }

    #[test]
    fn a_text_record_says_what_it_was_written_with(
        records in prop::collection::vec((0i64..4, 0i64..60, 0i64..1000, -3i64..4, place(), level(), "[ -~]{0,200}"), 1..12),
    ) {
        let write = |(minute, second, milli, zone, place, (level, _), message): &_| {
            let sign = if *zone < 0 { '-' } else { '+' };
            let zone = format!("{sign}{:02}30", i64::abs(*zone));
            format!("[2026-11-21T16:1{minute}:{second:02}.{milli:03}{zone}] {{{place}}} {level} - {message}\n")
        };
        let log: String = records.iter().map(write).collect();
        let rows = events(log.as_bytes());
        prop_assert_eq!(rows.len(), records.len());
        for (row, (minute, second, milli, zone, place, (_, severity), message)) in rows.iter().zip(&records) {
            let half = if *zone < 0 { -30 } else { 30 };
            // 2026-11-21T16:10:00Z.
            let seconds = 1_795_277_400 + (minute - zone * 60 - half) * 60 + second;
            prop_assert_eq!(row.timestamp_ns, Some(seconds * 1_000_000_000 + milli * 1_000_000));
            prop_assert_eq!(row.severity, *severity);
            prop_assert_eq!(row.attribute("source"), Some(place.clone()));
            prop_assert_eq!(&row.message, message.as_bytes());
        }
    }

    #[test]
    fn an_exception_is_what_follows_a_message_from_the_first_line_on_that_begins_a_traceback(
        lines in prop::collection::vec(line(), 1..12), long in 0usize..150,
    ) {
        let log = format!("[2026-11-21T16:12:07.756-0330] {{a.py:7}} ERROR - {}{}\n", "m".repeat(long), lines.join("\n"));
        let rows = events(log.as_bytes());
        prop_assert_eq!(rows.len(), 1);
        let begins = |line: &&str| line.starts_with("Traceback (most recent call last):")
            || line.starts_with("  + Exception Group Traceback (most recent call last):");
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let at = lines.iter().skip(1).position(begins).map(|at| at + 1);
        let (message, exception) = lines.split_at(at.unwrap_or(lines.len()));
        let message = format!("{}{}", "m".repeat(long), message.join("\n"));
        prop_assert_eq!(&rows[0].message, message.as_bytes());
        prop_assert_eq!(rows[0].attribute("exception"), at.map(|_| exception.join("\n")));
    }

    #[test]
    fn space_between_a_records_members_changes_nothing(members in prop::collection::vec((name(), value()), 0..8)) {
        let said = |line: String| {
            let Row { timestamp_ns, severity, message, attributes, .. } = events(line.as_bytes())[0].clone();
            (timestamp_ns, severity, message, attributes)
        };
        let apart: Vec<_> =
            members.iter().map(|(name, value)| (format!(" {name}\t"), format!("\r {value} "))).collect();
        prop_assert_eq!(said(record(&members)), said(record(&apart)));
    }
}

/// `file.py:123`, short and long.
fn place() -> impl Strategy<Value = String> {
    ("[a-z_.:0-9 ]{0,40}", prop_oneof![3 => "[0-9]{1,4}", 1 => "[0-9]{5,20}"])
        .prop_map(|(name, line)| format!("{name}:{line}"))
}

/// A level that the severity says all of.
fn level() -> impl Strategy<Value = (&'static str, u8)> {
    prop::sample::select(vec![("INFO", 9), ("WARNING", 13), ("ERROR", 17), ("DEBUG", 5), ("CRITICAL", 21)])
}

/// One that goes on with a record; perhaps with a traceback's beginning, or nearly.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,90}",
        1 => "(  | x)?(\\+ Exception Group )?Traceback \\(most recent call last\\):( more)?",
        1 => Just("Traceback (most recent call".to_owned()),
    ]
}

/// A member's name, quoted: one that means something, or another; short, long or with escapes.
fn name() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 26] = [
        "timestamp",
        "level",
        "event",
        "message",
        "asctime",
        "levelname",
        "logger",
        "name",
        "dag_id",
        "run_id",
        "task_id",
        "map_index",
        "try_number",
        "filename",
        "lineno",
        "exception",
        "source",
        "kind",
        "fields.x",
        "ti_id",
        "",
        "fifteen_letters",
        "sixteen__letters",
        "dag_file_parse_ms",
        r"\u0064ag_id",
        r"\ud800",
    ];
    let name = prop_oneof![
        4 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        1 => "[a-c]{1,2}",
        1 => "[a-b]{14,18}",
        1 => "[a-b]{60,70}",
    ];
    name.prop_map(|name| format!("\"{name}\""))
}

fn value() -> impl Strategy<Value = String> {
    const VALUES: [&str; 17] = [
        "null",
        "true",
        "-1",
        "0",
        "12",
        "1.5e3",
        r#""""#,
        r#""7""#,
        r#""-1""#,
        r#""etl""#,
        r#""a\nb""#,
        r#""\udc80""#,
        r#"["\ud800"]"#,
        r#"{"a":[1]}"#,
        r#""2026-11-21T19:42:07.5Z""#,
        r#""warning""#,
        "\"é\"",
    ];
    prop::sample::select(&VALUES[..]).prop_map(str::to_owned)
}

/// The line of a record that has these members, too.
fn record(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!(",{name}:{value}")).collect();
    let members = members.concat();
    format!("{{\"timestamp\":\"2026-11-21T19:42:07Z\",\"level\":\"info\",\"event\":\"e\"{members}}}\n")
}
