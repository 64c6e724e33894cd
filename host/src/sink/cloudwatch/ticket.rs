//! What an event under way is acknowledged by, and what it holds until then. There is one for each event of each batch, so
//! what events have in common is shared.

use super::refused::Original;
use super::room::Mixed;
use crate::lane::{Lane, Seq};
use crate::sink::text::Text;
use std::sync::Arc;
use std::time::Instant;

/// What an event is acknowledged by.
pub struct Ticket {
    pub(super) of: Arc<Shared>,
    /// Its place in its batch.
    pub(super) event: u32,
    /// Memory that goes when this one is answered: of its text, or of the original (with the last part of its event) where
    /// that is more.
    pub(super) holds: u32,
    /// Kept for a dead letter, where there may be one.
    pub(super) original: Option<Arc<Original>>,
}

/// What events of one batch have in common.
pub struct Shared {
    pub(super) lane: Arc<Lane>,
    pub(super) seq: Seq,
    pub(super) arrived: Instant,
    /// It goes to other log streams as well: who counts what of it has no answer.
    pub(super) mixed: Option<Mixed>,
}

impl Ticket {
    /// Of an event, or a part of one.
    pub(super) fn of_part(of: &Arc<Shared>, Part { event, original, holds, .. }: &Part) -> Self {
        let holds = u32::try_from(*holds).unwrap_or(u32::MAX);
        if let Some(mixed) = &of.mixed {
            mixed.add(holds as usize);
        }
        Self { of: of.clone(), event: *event as u32, holds, original: original.clone() }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(mixed) = &self.of.mixed {
            mixed.remove(self.holds as usize);
        }
    }
}

/// An event, or a part of one, before it is under way.
pub struct Part {
    pub(super) event: usize,
    pub(super) label: usize,
    pub(super) timestamp_ms: i64,
    pub(super) text: Text,
    pub(super) original: Option<Arc<Original>>,
    pub(super) holds: usize,
}
