//! Which file is whose: after a look through the folder, finds for each stream the file that it is by now, wherever that
//! was renamed or copied to, and tells which files are new.
//!
//! A file is a stream's if inode and beginning are. First each stream is looked for where it was, then anywhere in the
//! folder, then among the files beside its place that no pattern lets through; last come copies: files beside its place
//! that begin as it did for the whole of a full fingerprint. A short beginning is enough where the name says the rest:
//! `a.log` was truncated, and `a.log.1` is new.

use super::discover::{Found, rel_of};
use super::fingerprint::{HEAD, begins};
use super::sight::{Seen, Sight, Sought, identify, look};
use super::tail;
use crate::cursor::StreamId;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many bytes at the end of what two files have in common are compared before one is taken for a copy of the other
/// that is still being made.
const ALIKE: u64 = 64 << 10;

/// What became of a stream's file.
#[derive(Debug)]
pub enum Fate {
    /// It is where it was, and as it was: what nearly all are, so nothing more is kept of it.
    Still,
    /// It is there, under another name or met for the first time, and as it was.
    Same(Box<Found>),
    /// It is there, perhaps under another name, and there may be more of it.
    Grew(Box<(Found, Seen)>),
    /// It was truncated, replaced or deleted, and this is a copy of it.
    Copied(Box<(Found, Seen)>),
    /// Its file was truncated or replaced, but a new file begins with all that was seen of it: it was too
    /// short to tell a copy by, and nothing of it is lost.
    Repeated,
    /// What was its file is another's by now.
    Replaced,
    /// It is nowhere. Or it was renamed while we looked.
    Absent,
    /// It could not be looked at.
    Unknown,
}

/// Which file is whose.
#[derive(Debug, Default)]
pub struct Places {
    /// Of each stream.
    pub fates: Vec<(StreamId, Fate)>,
    /// Files that are no stream's.
    pub new: Vec<(Found, Seen)>,
    /// The same, but each is so far the same as the file of some stream beside it: a copy that is under way, perhaps.
    pub alike: Vec<(Found, Seen)>,
    /// Files that could not be looked at.
    pub failed: Vec<(Found, io::Error)>,
    /// Some were deleted or renamed between the walk and a look into them: under a new name the walk may have missed them.
    pub torn: bool,
}

/// Places in `sought`, by how the files begin.
type ByHead = HashMap<[u8; 32], Vec<usize>>;

/// Finds each stream's file. Blocks.
pub struct Search<'a> {
    root: &'a Path,
    sought: Vec<Sought>,
    /// Who was where: places in `sought`, the first of those that share one, and the others.
    by_place: HashMap<Arc<str>, usize>,
    sharing: HashMap<Arc<str>, Vec<usize>>,
    /// By place in `sought`.
    fates: Vec<Option<Fate>>,
    /// Those whose file was met and is another's.
    replaced: HashSet<usize>,
    failed: Vec<(Found, io::Error)>,
    /// Where files were that are not there any more.
    vanished: Vec<PathBuf>,
}

