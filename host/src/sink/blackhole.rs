//! Nowhere: events are encoded, counted and thrown away, to see what a pipeline costs.

use super::{EventSink, joined};
use crate::config::Codec;
use crate::event::Batch;
use crate::lane::Lane;
use crate::lanes::Taken;
use crate::receipt::Tally;
use std::sync::Arc;

/// Takes everything at once.
#[derive(Debug)]
pub struct Blackhole {
    codec: Codec,
}

impl Blackhole {
    /// Encodes events in this codec.
    pub fn new(codec: Codec) -> Self {
        Self { codec }
    }
}

impl EventSink for Blackhole {
    fn has_room(&self, _: &Arc<Lane>) -> bool {
        true
    }

    fn take(&self, _: &Arc<Lane>, batch: &Batch) -> std::io::Result<Taken> {
        let mut text = Vec::with_capacity(batch.bytes.len() * 2);
        let events = joined::lines(batch, self.codec, &mut text);
        Ok(Taken::Done { events, tally: Tally::of_batch(batch, "nowhere"), target: None })
    }
}
