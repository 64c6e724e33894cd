//! Codec `json`: one flat object per event, written straight from its spans. The order of the keys is part of the
//! contract: what a person reads first comes first.

use std::collections::HashSet;

use super::{escape, time};
use crate::event::{EventRef, NO_TIMESTAMP, Value};

/// Attributes that have a place of their own; all others go below `fields`.
pub const PLACES: [&str; 8] =
    ["logger", "source", "dag_id", "run_id", "task_id", "map_index", "try_number", "exception"];
/// Place of the first that the try itself says, where an event does not.
pub const CONTEXT: usize = 2;
/// Place of the one that stands after all others.
pub const EXCEPTION: usize = 7;
/// What a component puts before the name of a field that would else be taken for one of the event's own keys.
pub const FIELD_PREFIX: &str = "fields.";

/// Appends the whole object.
pub fn write(event: EventRef<'_>, out: &mut Vec<u8>) {
    let sorted = Sorted::new(event, usize::MAX);
    sorted.write_head(out);
    write_string(event.message(), out);
    sorted.write_context(out);
    if let Some(exception) = sorted.exception() {
        out.extend_from_slice(b",\"exception\":");
        write_value(exception, out);
    }
    if sorted.has_fields() {
        out.extend_from_slice(b",\"fields\":");
        sorted.write_fields(out);
    }
    out.push(b'}');
}

/// An event with its attributes sorted into their places.
pub struct Sorted<'a> {
    event: EventRef<'a>,
    placed: [Option<Value<'a>>; PLACES.len()],
    fields: Vec<(&'a str, Value<'a>)>,
}

impl<'a> Sorted<'a> {
    /// Values longer than `max_placed` bytes, but for the exception, go below `fields` wherever they belong.
    pub fn new(event: EventRef<'a>, max_placed: usize) -> Self {
        let mut sorted = Self { event, placed: [None; PLACES.len()], fields: Vec::new() };
        for (key, value) in event.attributes() {
            let (Value::Json(bytes) | Value::Text(bytes)) = value;
            match PLACES.iter().position(|place| *place == key) {
                Some(place) if place == EXCEPTION || bytes.len() <= max_placed => {
                    if value != Value::Json(b"null") {
                        sorted.placed[place].get_or_insert(value);
                    }
                }
                _ => sorted.fields.push((key, value)),
            }
        }
        sorted
    }

    /// From `{` to `"message":`.
    pub fn write_head(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        if let Some(timestamp) = rfc3339(self.event.timestamp()) {
            out.extend_from_slice(b"\"timestamp\":\"");
            out.extend_from_slice(timestamp.as_bytes());
            out.extend_from_slice(b"\",");
        }
        if let Some(level) = level(self.event.severity()) {
            out.extend_from_slice(b"\"level\":\"");
            out.extend_from_slice(level.as_bytes());
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"message\":");
    }

    /// From `,"logger":` to the kind.
    pub fn write_context(&self, out: &mut Vec<u8>) {
        let origin = self.event.origin();
        let task = origin.task.as_ref();
        for (key, value) in PLACES.iter().zip(&self.placed).take(EXCEPTION) {
            match (value, task, *key) {
                (&Some(Value::Text(digits)), _, "map_index" | "try_number") if is_number(digits) => {
                    write_key(key, out);
                    out.extend_from_slice(digits);
                }
                (&Some(value), _, _) => {
                    write_key(key, out);
                    write_value(value, out);
                }
                (None, Some(task), "dag_id") => write_member(key, &task.dag_id, out),
                (None, Some(task), "run_id") => write_member(key, &task.run_id, out),
                (None, Some(task), "task_id") => write_member(key, &task.task_id, out),
                (None, Some(task), "map_index") => {
                    if let Some(index) = task.map_index {
                        write_number(key, index, out);
                    }
                }
                (None, Some(task), "try_number") => write_number(key, task.try_number, out),
                (None, _, _) => {}
            }
        }
        write_member("kind", origin.kind.as_str(), out);
    }

    /// The text of a traceback that belongs to the event.
    pub fn exception(&self) -> Option<Value<'a>> {
        self.placed[EXCEPTION]
    }

    /// Whether there is anything below `fields`.
    pub fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// The object of all other attributes; of several with the same key, the first. A key keeps its prefix where
    /// another one is what would be left of it: so different keys never get the same name.
    pub fn write_fields(&self, out: &mut Vec<u8>) {
        let keys: HashSet<&str> = self.fields.iter().map(|(key, _)| *key).collect();
        let mut seen = HashSet::with_capacity(keys.len());
        for (key, value) in &self.fields {
            if seen.insert(*key) {
                let name = key.strip_prefix(FIELD_PREFIX).filter(|name| !keys.contains(name)).unwrap_or(key);
                out.push(if seen.len() == 1 { b'{' } else { b',' });
                write_string(name.as_bytes(), out);
                out.push(b':');
                write_value(*value, out);
            }
        }
        out.push(b'}');
    }
}

/// As precise as the source had it: 0, 3, 6 or 9 digits of fraction.
pub fn rfc3339(timestamp: i64) -> Option<String> {
    if timestamp == NO_TIMESTAMP {
        return None;
    }
    let mut text = Vec::new();
    time::write(timestamp, &mut text);
    String::from_utf8(text).ok()
}

/// Python's levels for the ranges of OpenTelemetry's `SeverityNumber`.
/// <https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>
pub fn level(severity: u8) -> Option<&'static str> {
    match severity {
        1..=8 => Some("debug"),
        9..=12 => Some("info"),
        13..=16 => Some("warning"),
        17..=20 => Some("error"),
        21..=24 => Some("critical"),
        _ => None,
    }
}

/// Digits that are a JSON number as they stand.
pub fn is_number(text: &[u8]) -> bool {
    text == b"0" || (matches!(text, [b'1'..=b'9', ..]) && text.iter().all(u8::is_ascii_digit))
}

fn write_key(key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_member(key: &str, value: &str, out: &mut Vec<u8>) {
    write_key(key, out);
    write_string(value.as_bytes(), out);
}

fn write_number(key: &str, value: u32, out: &mut Vec<u8>) {
    write_key(key, out);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Json(json) => out.extend_from_slice(json),
        Value::Text(text) => write_string(text, out),
    }
}

/// A JSON string; what is not UTF-8 becomes U+FFFD.
pub fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match std::str::from_utf8(bytes) {
        Ok(text) => escape::once(text.as_bytes(), out),
        Err(_) => {
            for chunk in bytes.utf8_chunks() {
                escape::once(chunk.valid().as_bytes(), out);
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice("\u{FFFD}".as_bytes());
                }
            }
        }
    }
    out.push(b'"');
}
