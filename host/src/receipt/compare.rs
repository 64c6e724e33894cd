//! Whether a file on disk, or an object in a bucket, is what a receipt says.

use super::Verdict;
use super::notary::hash;
use crate::cursor::ReceiptRow;
use crate::sink::s3::client::Client;
use crate::source::tail::read_full;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::Path;

/// The file on disk, beside its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// It is what was hashed, or as long as was seen where nothing was hashed.
    Same,
    /// It begins as it did, and more was written since.
    Grew,
    /// It is another by now, or changed.
    Differs,
    /// It is not there.
    Gone,
    /// Nobody knows where it is.
    NotCompared,
}

/// Compares the file with the receipt's hash; where there is none, with the length.
pub fn local(path: &Path, receipt: &ReceiptRow) -> Local {
    let Ok(file) = File::open(path) else { return Local::Gone };
    let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return Local::Gone };
    let same = match &receipt.seal {
        Some(seal) => hash(&file, seal.size).is_ok_and(|sha256| sha256 == seal.sha256),
        None => length >= receipt.size,
    };
    match length {
        _ if !same => Local::Differs,
        length if length > receipt.size => Local::Grew,
        _ => Local::Same,
    }
}

/// Compares an object with the file that it is a copy of: byte for byte with the file itself, else by its hash.
pub async fn copy(
    client: &Client,
    key: &str,
    length: u64,
    receipt: &ReceiptRow,
    file: Option<&Path>,
) -> Verdict {
    let mut body = match client.get_object(key).await {
        Ok(Some(body)) => body,
        Ok(None) => return Verdict::Missing,
        Err(failure) => return Verdict::Failed(failure.to_string()),
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
            let same = piece.iter().zip(&there[..read]).take_while(|(a, b)| a == b).count();
            if same < piece.len() {
                return Verdict::Differs { at: offset + same as u64 };
            }
        }
        hasher.update(&piece);
        offset += piece.len() as u64;
    }
    if offset != length {
        return match file {
            Some(_) => Verdict::Differs { at: offset.min(length) },
            None => Verdict::OtherLength { is: offset, should_be: length },
        };
    }
    let sha256: [u8; 32] = hasher.finalize().into();
    match &receipt.seal {
        Some(seal) if seal.size == offset && seal.sha256 != sha256 => Verdict::OtherHash,
        Some(seal) if seal.size == offset => Verdict::Matches,
        _ if file.is_some() => Verdict::Matches,
        _ => Verdict::NotCompared("the file is not there any more, and had not come to its end".to_owned()),
    }
}

/// Looks whether an object that components made is there, and as long as it should be where that is known.
pub async fn made(client: &Client, key: &str, length: Option<u64>) -> Verdict {
    match client.head_object(key).await {
        Ok(Some(found)) => match length {
            Some(should_be) if should_be != found.length => {
                Verdict::OtherLength { is: found.length, should_be }
            }
            _ => Verdict::There,
        },
        Ok(None) => Verdict::Missing,
        Err(failure) => Verdict::Failed(failure.to_string()),
    }
}