impl<'a> Search<'a> {
    /// For the files of these streams, below `root`.
    pub fn new(root: &'a Path, sought: Vec<Sought>) -> Self {
        let mut by_place = HashMap::with_capacity(sought.len());
        let mut sharing: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, sought) in sought.iter().enumerate() {
            if by_place.contains_key(&sought.rel) {
                sharing.entry(sought.rel.clone()).or_default().push(at);
            } else {
                by_place.insert(sought.rel.clone(), at);
            }
        }
        let fates = sought.iter().map(|_| None).collect();
        let (replaced, failed, vanished) = (HashSet::new(), Vec::new(), Vec::new());
        Self { root, sought, by_place, sharing, fates, replaced, failed, vanished }
    }

    /// Gives a file that a pattern lets through to the stream that was where it is; returns it if there is none.
    pub fn where_it_was(&mut self, found: Found) -> Option<Found> {
        let Some(&first) = self.by_place.get(found.rel.as_str()) else { return Some(found) };
        match self.sharing.get(found.rel.as_str()) {
            None => self.claim(found, &[first]),
            Some(others) => {
                let all: Vec<usize> = std::iter::once(first).chain(others.iter().copied()).collect();
                self.claim(found, &all)
            }
        }
    }

    /// Finds the other streams' files. `rest`: what the patterns let through and [`Self::where_it_was`] gave back.
    pub fn settle(mut self, rest: Vec<Found>) -> Places {
        if self.open().next().is_none() {
            return self.finish(rest, Vec::new());
        }
        let listed = self.listed(&rest);
        self.renamed_before(&listed);
        let rest = self.renamed(rest);
        let beside = self.beside(&listed);
        let beside = self.renamed(beside);
        self.finish(rest, beside)
    }

    /// All that the patterns let through.
    fn listed(&self, rest: &[Found]) -> HashSet<PathBuf> {
        let of_streams = self.sought.iter().zip(&self.fates).filter_map(|(sought, fate)| match fate {
            Some(Fate::Still) => Some(sought.abs.to_path_buf()),
            Some(Fate::Same(found)) => Some(found.abs.clone()),
            Some(Fate::Grew(it) | Fate::Copied(it)) => Some(it.0.abs.clone()),
            Some(Fate::Unknown | Fate::Repeated | Fate::Replaced | Fate::Absent) | None => None,
        });
        let others = rest.iter().chain(self.failed.iter().map(|(found, _)| found));
        of_streams.chain(others.map(|found| found.abs.clone())).chain(self.vanished.iter().cloned()).collect()
    }

    /// Those that were renamed out of the patterns before.
    fn renamed_before(&mut self, listed: &HashSet<PathBuf>) {
        for at in 0..self.sought.len() {
            let sought = &self.sought[at];
            if self.fates[at].is_none()
                && !listed.contains(&*sought.abs)
                && let Ok(metadata) = fs::symlink_metadata(&sought.abs)
                && metadata.is_file()
            {
                let found = Found { abs: sought.abs.to_path_buf(), rel: (*sought.rel).to_owned(), metadata };
                self.claim(found, &[at]);
            }
        }
    }

    /// Returns the files that no stream's became. A stream of which nothing was seen but an empty file is not looked
    /// for: whatever has its inode now.
    fn renamed(&mut self, files: Vec<Found>) -> Vec<Found> {
        let mut by_inode: HashMap<u64, Vec<usize>> = HashMap::new();
        for at in self.open() {
            let identity = &self.sought[at].identity;
            if identity.head_len > 0 {
                by_inode.entry(identity.inode).or_default().push(at);
            }
        }
        let mut rest = Vec::new();
        for found in files {
            let mine = by_inode.get(&found.metadata.ino()).map_or(&[][..], Vec::as_slice);
            rest.extend(self.claim(found, mine));
        }
        rest
    }

    /// Gives a file to the first of these streams whose it is; returns it if there is none.
    fn claim(&mut self, found: Found, candidates: &[usize]) -> Option<Found> {
        for &at in candidates {
            let sought = &self.sought[at];
            if self.fates[at].is_some() || found.metadata.ino() != sought.identity.inode {
                continue;
            }
            match look(&found, sought) {
                Ok(Sight::Same) => {
                    let still = sought.is_there && *sought.abs == *found.abs;
                    self.fates[at] = Some(if still { Fate::Still } else { Fate::Same(Box::new(found)) });
                    return None;
                }
                Ok(Sight::Grew(seen)) => {
                    self.fates[at] = Some(Fate::Grew(Box::new((found, seen))));
                    return None;
                }
                Ok(Sight::Other) => {
                    if found.metadata.dev() == sought.identity.device {
                        self.replaced.insert(at);
                    }
                }
                // Deleted or renamed since it was found.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.vanished.push(found.abs);
                    return None;
                }
                Err(error) => {
                    self.fates[at] = Some(Fate::Unknown);
                    self.failed.push((found, error));
                    return None;
                }
            }
        }
        Some(found)
    }

    /// Files that no pattern lets through, in the folders of streams that are missing: those that have the inode of one,
    /// and those that may be a copy of one. (What was only deleted just now is read from what is held open.)
    fn beside(&self, listed: &HashSet<PathBuf>) -> Vec<Found> {
        let mut folders: HashMap<&Path, bool> = HashMap::new();
        let inodes: HashSet<u64> = self.open().map(|at| self.sought[at].identity.inode).collect();
        for at in self.open() {
            if let Some(folder) = self.sought[at].abs.parent() {
                *folders.entry(folder).or_default() |= self.is_nowhere(at);
            }
        }
        let mut beside = Vec::new();
        for (folder, copies) in folders {
            // A folder that is not there any more has nothing to tell.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let abs = entry.path();
                let wanted = copies || inodes.contains(&entry.ino());
                if wanted
                    && !listed.contains(&abs)
                    && entry.file_type().is_ok_and(|kind| kind.is_file())
                    && let Ok(metadata) = entry.metadata()
                    && let Ok(below) = abs.strip_prefix(self.root)
                {
                    let rel = rel_of(below);
                    beside.push(Found { abs, rel, metadata });
                }
            }
        }
        beside
    }

    /// Finds copies, and tells what else is new of these: `files` that a pattern lets through, and others `beside`.
    fn finish(mut self, files: Vec<Found>, beside: Vec<Found>) -> Places {
        let mut candidates = Vec::new();
        let mut torn = !self.vanished.is_empty();
        for (found, is_listed) in
            files.into_iter().map(|it| (it, true)).chain(beside.into_iter().map(|it| (it, false)))
        {
            // An empty file is no stream yet: it has nothing to tell it by, and nothing to ship.
            if found.metadata.len() == 0 {
                continue;
            }
            match identify(&found) {
                Ok(seen) if seen.size > 0 => candidates.push(Some((found, seen, is_listed))),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => torn |= is_listed,
                Err(_) if !is_listed => {}
                Err(error) => self.failed.push((found, error)),
            }
        }
        self.copies(&mut candidates);
        // Most looks find nothing new, among very many.
        let by_head = if candidates.is_empty() { ByHead::new() } else { self.by_head() };
        let (mut new, mut alike) = (Vec::new(), Vec::new());
        for (found, seen, is_listed) in candidates.into_iter().flatten() {
            if is_listed && self.is_like_one_beside(&found, &seen, &by_head) {
                alike.push((found, seen));
            } else if is_listed {
                new.push((found, seen));
            }
        }
        self.repeated(&new);
        let fates = self.sought.iter().zip(self.fates).enumerate().map(|(at, (sought, fate))| {
            let lost = || if self.replaced.contains(&at) { Fate::Replaced } else { Fate::Absent };
            (sought.id, fate.unwrap_or_else(lost))
        });
        Places { fates: fates.collect(), new, alike, failed: self.failed, torn }
    }

    /// A stream that is missing goes on in the longest of its copies.
    fn copies(&mut self, candidates: &mut [Option<(Found, Seen, bool)>]) {
        let open: Vec<usize> = self.open().collect();
        for at in open {
            let (sought, replaced) = (&self.sought[at], self.replaced.contains(&at));
            let mut best: Option<(usize, u64)> = None;
            for (index, candidate) in candidates.iter().enumerate() {
                let Some((found, seen, _)) = candidate else { continue };
                let is_copy = || {
                    (begins_like(sought, found, seen) && seen.size >= sought.acknowledged)
                        || (replaced && is_named_after(sought, found) && repeats(sought, found, seen))
                };
                if best.is_none_or(|(_, size)| seen.size > size) && is_copy() {
                    best = Some((index, seen.size));
                }
            }
            if let Some((found, seen, _)) = best.and_then(|(index, _)| candidates[index].take()) {
                self.fates[at] = Some(Fate::Copied(Box::new((found, seen))));
            }
        }
    }

    fn repeated(&mut self, new: &[(Found, Seen)]) {
        let open: Vec<usize> = self.open().filter(|&at| self.is_nowhere(at)).collect();
        for at in open {
            if new.iter().any(|(found, seen)| repeats(&self.sought[at], found, seen)) {
                self.fates[at] = Some(Fate::Repeated);
            }
        }
    }

    /// Whether a stream's own file, in the same folder, is the same as far as both go; or the same file by another name.
    fn is_like_one_beside(&self, found: &Found, seen: &Seen, by_head: &ByHead) -> bool {
        by_head.get(&seen.identity.head_hash).into_iter().flatten().any(|&at| {
            let sought = &self.sought[at];
            let abs = match &self.fates[at] {
                Some(Fate::Still) => &*sought.abs,
                Some(Fate::Same(file)) => file.abs.as_path(),
                Some(Fate::Grew(it)) => it.0.abs.as_path(),
                _ => return false,
            };
            let may_be_copy = begins_like(sought, found, seen) || is_named_after(sought, found);
            sought.identity == seen.identity || (may_be_copy && same_so_far(abs, &found.abs))
        })
    }

    fn by_head(&self) -> ByHead {
        let mut by_head = ByHead::new();
        for (at, sought) in self.sought.iter().enumerate() {
            by_head.entry(sought.identity.head_hash).or_default().push(at);
        }
        by_head
    }

    /// Nobody has it open: its file was truncated or replaced, or vanished while we did not run.
    fn is_nowhere(&self, at: usize) -> bool {
        self.replaced.contains(&at) || self.sought[at].stamp.is_none()
    }

    /// Streams that are not found yet.
    fn open(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.sought.len()).filter(|&at| self.fates[at].is_none())
    }
}

