//! One stream on its way to one sink: what was read, what is under way, what is acknowledged.
//!
//! Batches leave in order and may be acknowledged out of order; the cursor moves only over the unbroken run of
//! acknowledged batches from the front. No clock, no network, no store: a pure state machine behind a lock.

use crate::cursor::CursorRow;
use crate::event::Batch;
use crate::source::Stream;
use crate::transform::Chain;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One stream on its way to one sink.
pub struct Lane {
    /// The stream.
    pub stream: Arc<Stream>,
    /// How its lines become events; none where a sink copies bytes.
    pub chain: Option<Arc<Chain>>,
    state: Mutex<State>,
    /// Acknowledged and written down, up to here.
    committed: AtomicU64,
    /// Kinds of trouble that were said of this stream already, a bit each.
    said: AtomicU64,
    /// When the lane began.
    seen_at: Instant,
    /// When the sink last wrote it, where that matters to the sink.
    written_at: Mutex<Option<Instant>>,
}

struct State {
    /// Where the next batch begins, and the time of the event before it.
    next: u64,
    next_clock: i64,
    /// The cursor: everything before it is acknowledged.
    cursor: CursorRow,
    pending: VecDeque<Pending>,
    /// Number of the first pending batch.
    first: u64,
}

struct Pending {
    end: u64,
    clock: i64,
    /// Events that the service has not acknowledged yet.
    open: usize,
}

/// Where a batch stands in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seq(u64);

impl Lane {
    /// A lane that goes on where its cursor stands.
    pub fn new(stream: Arc<Stream>, chain: Option<Arc<Chain>>, cursor: CursorRow) -> Self {
        let committed = AtomicU64::new(cursor.offset);
        let state = State {
            next: cursor.offset,
            next_clock: cursor.clock,
            cursor,
            pending: VecDeque::new(),
            first: 0,
        };
        Self {
            stream,
            chain,
            state: Mutex::new(state),
            committed,
            said: AtomicU64::new(0),
            seen_at: Instant::now(),
            written_at: Mutex::new(None),
        }
    }

    /// Where the next batch begins, and the time of the event before it.
    pub fn next(&self) -> (u64, i64) {
        let state = self.state();
        (state.next, state.next_clock)
    }

    /// A batch leaves, as `open` events that the service has yet to acknowledge.
    pub fn begin(&self, batch: &Batch, open: usize) -> Seq {
        let mut state = self.state();
        let seq = Seq(state.first + state.pending.len() as u64);
        state.next = batch.range.end;
        state.next_clock = batch.clock;
        state.pending.push_back(Pending { end: batch.range.end, clock: batch.clock, open });
        seq
    }

    /// The service has acknowledged that many events of a batch.
    pub fn acknowledge(&self, seq: Seq, events: usize) {
        let mut state = self.state();
        let Some(at) = seq.0.checked_sub(state.first) else { return };
        if let Some(pending) = state.pending.get_mut(at as usize) {
            pending.open = pending.open.saturating_sub(events);
        }
    }

    /// The cursor after all that was acknowledged; none if that moved nothing. Not yet written down.
    pub fn advance(&self) -> Option<CursorRow> {
        let mut state = self.state();
        let mut moved = false;
        while let Some(front) = state.pending.front()
            && front.open == 0
        {
            let (end, clock) = (front.end, front.clock);
            state.cursor.offset = end;
            state.cursor.clock = clock;
            state.pending.pop_front();
            state.first += 1;
            moved = true;
        }
        moved.then(|| state.cursor.clone())
    }

    /// Nothing more of it can be read: what is not acknowledged yet by then never will be. Returns how many bytes.
    pub fn give_up_rest(&self) -> u64 {
        let mut state = self.state();
        let size = self.stream.snapshot().size;
        let lost = size.saturating_sub(state.next);
        state.next = state.next.max(size);
        if state.pending.is_empty() {
            state.cursor.offset = state.cursor.offset.max(size);
            self.committed.fetch_max(size, Ordering::AcqRel);
        } else if let Some(last) = state.pending.back_mut() {
            last.end = last.end.max(size);
        }
        lost
    }

    /// The cursor, acknowledged but perhaps not written down.
    pub fn cursor(&self) -> CursorRow {
        self.state().cursor.clone()
    }

