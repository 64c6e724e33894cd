//! What the object of a stream holds, a part at a time: the file's bytes, or the raw bytes of what a chain of
//! components let through.

use super::legible;
use crate::counters::Counter;
use crate::event::{Batch, NO_TIMESTAMP, NotHere};
use crate::lane::Lane;
use crate::route::Naming;
use crate::route::standard::Keys;
use crate::sink::joined;
use crate::source::OpenFiles;
use crate::source::tail;
use crate::transform::{Chain, Step};
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A last line that nobody wrote on for so long is taken as it is.
const UNFINISHED: Duration = Duration::from_secs(5);
/// One that is written on and on is after so long.
const UNFINISHED_AT_MOST: Duration = Duration::from_secs(30);

/// A place in a file at which reading can go on: where a batch begins, if components make the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub offset: u64,
    /// Time of the last event before it, ns since the epoch.
    pub clock: i64,
}

impl Place {
    /// The file's first byte.
    pub const START: Self = Self { offset: 0, clock: NO_TIMESTAMP };
}

/// Reads what a stream's object is to hold, from some place on.
pub struct Content {
    lane: Arc<Lane>,
    files: Arc<OpenFiles>,
    /// Which events are the sink's, where a router has a say in that.
    naming: Option<Arc<Naming<Keys>>>,
    /// Counts those that are not.
    away: Arc<Counter>,
    /// How far it goes: the file's size when it was begun.
    size: u64,
    place: Place,
    closing: bool,
    /// Of a file that grows, its unfinished last line is still to be left out.
    whole_lines: bool,
    ended: bool,
    waits_until: Option<Instant>,
}

impl Content {
    /// The stream as it is now. `closing`: its unfinished end belongs to it.
    pub fn new(
        lane: Arc<Lane>,
        files: Arc<OpenFiles>,
        (naming, away): (Option<Arc<Naming<Keys>>>, Arc<Counter>),
        closing: bool,
        from: Place,
    ) -> Self {
        let size = lane.stream.snapshot().size;
        let (whole_lines, ended, waits_until) = (false, false, None);
        Self { lane, files, naming, away, size, place: from, closing, whole_lines, ended, waits_until }
    }

    /// Without the unfinished last line of a file that is copied, as long as it may still be written on. (What components make
    /// is whole in any case.)
    #[must_use]
    pub fn of_whole_lines(self) -> Self {
        Self { whole_lines: true, ..self }
    }

    /// What makes it; none where it is the file's bytes.
    pub fn chain(&self) -> Option<&Arc<Chain>> {
        self.lane.chain.as_ref()
    }

    /// Up to which place it was given out.
    pub fn place(&self) -> Place {
        self.place
    }

    /// All that there is was given out.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Why it ended before the file's end: the rest is unfinished until then.
    pub fn waits_until(&self) -> Option<Instant> {
        self.waits_until
    }

