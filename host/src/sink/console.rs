//! Events on standard output, one per line: to look at, or to pipe on.

use super::{EventSink, NamesOf, joined};
use crate::config::Codec;
use crate::event::Batch;
use crate::lane::Lane;
use crate::lanes::Taken;
use crate::receipt::Tally;
use crate::route::Naming;
use crate::route::standard::Nameless;
use std::io::Write;
use std::sync::Arc;

/// Writes each batch whole; it counts as delivered when standard output has taken it.
pub struct Console {
    codec: Codec,
    naming: Naming<Nameless>,
}

impl Console {
    /// Prints events in this codec.
    pub fn new(codec: Codec, naming: Naming<Nameless>) -> Self {
        Self { codec, naming }
    }
}

impl EventSink for Console {
    type Standard = Nameless;

    fn naming(&self) -> &Naming<Nameless> {
        &self.naming
    }

    fn has_room(&self, _: &Arc<Lane>) -> bool {
        true
    }

    fn take(&self, _: &Arc<Lane>, batch: &Batch, names: &NamesOf<Self>) -> std::io::Result<Taken> {
        let mut text = Vec::with_capacity(batch.bytes.len() * 2);
        let events = joined::lines(batch, &names.not_here, self.codec, &mut text);
        let mut out = std::io::stdout().lock();
        out.write_all(&text)?;
        out.flush()?;
        let tally = Tally::of_batch(batch, &names.not_here, "stdout");
        Ok(Taken::Done { events, tally, target: None })
    }
}
