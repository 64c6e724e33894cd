//! The lines of a batch, as an author sees them.

use std::ops::Range;

/// Consecutive lines of one stream: `for line in lines`.
#[derive(Debug)]
pub struct Lines {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    last: bool,
}

/// One line. Bytes need not be valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a>(&'a [u8]);

impl Lines {
    /// Line `i` is `bytes[ends[i-1]..ends[i]]`, its break included. `last`: nothing follows for now.
    pub fn new(bytes: Vec<u8>, ends: Vec<u32>, last: bool) -> Self {
        Self { bytes, ends, last }
    }

    /// Cuts bytes into lines as the host does.
    pub fn split(bytes: Vec<u8>, last: bool) -> Self {
        let mut ends: Vec<u32> = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at as u32 + 1)
            .collect();
        if !bytes.is_empty() && ends.last() != Some(&(bytes.len() as u32)) {
            ends.push(bytes.len() as u32);
        }
        Self::new(bytes, ends, last)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Nothing follows for now: all lines must be used.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// All lines' bytes, joined.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of some consecutive lines, joined: the source of an event that spans them.
    pub fn join(&self, lines: Range<usize>) -> &[u8] {
        &self.bytes[self.start(lines.start)..self.start(lines.end)]
    }

    /// The lines in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { bytes: &self.bytes, ends: self.ends.iter(), start: 0 }
    }

    /// Where a line starts; for one past the last, where that one ends.
    fn start(&self, line: usize) -> usize {
        if line == 0 { 0 } else { self.ends[line - 1] as usize }
    }
}

impl<'a> IntoIterator for &'a Lines {
    type Item = Line<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The lines in order.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    ends: std::slice::Iter<'a, u32>,
    start: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let end = *self.ends.next()? as usize;
        let line = &self.bytes[self.start..end];
        self.start = end;
        Some(Line(line))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ends.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> Line<'a> {
    /// The line with its break.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The line without its break. A `\r` before it is kept: it is the log's own.
    pub fn text(self) -> &'a [u8] {
        self.0.strip_suffix(b"\n").unwrap_or(self.0)
    }

    /// False for a line that was cut: the host cuts lines over 8 MiB, and ships an unfinished one at the end.
    pub fn has_break(self) -> bool {
        self.0.ends_with(b"\n")
    }
}

impl AsRef<[u8]> for Line<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}
