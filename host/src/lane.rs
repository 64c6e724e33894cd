//! One stream on its way to one sink: what was read, what is under way, what is acknowledged.
//!
//! Batches leave in order and may be acknowledged out of order; the cursor moves only over the unbroken run of
//! acknowledged batches from the front. No clock, no network, no store: a pure state machine behind a lock.

mod age;
mod pending;

use crate::cursor::{CursorRow, Loss};
use crate::event::{Batch, NotHere};
use crate::receipt::{Entry, Fate, Tally};
use crate::source::Stream;
use crate::transform::Chain;
use age::Age;
use pending::Pending;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// Somebody waits for everything before this.
    wanted: AtomicU64,
    /// Bytes of that that nobody will ever deliver.
    lost: AtomicU64,
    /// Kinds of trouble that were said of this stream already, a bit each.
    said: AtomicU64,
    /// Its file cannot be found, and this run waits no longer.
    abandoned: AtomicBool,
    /// When the lane began.
    seen_at: Instant,
    /// None, as in most lanes at most times: all is acknowledged.
    age: Mutex<Option<Box<Age>>>,
    /// When the sink last wrote it, where that matters to the sink.
    written_at: Mutex<Option<Instant>>,
    /// Bytes that were taken of it in a turn which is not over: the sink had no room for more.
    of_turn: AtomicU64,
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
    /// What leaves up to here was counted already.
    counted: u64,
    /// The rest of the file was given up as lost.
    given_up: bool,
}

/// A cursor that is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Where it stands.
    pub row: CursorRow,
    /// What became of the events that it passed.
    pub entries: Vec<Entry>,
    /// What it passed that nobody can read any more.
    pub lost: Vec<Range<u64>>,
}

/// Where a batch stands in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seq(u64);

impl Lane {
    /// A lane that goes on where its cursor stands.
    pub fn new(stream: Arc<Stream>, chain: Option<Arc<Chain>>, cursor: CursorRow) -> Self {
        let committed = AtomicU64::new(cursor.offset);
        let mut age = None;
        Age::look_at(&mut age, stream.snapshot().size, cursor.offset, last_written(&stream));
        let state = State {
            next: cursor.offset,
            next_clock: cursor.clock,
            counted: cursor.offset,
            cursor,
            pending: VecDeque::new(),
            first: 0,
            given_up: false,
        };
        Self {
            stream,
            chain,
            state: Mutex::new(state),
            committed,
            wanted: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            said: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            seen_at: Instant::now(),
            age: Mutex::new(age),
            written_at: Mutex::new(None),
            of_turn: AtomicU64::new(0),
        }
    }

    /// How many bytes were taken in a turn that is to go on; 0: none is.
    pub fn of_turn(&self) -> u64 {
        self.of_turn.load(Ordering::Acquire)
    }

    /// In the turn that is to go on, so many bytes were taken; 0: it is over.
    pub fn set_of_turn(&self, bytes: u64) {
        self.of_turn.store(bytes, Ordering::Release);
    }

    /// Where the next batch begins, and the time of the event before it.
    pub fn next(&self) -> (u64, i64) {
        let state = self.state();
        (state.next, state.next_clock)
    }

    /// A batch leaves, to be acknowledged in so many bits. The cursor moves when all have come. `tally`: what became of
    /// the rest of it. None: it is not the one whose turn it is, since the lane was [rewound](Self::rewind) meanwhile; it
    /// must not leave.
    pub fn begin(&self, batch: &Batch, open: usize, tally: Tally) -> Option<Seq> {
        self.push(batch, Pending::whole(batch, open, tally))
    }

    /// A batch leaves, event by event, each in so many parts; none of those that a transform dropped, or that are not for
    /// this sink. The cursor moves with each event, where reading may begin after it. None: as for [`begin`](Self::begin).
    pub fn begin_events(&self, batch: &Batch, parts: &[u32], not_here: &NotHere) -> Option<Seq> {
        self.push(batch, Pending::of_events(batch, parts, not_here))
    }

    fn push(&self, batch: &Batch, pending: Pending) -> Option<Seq> {
        let mut state = self.state();
        if batch.range.start != state.next {
            return None;
        }
        let seq = Seq(state.first + state.pending.len() as u64);
        state.next = batch.range.end;
        state.next_clock = batch.clock;
        state.pending.push_back(pending);
        Some(seq)
    }