    /// Fills a part up to `len` bytes; less only at the end, and up to a batch more where components make them: a part
    /// ends where a batch does. False: that is to go on, by [`Workers::run_apart`](crate::transform::Workers::run_apart). Blocks:
    /// call it on a worker thread.
    pub fn fill(&mut self, part: &mut Vec<u8>, len: usize) -> std::io::Result<bool> {
        if self.lane.chain.is_none() {
            *part = self.copy(len)?;
            return Ok(true);
        }
        while part.len() < len && !self.ended {
            if !self.batch(part)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Its router failed of late, or the components of its chain did.
    pub fn is_sick(&self) -> bool {
        self.chain().is_some_and(|chain| chain.is_sick())
            || self.naming.as_ref().is_some_and(|naming| naming.is_sick())
    }

    /// Which labels of a batch are not the sink's; counted once. None: the router is another than when the batch was
    /// begun, and the labels may be those of the transforms of before.
    fn not_here(&self, batch: &Batch, named_by: u64) -> std::io::Result<Option<NotHere>> {
        let Some(naming) = &self.naming else { return Ok(Some(NotHere::default())) };
        let names = naming.of_batch(&self.lane, batch);
        if self.named_by() != named_by {
            return Ok(None);
        }
        if let Some(until) = names.unanswered_until
            && batch.range.start < self.lane.committed()
        {
            return Err(Error::other(naming.halted(until)));
        }
        let counted = self.lane.count_up_to(batch.range.end);
        let new = batch.iter().filter(|event| event.source().end > counted);
        self.away.add(new.filter(|event| names.not_here.has(event.label_index())).count() as u64);
        Ok(Some(names.not_here))
    }

    /// How often the router was exchanged.
    fn named_by(&self) -> u64 {
        self.naming.as_ref().map_or(0, |naming| naming.generation())
    }

    fn leave_out_unfinished(&mut self) -> std::io::Result<()> {
        let (stream, now) = (&self.lane.stream, self.lane.stream.snapshot());
        let is_last = self.closing || now.gone || self.lane.urgent() || stream.ended();
        if is_last || self.place.offset >= self.size {
            return Ok(());
        }
        // Whoever writes without breaks for long writes no line.
        let since = self.lane.behind_since().unwrap_or(now.grew);
        let at = Instant::now();
        let settled = (now.grew + UNFINISHED).min(since + UNFINISHED_AT_MOST);
        let file = self.files.get(stream)?;
        let from = self.place.offset.max(self.size.saturating_sub(tail::MAX_LINE as u64));
        let end = if settled > at {
            tail::end_of_last_line(&file, from..self.size)?
        } else {
            // Even then a character is not torn.
            let mut last = vec![0; (self.size - from).min(tail::LONGEST_CHARACTER as u64 - 1) as usize];
            let start = self.size - last.len() as u64;
            let read = tail::read_full(&file, &mut last, start)?;
            self.size - legible::begun(&last[..read]) as u64
        };
        if end < self.size {
            self.size = end;
            self.waits_until = Some(if settled > at { settled } else { at + UNFINISHED });
        }
        Ok(())
    }

    fn copy(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        if std::mem::take(&mut self.whole_lines) {
            self.leave_out_unfinished()?;
        }
        let offset = self.place.offset;
        let wanted = self.size.saturating_sub(offset).min(len as u64) as usize;
        self.ended = wanted < len;
        // A file that is gone need not be there for nothing.
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let mut part = vec![0; wanted];
        let file = self.files.get(&self.lane.stream)?;
        let read = tail::read_full(&file, &mut part, offset)?;
        if read < wanted {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!("the file ends at byte {}, though it had {} bytes", offset + read as u64, self.size),
            ));
        }
        self.lane.stream.still_is(&file)?;
        self.place.offset += read as u64;
        Ok(part)
    }

    /// One more batch, or the end. False: neither, on this thread.
    fn batch(&mut self, part: &mut Vec<u8>) -> std::io::Result<bool> {
        self.ended = true;
        let Some(chain) = self.lane.chain.clone() else { return Ok(true) };
        if self.place.offset >= self.size {
            return Ok(true);
        }
        let closing = self.closing || self.lane.hurried(self.place.offset);
        let (stream, Place { offset, clock }) = (&self.lane.stream, self.place);
        let named_by = self.named_by();
        let step = if offset < self.lane.committed() {
            chain.step_again(stream, offset, clock, closing)
        } else {
            chain.step(stream, offset, clock, closing)
        };
        match step {
            Step::Batch(batch) => {
                let not_here = self.not_here(&batch, named_by)?;
                self.ended = false;
                // Else it is made anew.
                if let Some(not_here) = not_here {
                    joined::raw(&batch, &not_here, part);
                    self.place = Place { offset: batch.range.end, clock: batch.clock };
                }
                Ok(true)
            }
            Step::Wait { until } => {
                self.waits_until = until;
                Ok(true)
            }
            Step::End => Ok(true),
            Step::Elsewhere => {
                self.ended = false;
                Ok(false)
            }
            Step::Halt(halted) => Err(Error::other(halted)),
            Step::Unreadable(error) => Err(error),
        }
    }
}
