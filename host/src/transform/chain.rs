//! Runs one batch through all stages of a branch: read lines, normalize, repair times, transform.
//!
//! All state is the caller's: an offset and a clock in, a batch out. So a lane that fell behind, or a host
//! that was killed, simply asks again.

use super::capsule::Capsules;
use super::care::{Care, Stop};
use super::stage::Stage;
use super::witness::Witness;
use super::{Halted, clock, native};
use crate::event::{Batch, Events, Recipe};
use crate::source::tail::{self, Lines, Spare, Want};
use crate::source::{OpenFiles, Stream};
use lru::LruCache;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines in a batch: as many short ones as come to [`BATCH_BYTES`]. What a batch costs besides its lines (a task, a call, a
/// commit) is a tenth of it all with 1,000.
pub const BATCH_LINES: usize = 4000;
/// Lines in a batch while a component of the chain has failed of late: it may be a slow one, with time enough for these.
const SICK_LINES: usize = 500;
/// Bytes in a batch, unless one event needs more.
pub const BATCH_BYTES: usize = 512 << 10;
/// A guest that consumes nothing is shown more lines, up to this; then it must consume what it has.
const MAX_BATCH_BYTES: usize = 2 * tail::MAX_LINE;
/// Batches kept for a lane that is in step, in bytes, per chain.
const MEMO_BYTES: usize = 16 << 20;

/// The way from one source to the sinks that take the same stages.
pub struct Chain {
    stages: Vec<Arc<Stage>>,
    capsules: Option<Arc<Capsules>>,
    files: Arc<OpenFiles>,
    join: Duration,
    partial_line: Duration,
    spare: Spare,
    /// None where only one sink takes this way.
    memo: Option<Mutex<Memo>>,
}

/// Which batch is asked for, and by whom.
#[derive(Clone, Copy)]
struct Ask<'a> {
    offset: u64,
    /// The stream's clock there.
    clock: i64,
    /// Nothing from there on is looked at.
    size: u64,
    /// Nothing more will be waited for.
    closing: bool,
    /// It was made before.
    again: bool,
    /// What this machine's clock says; none: look at it.
    now: Option<i64>,
    witness: Option<&'a dyn Witness>,
}

/// What came of asking for the batch at an offset.
pub enum Step {
    /// Here it is.
    Batch(Arc<Batch>),
    /// Nothing whole is there yet. `until`: when the unfinished rest may be taken as it is; none: when it grows.
    Wait {
        /// Ask again then, at the latest.
        until: Option<Instant>,
    },
    /// All that there is has been read.
    End,
    /// A guest failed, and its `on_error` says that the branch waits.
    Halt(Halted),
    /// A guest failed, and this is no thread to find out on what: ask again, by [`Workers::run_apart`](super::Workers::run_apart).
    Elsewhere,
    /// The file can't be read (any more).
    Unreadable(std::io::Error),
}

impl Chain {
    /// A chain of stages. `shared`: several sinks take from it.
    pub fn new(
        stages: Vec<Arc<Stage>>,
        capsules: Option<Arc<Capsules>>,
        files: Arc<OpenFiles>,
        join: Duration,
        partial_line: Duration,
        shared: bool,
    ) -> Self {
        let memo = shared.then(|| Mutex::new(Memo::default()));
        Self { stages, capsules, files, join, partial_line, spare: Spare::default(), memo }
    }

    /// One of its components failed of late: it is not for the threads that others need as well.
    pub fn is_sick(&self) -> bool {
        self.stages.iter().any(|stage| stage.is_sick())
    }

    /// The batch at `offset`. `clock`: time of the event before it. `closing`: nothing more will be waited for.
    /// Blocks: call it on a worker thread.
    pub fn step(&self, stream: &Stream, offset: u64, clock: i64, closing: bool) -> Step {
        let generation = self.stages.iter().map(|stage| stage.generation()).sum();
        let key = (stream.id, offset, generation);
        if let Some(memo) = &self.memo
            && let Some(batch) = memo.lock().unwrap_or_else(PoisonError::into_inner).get(key)
        {
            return Step::Batch(batch);
        }
        let size = stream.snapshot().size;
        let step =
            self.make(stream, Ask { offset, clock, size, closing, again: false, now: None, witness: None });
        if let (Some(memo), Step::Batch(batch)) = (&self.memo, &step) {
            let forgotten = memo.lock().unwrap_or_else(PoisonError::into_inner).put(key, batch.clone());
            for batch in forgotten {
                self.done_with(batch);
            }
        }
        step
    }