    /// All that is under way is read and sent again, later: whoever holds it lets go of it, and of `held`
    /// acknowledgements. False, and nothing has changed: others hold something of it as well, or something would come
    /// twice, or might not be there any more.
    pub fn rewind(&self, held: usize) -> bool {
        let mut state = self.state();
        let open: usize = state.pending.iter().map(Pending::open).sum();
        if open != held
            || state.given_up
            || self.stream.snapshot().gone
            || state.pending.iter().any(Pending::is_ahead)
        {
            return false;
        }
        state.first += state.pending.len() as u64;
        state.pending.clear();
        self.set_of_turn(0);
        state.next = state.cursor.offset;
        state.next_clock = state.cursor.clock;
        true
    }

    /// How many batches are acknowledged in part or as a whole that the cursor cannot pass: after a kill they come again.
    pub fn ahead(&self) -> usize {
        self.state().pending.iter().filter(|pending| pending.is_ahead()).count()
    }

    /// Where what leaves has not been counted yet; from now on, all up to `end` has.
    pub fn count_up_to(&self, end: u64) -> u64 {
        let mut state = self.state();
        let counted = state.counted;
        state.counted = counted.max(end);
        counted
    }

    /// One bit of a batch is acknowledged, with what became of it.
    pub fn acknowledge(&self, seq: Seq, entry: Entry) {
        self.of_batch(seq, |pending| pending.acknowledge(1, Some(entry)));
    }

    /// Parts of events have come to this: of the event at this place of its batch, so many.
    pub fn acknowledge_each<'a>(&self, seq: Seq, parts: impl IntoIterator<Item = (usize, usize, &'a Fate)>) {
        self.of_batch(seq, |pending| pending.acknowledge_events(parts));
    }

    fn of_batch(&self, seq: Seq, change: impl FnOnce(&mut Pending)) {
        let mut state = self.state();
        let Some(at) = seq.0.checked_sub(state.first) else { return };
        if let Some(pending) = state.pending.get_mut(at as usize) {
            change(pending);
        }
    }

    /// The cursor after all that was acknowledged, and what became of what it passed; none if that moved nothing. Not
    /// yet written down.
    pub fn advance(&self) -> Option<Advance> {
        let mut state = self.state();
        let State { cursor, pending, first, .. } = &mut *state;
        let (mut moved, mut entries, mut lost) = (false, Vec::new(), Vec::new());
        while let Some(front) = pending.front_mut() {
            if let Some(((offset, clock), passed)) = front.advance() {
                (cursor.offset, cursor.clock) = (offset, clock);
                entries.extend(passed);
                moved = true;
            }
            if !front.is_over() {
                break;
            }
            lost.extend(pending.pop_front().and_then(Pending::into_lost));
            *first += 1;
        }
        moved.then(|| Advance { row: state.cursor.clone(), entries, lost })
    }

    /// Nothing more of it can be read: what was not read by now never will be. What is under way may still be
    /// acknowledged; the cursor passes the rest after that.
    pub fn give_up_rest(&self) {
        let size = self.stream.snapshot().size;
        let mut state = self.state();
        state.given_up = true;
        if state.next < size {
            let lost = Pending::lost(state.next..size, state.next_clock);
            state.pending.push_back(lost);
            state.next = size;
        }
    }

    /// Its file cannot be found now, and this run waits no longer: the next one sees what became of it.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// This run waits for it no longer.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
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
        Age::look_at(&mut age, self.stream.snapshot().size, self.committed(), Instant::now());
        age.as_ref().and_then(|age| age.since())
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

    /// Somebody waits for everything before `offset`: from now on nothing else is waited for until that is delivered.
    pub fn want(&self, offset: u64) {
        self.wanted.fetch_max(offset, Ordering::AcqRel);
    }

    /// The sink will never have some bytes of it, and that is written down.
    pub fn lost(&self, loss: &Loss) {
        if self.hurried(loss.from) {
            self.lost.fetch_add(loss.bytes, Ordering::AcqRel);
        }
    }

    /// How many bytes were lost while somebody waited for them.
    pub fn lost_while_wanted(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    /// Whether somebody waits for what is at `offset`.
    pub fn hurried(&self, offset: u64) -> bool {
        offset < self.wanted.load(Ordering::Acquire)
    }

    /// Whether somebody waits for what is not acknowledged and written down yet.
    pub fn urgent(&self) -> bool {
        self.hurried(self.committed())
    }

    /// Whether somebody waits for it, and all that is waited for was read: what the sink holds of it is to go now.
    pub fn pressing(&self) -> bool {
        self.urgent() && !self.hurried(self.next().0)
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
mod tests;
