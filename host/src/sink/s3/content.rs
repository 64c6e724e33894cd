//! What the object of a stream holds, a part at a time: the file's bytes, or the raw bytes of what a chain of
//! components let through.

use crate::event::NO_TIMESTAMP;
use crate::lane::Lane;
use crate::sink::joined;
use crate::source::OpenFiles;
use crate::source::tail;
use crate::transform::Step;
use std::io::{Error, ErrorKind};
use std::sync::Arc;

/// Reads what a stream's object is to hold, from its first byte on.
pub struct Content {
    lane: Arc<Lane>,
    files: Arc<OpenFiles>,
    /// How far it goes: the file's size when it was begun.
    size: u64,
    /// Place in the file.
    offset: u64,
    clock: i64,
    /// Made but not given out yet.
    left: Vec<u8>,
    closing: bool,
}

impl Content {
    /// The stream as it is now. `closing`: its unfinished end belongs to it.
    pub fn new(lane: Arc<Lane>, files: Arc<OpenFiles>, closing: bool) -> Self {
        let size = lane.stream.snapshot().size;
        Self { lane, files, size, offset: 0, clock: NO_TIMESTAMP, left: Vec::new(), closing }
    }

    /// Up to which byte of the file it went, once it has ended.
    pub fn covered(&self) -> u64 {
        self.offset
    }

    /// The next `len` bytes; fewer only at the end. Blocks: call it on a worker thread.
    pub fn part(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        if self.lane.chain.is_none() {
            return self.copy(len);
        }
        while self.left.len() < len && self.more()? {}
        let rest = self.left.split_off(self.left.len().min(len));
        Ok(std::mem::replace(&mut self.left, rest))
    }

    fn copy(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        let wanted = (self.size - self.offset).min(len as u64) as usize;
        let mut part = vec![0; wanted];
        let file = self.files.get(&self.lane.stream)?;
        let read = tail::read_full(&file, &mut part, self.offset)?;
        if read < wanted {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                format!(
                    "the file ends at byte {}, though it had {} bytes",
                    self.offset + read as u64,
                    self.size
                ),
            ));
        }
        self.lane.stream.still_is(&file)?;
        self.offset += read as u64;
        Ok(part)
    }

    /// One more batch; false at the end.
    fn more(&mut self) -> std::io::Result<bool> {
        let Some(chain) = self.lane.chain.clone() else { return Ok(false) };
        if self.offset >= self.size {
            return Ok(false);
        }
        match chain.step(&self.lane.stream, self.offset, self.clock, self.closing) {
            Step::Batch(batch) => {
                joined::raw(&batch, &mut self.left);
                self.offset = batch.range.end;
                self.clock = batch.clock;
                Ok(true)
            }
            Step::Wait { .. } | Step::End => Ok(false),
            Step::Halt { component, error } => Err(Error::other(format!(
                "transform `{component}` failed twice on a batch: {error}; the stream waits (`on_error: halt`)"
            ))),
            Step::Unreadable(error) => Err(error),
        }
    }
}