    /// The name under which the sink keeps it, and how long that is now; goes with the next move of the cursor.
    pub fn set_target(&self, target: String, written: u64) {
        let mut state = self.state();
        state.cursor.target = Some(target);
        state.cursor.written = written;
    }

    /// A sink that copies whole files sets its cursor itself.
    pub fn set_cursor(&self, cursor: CursorRow) {
        let mut state = self.state();
        state.next = cursor.offset;
        state.next_clock = cursor.clock;
        state.cursor = cursor;
    }

    /// The cursor is written down up to here. Returns by how much it moved.
    pub fn set_committed(&self, offset: u64) -> u64 {
        offset.saturating_sub(self.committed.fetch_max(offset, Ordering::AcqRel))
    }

    /// Acknowledged and written down, up to here.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Everything that is there was read.
    pub fn all_read(&self) -> bool {
        self.state().next >= self.stream.snapshot().size
    }

    /// Everything that is there was acknowledged and written down.
    pub fn all_committed(&self) -> bool {
        self.committed() >= self.stream.snapshot().size
    }

    /// True the first time that this kind of trouble (0 to 63) is met in this stream.
    pub fn first_time(&self, kind: u32) -> bool {
        let bit = 1 << (kind % 64);
        self.said.fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// When the lane began.
    pub fn seen_at(&self) -> Instant {
        self.seen_at
    }

    /// When the sink last wrote it.
    pub fn written_at(&self) -> Option<Instant> {
        *self.written_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sink wrote it just then.
    pub fn set_written_at(&self, at: Instant) {
        *self.written_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Events, Origin, Recipe, StreamKind};
    use crate::source::Stream;
    use proptest::prelude::*;

    fn origin() -> Origin {
        Origin {
            source: "airflow".into(),
            path: "a.log".into(),
            host: "h".into(),
            kind: StreamKind::Other,
            task: None,
            deployment: crate::event::Deployment::default(),
        }
    }

    fn batch(start: u64, end: u64) -> Batch {
        Batch {
            origin: Arc::new(origin()),
            range: start..end,
            bytes: Vec::new(),
            events: Events::default(),
            lines: 1,
            clock: end as i64,
            recipe: Recipe::default(),
        }
    }

    fn lane() -> Lane {
        Lane::new(Arc::new(Stream::for_tests(origin())), None, CursorRow::default())
    }

    #[test]
    fn the_cursor_waits_for_the_batch_in_front() {
        let lane = lane();
        let first = lane.begin(&batch(0, 10), 2);
        let second = lane.begin(&batch(10, 20), 1);
        lane.acknowledge(second, 1);
        assert_eq!(lane.advance(), None);
        lane.acknowledge(first, 1);
        assert_eq!(lane.advance(), None);
        lane.acknowledge(first, 1);
        let cursor = lane.advance().unwrap();
        assert_eq!((cursor.offset, cursor.clock), (20, 20));
    }

    #[test]
    fn a_batch_without_events_moves_the_cursor_only_after_those_before_it() {
        let lane = lane();
        let first = lane.begin(&batch(0, 10), 1);
        lane.begin(&batch(10, 20), 0);
        assert_eq!(lane.advance(), None);
        lane.acknowledge(first, 1);
        assert_eq!(lane.advance().map(|cursor| cursor.offset), Some(20));
    }

    proptest! {
        #[test]
        fn the_cursor_never_passes_an_event_that_was_not_acknowledged(
            sizes in prop::collection::vec(0usize..4, 1..12),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let lane = lane();
            let mut open: Vec<(Seq, usize)> = Vec::new();
            let mut left = sizes.clone();
            for (at, &events) in sizes.iter().enumerate() {
                let seq = lane.begin(&batch(at as u64 * 10, at as u64 * 10 + 10), events);
                open.extend(std::iter::repeat_n((seq, at), events));
            }
            let mut cursor = 0;
            for index in order {
                if open.is_empty() { break; }
                let (seq, at) = open.swap_remove(index.index(open.len()));
                lane.acknowledge(seq, 1);
                left[at] -= 1;
                if let Some(row) = lane.advance() {
                    prop_assert!(row.offset > cursor);
                    cursor = row.offset;
                }
                let whole = left.iter().take_while(|&&left| left == 0).count() as u64 * 10;
                prop_assert_eq!(cursor, whole);
            }
        }
    }
}
