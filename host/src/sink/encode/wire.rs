//! The texts of a whole batch as they stand in the body of a put, in one pass from the spans. What is not of the usual kind
//! goes through [`texts`], which says what a text is; a property holds the two together.

mod names;
mod object;

use std::sync::Arc;

use super::{escape, texts, without_line_break};
use crate::config::Codec;
use crate::event::{Batch, EventRef, NotHere};
use crate::sink::text::Text;
use object::Objects;

/// Texts share so much memory, or one has more. When one of them is all that is left, it keeps the rest of its chunk.
const CHUNK: usize = 32 << 10;

/// Gives the texts of those events that go to a sink, in order; of an event larger than `max_bytes` several.
pub fn wire<'a>(
    batch: &'a Batch,
    not_here: &'a NotHere,
    codec: Codec,
    max_bytes: usize,
    mut emit: impl FnMut(EventRef<'a>, Text),
) {
    let (mut chunk, mut waiting) = (Vec::with_capacity(CHUNK + CHUNK / 4), Vec::new());
    let mut objects = Objects::of(batch);
    for event in batch.going(not_here) {
        let start = chunk.len();
        let len = match codec {
            Codec::Json => objects.write(event, &mut chunk),
            Codec::Raw => raw(&objects, event, &mut chunk),
            Codec::Text => None,
        };
        if let Some(len) = len.filter(|&len| len > 0 && len <= max_bytes) {
            waiting.push((event, start, chunk.len(), len));
        } else {
            chunk.truncate(start);
            close(&mut chunk, &mut waiting, &mut emit);
            texts(codec, event, max_bytes, |text| emit(event, text.into()));
        }
        if chunk.len() >= CHUNK {
            close(&mut chunk, &mut waiting, &mut emit);
        }
    }
    close(&mut chunk, &mut waiting, &mut emit);
}

/// Where an event's text is in the chunk, and how long it is without escapes.
type Place<'a> = (EventRef<'a>, usize, usize, usize);

fn close<'a>(chunk: &mut Vec<u8>, waiting: &mut Vec<Place<'a>>, emit: &mut impl FnMut(EventRef<'a>, Text)) {
    if waiting.is_empty() {
        return;
    }
    let chunk = Arc::new(std::mem::replace(chunk, Vec::with_capacity(CHUNK + CHUNK / 4)));
    for (event, start, end, len) in waiting.drain(..) {
        emit(event, Text::of(&chunk, start, end, len));
    }
}

/// None: it is no text.
fn raw(objects: &Objects<'_>, event: EventRef<'_>, out: &mut Vec<u8>) -> Option<usize> {
    let line = without_line_break(event.raw());
    objects.is_text(line).then(|| {
        escape::once(line, out);
        line.len()
    })
}

#[cfg(test)]
mod tests;
