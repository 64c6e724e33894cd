//! What an event looks like where it arrives: the normalized JSON object, its message, its original bytes, or what
//! Airflow's own UI reads.

mod airflow;
pub mod escape;
mod json;
mod split;
mod time;
mod wire;

pub use airflow::stamp as airflow_stamp;
pub use json::rfc3339;
pub use wire::wire;

use std::borrow::Cow;

use crate::config::Codec;
use crate::event::{EventRef, Value};

/// What a normalized event adds to its message, in bytes, more or less.
const USUAL_ENVELOPE: usize = 256;

/// Appends the event, without a line break after it unless the event brings one. JSON is one line and valid UTF-8;
/// the others are the bytes as they are.
pub fn encode(codec: Codec, event: EventRef<'_>, out: &mut Vec<u8>) {
    match codec {
        Codec::Json => json::write(event, out),
        Codec::Text => {
            out.extend_from_slice(event.message());
            if let Some((_, exception)) = event.attributes().find(|(key, _)| *key == "exception") {
                out.push(b'\n');
                out.extend_from_slice(&text_of(exception));
            }
        }
        Codec::Raw => out.extend_from_slice(event.raw()),
        Codec::Airflow => airflow::write(event, out),
    }
}

/// Gives the event as texts of at most `max_bytes` (4 or more): one, or several where it is larger. Codec `json`:
/// each is an object of its own with a part of the message and `part` (from 1), `parts` and `part_id`; what is in
/// `message`, `exception` and `fields_part` (the JSON text of `fields`), joined, is the original. Codec `airflow`: of an
/// object of Airflow 3 each has a part of its `event`. Else the text is cut, and the line break at its end is left out.
/// Perhaps empty.
pub fn texts(codec: Codec, event: EventRef<'_>, max_bytes: usize, mut emit: impl FnMut(String)) {
    let mut encoded = Vec::with_capacity(match codec {
        Codec::Json => event.message().len() + USUAL_ENVELOPE,
        Codec::Text => event.message().len(),
        Codec::Raw | Codec::Airflow => event.raw().len(),
    });
    encode(codec, event, &mut encoded);
    if codec != Codec::Json {
        encoded.truncate(without_line_break(&encoded).len());
    }
    let text = lossy(encoded);
    if text.len() <= max_bytes {
        emit(text);
    } else if codec == Codec::Json {
        split::json(event, &text, max_bytes, emit);
    } else if codec == Codec::Airflow {
        airflow::split(&text, max_bytes, &mut emit);
    } else {
        split::text(&text, max_bytes, &mut emit);
    }
}

/// The bytes as UTF-8; what is not UTF-8 becomes U+FFFD. Copies only if it has to.
pub fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Without the one `\n` or `\r\n` at the end.
fn without_line_break(bytes: &[u8]) -> &[u8] {
    match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => bytes,
    }
}

/// A value as people read it: a JSON string without quotes and escapes.
fn text_of(value: Value<'_>) -> Cow<'_, [u8]> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        Value::Json(json) => match serde_json::from_slice::<String>(json) {
            Ok(text) => Cow::Owned(text.into_bytes()),
            Err(_) => Cow::Borrowed(json),
        },
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
