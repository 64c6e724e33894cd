//! What a log file holds, by rules of the tests' own, and what a reader of CloudWatch gave back: both as [`Shown`] lines.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::readers::{Airflow, Answer};

/// A line that a person sees, or a JSON record without its time, and the time of the record that it is of, in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub at: i64,
    pub text: String,
}

/// One record: lines of text, or one of JSON.
#[derive(Clone, Debug)]
pub struct Record {
    /// None: it says no time, or one that nobody would believe.
    at: Option<i64>,
    lines: Vec<String>,
    is_json: bool,
}

/// A day: a record that claims to be further from the one before it is not believed.
const ABSURD_MS: u64 = 24 * 3_600_000;

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/cloudwatch_limits_cwl.html>
pub const MAX_EVENT: usize = 1_048_576 - 26;

/// What that Airflow has to show of a try's files, whose records are merged by their times. A record without one has that of the
/// record before it; the first one, that of the next.
pub fn expected(airflow: Airflow, files: &[Vec<u8>]) -> Vec<Shown> {
    let mut all: Vec<(i64, Record)> = files.iter().flat_map(|file| timed(records(airflow, file))).collect();
    all.sort_by_key(|(at, _)| *at);
    let shown = |(at, record): (i64, Record)| record.lines.into_iter().map(move |text| Shown { at, text });
    visible(all.into_iter().flat_map(shown))
}

/// Without what nobody sees: empty lines, which Airflow shows as little as CloudWatch takes them, and what Windows has at the
/// end of a line.
fn visible(all: impl Iterator<Item = Shown>) -> Vec<Shown> {
    let trimmed = all.map(|Shown { at, text }| Shown { at, text: text.trim_end_matches('\r').to_owned() });
    trimmed.filter(|shown| !shown.text.trim().is_empty()).collect()
}

/// Each record of a file and its time.
fn timed(records: Vec<Record>) -> Vec<(i64, Record)> {
    let mut clock = records.iter().find_map(|record| record.at).unwrap_or_default();
    let with_time = records.into_iter().map(|record| {
        clock = record.at.filter(|at| at.abs_diff(clock) <= ABSURD_MS).unwrap_or(clock);
        (clock, record)
    });
    with_time.collect()
}

/// The records of a file. What begins none belongs to the text before it.
fn records(airflow: Airflow, file: &[u8]) -> Vec<Record> {
    let text = String::from_utf8_lossy(file);
    let mut records: Vec<Record> = Vec::new();
    for line in text.split('\n').flat_map(unglued) {
        match (begins(airflow, line), records.last_mut()) {
            (None, Some(last)) if !last.is_json => last.lines.push(line.to_owned()),
            (None, _) => records.push(Record { at: None, lines: vec![line.to_owned()], is_json: false }),
            (Some(record), _) => records.push(record),
        }
    }
    records
}

/// A line, or two: a full disk can swallow a line break, and a record then follows half a line.
fn unglued(line: &str) -> Vec<&str> {
    let mut in_text = line.match_indices("] {").filter(|_| !line.starts_with('{'));
    let glued = in_text.find_map(|(close, _)| {
        let open = line[..close].rfind('[')?;
        let follows_half = !line[..open].ends_with([' ', '\t', '"', '\'', '(', '[', '{', '=', ':', ',']);
        (open > 0 && follows_half && time(&line[open + 1..close]).is_some()).then_some(open)
    });
    glued.map_or(vec![line], |at| vec![&line[..at], &line[at..]])
}

/// The record that a line begins: JSON, or `[time] {place} …`, which is shown without its time, or `time | …`.
fn begins(airflow: Airflow, line: &str) -> Option<Record> {
    if let Some(mut object) = object(line) {
        let stamp = object.remove("timestamp").or_else(|| object.get("asctime").cloned());
        if let Some(event) = object.get_mut("event").filter(|event| !event.is_string()) {
            *event = event.to_string().into();
        }
        let at = stamp.and_then(|stamp| time(stamp.as_str()?));
        let shown = match airflow {
            Airflow::Two => line.to_owned(),
            Airflow::Three => Value::Object(object).to_string(),
        };
        return Some(Record { at, lines: vec![shown], is_json: true });
    }
    let inside = line.strip_prefix('[').unwrap_or(line);
    let (stamp, shown) = if inside.len() < line.len() {
        let (stamp, rest) = inside.split_once("] ")?;
        (stamp, rest.starts_with('{').then_some(rest)?)
    } else {
        (line.split_once(" | ")?.0, line)
    };
    Some(Record { at: Some(time(stamp)?), lines: vec![shown.to_owned()], is_json: false })
}

