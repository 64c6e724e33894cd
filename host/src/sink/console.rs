//! Events on standard output, one per line: to look at, or to pipe on.

use super::{EventSink, joined};
use crate::config::Codec;
use crate::event::Batch;
use crate::lane::Lane;
use crate::lanes::Taken;
use crate::receipt::Tally;
use std::io::Write;
use std::sync::Arc;

/// Writes each batch whole; it counts as delivered when standard output has taken it.
#[derive(Debug)]
pub struct Console {
    codec: Codec,
}

impl Console {
    /// Prints events in this codec.
    pub fn new(codec: Codec) -> Self {
        Self { codec }
    }
}

impl EventSink for Console {
    fn has_room(&self, _: &Arc<Lane>) -> bool {
        true
    }

    fn take(&self, _: &Arc<Lane>, batch: &Batch) -> std::io::Result<Taken> {
        let mut text = Vec::with_capacity(batch.bytes.len() * 2);
        let events = joined::lines(batch, self.codec, &mut text);
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.flush()?;
        Ok(Taken::Done { events, tally: Tally::of_batch(batch, "stdout"), target: None })
    }
}
