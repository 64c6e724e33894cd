//! What CloudWatch does not take: counted by reason, and kept as dead letters where a sink for them is named.

use super::CloudWatch;
use super::ticket::{Ticket, originals_of};
use crate::cursor::StreamId;
use crate::dead_letter::{By, DeadLetters, Letter, Reason, write};
use crate::event::EventRef;
use crate::lane::Seq;
use crate::receipt::{Fate, Outcome};
use crate::sink::complaint::Complaint;
use crate::sink::piece::Pieces;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long to wait before dead letters are written again that could not be.
const PAUSE: Duration = Duration::from_secs(2);

/// What is kept of an event until CloudWatch has answered, so that it can become a dead letter. The parts of an event
/// that was split share it.
pub struct Original {
    timestamp: i64,
    source: Range<u64>,
    raw: Box<[u8]>,
    /// There is a record of it: the event is one, in however many parts it is refused.
    recorded: AtomicBool,
}

impl Original {
    /// Of this event: what the last transform left of its bytes, so that nothing leaks that was masked.
    pub fn of(event: EventRef<'_>) -> Self {
        Self {
            timestamp: event.timestamp(),
            source: event.source(),
            raw: event.raw().into(),
            recorded: AtomicBool::new(false),
        }
    }

    /// How much memory it holds, in bytes.
    pub fn weight(&self) -> usize {
        self.raw.len() + size_of::<Self>()
    }
}

/// Which events of a put were refused, by stream, batch and place in it.
pub type Refused = HashMap<(StreamId, Seq, usize), Fate>;

impl CloudWatch {
    /// Counts events that the service refused, and says so: `why` goes into the record, `said` into our log. With a sink
    /// for dead letters it returns when they are safe in its spool, however long that takes: only then may they be
    /// acknowledged.
    pub(super) async fn refuse(
        &self,
        events: &Pieces<Ticket>,
        reason: Reason,
        why: &str,
        said: &str,
        refused: &mut Refused,
    ) {
        if events.is_empty() {
            return;
        }
        let (mut next, count) = ("they are counted as rejected".to_owned(), events.len() as u64);
        if let Some(letters) = &self.letters {
            self.keep(letters, events, reason, why).await;
            self.lanes.counters.dead_lettered.add(count);
            next = format!("they go to sink `{}`", letters.sink());
        }
        let counters = &self.lanes.counters;
        let (counter, kind, outcome) = match reason {
            Reason::TooOld => (&counters.too_old, Complaint::TOO_OLD, Outcome::TooOld),
            Reason::Expired => (&counters.too_old, Complaint::TOO_OLD, Outcome::Expired),
            Reason::TooNew => (&counters.too_new, Complaint::TOO_NEW, Outcome::TooNew),
            Reason::Malformed | Reason::ComponentFailed => {
                (&counters.invalid, Complaint::INVALID, Outcome::Malformed)
            }
        };
        counter.add(count);
        let target = self.letters.as_ref().map_or("", |letters| letters.sink()).into();
        let fate = Fate { outcome, target };
        for (Ticket { of, .. }, text) in events.texts() {
            let lane = &of.lane;
            refused.insert((lane.stream.id, of.seq, text.event as usize), fate.clone());
            if lane.first_time(kind) {
                tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path,
                    "CloudWatch refuses events of this file: {said}; {next} (said once per file)");
            }
        }
    }

    async fn keep(&self, letters: &DeadLetters, events: &Pieces<Ticket>, reason: Reason, why: &str) {
        let mut lines = Vec::new();
        let kept = |piece| originals_of(piece).iter().map(move |original| (&piece.ticket().of, original));
        let first = |original: &Original| !original.recorded.swap(true, Ordering::Relaxed);
        for (of, original) in events.iter().flat_map(kept).filter(|(_, original)| first(original)) {
            let letter = Letter {
                reason,
                by: By::Sink(&self.lanes.sink),
                error: why,
                stream: &of.lane.stream,
                timestamp: original.timestamp,
                source: original.source.clone(),
                original: &original.raw,
            };
            if let Err(error) = write(&letter, &mut lines) {
                // Texts and numbers always make JSON; if they ever do not, it must be said.
                letters.complain(&format!("cannot be written: {error}"));
            }
        }
        let lines: Arc<[u8]> = lines.into();
        while !lines.is_empty() {
            let (spool, some) = (letters.clone(), lines.clone());
            if let Ok(Ok(())) = tokio::task::spawn_blocking(move || spool.keep(&some)).await {
                return;
            }
            self.lanes.pause(PAUSE).await;
        }
    }
}
