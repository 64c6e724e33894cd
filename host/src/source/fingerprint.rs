//! Tells one generation of a file from another: device, inode, and a hash of its first bytes.
//!
//! An inode alone is not enough: it is used again soon after a file is deleted, and Airflow truncates and
//! rewrites files in place. The beginning of a log holds a time stamp, so it never repeats by chance.

use crate::cursor::Identity;
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};

/// How many bytes of the beginning are hashed, once there are as many.
pub const HEAD: u32 = 1024;

/// How the beginning of an open file looks.
pub fn take(file: &File, metadata: &Metadata) -> std::io::Result<Identity> {
    let (head_len, head_hash) = hash_head(file, HEAD)?;
    Ok(Identity { device: metadata.dev(), inode: metadata.ino(), head_len, head_hash })
}

/// Whether any file begins as this one did.
pub fn begins(known: &Identity, file: &File) -> std::io::Result<bool> {
    Ok(hash_head(file, known.head_len)? == (known.head_len, known.head_hash))
}

/// How a file looks now, if it still is the one that was known; none if it is another. Its beginning is read once, so
/// that what is known from then on belongs to what was compared.
pub fn renew(known: &Identity, file: &File, metadata: &Metadata) -> std::io::Result<Option<Identity>> {
    if metadata.ino() != known.inode || metadata.len() < u64::from(known.head_len) {
        return Ok(None);
    }
    let head = read_head(file, HEAD)?;
    let begins_so = |len: usize| head.get(..len).is_some_and(|it| hash(it) == known.head_hash);
    let same =
        if known.head_len == 0 { metadata.dev() == known.device } else { begins_so(known.head_len as usize) };
    let identity = || Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        head_len: head.len() as u32,
        head_hash: hash(&head),
    };
    Ok(same.then(identity))
}

/// Whether this file still begins as it did. The device number may differ: it changes when a volume is
/// mounted anew. With nothing hashed yet, device and inode must both be the same.
pub fn matches(known: &Identity, file: &File, metadata: &Metadata) -> std::io::Result<bool> {
    if metadata.ino() != known.inode || metadata.len() < u64::from(known.head_len) {
        return Ok(false);
    }
    if known.head_len == 0 {
        return Ok(metadata.dev() == known.device);
    }
    begins(known, file)
}

fn hash_head(file: &File, len: u32) -> std::io::Result<(u32, [u8; 32])> {
    let head = read_head(file, len)?;
    Ok((head.len() as u32, hash(&head)))
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Less only where the file is shorter.
fn read_head(file: &File, len: u32) -> std::io::Result<Vec<u8>> {
    let mut head = vec![0; len as usize];
    let mut filled = 0;
    while filled < head.len() {
        match file.read_at(&mut head[filled..], filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    head.truncate(filled);
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &std::path::Path, content: &[u8]) -> (File, Metadata) {
        std::fs::write(path, content).unwrap();
        let file = File::open(path).unwrap();
        let metadata = file.metadata().unwrap();
        (file, metadata)
    }

    #[test]
    fn a_file_that_grew_is_the_same_and_one_rewritten_in_place_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let (open, metadata) = file(&path, b"first line\n");
        let known = take(&open, &metadata).unwrap();
        assert_eq!(known.head_len, 11);
        let (open, metadata) = file(&path, b"first line\nand more\n");
        assert!(matches(&known, &open, &metadata).unwrap());
        let (open, metadata) = file(&path, b"other line\nand more\n");
        assert!(!matches(&known, &open, &metadata).unwrap());
        let (open, metadata) = file(&path, b"first");
        assert!(!matches(&known, &open, &metadata).unwrap());
    }

    #[test]
    fn only_the_first_kilobyte_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let (open, metadata) = file(&path, &[b'x'; HEAD as usize + 1]);
        let known = take(&open, &metadata).unwrap();
        assert_eq!(known.head_len, HEAD);
        let mut changed = vec![b'x'; HEAD as usize + 1];
        changed[HEAD as usize] = b'y';
        let (open, metadata) = file(&path, &changed);
        assert!(matches(&known, &open, &metadata).unwrap());
    }
}
