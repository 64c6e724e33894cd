//! Hashes of files as their bytes pass on their way to the sinks: then they are at hand, and a file that passed from its
//! first byte on need not be read again when its receipt is sealed.

use crate::cursor::StreamId;
use lru::LruCache;
use sha2::{Digest, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files that are hashed at once, of some 200 bytes each; those that passed longest ago are read again at their ends.
const MOST: usize = 16_384;

/// How far a file is hashed.
#[derive(Debug, Clone, Default)]
pub struct Begun {
    /// Of all bytes before `upto`.
    pub hasher: Sha256,
    /// Bytes.
    pub upto: u64,
}

/// Files that are hashed as they pass.
pub struct Passing(Mutex<LruCache<StreamId, Begun>>);

impl Default for Passing {
    fn default() -> Self {
        // Room is made as it is needed.
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl Passing {
    /// These bytes of a file pass, which begin at `offset`. Several sinks may be given the same, and each may be ahead.
    pub fn pass(&self, stream: StreamId, offset: u64, bytes: &[u8]) {
        // Hashed outside the lock: another sink that comes meanwhile finds nothing, and passes by.
        let begun = self.files().pop(&stream);
        let Some(mut begun) = begun.or_else(|| (offset == 0).then(Begun::default)) else { return };
        let known = begun.upto.checked_sub(offset).and_then(|known| usize::try_from(known).ok());
        if let Some(new) = known.and_then(|known| bytes.get(known..)) {
            begun.hasher.update(new);
            begun.upto += new.len() as u64;
        }
        self.keep(stream, begun);
    }

    /// A file is hashed so far. Of two that go as far, the later counts: it is nearer to what arrived.
    pub fn keep(&self, stream: StreamId, begun: Begun) {
        let mut files = self.files();
        if files.peek(&stream).is_none_or(|other| other.upto <= begun.upto) {
            files.push(stream, begun);
        }
        while files.len() > MOST {
            files.pop_lru();
        }
    }

    /// How far a file is hashed.
    pub fn begun(&self, stream: StreamId) -> Option<Begun> {
        self.files().peek(&stream).cloned()
    }

    /// Nobody will ask for it again.
    pub fn forget(&self, stream: StreamId) {
        self.files().pop(&stream);
    }

    fn files(&self) -> MutexGuard<'_, LruCache<StreamId, Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hashed(passing: &Passing, stream: i64) -> Option<(u64, [u8; 32])> {
        let Begun { hasher, upto } = passing.begun(stream)?;
        Some((upto, hasher.finalize().into()))
    }

    #[test]
    fn a_file_that_did_not_pass_from_its_first_byte_is_not_hashed() {
        let passing = Passing::default();
        passing.pass(1, 5, b"later");
        assert_eq!(hashed(&passing, 1), None);
    }

    #[test]
    fn no_more_files_are_hashed_at_once_than_there_is_room_for() {
        let passing = Passing::default();
        let last = MOST as i64 + 1;
        (1..=last).for_each(|stream| passing.pass(stream, 0, b"x"));
        assert_eq!(passing.files().len(), MOST);
        assert!(hashed(&passing, 1).is_none() && hashed(&passing, last).is_some());
    }

    proptest! {
        #[test]
        fn whatever_passes_how_often_it_is_the_hash_of_the_files_beginning(
            file in prop::collection::vec(any::<u8>(), 1..200),
            passes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..60), 0..30),
        ) {
            let passing = Passing::default();
            let mut upto = None;
            for (start, len) in passes {
                let start = start.index(file.len());
                let end = (start + len).min(file.len());
                passing.pass(7, start as u64, &file[start..end]);
                upto = match upto {
                    None => (start == 0).then_some(end),
                    Some(upto) if start <= upto => Some(end.max(upto)),
                    gap => gap,
                };
            }
            let expected = upto.map(|upto| (upto as u64, Sha256::digest(&file[..upto]).into()));
            prop_assert_eq!(hashed(&passing, 7), expected);
        }
    }
}
