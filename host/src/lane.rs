//! One stream on its way to one sink: what was read, what is under way, what is acknowledged.
//!
//! Batches leave in order and may be acknowledged out of order; the cursor moves only over the unbroken run of
//! acknowledged batches from the front. No clock, no network, no store: a pure state machine behind a lock.

mod age;
mod pending;

use crate::cursor::CursorRow;
use crate::event::Batch;
use crate::source::Stream;
use crate::transform::Chain;
use age::Age;
use pending::Pending;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
    age: Mutex<Age>,
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

/// Where a batch stands in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seq(u64);

impl Lane {
    /// A lane that goes on where its cursor stands.
    pub fn new(stream: Arc<Stream>, chain: Option<Arc<Chain>>, cursor: CursorRow) -> Self {
        let committed = AtomicU64::new(cursor.offset);
        let mut age = Age::default();
        age.look(stream.snapshot().size, cursor.offset, last_written(&stream));
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
            age: Mutex::new(age),
            written_at: Mutex::new(None),
        }
    }

    /// Where the next batch begins, and the time of the event before it.
    pub fn next(&self) -> (u64, i64) {
        let state = self.state();
        (state.next, state.next_clock)
    }

    /// A batch leaves, to be acknowledged in so many bits. The cursor moves when all have come.
    pub fn begin(&self, batch: &Batch, open: usize) -> Seq {
        self.push(batch, Pending::whole(batch, open))
    }

    /// A batch leaves, event by event: those in `sent`, by their places in the batch, in so many parts each. The cursor
    /// moves with each event, where reading may begin after it.
    pub fn begin_events(&self, batch: &Batch, sent: &[(usize, u32)]) -> Seq {
        self.push(batch, Pending::of_events(batch, sent))
    }

    fn push(&self, batch: &Batch, pending: Pending) -> Seq {
        let mut state = self.state();
        let seq = Seq(state.first + state.pending.len() as u64);
        state.next = batch.range.end;
        state.next_clock = batch.clock;
        state.pending.push_back(pending);
        seq
    }

    /// So many bits of a batch are acknowledged.
    pub fn acknowledge(&self, seq: Seq, bits: usize) {
        self.acknowledge_each(seq, [(0, bits)]);
    }

    /// Parts of events are acknowledged: of the event that was sent as this number of its batch, so many.
    pub fn acknowledge_each(&self, seq: Seq, parts: impl IntoIterator<Item = (usize, usize)>) {
        let mut state = self.state();
        let Some(at) = seq.0.checked_sub(state.first) else { return };
        if let Some(pending) = state.pending.get_mut(at as usize) {
            for (event, count) in parts {
                pending.acknowledge(event, count);
            }
        }
    }

    /// The cursor after all that was acknowledged; none if that moved nothing. Not yet written down.
    pub fn advance(&self) -> Option<CursorRow> {
        let mut state = self.state();
        let State { cursor, pending, first, .. } = &mut *state;
        let mut moved = false;
        while let Some(front) = pending.front_mut() {
            if let Some((offset, clock)) = front.advance() {
                (cursor.offset, cursor.clock) = (offset, clock);
                moved = true;
            }
            if !front.is_over() {
                break;
            }
            pending.pop_front();
            *first += 1;
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
            last.end.0 = last.end.0.max(size);
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
        let moved = offset.saturating_sub(self.committed.fetch_max(offset, Ordering::AcqRel));
        self.behind_since();
        moved
    }

    /// Since when the oldest byte that is not acknowledged is there; none: there is none. Has to be asked when the file
    /// has grown, too, so that the answer is true later.
    pub fn behind_since(&self) -> Option<Instant> {
        let mut age = self.age.lock().unwrap_or_else(PoisonError::into_inner);
        age.look(self.stream.snapshot().size, self.committed(), Instant::now());
        age.since()
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

/// When the file was last written: at least so old is the oldest byte of one that was there before us.
fn last_written(stream: &Stream) -> Instant {
    let now = Instant::now();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = Duration::from_nanos(u64::try_from(stream.snapshot().modified).unwrap_or(0));
    now.checked_sub(since_epoch.saturating_sub(modified)).unwrap_or(now)
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
            divisible: true,
        }
    }

    /// Events of ten bytes, each a line.
    fn lines(count: usize) -> Batch {
        let ends: Vec<u32> = (1..=count).map(|at| at as u32 * 10).collect();
        let events = Events {
            timestamps: ends.iter().map(|&end| i64::from(end)).collect(),
            source_ends: ends,
            ..Events::default()
        };
        Batch { bytes: b"123456789\n".repeat(count), events, ..batch(0, count as u64 * 10) }
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

    #[test]
    fn the_cursor_moves_with_each_event_that_reading_may_begin_after() {
        let lane = lane();
        let seq = lane.begin_events(&lines(4), &[(0, 1), (1, 2), (3, 1)]);
        lane.acknowledge_each(seq, [(1, 1)]);
        assert_eq!(lane.advance(), None, "the first is missing");
        lane.acknowledge_each(seq, [(0, 1)]);
        assert_eq!(lane.advance().map(|it| (it.offset, it.clock)), Some((10, 10)));
        lane.acknowledge_each(seq, [(1, 1)]);
        let past_the_dropped_one = lane.advance().map(|it| (it.offset, it.clock));
        assert_eq!(past_the_dropped_one, Some((30, 30)));
        lane.acknowledge_each(seq, [(2, 1)]);
        assert_eq!(lane.advance().map(|it| it.offset), Some(40));
        assert_eq!(lane.advance(), None);
    }

    #[test]
    fn a_batch_that_cannot_be_divided_moves_the_cursor_as_a_whole() {
        let split = Batch { divisible: false, ..lines(2) };
        let mut within_a_line = lines(2);
        within_a_line.bytes[9] = b'x';
        let mut twice_the_same_line = lines(2);
        twice_the_same_line.events.source_ends = vec![20, 20];
        for batch in [split, within_a_line, twice_the_same_line] {
            let lane = lane();
            let seq = lane.begin_events(&batch, &[(0, 1), (1, 1)]);
            lane.acknowledge_each(seq, [(0, 1)]);
            assert_eq!(lane.advance(), None);
            lane.acknowledge_each(seq, [(1, 1)]);
            assert_eq!(lane.advance().map(|it| it.offset), Some(20));
        }
    }

    proptest! {
        #[test]
        fn an_event_moves_the_cursor_when_all_before_it_are_acknowledged(
            order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let lane = lane();
            let sent: Vec<(usize, u32)> = (0..12).map(|at| (at, 1)).collect();
            let seq = lane.begin_events(&lines(12), &sent);
            let mut there = [false; 12];
            for at in order {
                lane.acknowledge_each(seq, [(at, 1)]);
                there[at] = true;
                lane.advance();
                let whole = there.iter().take_while(|it| **it).count() as u64 * 10;
                prop_assert_eq!(lane.cursor().offset, whole);
            }
        }

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
