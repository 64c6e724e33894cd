//! Reads an object's content on a worker thread, a part at a time, and counts what goes by.

use super::content::{Content, Place};
use super::legible;
use super::outcome::UploadError;
use crate::cursor::Gain;
use crate::source::tail::LONGEST_CHARACTER;
use crate::transform::Workers;
use bytes::Bytes;
use std::time::Instant;

/// Reads parts.
pub struct Reader {
    /// None only while a worker has it, and after a worker was lost.
    content: Option<Content>,
    place: Place,
    part_size: usize,
    /// What is not UTF-8 is replaced.
    legible: bool,
    /// Line breaks, and what is replaced, in so many bytes to come were counted before.
    pub known: u64,
}

impl Reader {
    /// Parts of that size, in bytes.
    pub fn new(content: Content, part_size: usize, legible: bool) -> Self {
        Self { place: content.place(), content: Some(content), part_size, legible, known: 0 }
    }

    /// Up to which place of the file it has read.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Until when there is nothing more for it to read.
    pub fn waits_until(&self) -> Option<Instant> {
        self.content.as_ref().and_then(Content::waits_until)
    }

    /// Whether more may follow these bytes as a part of an upload.
    pub fn is_part(&self, bytes: &Bytes) -> bool {
        bytes.len() >= self.part_size
    }

    /// The next part and what is new in it; empty at the end.
    pub async fn next(&mut self, workers: &Workers) -> Result<(Bytes, Gain), UploadError> {
        let mut bytes = self.whole_characters(workers, self.part_size, usize::MAX).await?;
        let known = self.known.min(bytes.len() as u64);
        self.known -= known;
        let replaced = if self.legible { legible::replace(&mut bytes, known as usize) } else { 0 };
        let lines = memchr::memchr_iter(b'\n', &bytes[known as usize..]).count() as u64;
        Ok((bytes.into(), Gain { lines, replaced }))
    }

    /// Reads the least that there is; false if there is nothing.
    pub async fn peek(&mut self, workers: &Workers) -> Result<bool, UploadError> {
        Ok(!self.take(workers, 1).await?.is_empty())
    }

    /// So many bytes, and up to a character more: one in two parts would be none in either. But never more than `most`.
    async fn whole_characters(
        &mut self,
        workers: &Workers,
        len: usize,
        most: usize,
    ) -> Result<Vec<u8>, UploadError> {
        let mut bytes = self.take(workers, len.min(most)).await?;
        // What begins one may follow what only seemed to; of noise, there is no end to that.
        for _ in 0..LONGEST_CHARACTER {
            let missing = if self.legible { legible::missing(&bytes) } else { 0 };
            let room = most.saturating_sub(bytes.len());
            if missing == 0 || room == 0 {
                break;
            }
            let rest = self.take(workers, missing.min(room)).await?;
            if rest.is_empty() {
                break;
            }
            bytes.extend(rest);
        }
        Ok(bytes)
    }

    /// Reads that many bytes of a file for what is new in them only.
    pub async fn pass_over(&mut self, workers: &Workers, mut bytes: u64) -> Result<Gain, UploadError> {
        let mut gain = Gain::default();
        while bytes > 0 {
            let most = usize::try_from(bytes).unwrap_or(usize::MAX);
            let mut part = self.whole_characters(workers, self.part_size, most).await?;
            if part.is_empty() {
                break;
            }
            gain.replaced += if self.legible { legible::replace(&mut part, 0) } else { 0 };
            gain.lines += memchr::memchr_iter(b'\n', &part).count() as u64;
            bytes -= part.len() as u64;
        }
        Ok(gain)
    }

    async fn take(&mut self, workers: &Workers, len: usize) -> Result<Vec<u8>, UploadError> {
        let mut part = Vec::new();
        loop {
            let Some(mut content) = self.content.take() else { return Ok(part) };
            let sick = content.is_sick();
            let (content, filled, so_far) = workers
                .run_apart(sick, move || {
                    let filled = if content.ended() { Ok(true) } else { content.fill(&mut part, len) };
                    (content, filled, part)
                })
                .await?;
            self.place = content.place();
            self.content = Some(content);
            part = so_far;
            if filled? {
                return Ok(part);
            }
        }
    }
}
