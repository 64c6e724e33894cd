//! What events under way are acknowledged by, and what is held for them until then. There is one for each chunk of texts.

use super::refused::Original;
use super::room::Mixed;
use crate::dead_letter::DeadLetters;
use crate::event::Batch;
use crate::lane::{Lane, Seq};
use crate::sink::piece::{Piece, Text, Written};
use std::sync::Arc;
use std::time::Instant;

/// What the events of a chunk are acknowledged by.
pub struct Ticket {
    pub(super) of: Arc<Shared>,
    /// Kept of each of them for a dead letter, where there may be one; parts of one event share it.
    originals: Vec<Arc<Original>>,
    /// It goes to other log streams as well: who counts what of such has no answer.
    _counted: Option<Held>,
}

/// What events of one batch have in common.
pub struct Shared {
    pub(super) lane: Arc<Lane>,
    pub(super) seq: Seq,
    pub(super) arrived: Instant,
}

/// Memory of a batch that goes to several log streams, until nothing of the chunk is left.
struct Held {
    mixed: Mixed,
    bytes: usize,
}

impl Held {
    fn new(mixed: &Mixed, bytes: usize) -> Self {
        mixed.add(bytes);
        Self { mixed: mixed.clone(), bytes }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.mixed.remove(self.bytes);
    }
}

impl Ticket {
    /// Of what was written of a batch. `mixed`: where it is counted, if the batch goes to several log streams.
    pub fn of(
        of: &Arc<Shared>,
        batch: &Batch,
        written: &Written,
        letters: Option<&DeadLetters>,
        mixed: Option<&Mixed>,
    ) -> Self {
        let originals = letters.map(|_| originals(batch, written.texts())).unwrap_or_default();
        let bytes = written.len().max(weight(&originals));
        let counted = mixed.map(|mixed| Held::new(mixed, bytes));
        Self { of: of.clone(), originals, _counted: counted }
    }
}

/// What was kept of each text of a piece for a dead letter; none where nothing is.
pub fn originals_of(piece: &Piece<Ticket>) -> &[Arc<Original>] {
    piece.ticket().originals.get(piece.places()).unwrap_or_default()
}

/// Memory that goes when a piece is answered, in bytes: of its body, or of the originals where that is more.
pub fn holds(piece: &Piece<Ticket>) -> usize {
    piece.held().max(weight(originals_of(piece)))
}

/// Events by their texts; the parts of an event share one.
fn originals(batch: &Batch, texts: &[Text]) -> Vec<Arc<Original>> {
    let mut originals: Vec<Arc<Original>> = Vec::with_capacity(texts.len());
    let mut before = None;
    for &Text { event, .. } in texts {
        let is_same = before.replace(event) == Some(event);
        let shared = originals.last().filter(|_| is_same).cloned();
        originals.push(shared.unwrap_or_else(|| Arc::new(Original::of(batch.event(event as usize)))));
    }
    originals
}

/// Each of those that are shared is counted once.
fn weight(originals: &[Arc<Original>]) -> usize {
    let of_group = |group: &[Arc<Original>]| group.first().map_or(0, |original| original.weight());
    originals.chunk_by(Arc::ptr_eq).map(of_group).sum()
}
