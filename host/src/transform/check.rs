//! Trusts nothing that a guest returns: once a batch has passed here, every span and index in it is good.

use super::{Broken, voice};
use crate::event::{DROPPED, Events};
use serde::de::IgnoredAny;

/// Bytes of an attribute's key that an error shows.
const MAX_KEY: usize = 100;
/// What an event is counted as besides its bytes, and what an attribute is: about what they take in the host.
const EVENT_BYTES: u64 = 128;
const ATTRIBUTE_BYTES: u64 = 16;
/// Untouched, a batch is shown as raw, as messages and as attributes: so much of it costs nothing.
const FREE_OF_GIVEN: u64 = 4;

/// Checks what `normalize` returned for `bytes` with `ends`, and cuts the batch to the consumed lines. `most`: bytes that
/// it may show besides what it was given.
pub fn normalized(
    bytes: &mut Vec<u8>,
    ends: &[u32],
    last: bool,
    consumed: u32,
    events: &mut Events,
    most: u64,
) -> Result<(), Broken> {
    let given = ends.len();
    if consumed as usize > given {
        return Err(Broken::Consumed { consumed, given });
    }
    if last && (consumed as usize) < given {
        return Err(Broken::NotConsumed { consumed, given });
    }
    let end = consumed.checked_sub(1).map_or(0, |at| ends[at as usize]);
    source_ends(&events.source_ends, end)?;
    let border = bytes.len() as u32;
    columns(events, bytes, &[], end, most.saturating_add(free(bytes, ends.len())))?;
    if end < border {
        bytes.truncate(end as usize);
        for column in [
            &mut events.raw_starts,
            &mut events.raw_ends,
            &mut events.message_starts,
            &mut events.message_ends,
            &mut events.attribute_starts,
            &mut events.attribute_ends,
        ] {
            for place in column.iter_mut().filter(|place| **place >= border) {
                *place -= border - end;
            }
        }
        // An empty span that stood at the old border now stands at the new one; both ends moved together,
        // or the span lay wholly before it.
    }
    Ok(())
}

/// Whether events are as if they had passed here before: such as a capsule has them.
pub fn is_whole(bytes: &[u8], events: &Events) -> bool {
    let end = bytes.len() as u32;
    source_ends(&events.source_ends, end).is_ok() && columns(events, bytes, &[], end, u64::MAX).is_ok()
}

/// Checks what `transform` returned, and joins the arena it made to the one it was given. `most`: bytes that it may show
/// besides what it was given.
pub fn transformed(bytes: &[u8], given: &Events, returned: &mut Events, most: u64) -> Result<(), Broken> {
    let end = given.source_ends.last().copied().unwrap_or(0);
    source_ends(&returned.source_ends, end)?;
    let mut after = returned.source_ends.iter().peekable();
    for &end in &given.source_ends {
        while after.next_if(|&&it| it < end).is_some() {}
        if after.peek() != Some(&&end) {
            return Err(Broken::Merged { end });
        }
    }
    let most = most.saturating_add(shown(given).max(free(bytes, given.len())));
    columns(returned, bytes, &given.arena, bytes.len() as u32, most)?;
    let mut arena = Vec::with_capacity(given.arena.len() + returned.arena.len());
    arena.extend_from_slice(&given.arena);
    arena.append(&mut returned.arena);
    returned.arena = arena;
    Ok(())
}

fn source_ends(ends: &[u32], total: u32) -> Result<(), Broken> {
    if let Some(at) = ends.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(Broken::SourceEndsDecrease { at: at + 1 });
    }
    let last = ends.last().copied().unwrap_or(0);
    if last != total {
        return Err(Broken::SourceEnds { last, total });
    }
    Ok(())
}

/// What may be shown of a batch without making anything.
fn free(bytes: &[u8], units: usize) -> u64 {
    (bytes.len() as u64).saturating_mul(FREE_OF_GIVEN)
        + (units as u64).saturating_mul(EVENT_BYTES * FREE_OF_GIVEN)
}

/// How much events come to when somebody writes them down. Columns of a few bytes can show the same megabyte again and
/// again: what they are in memory says nothing of it. Only of columns whose lengths and indices are good.
fn shown(events: &Events) -> u64 {
    let spans = |starts: &[u32], ends: &[u32]| -> u64 {
        starts.iter().zip(ends).map(|(&start, &end)| u64::from(end.saturating_sub(start))).sum()
    };
    let name = |names: &[String], at: u16| names.get(usize::from(at)).map_or(0, String::len) as u64;
    let labels: u64 = events.labels.iter().map(|&at| name(&events.label_names, at)).sum();
    let keys: u64 = events.attribute_keys.iter().map(|&at| name(&events.key_names, at)).sum();
    spans(&events.raw_starts, &events.raw_ends)
        + spans(&events.message_starts, &events.message_ends)
        + spans(&events.attribute_starts, &events.attribute_ends)
        + labels
        + keys
        + events.len() as u64 * EVENT_BYTES
        + events.attribute_events.len() as u64 * ATTRIBUTE_BYTES
}

