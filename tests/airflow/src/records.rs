//! What a log file holds, by rules of the tests' own, and what a reader of CloudWatch gave back: both as [`Shown`] lines.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::readers::{Airflow, Answer};

/// A line that a person sees, or a JSON record without its time, and the time of the record that it is of, in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// Without a line break.
    pub text: String,
}

/// One record: lines of text, or one of JSON.
#[derive(Clone, Debug)]
struct Record {
    /// None: it says no time.
    at: Option<i64>,
    /// How its first line begins with that time, where it is shown without.
    stamp: String,
    lines: Vec<String>,
    is_json: bool,
}

/// A day: a record that claims to be further from the one before it is not believed.
const ABSURD_MS: u64 = 24 * 3_600_000;

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/cloudwatch_limits_cwl.html>
pub const MAX_EVENT: usize = 1_048_576 - 26;

/// What has to be shown of a try's files, whose records are merged by their times. A record without one has that of the
/// record before it; the first one, that of the next.
pub fn expected(files: &[Vec<u8>]) -> Vec<Shown> {
    let mut all: Vec<(i64, Record)> = files.iter().flat_map(|file| timed(records(file))).collect();
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

/// Each record of a file and its time. One that claims a time that nobody believes shows it, in its line.
fn timed(records: Vec<Record>) -> Vec<(i64, Record)> {
    let mut clock = records.iter().find_map(|record| record.at).unwrap_or_default();
    let with_time = records.into_iter().map(|mut record| {
        match record.at {
            Some(at) if at.abs_diff(clock) <= ABSURD_MS => clock = at,
            _ => record.lines[0].insert_str(0, &record.stamp),
        }
        (clock, record)
    });
    with_time.collect()
}

/// The records of a file. What begins none belongs to the text before it.
fn records(file: &[u8]) -> Vec<Record> {
    let text = String::from_utf8_lossy(file);
    let mut records: Vec<Record> = Vec::new();
    for line in text.split('\n').flat_map(unglued) {
        match (begins(line), records.last_mut()) {
            (None, Some(last)) if !last.is_json => last.lines.push(line.to_owned()),
            (None, _) => {
                let (at, stamp, lines) = (None, String::new(), vec![line.to_owned()]);
                records.push(Record { at, stamp, lines, is_json: false });
            }
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
fn begins(line: &str) -> Option<Record> {
    if let Some(object) = object(line) {
        return Some(of_json(object));
    }
    let (stamp, at, shown) = match line.strip_prefix('[') {
        Some(inside) => {
            let (stamp, rest) = inside.split_once("] ").filter(|(_, rest)| rest.starts_with('{'))?;
            (format!("[{stamp}] "), time(stamp)?, rest)
        }
        None => (String::new(), time(line.split_once(" | ")?.0)?, line),
    };
    Some(Record { at: Some(at), stamp, lines: vec![shown.to_owned()], is_json: false })
}

/// A line of Airflow 3 is shown as it is, but for its time; one that Airflow 2 made for Elasticsearch as if it were text.
fn of_json(mut object: Map<String, Value>) -> Record {
    let string = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (stamp, lines) = if object.contains_key("levelname") {
        let place = format!("{{{}:{}}} {} - ", string("filename"), object["lineno"], string("levelname"));
        // The mark of the end has neither place nor level.
        let place = if string("filename").is_empty() { "" } else { &place };
        let text = place.to_owned() + &string("message");
        let exception = object.get("exc_text").and_then(Value::as_str);
        (
            string("asctime"),
            text.split('\n')
                .chain(exception.iter().flat_map(|text| text.split('\n')))
                .map(str::to_owned)
                .collect(),
        )
    } else {
        let stamp = string("timestamp");
        object.remove("timestamp");
        if let Some(event) = object.get_mut("event").filter(|event| !event.is_string()) {
            *event = event.to_string().into();
        }
        (stamp, vec![Value::Object(object).to_string()])
    };
    Record { at: time(&stamp), stamp: String::new(), lines, is_json: true }
}

/// `2026-11-21T16:12:07.756-0330` or `2026-11-21T19:42:07.756123Z`, in ms.
fn time(stamp: &str) -> Option<i64> {
    let zoned = strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", stamp).and_then(|parsed| parsed.to_timestamp());
    zoned.or_else(|_| stamp.parse::<Timestamp>()).ok().map(Timestamp::as_millisecond)
}

/// A JSON object. Python lets half a surrogate pair stand in one, which is U+FFFD to everybody else.
pub fn object(text: &str) -> Option<Map<String, Value>> {
    let parts: Vec<String> = text.split(r"\\").map(|part| part.replace(r"\udc80", r"\ufffd")).collect();
    serde_json::from_str(&parts.join(r"\\")).ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::awkward::{json_line, text_line};

    fn raw(events: &[(&str, &str)]) -> Answer {
        let raw = events.iter().map(|(second, text)| format!("[2026-11-21 12:00:{second},000] {text}"));
        let raw = vec![raw.collect::<Vec<_>>().join("\n")];
        Answer { path: String::new(), raw, said: Vec::new(), shown: Vec::new() }
    }

    fn texts(shown: &[Shown]) -> Vec<&str> {
        shown.iter().map(|shown| shown.text.as_str()).collect()
    }

    #[test]
    fn a_record_that_is_lost_doubled_late_or_out_of_order_is_noticed() {
        let file = text_line("12:00:01.000", "one\nmore") + &text_line("12:00:02.000", "two");
        let wanted = expected(&[file.into_bytes()]);
        let (one, two) = ("{load.py:7} INFO - one\nmore", "{load.py:7} INFO - two");
        let good = [("01", one), ("02", two)];
        let differs =
            |events: &[(&str, &str)]| difference(&wanted, &read_back(Airflow::Two, &raw(events))).is_some();
        assert!(!differs(&good));
        assert!(differs(&good[..1]));
        assert!(differs(&[good[0], good[0], good[1]]));
        assert!(differs(&[good[1], good[0]]));
        assert!(differs(&[("01", one), ("03", two)]));
        assert!(differs(&[("01", "{load.py:7} INFO - one"), ("02", two)]));
    }

    #[test]
    fn records_of_several_files_are_merged_by_their_times() {
        let task = text_line("12:00:01.000", "away") + &text_line("12:00:05.000", "back");
        let trigger = text_line("12:00:03.000", "waiting\nstill");
        let merged = expected(&[task.into_bytes(), trigger.into_bytes()]);
        let place = "{load.py:7} INFO - ";
        let wanted = [&format!("{place}away"), &format!("{place}waiting"), "still", &format!("{place}back")];
        assert_eq!(texts(&merged), wanted);
    }

    #[test]
    fn a_time_that_nobody_believes_stays_in_its_line() {
        let forged = "[1999-12-31T23:59:59.999+0000] {forged.py:1} INFO - old";
        let file = text_line("12:00:01.000", "one") + forged + "\n";
        let wanted = expected(&[file.into_bytes()]);
        assert_eq!(texts(&wanted), ["{load.py:7} INFO - one", forged]);
        assert_eq!(wanted[0].at, wanted[1].at);
    }

    #[test]
    fn a_record_that_follows_half_a_line_is_one_of_its_own() {
        let glued =
            text_line("12:00:01.000", "half a li").trim_end().to_owned() + &text_line("12:00:02.000", "two");
        let wanted = expected(&[glued.into_bytes()]);
        assert_eq!(texts(&wanted), ["{load.py:7} INFO - half a li", "{load.py:7} INFO - two"]);
    }

    #[test]
    fn an_event_that_is_no_string_is_shown_as_its_json() {
        let wanted =
            expected(&[json_line("12:00:01.000000", &serde_json::json!({ "a": [1, null] })).into_bytes()]);
        assert!(wanted[0].text.contains(r#""event":"{\"a\":[1,null]}""#), "{wanted:?}");
    }
}
