//! Events as they wait for a put: escaped already, and with all that stands around them in its body, so that a body is
//! nothing but pieces of memory that are there. The events of a batch that go one way share chunks; a piece is some of a
//! chunk, and what is moved, cut and sorted is pieces.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::encode::escape;

/// One event, or a part of one that was split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// Its place in its batch. Parts of one event follow each other.
    pub event: u32,
    /// Bytes of the text itself: what services count.
    pub len: u32,
    /// Milliseconds since the epoch, UTC.
    pub timestamp_ms: i64,
    /// Where what stands for it in the chunk ends, the comma behind it included.
    end: u32,
}

/// Texts that are being written: each an object `{"message":…,"timestamp":…}`, and a comma behind it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    body: Vec<u8>,
    texts: Vec<Text>,
}

/// Some texts of a chunk, never none. `T`: what all texts of the chunk are acknowledged by.
#[derive(Debug)]
pub struct Piece<T> {
    chunk: Arc<Chunk<T>>,
    from: u32,
    to: u32,
}

#[derive(Debug)]
struct Chunk<T> {
    lane: u64,
    body: Bytes,
    texts: Vec<Text>,
    ticket: T,
}

impl Written {
    /// Room for so many bytes, and for so many texts.
    pub fn reserve(&mut self, bytes: usize, texts: usize) {
        self.body.reserve(bytes);
        self.texts.reserve(texts);
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Nothing is written.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Writes a text by `write`, which appends it as it stands in a JSON string and says how long it is without the
    /// escapes. If it says nothing, nothing is written; then false.
    pub fn add(
        &mut self,
        event: u32,
        timestamp_ms: i64,
        write: impl FnOnce(&mut Vec<u8>) -> Option<usize>,
    ) -> bool {
        let start = self.body.len();
        self.body.extend_from_slice(b"{\"message\":\"");
        let Some(len) = write(&mut self.body) else {
            self.body.truncate(start);
            return false;
        };
        self.body.extend_from_slice(b"\",\"timestamp\":");
        self.body.extend_from_slice(itoa::Buffer::new().format(timestamp_ms).as_bytes());
        self.body.extend_from_slice(b"},");
        self.texts.push(Text { event, len: len as u32, timestamp_ms, end: self.body.len() as u32 });
        true
    }

    /// Writes this text.
    pub fn add_text(&mut self, event: u32, timestamp_ms: i64, text: &str) {
        let write = |out: &mut Vec<u8>| {
            escape::once(text.as_bytes(), out);
            Some(text.len())
        };
        self.add(event, timestamp_ms, write);
    }

    /// No more is written.
    #[must_use]
    pub fn finished(mut self) -> Self {
        // A few events of each of ten thousand files may wait.
        if self.body.len() < self.body.capacity() / 2 {
            self.body.shrink_to_fit();
            self.texts.shrink_to_fit();
        }
        self
    }

    /// The texts, in order.
    pub fn texts(&self) -> &[Text] {
        &self.texts
    }
}

impl<T> Piece<T> {
    /// What was written, of this lane; none: nothing was.
    pub fn of(lane: u64, written: Written, ticket: T) -> Option<Self> {
        let Written { body, texts } = written;
        let to = texts.len() as u32;
        let chunk = Chunk { lane, body: body.into(), texts, ticket };
        (to > 0).then(|| Self { chunk: Arc::new(chunk), from: 0, to })
    }

    /// Whose order it keeps.
    pub fn lane(&self) -> u64 {
        self.chunk.lane
    }

    /// What its texts are acknowledged by.
    pub fn ticket(&self) -> &T {
        &self.chunk.ticket
    }

    /// Its texts, in order.
    pub fn texts(&self) -> &[Text] {
        &self.chunk.texts[self.places()]
    }

    /// Their places in the chunk.
    pub fn places(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }

    /// As it stands in a body: objects, each with a comma behind it.
    pub fn objects(&self) -> &[u8] {
        &self.chunk.body[self.bytes()]
    }

    /// The same, to be held on to.
    pub fn body(&self) -> Bytes {
        self.chunk.body.slice(self.bytes())
    }

    /// Memory that it keeps for its body, in bytes.
    pub fn held(&self) -> usize {
        self.bytes().len()
    }

