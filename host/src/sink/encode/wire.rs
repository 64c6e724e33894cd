//! The texts of a whole batch as they stand in the body of a put, in one pass from the spans. What is not of the usual kind
//! goes through [`texts`], which says what a text is; a property holds the two together.

mod names;
mod object;

use super::{escape, texts, without_line_break};
use crate::config::Codec;
use crate::event::{Batch, EventRef, NotHere};
use crate::sink::piece::Written;
use object::Objects;

/// Texts share so much memory, or one has more. When one of them is all that is left, it keeps the rest of its chunk: so
/// those of one chunk go one way.
const CHUNK: usize = 32 << 10;
/// So many texts are in one, as a rule.
const TEXTS: usize = 128;
/// CloudWatch takes no empty message; a blank line (codecs `raw` and `text`) goes as this.
const BLANK: &str = " ";

/// Gives the texts of those events that go to a sink, in order for each label, with the label's index; of an event larger
/// than `max_bytes` several, one after the other. `stamp`: an event's time, in milliseconds since the epoch.
pub fn wire<'a>(
    batch: &'a Batch,
    not_here: &'a NotHere,
    codec: Codec,
    max_bytes: usize,
    stamp: impl Fn(EventRef<'a>) -> i64,
    mut emit: impl FnMut(usize, Written),
) {
    let mut chunks: Vec<Written> = batch.events.label_names.iter().map(|_| Written::default()).collect();
    let mut objects = Objects::of(batch);
    for event in batch.going(not_here) {
        let (label, place, at) = (usize::from(event.label_index()), event.index() as u32, stamp(event));
        let Some(chunk) = chunks.get_mut(label) else { continue };
        if chunk.is_empty() {
            chunk.reserve((CHUNK + CHUNK / 4).min(4 * batch.bytes.len()), TEXTS.min(batch.events.len()));
        }
        let fast = |out: &mut Vec<u8>| {
            let len = match codec {
                Codec::Json => objects.write(event, out),
                Codec::Raw => raw(&objects, event, out),
                Codec::Text | Codec::Airflow => None,
            };
            len.filter(|&len| len > 0 && len <= max_bytes)
        };
        if !chunk.add(place, at, fast) {
            texts(codec, event, max_bytes, |text| {
                chunk.add_text(place, at, if text.is_empty() { BLANK } else { &text });
            });
        }
        if chunk.len() >= CHUNK {
            emit(label, std::mem::take(chunk).finished());
        }
    }
    for (label, chunk) in chunks.into_iter().enumerate().filter(|(_, chunk)| !chunk.is_empty()) {
        emit(label, chunk.finished());
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
