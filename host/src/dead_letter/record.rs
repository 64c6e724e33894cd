//! A dead letter as a line of JSON. Nothing in it differs when the same event is refused again.

use crate::event::{NO_TIMESTAMP, TaskTry};
use crate::sink::encode::rfc3339;
use crate::source::Stream;
use serde::Serialize;
use std::ops::Range;

/// Why nobody took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Older than the service takes.
    TooOld,
    /// Older than the log group keeps events.
    Expired,
    /// Too far ahead of the service's clock.
    TooNew,
    /// The service holds it for malformed.
    Malformed,
    /// A component failed on the batch that it was in.
    ComponentFailed,
}

/// Who did not take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By<'a> {
    /// The service of this sink.
    Sink(&'a str),
    /// This transform.
    Transform(&'a str),
}

/// What a record is made of.
#[derive(Debug)]
pub struct Letter<'a> {
    /// Why.
    pub reason: Reason,
    /// Who.
    pub by: By<'a>,
    /// In whose words.
    pub error: &'a str,
    /// Where it came from.
    pub stream: &'a Stream,
    /// Nanoseconds since the epoch, UTC; [`NO_TIMESTAMP`]: none was found yet.
    pub timestamp: i64,
    /// Which bytes of the file it came from.
    pub source: Range<u64>,
    /// Those bytes, unless a transform put others in their place.
    pub original: &'a [u8],
}

#[derive(Serialize)]
struct Record<'a> {
    reason: Reason,
    #[serde(flatten)]
    by: By<'a>,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    stream: Whence<'a>,
    offset: [u64; 2],
    #[serde(flatten)]
    original: Original<'a>,
}

#[derive(Serialize)]
struct Whence<'a> {
    source: &'a str,
    path: &'a str,
    host: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    task: Option<Attempt<'a>>,
    generation: &'a str,
}

#[derive(Serialize)]
struct Attempt<'a> {
    dag_id: &'a str,
    run_id: &'a str,
    task_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_index: Option<u32>,
    try_number: u32,
}

#[derive(Serialize)]
enum Original<'a> {
    #[serde(rename = "original")]
    Text(&'a str),
    #[serde(rename = "original_base64")]
    Bytes(String),
}

/// Appends the record and a line break.
pub fn write(letter: &Letter<'_>, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let origin = &letter.stream.origin;
    let timestamp = if letter.timestamp == NO_TIMESTAMP { None } else { rfc3339(letter.timestamp) };
    let record = Record {
        reason: letter.reason,
        by: letter.by,
        error: letter.error,
        timestamp,
        stream: Whence {
            source: &origin.source,
            path: &origin.path,
            host: &origin.host,
            kind: origin.kind.as_str(),
            task: origin.task.as_ref().map(task),
            generation: &letter.stream.generation,
        },
        offset: [letter.source.start, letter.source.end],
        original: match std::str::from_utf8(letter.original) {
            Ok(text) => Original::Text(text),
            Err(_) => Original::Bytes(aws_smithy_types::base64::encode(letter.original)),
        },
    };
    let before = out.len();
    serde_json::to_writer(&mut *out, &record).inspect_err(|_| out.truncate(before))?;
    out.push(b'\n');
    Ok(())
}

fn task(task: &TaskTry) -> Attempt<'_> {
    Attempt {
        dag_id: &task.dag_id,
        run_id: &task.run_id,
        task_id: &task.task_id,
        map_index: task.map_index,
        try_number: task.try_number,
    }
}