/// `2026-11-21T16:12:07.756-0330` or `2026-11-21T19:42:07.756123Z`, in ms.
fn time(stamp: &str) -> Option<i64> {
    let zoned = strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", stamp).and_then(|parsed| parsed.to_timestamp());
    zoned.or_else(|_| stamp.parse::<Timestamp>()).ok().map(Timestamp::as_millisecond)
}

/// A JSON object. Python lets half a surrogate pair stand in one, which is U+FFFD to everybody else.
pub fn object(text: &str) -> Option<serde_json::Map<String, Value>> {
    serde_json::from_str(&text.replace(r"\udc80", r"\ufffd")).ok()
}

/// What Airflow read from a log stream.
pub fn read_back(airflow: Airflow, answer: &Answer) -> Vec<Shown> {
    match airflow {
        Airflow::Two => visible(answer.raw.iter().flat_map(|stream| of_airflow_2(stream))),
        Airflow::Three => visible(answer.raw.iter().flat_map(|event| of_airflow_3(event))),
    }
}

/// `[2026-11-21 19:42:07,756] message` with the rest of the message below it.
fn of_airflow_2(stream: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    for line in stream.split('\n') {
        let (at, text) = dated(line).unwrap_or((all.last().map_or(0, |last| last.at), line));
        all.push(Shown { at, text: text.to_owned() });
    }
    all
}

/// The same of a line of a page, without the time.
pub fn text_of_airflow_2(line: &str) -> String {
    dated(line).map_or(line, |(_, text)| text).to_owned()
}

/// The time that Airflow 2 put before a message, and the message.
fn dated(line: &str) -> Option<(i64, &str)> {
    let (stamp, text) = line.strip_prefix('[')?.split_once("] ")?;
    let (seconds, ms) = stamp.split_once(',')?;
    let parsed = strtime::parse("%Y-%m-%d %H:%M:%S", seconds).and_then(|parsed| parsed.to_datetime()).ok()?;
    let at = parsed.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some((at + ms.parse::<i64>().ok()?, text))
}

/// `{"timestamp": …, "event": …}`, of a text with nothing else in it.
fn of_airflow_3(event: &str) -> Vec<Shown> {
    let mut object = object(event).expect("it is JSON");
    let stamp = object.remove("timestamp").unwrap_or_default();
    let at = stamp
        .as_str()
        .and_then(|stamp| stamp.parse::<Timestamp>().ok())
        .expect("it has a time")
        .as_millisecond();
    match object.get("event").and_then(Value::as_str) {
        Some(text) if object.len() == 1 => {
            text.split('\n').map(|line| Shown { at, text: line.to_owned() }).collect()
        }
        _ => vec![Shown { at, text: Value::Object(object).to_string() }],
    }
}

/// Where two sequences part, in words; none where they are the same.
pub fn difference(wanted: &[Shown], got: &[Shown]) -> Option<String> {
    let got = &joined(wanted, got);
    let at = (0..wanted.len().max(got.len())).find(|&at| wanted.get(at) != got.get(at))?;
    let short = |shown: &Shown| format!("{} {:.300}", shown.at, shown.text);
    let around = |all: &[Shown]| all.iter().skip(at.saturating_sub(1)).take(4).map(short).collect::<Vec<_>>();
    Some(format!(
        "line {at} of {} and {}: wanted {:#?}\ngot {:#?}",
        wanted.len(),
        got.len(),
        around(wanted),
        around(got)
    ))
}

/// Lines that are too long for an event come in several: what was read, with those in one.
fn joined(wanted: &[Shown], got: &[Shown]) -> Vec<Shown> {
    let mut rest = got.iter().cloned();
    let mut all: Vec<Shown> = Vec::new();
    while let Some(mut shown) = rest.next() {
        if let Some(wanted) = wanted.get(all.len()).filter(|wanted| wanted.text.len() > MAX_EVENT) {
            while shown.text.len() < wanted.text.len() {
                let Some(more) = rest.next() else { break };
                shown.text.push_str(&more.text);
            }
        }
        all.push(shown);
    }
    all
}
