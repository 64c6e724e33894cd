//! Whether a file on disk, or an object in a bucket, is what a receipt says.

use super::Verdict;
use super::notary::hash;
use crate::cursor::{ReceiptRow, Seal};
use crate::sink::s3::client::Client;
use crate::source::is_generation;
use crate::source::tail::read_full;
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
    let file = file.and_then(|path| File::open(path).ok());
    let (mut hasher, mut offset) = (Sha256::new(), 0_u64);
    loop {
        let piece = match body.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => return Verdict::Failed(format!("reading s3://{}/{key}: {error}", client.bucket())),
        };
        if let Some(file) = &file {
            let mut there = vec![0; piece.len()];
            let read = match read_full(file, &mut there, offset) {
                Ok(read) => read,
                Err(error) => return Verdict::Failed(format!("reading the file: {error}")),
            };
            let is_same = |(a, b): &(&u8, &u8)| a == b || (legible && **a == b'?' && !b.is_ascii());
            let same = piece.iter().zip(&there[..read]).take_while(is_same).count();
            if same < piece.len() {
                return Verdict::Differs { at: offset + same as u64 };
            }
        }
        hasher.update(&piece);
        offset += piece.len() as u64;
    }
    // It may hold more than was written down: it was brought up to date a moment ago, or before a kill.
    if offset < length {
        return match file {
            Some(_) => Verdict::Differs { at: offset },
            None => Verdict::OtherLength { is: offset, should_be: length },
        };
    }
    if file.is_some() {
        return Verdict::Matches;
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
