//! Reads the body of a `PutLogEvents`, holds it to the service's limits, and sums up its events.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>

use super::json::Reader;
use crate::sum::{mixed, sum};

/// Of one put.
pub const LIMIT_EVENTS: u64 = 10_000;
/// Of one put, [`OVERHEAD`] of each event included.
pub const LIMIT_BYTES: u64 = 1_048_576;
/// What an event counts besides its bytes.
const OVERHEAD: u64 = 26;
const DAY_MS: i64 = 86_400_000;
/// How a line is marked whose latency is measured; its number follows.
pub const PROBE: &str = "updraft-bench-probe-";

/// What a put held.
#[derive(Debug, Default)]
pub struct Put {
    pub group: String,
    pub stream: String,
    pub events: u64,
    pub weight: u64,
    pub sum: u64,
    pub probes: Vec<u64>,
    /// Limits that it does not keep.
    pub wrong: Vec<String>,
    /// Times of its first event and its last one so far.
    times: Option<(i64, i64)>,
}

impl Put {
    /// Events come in order, and within a day.
    fn at(&mut self, timestamp: i64) {
        let (first, last) = self.times.unwrap_or((timestamp, timestamp));
        if timestamp < last || timestamp - first >= DAY_MS {
            self.wrong.push(format!(
                "an event of {timestamp} after one of {last}, in a put that begins at {first}"
            ));
        }
        self.times = Some((first, timestamp));
    }
}

/// `scratch`: memory to use.
pub fn read(body: &[u8], scratch: &mut Vec<u8>) -> Result<Put, String> {
    let mut reader = Reader { body, at: 0 };
    let mut put = Put::default();
    reader.object(|reader, key| {
        match key {
            b"logEvents" => return reader.array(|reader| event(reader, scratch, &mut put)),
            b"logGroupName" | b"logStreamName" => reader.string(scratch)?,
            _ => return Err(format!("a put has {:?}", String::from_utf8_lossy(key))),
        }
        let name = String::from_utf8_lossy(scratch).into_owned();
        *(if key == b"logGroupName" { &mut put.group } else { &mut put.stream }) = name;
        Ok(())
    })?;
    if put.events > LIMIT_EVENTS || put.weight > LIMIT_BYTES {
        put.wrong.push(format!("a put of {} events and {} bytes", put.events, put.weight));
    }
    Ok(put)
}

fn event(reader: &mut Reader<'_>, scratch: &mut Vec<u8>, put: &mut Put) -> Result<(), String> {
    let (mut message, mut timestamp) = (None, None);
    reader.object(|reader, key| {
        match key {
            b"message" => {
                reader.string(scratch)?;
                message = Some((scratch.len() as u64, sum(scratch)));
                let probe = memchr::memmem::find(scratch, PROBE.as_bytes());
                put.probes.extend(probe.and_then(|at| number(&scratch[at + PROBE.len()..])));
            }
            b"timestamp" => timestamp = Some(reader.number()?),
            _ => return Err(format!("an event has {:?}", String::from_utf8_lossy(key))),
        }
        Ok(())
    })?;
    let (Some((length, text)), Some(timestamp)) = (message, timestamp) else {
        return Err("an event lacks its message or its time".to_owned());
    };
    if length == 0 {
        put.wrong.push("an event without a message".to_owned());
    }
    put.events += 1;
    put.weight += length + OVERHEAD;
    put.sum = put.sum.wrapping_add(mixed(text, timestamp.cast_unsigned()));
    put.at(timestamp);
    Ok(())
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&text[..digits]).ok()?.parse().ok()
}
