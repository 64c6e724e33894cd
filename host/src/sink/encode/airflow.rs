//! A record as Airflow's own UI shows it well when it reads it back from CloudWatch.
//!
//! Airflow 3 takes a JSON object with a string under `event` as the record, and puts the event's time into it; anything
//! else is a text with that time. Airflow 2 prints the time before whatever it is. So a line of Airflow 3 stays as it
//! stands, and a text record is given without its own time, which the reader's takes the place of.

use super::escape;
use super::json::{level, write_string};
use super::split;
use super::{lossy, text_of, without_line_break};
use crate::event::{CLAIMED, EventRef};
use jiff::Zoned;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A record that claims to be so much younger than its file is not believed: clocks of file systems lag a little, and
/// Airflow reads no event that is 30 s younger than the end of its try. In ns.
const TOO_YOUNG: i64 = 5_000_000_000;
/// What claims more was judged when the event was made (`transform/clock`). In ns.
const JUDGED: i64 = 24 * 3600 * 1_000_000_000;

fn also_null<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

/// The time by which Airflow finds the event, ns since the epoch: its own, but hardly later than it can have been written.
pub fn stamp(event: EventRef<'_>) -> i64 {
    let (own, written) = (event.timestamp(), event.file_time());
    let ahead = own.saturating_sub(written);
    // Those that are a little ahead stay in their order, also among those that are more.
    if ahead <= JUDGED { own.min(written.saturating_add(TOO_YOUNG)) } else { own }
}

/// Members that tell whose line it is.
#[derive(Deserialize)]
struct Line<'a> {
    /// Airflow 3's message.
    #[serde(borrow, default, deserialize_with = "also_null")]
    event: Option<&'a RawValue>,
    /// Airflow 2's, with `[elasticsearch] json_format`…
    #[serde(default)]
    message: Option<IgnoredAny>,
    /// …and its level.
    #[serde(default)]
    levelname: Option<IgnoredAny>,
}

/// How many of its bytes are not UTF-8, and so are replaced.
pub fn replaced(event: EventRef<'_>) -> u64 {
    let raw = event.raw();
    if std::str::from_utf8(raw).is_ok() {
        return 0;
    }
    raw.utf8_chunks().map(|chunk| chunk.invalid().len() as u64).sum()
}

/// Appends the record.
pub fn write(event: EventRef<'_>, out: &mut Vec<u8>) {
    let raw = lossy(without_line_break(event.raw()).to_vec());
    // Python's `json` takes a value of any kind, and Airflow 3 shows none that is no object.
    let line = match raw.trim_start().as_bytes().first() {
        Some(b'{') => serde_json::from_str::<Line<'_>>(&raw).ok(),
        _ => return write_text(event, &raw, out),
    };
    match line {
        Some(Line { event: Some(said), .. }) => write_object(&raw, said, out),
        Some(Line { message: Some(_), levelname: Some(_), .. }) => write_header(event, out),
        None if serde_json::from_str::<IgnoredAny>(&raw).is_err() => write_text(event, &raw, out),
        // An object without a message, or with several.
        _ => {
            out.extend_from_slice(b"{\"event\":");
            write_string(raw.as_bytes(), out);
            out.push(b'}');
        }
    }
}

/// Gives what [`write()`] made in texts of at most `max_bytes`: of a line of Airflow 3 each a line of its own with a part of
/// `event`, so that none is shown as a heap of JSON. All else stands in each of them, so it takes half of one at most.
pub fn split(text: &str, max_bytes: usize, emit: &mut impl FnMut(String)) {
    let said = serde_json::from_str::<Line<'_>>(text).ok().and_then(|line| line.event);
    let message = said.and_then(|said| serde_json::from_str::<String>(said.get()).ok());
    let (Some(said), Some(message)) = (said, message) else { return split::text(text, max_bytes, emit) };
    let start = place_of(said, text);
    let (before, after) = (&text[..start], &text[start + said.get().len()..]);
    let room = max_bytes.saturating_sub(before.len() + after.len() + "\"\"".len());
    if room < max_bytes / 2 {
        return split::text(text, max_bytes, emit);
    }
    let mut rest = &*message;
    while !rest.is_empty() {
        let piece = split::take(&mut rest, "", &mut room.clone());
        let mut part = Vec::with_capacity(max_bytes);
        part.extend_from_slice(before.as_bytes());
        part.push(b'"');
        escape::once(piece.as_bytes(), &mut part);
        part.push(b'"');
        part.extend_from_slice(after.as_bytes());
        emit(lossy(part));
    }
}

