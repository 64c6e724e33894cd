//! Every real log in the fixtures, held against checks that know nothing of our parser.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

mod support;

use regex::bytes::Regex;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::path::{Path, PathBuf};
use support::{events, events_in_batches, fixtures};
use updraft_guest::testing::Row;
use updraft_guest_airflow::{MAX_EVENT_BYTES, MAX_EVENT_LINES};

/// Airflow 2's default format, as READBACK.md of the corpus has it.
const DEFAULT: &str = r"^\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4})\] \{([^}]*:\d+)\} (DEBUG|INFO|WARNING|ERROR|CRITICAL) - (?-u:(.*))$";
/// The custom format of one set-up.
const CUSTOM: &str = r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}) \| (DEBUG|INFO|WARNING|ERROR|CRITICAL) *\| ([\w.]+) \| pid=\d+ \| (?-u:(.*))$";
/// A record of the default format that was glued to half a line.
const GLUED: &str =
    r"^\[20(?-u:.*)[^\s ]\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}\] \{[^}]*:\d+\} [A-Z]+ - ";

fn files(below: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    assert!(!files.is_empty(), "{}", below.display());
    files
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

fn json(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).ok().filter(Value::is_object)
}

#[test]
fn every_byte_of_every_file_has_its_event_however_the_file_is_cut() {
    for path in files(&fixtures()) {
        let bytes = std::fs::read(&path).unwrap();
        let whole = events(&bytes);
        let joined: Vec<u8> = whole.iter().flat_map(|row| row.source.clone()).collect();
        assert!(joined == bytes, "{}", path.display());
        assert!(whole.iter().all(|row| row.raw == row.source), "{}", path.display());
        for lines in [7, 100] {
            assert!(events_in_batches(&bytes, lines) == whole, "{} in batches of {lines}", path.display());
        }
    }
}

#[test]
fn airflow_3_has_an_event_for_each_line_with_its_message_and_time() {
    let mut total = 0;
    for path in files(&fixtures().join("airflow3")) {
        let bytes = std::fs::read(&path).unwrap();
        let rows = events(&bytes);
        let expected: Vec<Option<Value>> = lines(&bytes).map(json).collect();
        assert_eq!(rows.len(), expected.len(), "{}", path.display());
        for (row, expected) in rows.iter().zip(expected) {
            let Some(expected) = expected else {
                assert_eq!((row.timestamp_ns, row.severity), (None, 0), "{}", path.display());
                continue;
            };
            let message = match &expected["event"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(row.text(), message, "{}", path.display());
            let severity = ["debug", "info", "warning", "error", "critical"]
                .iter()
                .position(|it| expected["level"] == *it);
            assert_eq!(usize::from(row.severity), severity.unwrap() * 4 + 5);
            assert_eq!(row.timestamp_ns, Some(utc(expected["timestamp"].as_str().unwrap())));
            for key in ["dag_id", "run_id", "task_id", "logger", "ti_id"] {
                let written = row.attribute(key).map(|text| text.trim_matches('"').to_owned());
                assert_eq!(written.as_deref(), expected[key].as_str(), "{key} in {}", path.display());
            }
            let source = expected["lineno"]
                .as_u64()
                .map(|line| format!("{}:{line}", expected["filename"].as_str().unwrap()));
            assert_eq!(row.attribute("source"), source);
            assert_eq!(row.attribute("exception").is_some(), expected.get("error_detail").is_some());
            assert_eq!(row.attribute("error_detail"), None);
            total += 1;
        }
    }
    assert!(total > 3000, "{total} lines");
}

/// Nanoseconds of Airflow 3's `2026-11-21T19:26:52.738658Z`, in the simplest way for that one month.
fn utc(text: &str) -> i64 {
    assert!(text.starts_with("2026-11-") && text.ends_with('Z') && text.len() == 27, "{text}");
    let part = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    let days = part(8..10) - 1;
    let seconds = 1_793_491_200 + days * 86_400 + part(11..13) * 3600 + part(14..16) * 60 + part(17..19);
    (seconds * 1_000_000 + part(20..26)) * 1000
}

#[test]
fn airflow_2_has_an_event_with_a_time_for_each_line_that_begins_a_record() {
    let [default, custom, glued] = [DEFAULT, CUSTOM, GLUED].map(|it| Regex::new(it).unwrap());
    let mut total = 0;
    for path in files(&fixtures().join("airflow2")) {
        let bytes = std::fs::read(&path).unwrap();
        let expected: usize = lines(&bytes)
            .map(|line| {
                // Not as a `Value`: that refuses half a surrogate pair, which Python does write.
                let json = line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok();
                let begins = default.is_match(line) || custom.is_match(line) || json;
                usize::from(begins) + usize::from(glued.is_match(line))
            })
            .sum();
        let rows = events(&bytes);
        let timed: Vec<&Row> = rows.iter().filter(|row| row.timestamp_ns.is_some()).collect();
        assert_eq!(timed.len(), expected, "{}", path.display());
        // What has no time follows no record, or goes on after the bound of one event.
        for pair in rows.windows(2).filter(|pair| pair[1].timestamp_ns.is_none()) {
            let (before, row) = (&pair[0], &pair[1]);
            let is_full = lines(&before.source).count() == MAX_EVENT_LINES
                || before.source.len() + row.source.len() > MAX_EVENT_BYTES;
            let follows_none = before.timestamp_ns.is_none() || before.source.starts_with(b"{");
            assert!(is_full || follows_none, "{}: {}", path.display(), row.text());
        }
        let begins = timed.iter().filter(|row| !row.source.starts_with(b"{"));
        for row in begins {
            let line = lines(&row.source).next().unwrap();
            let message = match (default.captures(line), custom.captures(line)) {
                (Some(found), _) => {
                    assert_eq!(row.attribute("source").unwrap().as_bytes(), &found[2]);
                    found[4].to_vec()
                }
                (None, Some(found)) => {
                    assert_eq!(row.attribute("logger").unwrap().as_bytes(), &found[3]);
                    assert!(row.attribute("pid").is_some());
                    found[4].to_vec()
                }
                (None, None) => panic!("{}: {}", path.display(), String::from_utf8_lossy(line)),
            };
            assert_eq!(lines(&row.message).next().unwrap_or_default(), message, "{}", path.display());
            assert!(row.severity > 0);
        }
        total += timed.len();
    }
    assert!(total > 5000, "{total} records");
}
