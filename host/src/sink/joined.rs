//! The events of a batch one after the other, for sinks that write files.

use super::encode;
use crate::config::Codec;
use crate::event::Batch;

/// Each event a line of its own; returns how many.
pub fn lines(batch: &Batch, codec: Codec, out: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    for event in batch.iter().filter(|event| event.label().is_some()) {
        encode::encode(codec, event, out);
        if !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        count += 1;
    }
    count
}

/// The bytes of the events as they are; returns how many events.
pub fn raw(batch: &Batch, out: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    for event in batch.iter().filter(|event| event.label().is_some()) {
        out.extend_from_slice(event.raw());
        count += 1;
    }
    count
}
