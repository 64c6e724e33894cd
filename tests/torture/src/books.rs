//! The writer's books: every byte that was ever in every generation of every file, and when it was last to be had.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Which generation of which family of files (a file and what it is rotated to).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The family.
    pub family: u32,
    /// Its generation.
    pub generation: u32,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.family, self.generation)
    }
}

/// How a generation came to be out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its last name was removed.
    Deleted,
    /// It was cut to nothing where it stood.
    Truncated,
}

/// One generation: what is in it from its first byte until it is cut or gone, under whatever names.
#[derive(Debug)]
pub struct Generation {
    /// The names that it had, the last one last; relative to the log folder.
    pub names: Vec<String>,
    /// All that was ever written to it.
    pub bytes: Vec<u8>,
    /// Where each piece begins. A piece is what was written in one go, and holds its own marker.
    pub pieces: Vec<usize>,
    /// How long it was after each write.
    pub sizes: Vec<(Instant, usize)>,
    /// None: it can still be read.
    pub ended: Option<(How, Instant)>,
    /// It was copied before it was cut, so all of it can still be read under its last name, in another file.
    pub copied: bool,
}

impl Generation {
    /// The bytes of a piece.
    pub fn piece(&self, number: usize) -> &[u8] {
        let end = self.pieces.get(number + 1).copied().unwrap_or(self.bytes.len());
        &self.bytes[self.pieces[number]..end]
    }

    /// How long it was so long before then.
    pub fn size_before(&self, then: Instant, ago: Duration) -> usize {
        let before = self.sizes.iter().take_while(|(at, _)| *at + ago <= then);
        before.last().map_or(0, |&(_, size)| size)
    }

    /// Its present or last name.
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }
}

/// Every generation that ever was.
#[derive(Debug, Default)]
pub struct Books {
    /// By who they are.
    pub generations: BTreeMap<Id, Generation>,
    /// Lines written.
    pub lines: usize,
}

impl Books {
    /// A generation begins, empty.
    pub fn begin(&mut self, id: Id, name: &str) {
        let new = Generation {
            names: vec![name.to_owned()],
            bytes: Vec::new(),
            pieces: Vec::new(),
            sizes: Vec::new(),
            ended: None,
            copied: false,
        };
        assert!(self.generations.insert(id, new).is_none(), "{id} begins twice");
    }

    /// The generation, which has begun.
    pub fn of(&mut self, id: Id) -> &mut Generation {
        self.generations.get_mut(&id).expect("it has begun")
    }

    /// Which family each name belongs to.
    pub fn families(&self) -> BTreeMap<&str, u32> {
        let all = self.generations.iter();
        all.flat_map(|(id, it)| it.names.iter().map(|name| (name.as_str(), id.family))).collect()
    }
}

/// What a piece carries, so that it can be told from all others.
pub fn marker(id: Id, piece: usize) -> String {
    format!("<u:{id}.{piece}>")
}

/// Every marker in a text: where it begins and whose it is.
pub fn markers(text: &str) -> impl Iterator<Item = (usize, Id, usize)> {
    text.match_indices("<u:").filter_map(|(at, opening)| {
        let inner = text[at + opening.len()..].split_once('>')?.0;
        let mut numbers = inner.split('.').map(str::parse::<u32>);
        let (family, generation, piece) =
            (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some((at, Id { family, generation }, piece as usize))
    })
}
