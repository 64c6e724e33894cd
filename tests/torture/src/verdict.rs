//! What the oracle says: the first difference between what was written and what arrived, or how it went.

use std::fmt;

use crate::books::Id;

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub what: String,
    /// Where: a log stream, an object, a path.
    pub place: String,
    /// Generation and piece.
    pub about: Option<(Id, usize)>,
    /// In words.
    pub detail: String,
}

impl Difference {
    /// One that is about no single line.
    pub fn new(what: &str, place: &str, detail: String) -> Self {
        Self { what: what.to_owned(), place: place.to_owned(), about: None, detail }
    }

    /// Says which line it is about.
    #[must_use]
    pub fn about(mut self, id: Id, piece: usize) -> Self {
        self.about = Some((id, piece));
        self
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.place)?;
        if let Some((id, piece)) = self.about {
            write!(f, ", line <u:{id}.{piece}>")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// What was counted while it was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pieces of lines that arrived in CloudWatch, each counted once.
    pub arrived: usize,
    /// Pieces that arrived again…
    pub repeated: usize,
    /// …and how many might have.
    pub repeatable: usize,
    /// Pieces that should have arrived and did not.
    pub lost: usize,
    /// Bytes that vanished at the source before a sink had them, summed over the sinks…
    pub gone: u64,
    /// …those of them that the host has reported…
    pub reported: u64,
    /// …and those that it can have seen nothing of.
    pub unseen: u64,
    /// Lines that came before one that stands before them.
    pub disorder: usize,
    /// Objects that are their generation, byte for byte.
    pub identical: usize,
    /// Objects that hold the beginning of a generation that vanished.
    pub beginnings: usize,
}
