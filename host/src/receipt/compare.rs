//! Whether a file on disk, or an object in a bucket, is what a receipt says.

use super::Verdict;
use super::notary::hash;
use crate::cursor::{ReceiptRow, Seal};
use crate::sink::s3::client::Client;
use crate::sink::s3::legible;
use crate::source::is_generation;
use crate::source::tail::{LONGEST_CHARACTER, read_full};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

/// What comes after a failure.
const NOT_AGAIN: &str = "it was asked once";

/// The file on disk, beside its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// It is what was hashed.
    Same,
    /// It is as long as was seen; nothing was hashed.
    AsLong,
    /// It begins as it did, and more was written since.
    Grew,
    /// It is that file, but what was delivered of it has changed.
    Differs,
    /// It is not there any more: deleted, moved out of its folder, or replaced by another.
    Gone,
    /// Nobody knows where it is.
    NotCompared,
}

/// Where the file is by now: at its path, or in that folder under another name. None: nowhere there.
pub fn find(path: &Path, receipt: &ReceiptRow) -> Option<PathBuf> {
    let is_it = |path: &Path| match &receipt.identity {
        Some(identity) => File::open(path)
            .and_then(|file| is_generation(identity, &file, &file.metadata()?))
            .unwrap_or(false),
        // Nobody knows it any more but by its hash.
        None => receipt.seal.as_ref().is_some_and(|seal| has_hash(path, seal)),
    };
    if is_it(path) {
        return Some(path.to_owned());
    }
    let inode = receipt.identity.as_ref()?.inode;
    let beside = std::fs::read_dir(path.parent()?).ok()?.flatten().filter(|entry| entry.ino() == inode);
    beside.map(|entry| entry.path()).find(|path| is_it(path))
}

/// Compares the file, found there, with the receipt: is it what was hashed, or at least as long?
pub fn local(path: Option<&Path>, receipt: &ReceiptRow) -> Local {
    let Some((path, length)) = path.and_then(|path| Some((path, path.metadata().ok()?.len()))) else {
        return Local::Gone;
    };
    let hashed = receipt.seal.as_ref().map(|seal| has_hash(path, seal));
    match hashed {
        Some(false) => Local::Differs,
        _ if length < receipt.size => Local::Differs,
        _ if length > receipt.size => Local::Grew,
        Some(true) => Local::Same,
        None => Local::AsLong,
    }
}

fn has_hash(path: &Path, seal: &Seal) -> bool {
    File::open(path).and_then(|file| hash(&file, seal.size)).is_ok_and(|sha256| sha256 == seal.sha256)
}

/// Compares an object with the file that it is a copy of: byte for byte with the file itself, else by its hash. `legible`:
/// it has `?` for what is not UTF-8.
pub async fn copy(
    client: &Client,
    key: &str,
    length: u64,
    receipt: &ReceiptRow,
    (file, legible): (Option<&Path>, bool),
) -> Verdict {
    let mut body = match client.get_object(key).await {
        Ok(Some(body)) => body,
        Ok(None) => return Verdict::Missing,
        Err(failure) => return Verdict::Failed(failure.and_then(NOT_AGAIN)),
    };
    let mut beside = file.and_then(|path| File::open(path).ok()).map(|file| Beside::new(file, legible));
    let (mut hasher, mut offset) = (Sha256::new(), 0_u64);
    loop {
        let piece = match body.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => return Verdict::Failed(format!("reading s3://{}/{key}: {error}", client.bucket())),
        };
        if let Some(Err(verdict)) = beside.as_mut().map(|beside| beside.compare(&piece)) {
            return verdict;
        }
        hasher.update(&piece);
        offset += piece.len() as u64;
    }
    if let Some(Err(verdict)) = beside.as_mut().map(Beside::end) {
        return verdict;
    }
    // It may hold more than was written down: it was brought up to date a moment ago, or before a kill.
    if offset < length {
        return match beside {
            Some(_) => Verdict::Differs { at: offset },
            None => Verdict::OtherLength { is: offset, should_be: length },
        };
    }
    if let Some(beside) = beside {
        return if beside.replaced > 0 {
            Verdict::MatchesButReplaced { bytes: beside.replaced }
        } else {
            Verdict::Matches
        };
    }
    match &receipt.seal {
        Some(seal) if seal.size == offset => {
            if <[u8; 32]>::from(hasher.finalize()) == seal.sha256 {
                Verdict::SameHash
            } else {
                Verdict::OtherHash
            }
        }
        _ => Verdict::NothingToCompare,
    }
}

/// A file beside the object that is read.
struct Beside {
    file: File,
    legible: bool,
    /// What of the object is to be compared yet: less than a character, between two pieces.
    open: Vec<u8>,
    /// Where that begins.
    at: u64,
    /// Bytes of the file that are `?` in the object.
    replaced: u64,
}

impl Beside {
    fn new(file: File, legible: bool) -> Self {
        Self { file, legible, open: Vec::new(), at: 0, replaced: 0 }
    }

    fn compare(&mut self, piece: &[u8]) -> Result<(), Verdict> {
        self.open.extend_from_slice(piece);
        let mut there = self.read(self.open.len())?;
        // Of the last character of a piece, the next one decides.
        let whole = there.len() - if self.legible { legible::begun(&there) } else { 0 };
        there.truncate(whole);
        self.hold_against(there)
    }

    /// The object ends here, perhaps in the middle of a character of its file.
    fn end(&mut self) -> Result<(), Verdict> {
        let there = self.read(self.open.len())?;
        self.hold_against(there)?;
        if self.open.is_empty() { Ok(()) } else { Err(Verdict::Differs { at: self.at }) }
    }

    /// So many bytes, or fewer where the file ends.
    fn read(&self, bytes: usize) -> Result<Vec<u8>, Verdict> {
        let mut there = vec![0; bytes];
        match read_full(&self.file, &mut there, self.at) {
            Ok(read) => there.truncate(read),
            Err(error) => return Err(Verdict::Failed(format!("reading the file: {error}"))),
        }
        Ok(there)
    }

    fn hold_against(&mut self, mut there: Vec<u8>) -> Result<(), Verdict> {
        if self.legible {
            self.replaced += legible::replace(&mut there, 0);
        }
        let same = self.open.iter().zip(&there).take_while(|(a, b)| a == b).count();
        if same < there.len() || (there.len() < self.open.len() && !self.legible) {
            return Err(Verdict::Differs { at: self.at + same as u64 });
        }
        self.open.drain(..same);
        self.at += same as u64;
        // More than a character is left only where the file has ended.
        if self.open.len() >= LONGEST_CHARACTER {
            return Err(Verdict::Differs { at: self.at });
        }
        Ok(())
    }
}

/// Looks whether an object that components made is there, and as long as it should be where that is known.
pub async fn made(client: &Client, key: &str, length: Option<u64>) -> Verdict {
    match client.head_object(key).await {
        Ok(Some(found)) => match length {
            // More: it was brought up to date a moment ago.
            Some(should_be) if found.length < should_be => {
                Verdict::OtherLength { is: found.length, should_be }
            }
            _ => Verdict::There,
        },
        Ok(None) => Verdict::Missing,
        Err(failure) => Verdict::Failed(failure.and_then(NOT_AGAIN)),
    }
}