    /// Those of its texts.
    #[must_use]
    pub fn part(&self, which: Range<usize>) -> Self {
        let (from, to) = (self.from + which.start as u32, self.from + which.end as u32);
        Self { chunk: self.chunk.clone(), from, to }
    }

    /// All but its first `at` texts, which it keeps.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        let rest = self.part(at..self.places().len());
        self.to = rest.from;
        rest
    }

    fn bytes(&self) -> Range<usize> {
        let start = self.from.checked_sub(1).map_or(0, |before| self.chunk.texts[before as usize].end);
        start as usize..self.chunk.texts[self.to as usize - 1].end as usize
    }

    /// Takes up a text of another piece, at this place there, if that follows in the same chunk; else false.
    fn join(&mut self, other: &Self, place: usize) -> bool {
        let next = other.from + place as u32;
        let follows = Arc::ptr_eq(&self.chunk, &other.chunk) && self.to == next;
        if follows {
            self.to = next + 1;
        }
        follows
    }
}

impl<T> Clone for Piece<T> {
    fn clone(&self) -> Self {
        Self { chunk: self.chunk.clone(), ..*self }
    }
}

/// Pieces one after the other.
#[derive(Debug)]
pub struct Pieces<T> {
    pieces: Vec<Piece<T>>,
    texts: usize,
}

impl<T> Pieces<T> {
    /// How many texts.
    pub fn len(&self) -> usize {
        self.texts
    }

    /// No text at all.
    pub fn is_empty(&self) -> bool {
        self.texts == 0
    }

    /// Bytes of all texts.
    pub fn text_bytes(&self) -> usize {
        self.texts().map(|(_, text)| text.len as usize).sum()
    }

    /// The pieces, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Piece<T>> {
        self.pieces.iter()
    }

    /// The same, those that follow each other together as long as `alike` says so of two.
    pub fn runs(&self, alike: impl Fn(&Piece<T>, &Piece<T>) -> bool) -> impl Iterator<Item = &[Piece<T>]> {
        self.pieces.chunk_by(alike)
    }

    /// The texts, in order.
    pub fn texts(&self) -> impl Iterator<Item = (&T, &Text)> {
        self.pieces.iter().flat_map(|piece| piece.texts().iter().map(|text| (piece.ticket(), text)))
    }

    /// Puts it behind all others.
    pub fn push(&mut self, piece: Piece<T>) {
        self.texts += piece.places().len();
        self.pieces.push(piece);
    }

    /// Those of its texts.
    #[must_use]
    pub fn part(&self, which: Range<usize>) -> Self {
        let (mut part, mut before) = (Self::default(), 0);
        for piece in &self.pieces {
            let len = piece.places().len();
            let inside = |at: usize| at.clamp(before, before + len) - before;
            let wanted = inside(which.start)..inside(which.end);
            if !wanted.is_empty() {
                part.push(piece.part(wanted));
            }
            before += len;
        }
        part
    }

    /// Brings them in order of time, those of the same millisecond in the order in which they are.
    pub fn sort(&mut self) {
        let of_piece = |(at, piece): (usize, &Piece<T>)| {
            let of_text = move |(place, text): (usize, &Text)| (text.timestamp_ms, at, place);
            piece.texts().iter().enumerate().map(of_text).collect::<Vec<_>>()
        };
        let mut order: Vec<_> = self.pieces.iter().enumerate().flat_map(of_piece).collect();
        order.sort_by_key(|&(timestamp_ms, ..)| timestamp_ms);
        let mut sorted: Vec<Piece<T>> = Vec::new();
        for (_, at, place) in order {
            let piece = &self.pieces[at];
            if !sorted.last_mut().is_some_and(|last| last.join(piece, place)) {
                sorted.push(piece.part(place..place + 1));
            }
        }
        self.pieces = sorted;
    }
}

impl<T> Default for Pieces<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), texts: 0 }
    }
}

impl<T> IntoIterator for Pieces<T> {
    type Item = Piece<T>;
    type IntoIter = std::vec::IntoIter<Piece<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.pieces.into_iter()
    }
}

impl<T> FromIterator<Piece<T>> for Pieces<T> {
    fn from_iter<I: IntoIterator<Item = Piece<T>>>(pieces: I) -> Self {
        let mut all = Self::default();
        pieces.into_iter().for_each(|piece| all.push(piece));
        all
    }
}
