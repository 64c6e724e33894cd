//! Counting what leaves; writing down how far lanes were acknowledged, what became of what they passed, and what they
//! lost.

use super::Lanes;
use crate::cursor::{CursorMove, CursorRow, Loss, LossReason, Lost, StoreError};
use crate::event::{Batch, DROPPED, NotHere};
use crate::lane::{Advance, Lane};
use crate::receipt::Entry;
use crate::sink::complaint::Complaint;
use std::ops::Range;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait before the cursors are written again after the store failed.
const STORE_PAUSE: Duration = Duration::from_millis(500);

impl Lanes {
    /// Writes down how far these lanes were acknowledged, in one transaction; waits until that is done.
    pub async fn commit(&self, lanes: &[Arc<Lane>]) {
        // Who finds that a cursor was moved by another must not go on before that one has written it down.
        let _alone = self.committing.lock().await;
        let advanced: Vec<_> = lanes.iter().filter_map(|lane| Some((lane, lane.advance()?))).collect();
        if advanced.is_empty() {
            return;
        }
        let (mut moves, mut lost, mut reached) = (Vec::new(), Vec::new(), Vec::new());
        for (lane, Advance { row, entries, lost: ranges }) in advanced {
            let passed: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            reached.push((lane, row.offset, passed));
            lost.extend(ranges.into_iter().map(|range| self.lost_of(lane, range)));
            moves.push(self.cursor_move(lane, row, entries));
        }
        let losses = self.persist(|| self.store.commit_with_losses(moves.clone(), lost.clone())).await;
        // Before anybody can see that the cursors are past it.
        for loss in &losses {
            self.lost(loss);
            let of = reached.iter().find(|(lane, ..)| lane.stream.generation == loss.generation);
            if let Some((lane, ..)) = of {
                lane.lost(loss);
            }
        }
        for (lane, offset, passed) in reached {
            self.committed(lane, offset, passed);
        }
        self.progress.notify_waiters();
    }

    /// Counts what of a batch never left before: a lane may have been rewound.
    pub(super) fn count(&self, lane: &Lane, batch: &Batch, not_here: &NotHere) {
        let known = lane.count_up_to(batch.range.end).saturating_sub(batch.range.start);
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(batch.bytes.len());
        // Ends never decrease.
        let before = batch.events.source_ends.partition_point(|&end| end as usize <= known);
        let (mut dropped, mut away) = (0, 0);
        for &label in &batch.events.labels[before..] {
            dropped += u64::from(label == DROPPED);
            away += u64::from(not_here.has(label));
        }
        let again = memchr::memchr_iter(b'\n', &batch.bytes[..known]).count() as u64;
        self.counters.lines.add(u64::from(batch.lines).saturating_sub(again));
        self.counters.dropped.add(dropped);
        self.counters.not_here.add(away);
    }

    /// A cursor is written down. `lost`: of what it passed, bytes that were lost.
    fn committed(&self, lane: &Lane, offset: u64, lost: u64) {
        self.counters.bytes.add(lane.set_committed(offset).saturating_sub(lost));
        if lane.all_committed() {
            self.notary.consider(&lane.stream);
        }
    }

    fn lost_of(&self, lane: &Lane, range: Range<u64>) -> Lost {
        let reason = lane.stream.why_gone().unwrap_or(LossReason::Deleted);
        Lost { stream: lane.stream.id, sink: self.sink.clone(), range, reason }
    }

    /// Asks the store until it answers.
    pub async fn persist<T, F: Future<Output = Result<T, StoreError>>>(&self, write: impl Fn() -> F) -> T {
        loop {
            match write().await {
                Ok(done) => {
                    if self.store_trouble().settle() {
                        tracing::info!(sink = %self.sink, "cursors are written down again");
                    }
                    return done;
                }
                Err(error) => {
                    if self.store_trouble().raise("store", Instant::now()) {
                        tracing::error!(sink = %self.sink,
                            "cursors cannot be written down: {error}; until they can, no more is delivered than what is \
                             under way");
                    }
                }
            }
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    fn store_trouble(&self) -> MutexGuard<'_, Complaint> {
        self.store_trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane's cursor was set by its sink: writes it down, however long that takes, with the end of the upload that
    /// brought it there and with what its receipt says of it.
    pub async fn commit_cursor(&self, lane: &Lane, row: CursorRow, entries: Vec<Entry>) {
        lane.set_cursor(row.clone());
        let offset = row.offset;
        let moved = self.cursor_move(lane, row, entries);
        self.persist(|| self.store.commit_upload(moved.clone())).await;
        self.committed(lane, offset, 0);
        self.progress.notify_waiters();
    }

    /// The name under which a sink is about to keep a stream: written down, however long that takes. Under another name
    /// than before nothing is written yet.
    pub async fn commit_target(&self, lane: &Lane, target: String) {
        let cursor = lane.cursor();
        if cursor.target.as_ref() != Some(&target) {
            let row = CursorRow { target: Some(target), written: 0, ..cursor };
            lane.set_cursor(row.clone());
            let moved = vec![self.cursor_move(lane, row, Vec::new())];
            self.persist(|| self.store.commit(moved.clone())).await;
        }
    }

    fn cursor_move(&self, lane: &Lane, row: CursorRow, entries: Vec<Entry>) -> CursorMove {
        let (stream, size) = (lane.stream.id, lane.stream.snapshot().size);
        CursorMove { stream, sink: self.sink.clone(), size, row, entries }
    }

    /// This sink will never have some bytes, and that is written down.
    pub fn lost(&self, loss: &Loss) {
        let Loss { path, bytes, from, to, reason, .. } = loss;
        self.counters.lost_at_source.add(*bytes);
        tracing::error!(sink = %self.sink, path = %path, bytes, from, to, reason, "lost at the source");
    }
}
