//! One file through one way of the pipeline, batch by batch, as a run with `--once` takes it: what each stage made of each
//! batch that somebody wants to know about.

use super::Rehearsal;
use crate::config::OnError;
use crate::event::{Batch, Events, NO_TIMESTAMP, Origin, Recipe};
use crate::source::{OpenFiles, Stream};
use crate::transform::{Step, Witness};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

/// One batch, stage by stage; or as far as it came, where a component halts it.
pub struct Scene {
    /// Which bytes of the file it covers.
    pub range: Range<u64>,
    /// What was there after each stage, the first one first.
    pub layers: Vec<Layer>,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Why it came no further.
    pub halt: Option<Halt>,
}

/// What was there after a stage.
pub struct Layer {
    /// Index of the transform in the config; none: the host itself.
    pub by: Option<usize>,
    /// The events, and what they were made of; perhaps of more lines than the batch has in the end.
    pub batch: Batch,
}

/// A component failed on a part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index of the transform in the config.
    pub transform: usize,
    /// The part.
    pub part: Range<u64>,
    /// The way it goes.
    pub on_error: OnError,
    /// Why.
    pub error: String,
}

/// From here on the file waits for a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Id of the transform.
    pub transform: String,
    /// Where the batch begins that it fails on.
    pub at: u64,
    /// Why.
    pub error: String,
}

/// Why a file does not come through.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The whole of it was not taken, and nothing says why: a bug of ours.
    #[error("stops at byte {0} without a reason; this is a bug in Updraft")]
    Stuck(u64),
}

/// What the clock says, where what comes out is to be the same at any time: nothing is of the future.
const END_OF_TIME: i64 = i64::MAX;

/// Who looks at the stages of a way, and keeps what is wanted.
struct Looker<'a> {
    way: &'a [usize],
    origin: Arc<Origin>,
    wanted: Range<u64>,
    layers: RefCell<Vec<Layer>>,
    failures: RefCell<Vec<Failure>>,
}

impl Witness for Looker<'_> {
    fn made(&self, by: Option<usize>, offset: u64, bytes: &[u8], events: &Events) {
        let range = offset..offset + bytes.len() as u64;
        if range.start >= self.wanted.end || range.end <= self.wanted.start {
            return;
        }
        let batch = Batch {
            origin: self.origin.clone(),
            range,
            bytes: bytes.to_vec(),
            events: events.clone(),
            lines: 0,
            clock: NO_TIMESTAMP,
            recipe: Recipe::default(),
            divisible: true,
        };
        self.layers.borrow_mut().push(Layer { by: by.map(|at| self.way[at]), batch });
    }

    fn gave_way(&self, at: usize, part: Range<u64>, on_error: OnError, error: &str) {
        let failure = Failure { transform: self.way[at], part, on_error, error: error.to_owned() };
        self.failures.borrow_mut().push(failure);
    }
}

impl Rehearsal<'_> {
    /// Takes a file through the transforms of a way, from its beginning to the end of what is wanted, and shows the batches
    /// of that, in order. Says what the rest waits for, where a component failed and its `on_error` is `halt`. `timeless`:
    /// whatever this machine's clock says. Blocks; on a thread that may call guests.
    pub fn pass(
        &self,
        transforms: &[usize],
        (stream, files): (Stream, OpenFiles),
        wanted: &Range<u64>,
        timeless: bool,
        mut show: impl FnMut(Scene),
    ) -> Result<Option<Halt>, PassError> {
        let chain = self.chain(stream.source, transforms, files);
        let now = timeless.then_some(END_OF_TIME);
        let (mut offset, mut clock, mut elsewhere) = (0, NO_TIMESTAMP, None);
        while offset < wanted.end {
            let looker = Looker {
                way: transforms,
                origin: stream.origin.clone(),
                wanted: wanted.clone(),
                layers: RefCell::default(),
                failures: RefCell::default(),
            };
            let step = chain.step_before(&looker, &stream, offset, clock, now);
            let (layers, failures) = (looker.layers.into_inner(), looker.failures.into_inner());
            let (range, halt) = match step {
                Step::Batch(batch) => {
                    (offset, clock) = (batch.range.end, batch.clock);
                    (batch.range.clone(), None)
                }
                Step::End => return Ok(None),
                Step::Halt(halted) => {
                    let range = layers.last().map_or(offset..offset, |layer| layer.batch.range.clone());
                    (range, Some(Halt { transform: halted.transform, at: offset, error: halted.why }))
                }
                Step::Unreadable(error) => return Err(error.into()),
                // What fails is looked into on the second try.
                Step::Elsewhere if elsewhere.replace(offset) != Some(offset) => continue,
                Step::Elsewhere | Step::Wait { .. } => return Err(PassError::Stuck(offset)),
            };
            if !layers.is_empty() {
                show(Scene { range, layers, failures, halt: halt.clone() });
            }
            if halt.is_some() {
                return Ok(halt);
            }
        }
        Ok(None)
    }
}
