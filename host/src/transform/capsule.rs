//! A failure in a box: the component's hash, its config, the smallest batch that it fails on, and the error, in a file of
//! the data dir. `updraft replay` runs it again, wherever it is taken.
//!
//! The config is kept as it is written: variables in it, which may be secrets, are not replaced. The batch is text of the
//! log; so the folder and its files are nobody else's to read.

mod format;

pub use format::{Capsule, Given, VERSION};

use super::cache::is_ours;
use super::component::Component;
use super::error::Failure;
use crate::event::{Events, Origin};
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Folder of the capsules in the data dir.
pub const FOLDER: &str = "capsules";
/// Capsules that are kept, the latest.
const MOST: usize = 32;
/// Bytes of all of them together.
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of a batch beyond which none is made of it: a line has 8 MiB at most.
const LARGEST_BATCH: usize = 9 << 20;

/// What a component was given in one call.
#[derive(Debug, Clone)]
pub enum Case<'a> {
    /// `normalize`
    Lines {
        /// The lines.
        bytes: &'a [u8],
        /// Where each ends.
        ends: &'a [u32],
        /// Nothing follows for now.
        last: bool,
    },
    /// `transform`
    Events {
        /// The bytes that they came from.
        bytes: &'a [u8],
        /// The events.
        events: &'a Events,
    },
}

impl<'a> Case<'a> {
    /// Of `normalize`.
    pub fn lines(bytes: &'a [u8], ends: &'a [u32], last: bool) -> Self {
        Self::Lines { bytes, ends, last }
    }

    /// Of `transform`.
    pub fn events(bytes: &'a [u8], events: &'a Events) -> Self {
        Self::Events { bytes, events }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Lines { bytes, ends, .. } => bytes.len() + ends.len() * 4,
            Self::Events { bytes, events } => bytes.len() + events.arena.len() + events.len() * 32,
        }
    }
}

/// The folder of the capsules.
#[derive(Debug)]
pub struct Capsules {
    folder: PathBuf,
    keeping: Mutex<()>,
}

impl Capsules {
    /// Of a data dir. Nothing is made before there is a capsule.
    pub fn of(data_dir: &Path) -> Self {
        let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        Self { folder: data_dir.join(FOLDER), keeping: Mutex::default() }
    }

    /// Keeps a failure, unless one like it is kept already. Where it is; none where there can be none. Blocks.
    pub fn keep(
        &self,
        case: &Case<'_>,
        component: &Component,
        origin: &Origin,
        failure: &Failure,
    ) -> Option<PathBuf> {
        let _alone = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(name(failure));
        if path.exists() {
            return Some(path);
        }
        if case.weight() > LARGEST_BATCH {
            tracing::warn!(transform = %failure.transform, "what it failed on is too large for a capsule");
            return None;
        }
        match self.write(&path, &Capsule::of(case, component, origin, failure)) {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::warn!(transform = %failure.transform, "no capsule could be kept of its failure: {error}");
                None
            }
        }
    }

    fn write(&self, path: &Path, capsule: &Capsule) -> io::Result<()> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder)?;
        // It was there before, perhaps.
        is_ours(&self.folder).map_err(io::Error::other)?;
        let new = path.with_extension("new");
        // A kill left it.
        if let Err(error) = std::fs::remove_file(&new)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let text = serde_json::to_vec_pretty(capsule)?;
        file.write_all(&text)?;
        std::fs::rename(&new, path)?;
        if let Err(error) = self.make_room(path) {
            tracing::warn!("old capsules cannot be let go of: {error}");
        }
        Ok(())
    }

    /// Lets go of the oldest while there are too many.
    fn make_room(&self, newest: &Path) -> io::Result<()> {
        let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let (path, about) = (entry.path(), entry.metadata()?);
            if about.is_file() && path.extension().is_some_and(|it| it == "json") {
                kept.push((about.modified()?, about.len(), path));
            }
        }
        kept.sort();
        let (mut count, mut bytes) = (kept.len(), kept.iter().map(|(_, len, _)| len).sum::<u64>());
        for (_, len, path) in kept.iter().filter(|(_, _, path)| path != newest) {
            if count <= MOST && bytes <= MOST_BYTES {
                break;
            }
            std::fs::remove_file(path)?;
            count -= 1;
            bytes -= len;
        }
        Ok(())
    }
}

/// Failures are alike if the same component fails for the same reason, whatever the numbers in it.
fn name(failure: &Failure) -> String {
    let gist = hex::encode(Sha256::digest(failure.error.gist()));
    let hash = failure.hash.get(..12).unwrap_or(&failure.hash);
    format!("{}-{hash}-{}-{}.json", failure.transform, failure.error.kind(), &gist[..8])
}

#[cfg(test)]
mod tests {
    use super::format::tests::capsule;
    use super::*;

    #[test]
    fn so_many_are_kept_and_of_one_more_the_oldest_is_let_go() {
        let data_dir = tempfile::tempdir().unwrap();
        let capsules = Capsules::of(data_dir.path());
        let name = |number: usize| capsules.folder.join(format!("{number:02}.json"));
        for number in 0..=MOST {
            capsules.write(&name(number), &capsule()).unwrap();
            let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            std::fs::File::options().append(true).open(name(number)).unwrap().set_modified(at).unwrap();
        }
        assert_eq!(std::fs::read_dir(&capsules.folder).unwrap().count(), MOST);
        assert!(!name(0).exists() && name(1).exists() && name(MOST).exists());
    }
}
