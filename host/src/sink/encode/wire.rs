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

/// Texts share so much memory, or one has more. When one of them is all that is left, it keeps the rest of its chunk: so
/// those of one chunk go one way.
const CHUNK: usize = 32 << 10;

/// Gives the texts of those events that go to a sink, in order for each label; of an event larger than `max_bytes` several,
/// one after the other.
pub fn wire<'a>(
    batch: &'a Batch,
    not_here: &'a NotHere,
    codec: Codec,
    max_bytes: usize,
    mut emit: impl FnMut(EventRef<'a>, Text),
) {
    let mut chunks: Vec<Chunk<'a>> = batch.events.label_names.iter().map(|_| Chunk::default()).collect();
    let mut objects = Objects::of(batch);
    for event in batch.going(not_here) {
        let Some(chunk) = chunks.get_mut(usize::from(event.label_index())) else { continue };
        let start = chunk.begin();
        let len = match codec {
            Codec::Json => objects.write(event, &mut chunk.bytes),
            Codec::Raw => raw(&objects, event, &mut chunk.bytes),
            Codec::Text | Codec::Airflow => None,
        };
        if let Some(len) = len.filter(|&len| len > 0 && len <= max_bytes) {
            chunk.waiting.push((event, start, chunk.bytes.len(), len));
        } else {
            chunk.bytes.truncate(start);
            chunk.close(&mut emit);
            texts(codec, event, max_bytes, |text| emit(event, text.into()));
        }
        if chunk.bytes.len() >= CHUNK {
            chunk.close(&mut emit);
        }
    }
    for chunk in &mut chunks {
        chunk.close(&mut emit);
    }
}

/// Texts that are being written.
#[derive(Default)]
struct Chunk<'a> {
    bytes: Vec<u8>,
    /// Where an event's text is, and how long it is without escapes.
    waiting: Vec<(EventRef<'a>, usize, usize, usize)>,
}

impl<'a> Chunk<'a> {
    /// Where the next text begins.
    fn begin(&mut self) -> usize {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(CHUNK + CHUNK / 4);
        }
        self.bytes.len()
    }

    fn close(&mut self, emit: &mut impl FnMut(EventRef<'a>, Text)) {
        if self.waiting.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        // A few events of each of ten thousand files may wait.
        if bytes.len() < bytes.capacity() / 2 {
            bytes.shrink_to_fit();
        }
        let bytes = Arc::new(bytes);
        for (event, start, end, len) in self.waiting.drain(..) {
            emit(event, Text::of(&bytes, start, end, len));
        }
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
