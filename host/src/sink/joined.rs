//! The events of a batch one after the other, for sinks that write files.

use super::encode;
use crate::config::Codec;
use crate::event::{Batch, EventRef, NotHere, StreamKind};

/// What a sink of this codec makes of a batch: dead letters are records as they stand.
pub fn codec_for(batch: &Batch, codec: Codec) -> Codec {
    if batch.origin.kind == StreamKind::DeadLetter { Codec::Raw } else { codec }
}

/// Each event a line of its own; returns how many.
pub fn lines(batch: &Batch, not_here: &NotHere, codec: Codec, out: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    for event in batch.going(not_here) {
        line(event, codec, out);
        count += 1;
    }
    count
}

/// An event as a line of its own.
pub fn line(event: EventRef<'_>, codec: Codec, out: &mut Vec<u8>) {
    let start = out.len();
    encode::encode(codec, event, out);
    // What says nothing is a line as well, and the break before it is another's.
    if !out[start..].ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// The bytes of the events as they are; returns how many events.
pub fn raw(batch: &Batch, not_here: &NotHere, out: &mut Vec<u8>) -> u64 {
    let mut count = 0;
    for event in batch.going(not_here) {
        out.extend_from_slice(event.raw());
        count += 1;
    }
    count
}