/// A line of Airflow 3. An `event` that is no string would make it a line without a time: it is given as its JSON text.
fn write_object(raw: &str, said: &RawValue, out: &mut Vec<u8>) {
    if said.get().starts_with('"') {
        return out.extend_from_slice(raw.as_bytes());
    }
    let start = place_of(said, raw);
    out.extend_from_slice(&raw.as_bytes()[..start]);
    write_string(said.get().as_bytes(), out);
    out.extend_from_slice(&raw.as_bytes()[start + said.get().len()..]);
}

/// Where a value that was found in a text begins in it.
fn place_of(value: &RawValue, text: &str) -> usize {
    value.get().as_ptr() as usize - text.as_ptr() as usize
}

/// A text record, without the time at its beginning if the event has that time.
fn write_text(event: EventRef<'_>, raw: &str, out: &mut Vec<u8>) {
    let claimed = stamp(event) != event.timestamp() || event.attributes().any(|(key, _)| key == CLAIMED);
    write_lines(if claimed { raw } else { without_time(raw, event.timestamp()) }, out);
}

/// Appends lines that belong together. Airflow 2 sorts all that begin with a time, so none but the first may.
fn write_lines(text: &str, out: &mut Vec<u8>) {
    for (at, line) in text.split_inclusive(breaks_line).enumerate() {
        if at > 0 && begins_with_date(line.trim_start_matches('[')) {
            out.push(b' ');
        }
        out.extend_from_slice(line.as_bytes());
    }
}

/// Where Python's `str.splitlines` does, by which Airflow 2 reads.
/// <https://docs.python.org/3/library/stdtypes.html#str.splitlines>
fn breaks_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A record of Airflow 2 in JSON, put together as its text records are.
fn write_header(event: EventRef<'_>, out: &mut Vec<u8>) {
    let attribute = |name: &str| event.attributes().find(|(key, _)| *key == name).map(|(_, value)| value);
    if let Some(source) = attribute("source") {
        out.push(b'{');
        out.extend_from_slice(&text_of(source));
        out.extend_from_slice(b"} ");
    }
    if let Some(level) = level(event.severity()) {
        out.extend_from_slice(level.to_ascii_uppercase().as_bytes());
        out.extend_from_slice(b" - ");
    }
    out.extend_from_slice(event.message());
    if let Some(exception) = attribute("exception") {
        out.push(b'\n');
        out.extend_from_slice(&text_of(exception));
    }
}

/// `{file.py:12} INFO - message` of `[2026-11-21T16:12:07.756+0000] {file.py:12} INFO - message`, if that is the event's
/// time (ns since the epoch). The file in braces is what Airflow 2's UI finds the time before it by.
fn without_time(raw: &str, timestamp: i64) -> &str {
    let rest = raw.strip_prefix('[').filter(|rest| begins_with_date(rest));
    match rest.and_then(|rest| rest.split_once("] ")) {
        Some((time, rest)) if rest.starts_with('{') && is_time(time, timestamp) => rest,
        _ => raw,
    }
}

/// A time with an offset, as `2026-11-21T16:12:07.756-0330`, that is this one.
fn is_time(text: &str, timestamp: i64) -> bool {
    let time = Zoned::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text);
    time.is_ok_and(|time| time.timestamp().as_nanosecond() == i128::from(timestamp))
}

/// `2026-11-21`, and perhaps more.
fn begins_with_date(text: &str) -> bool {
    let shape = *b"0000-00-00";
    let fits = |(byte, shape): (&u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { *byte == shape };
    text.len() >= shape.len() && text.as_bytes().iter().zip(shape).all(fits)
}

#[cfg(test)]
mod tests;