    /// Whoever asked for it needs the batch no longer.
    pub fn done_with(&self, batch: Arc<Batch>) {
        if let Some(batch) = Arc::into_inner(batch) {
            self.spare.keep(batch.bytes);
        }
    }

    /// The same, but of nothing from `end` on: what is there belongs to a batch that was made before.
    pub fn step_up_to(&self, stream: &Stream, offset: u64, clock: i64, end: u64) -> Step {
        let size = end.min(stream.snapshot().size);
        self.make(stream, Ask { offset, clock, size, closing: true, again: false, now: None, witness: None })
    }

    /// The batch at an offset that was delivered before: made by components, as it was then, or not now.
    pub fn step_again(&self, stream: &Stream, offset: u64, clock: i64, closing: bool) -> Step {
        let size = stream.snapshot().size;
        self.make(stream, Ask { offset, clock, size, closing, again: true, now: None, witness: None })
    }

    /// The batch at `offset` of a file that will not grow, before a witness. `now`: what this machine's clock is to say.
    pub fn step_before(
        &self,
        witness: &dyn Witness,
        stream: &Stream,
        offset: u64,
        clock: i64,
        now: Option<i64>,
    ) -> Step {
        let (size, witness) = (stream.snapshot().size, Some(witness));
        self.make(stream, Ask { offset, clock, size, closing: true, again: false, now, witness })
    }

    /// A batch that was made before, again.
    pub fn remake(&self, stream: &Stream, recipe: &Recipe) -> Step {
        let file = match self.files.get(stream) {
            Ok(file) => file,
            Err(error) => return Step::Unreadable(error),
        };
        let want = Want { lines: usize::MAX, bytes: usize::MAX, unfinished: true };
        let end = recipe.offset.saturating_add(recipe.shown);
        let lines = match tail::read(self.spare.take(), &file, recipe.offset, end, want) {
            Ok(lines) => lines,
            Err(error) => return Step::Unreadable(error),
        };
        if let Err(error) = stream.still_is(&file) {
            return Step::Unreadable(error);
        }
        if lines.bytes.len() as u64 != recipe.shown {
            return Step::Unreadable(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                format!("the file ends before byte {end}, though it was read up to there before"),
            ));
        }
        match self.stages(stream, *recipe, lines, true, None) {
            Ok(Some(batch)) => Step::Batch(Arc::new(batch)),
            // The component is another by now, and takes nothing of it.
            Ok(None) => Step::End,
            Err(stop) => stop.into(),
        }
    }

    fn make(&self, stream: &Stream, ask: Ask<'_>) -> Step {
        let Ask { offset, clock, size, closing, again, .. } = ask;
        let now = stream.snapshot();
        if offset >= size {
            return Step::End;
        }
        let file = match self.files.get(stream) {
            Ok(file) => file,
            Err(error) => return Step::Unreadable(error),
        };
        let over = closing || stream.ended();
        let quiet = over || now.grew.elapsed() >= self.join;
        let unfinished = over || now.grew.elapsed() >= self.partial_line;
        let lines = if self.is_sick() { SICK_LINES } else { BATCH_LINES };
        let mut want = Want { lines, bytes: BATCH_BYTES, unfinished };
        loop {
            let lines = match tail::read(self.spare.take(), &file, offset, size, want) {
                Ok(lines) => lines,
                Err(error) => return Step::Unreadable(error),
            };
            if let Err(error) = stream.still_is(&file) {
                return Step::Unreadable(error);
            }
            if lines.ends.is_empty() && !lines.left_unfinished {
                return Step::Unreadable(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    format!("the file ends before byte {offset}, though it had {size} bytes"),
                ));
            }
            if lines.ends.is_empty() {
                return Step::Wait { until: Some(now.grew + self.partial_line) };
            }
            let too_much = want.bytes >= MAX_BATCH_BYTES;
            let last = too_much || (lines.at_end && quiet && !lines.left_unfinished);
            let at_end = lines.at_end;
            let clock_says = || i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(now.modified);
            let made_at = ask.now.unwrap_or_else(clock_says);
            let shown = lines.bytes.len() as u64;
            let recipe = Recipe { offset, clock, shown, last, file_time: now.modified, made_at };
            match self.stages(stream, recipe, lines, again, ask.witness) {
                Ok(Some(mut batch)) => {
                    // It is kept for others, and there is room for few that hold more than they use.
                    if self.memo.is_some() && batch.bytes.len() < batch.bytes.capacity() / 2 {
                        batch.bytes.shrink_to_fit();
                    }
                    return Step::Batch(Arc::new(batch));
                }
                Ok(None) if at_end => {
                    // Its last event may still grow; the join time decides, or the rest of an unfinished line.
                    let silence = if quiet { self.partial_line } else { self.join };
                    return Step::Wait { until: Some(now.grew + silence) };
                }
                Ok(None) => want = Want { lines: want.lines * 2, bytes: want.bytes * 2, ..want },
                Err(stop) => return stop.into(),
            }
        }
    }

    /// None: nothing was consumed. `again`: it was made before.
    fn stages(
        &self,
        stream: &Stream,
        recipe: Recipe,
        lines: Lines,
        again: bool,
        witness: Option<&dyn Witness>,
    ) -> Result<Option<Batch>, Stop> {
        let Recipe { offset, clock, last, file_time, made_at, .. } = recipe;
        let builds = Stage::builds(&self.stages);
        let care = |at: usize| Care {
            stage: &self.stages[at],
            build: &builds[at],
            stream,
            offset,
            again,
            capsules: self.capsules.as_deref(),
            witness: witness.map(|witness| (witness, at)),
        };
        let made = |by: Option<usize>, bytes: &[u8], events: &Events| {
            if let Some(witness) = witness {
                witness.made(by, offset, bytes, events);
            }
        };
        let normalizes = builds.first().is_some_and(|build| build.component.normalizes());
        let rest = usize::from(normalizes)..builds.len();
        let Lines { mut bytes, ends, .. } = lines;
        let (consumed, mut events) = if normalizes {
            care(0).normalize(&mut bytes, &ends, last)?
        } else {
            (ends.len() as u32, native::lines_as_they_stand(&bytes, &ends))
        };
        if consumed == 0 {
            return Ok(None);
        }
        let before = clock;
        let mut clock = clock::repair(&mut events, bytes.len(), before, file_time, made_at);
        made(normalizes.then_some(0), &bytes, &events);
        let mut divisible = true;
        // Where reading may begin: after an event as the lines were put together.
        let borders = if rest.is_empty() { Vec::new() } else { events.source_ends.clone() };
        for at in rest {
            let ends_before = events.source_ends.clone();
            events = care(at).transform(&mut bytes, &events, &borders)?;
            divisible &= ends_before.starts_with(&events.source_ends);
            // Transforms may set times, too.
            if at + 1 == builds.len() {
                clock = clock::repair(&mut events, bytes.len(), before, file_time, made_at);
            }
            made(Some(at), &bytes, &events);
        }
        Ok(Some(Batch {
            origin: stream.origin.clone(),
            range: offset..offset + bytes.len() as u64,
            events,
            lines: ends.partition_point(|&end| end as usize <= bytes.len()) as u32,
            clock,
            recipe,
            divisible,
            bytes,
        }))
    }
}