fn begins_like(sought: &Sought, found: &Found, seen: &Seen) -> bool {
    seen.identity.head_len == HEAD
        && sought.identity.head_len == HEAD
        && sought.identity.head_hash == seen.identity.head_hash
        && sought.abs.parent() == found.abs.parent()
}

/// In the same folder, by the original's name and something behind it: `a.log.1`, `a.log-20261125`.
fn is_named_after(sought: &Sought, found: &Found) -> bool {
    let (Some(one), Some(other)) = (sought.abs.file_name(), found.abs.file_name()) else { return false };
    sought.abs.parent() == found.abs.parent() && other.as_bytes().starts_with(one.as_bytes())
}

/// All that was seen of a stream was too short for a full fingerprint, and a file in the same folder begins with it.
fn repeats(sought: &Sought, found: &Found, seen: &Seen) -> bool {
    let identity = &sought.identity;
    (1..HEAD).contains(&identity.head_len)
        && sought.size <= u64::from(identity.head_len)
        && seen.size >= sought.size
        && sought.abs.parent() == found.abs.parent()
        && File::open(&found.abs).and_then(|file| begins(identity, &file)).unwrap_or(false)
}

/// What cannot be read now is looked at again later.
fn same_so_far(one: &Path, other: &Path) -> bool {
    let compare = || -> io::Result<bool> {
        let (one, other) = (File::open(one)?, File::open(other)?);
        let common = one.metadata()?.len().min(other.metadata()?.len());
        let from = common.saturating_sub(ALIKE);
        let read = |file: &File| {
            let mut bytes = vec![0; (common - from) as usize];
            let read = tail::read_full(file, &mut bytes, from)?;
            bytes.truncate(read);
            Ok::<_, io::Error>(bytes)
        };
        Ok(read(&one)? == read(&other)?)
    };
    compare().unwrap_or(true)
}

#[cfg(test)]
mod tests;