/// Equal lengths, indices and spans. Spans into the batch's bytes must lie before `end`; all together show no more than
/// `most`.
fn columns(events: &Events, bytes: &[u8], older: &[u8], end: u32, most: u64) -> Result<(), Broken> {
    let n = events.timestamps.len();
    let lengths = [
        ("severities", events.severities.len()),
        ("source-ends", events.source_ends.len()),
        ("raw-starts", events.raw_starts.len()),
        ("raw-ends", events.raw_ends.len()),
        ("message-starts", events.message_starts.len()),
        ("message-ends", events.message_ends.len()),
        ("labels", events.labels.len()),
    ];
    equal_lengths("timestamps", n, &lengths)?;
    let attributes = events.attribute_events.len();
    let lengths = [
        ("attribute-keys", events.attribute_keys.len()),
        ("attribute-starts", events.attribute_starts.len()),
        ("attribute-ends", events.attribute_ends.len()),
        ("attribute-json", events.attribute_json.len()),
    ];
    equal_lengths("attribute-events", attributes, &lengths)?;

    let names = events.label_names.len();
    if let Some(at) = events.labels.iter().position(|&it| it != DROPPED && usize::from(it) >= names) {
        return Err(Broken::Label { at, index: events.labels[at], names });
    }
    let keys = events.key_names.len();
    if let Some(at) = events.attribute_keys.iter().position(|&it| usize::from(it) >= keys) {
        return Err(Broken::Key { at, index: events.attribute_keys[at], names: keys });
    }
    if events.attribute_events.windows(2).any(|pair| pair[1] < pair[0])
        || events.attribute_events.last().is_some_and(|&it| it as usize >= n)
    {
        return Err(Broken::AttributeEvents { events: n });
    }

    let spans = Spans { bytes, older, newer: &events.arena, end };
    for (name, starts, ends) in [
        ("raw", &events.raw_starts, &events.raw_ends),
        ("message", &events.message_starts, &events.message_ends),
        ("attribute", &events.attribute_starts, &events.attribute_ends),
    ] {
        for (at, (&start, &stop)) in starts.iter().zip(ends).enumerate() {
            spans.check(name, at, start, stop)?;
        }
    }
    let shown = shown(events);
    if shown > most {
        return Err(Broken::Shows { shown, most });
    }
    for at in (0..attributes).filter(|&at| events.attribute_json[at]) {
        let value = spans.bytes(events.attribute_starts[at], events.attribute_ends[at]);
        // One line of output is one event: a value with a line break between its tokens would break that.
        if !is_json(&value) || memchr::memchr2(b'\n', b'\r', &value).is_some() {
            let key = &events.key_names[usize::from(events.attribute_keys[at])];
            return Err(Broken::NotJson { at, key: voice::plain(key, MAX_KEY) });
        }
    }
    Ok(())
}

/// Checked for UTF-8 first: what is skipped over, `serde_json` does not look into.
fn is_json(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn equal_lengths(first: &'static str, n: usize, others: &[(&'static str, usize)]) -> Result<(), Broken> {
    match others.iter().find(|(_, len)| *len != n) {
        Some(&(column, len)) => Err(Broken::ColumnLength { column, len, first, n }),
        None => Ok(()),
    }
}

struct Spans<'a> {
    bytes: &'a [u8],
    older: &'a [u8],
    newer: &'a [u8],
    end: u32,
}

impl Spans<'_> {
    fn check(&self, column: &'static str, at: usize, start: u32, stop: u32) -> Result<(), Broken> {
        let border = self.bytes.len() as u64;
        let total = border + self.older.len() as u64 + self.newer.len() as u64;
        let in_bytes = stop <= self.end;
        let in_arena = u64::from(start) >= border && u64::from(stop) <= total;
        if start <= stop && (in_bytes || in_arena) {
            return Ok(());
        }
        Err(Broken::Span { column, at, start, stop, end: self.end, border, total })
    }

    /// The bytes of a checked span.
    fn bytes(&self, start: u32, stop: u32) -> std::borrow::Cow<'_, [u8]> {
        let (start, stop) = (start as usize, stop as usize);
        if stop <= self.bytes.len() {
            return self.bytes[start..stop].into();
        }
        let (start, stop) = (start - self.bytes.len(), stop - self.bytes.len());
        let border = self.older.len();
        if stop <= border {
            self.older[start..stop].into()
        } else if start >= border {
            self.newer[start - border..stop - border].into()
        } else {
            [&self.older[start..], &self.newer[..stop - border]].concat().into()
        }
    }
}

/// What of a checked batch anybody reads: for tests that hand over anything at all. The sum of it, so that it is read.
#[cfg(any(test, fuzzing))]
pub fn read_all(batch: &crate::event::Batch) -> u64 {
    use crate::event::Value;
    let bytes = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    let text = |text: &str| bytes(text.as_bytes());
    let event = |event: crate::event::EventRef<'_>| {
        let attributes = event.attributes().map(|(key, value)| match value {
            Value::Json(value) | Value::Text(value) => text(key) + bytes(value),
        });
        let source = event.source();
        assert!(source.start <= source.end && source.end <= batch.range.end);
        bytes(event.raw()) + bytes(event.message()) + event.label().map_or(0, text) + attributes.sum::<u64>()
    };
    batch.iter().map(event).sum()
}

#[cfg(test)]
mod tests;
