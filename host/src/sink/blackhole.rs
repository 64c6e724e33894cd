//! Nowhere: events are encoded, counted and thrown away, to see what a pipeline costs.

use super::{EventSink, NamesOf, joined};
use crate::config::Codec;
use crate::event::Batch;
use crate::lane::Lane;
use crate::lanes::Taken;
use crate::receipt::Tally;
use crate::route::Naming;
use crate::route::standard::Nameless;
use std::sync::Arc;

/// Takes everything at once.
pub struct Blackhole {
    codec: Codec,
    naming: Naming<Nameless>,
}

impl Blackhole {
    /// Encodes events in this codec.
    pub fn new(codec: Codec, naming: Naming<Nameless>) -> Self {
        Self { codec, naming }
    }
}

impl EventSink for Blackhole {
    type Standard = Nameless;

    fn naming(&self) -> &Naming<Nameless> {
        &self.naming
    }

    fn has_room(&self, _: &Arc<Lane>) -> bool {
        true
    }

    /// It is there not even once.
    fn takes_again(&self) -> bool {
        true
    }

    fn take(&self, _: &Arc<Lane>, batch: &Batch, names: &NamesOf<Self>) -> std::io::Result<Taken> {
        let mut text = Vec::with_capacity(batch.bytes.len() * 2);
        let events = joined::lines(batch, &names.not_here, self.codec, &mut text);
        let tally = Tally::of_batch(batch, &names.not_here, "nowhere");
        Ok(Taken::Done { events, tally, target: None })
    }
}