impl From<Stop> for Step {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Halt(halted) => Self::Halt(halted),
            Stop::Elsewhere => Self::Elsewhere,
            // Whatever kind of error: the file itself is there, and nothing of it is to be given up.
            Stop::NotKept(error) => {
                Self::Unreadable(std::io::Error::other(format!("its dead letters cannot be kept: {error}")))
            }
        }
    }
}

/// Batches by (stream, offset, how often stages were exchanged), the latest used; bounded by their weight.
struct Memo {
    batches: LruCache<(i64, u64, u64), Arc<Batch>>,
    weight: usize,
}

impl Default for Memo {
    fn default() -> Self {
        Self { batches: LruCache::unbounded(), weight: 0 }
    }
}

impl Memo {
    fn get(&mut self, key: (i64, u64, u64)) -> Option<Arc<Batch>> {
        self.batches.get(&key).cloned()
    }

    /// Keeps a batch; those that it has no room for any more.
    fn put(&mut self, key: (i64, u64, u64), batch: Arc<Batch>) -> Vec<Arc<Batch>> {
        self.weight += batch.weight();
        let mut old: Vec<_> = self.batches.push(key, batch).into_iter().collect();
        self.weight -= old.iter().map(|(_, batch)| batch.weight()).sum::<usize>();
        while self.weight > MEMO_BYTES
            && let Some(oldest) = self.batches.pop_lru()
        {
            self.weight -= oldest.1.weight();
            old.push(oldest);
        }
        old.into_iter().map(|(_, batch)| batch).collect()
    }
}

const _: () = assert!(MEMO_BYTES > BATCH_BYTES, "a memo that holds no batch is none");
