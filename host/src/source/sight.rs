//! One look at one file: is it what it was, has it grown, or is it another by now?

use super::discover::Found;
use super::{Stream, fingerprint};
use crate::cursor::{Identity, StreamRow};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// One look at one file.
pub enum Sight {
    Same,
    Grew {
        size: u64,
        modified: i64,
        identity: Option<Identity>,
    },
    /// A generation that the source does not know yet; `same_inode`: the old one was rewritten in place.
    New {
        identity: Identity,
        size: u64,
        modified: i64,
        same_inode: bool,
    },
}

/// Compares a file with what is known by its path. Opens it only when something changed.
pub fn look(found: &Found, known: Option<&Stream>, remembered: Option<&StreamRow>) -> std::io::Result<Sight> {
    let size = found.metadata.len();
    let modified = found.metadata.modified().map_or(0, ns);
    let identity = match (known, remembered) {
        (Some(stream), _) => stream.identity(),
        (None, Some(row)) => row.identity.clone(),
        (None, None) => {
            let (identity, size) = identify_file(&found.abs)?;
            return Ok(Sight::New { identity, size, modified, same_inode: false });
        }
    };
    if let Some(stream) = known {
        let snapshot = stream.snapshot();
        let same_file = found.metadata.ino() == identity.inode;
        if same_file && size == snapshot.size && modified == snapshot.modified {
            return Ok(Sight::Same);
        }
        if same_file && size < snapshot.size {
            let (identity, size) = identify_file(&found.abs)?;
            return Ok(Sight::New { identity, size, modified, same_inode: true });
        }
    }
    let file = File::open(&found.abs)?;
    let metadata = file.metadata()?;
    // Shorter than it was: what is there now was written after a cut, however it begins.
    let cut = remembered.is_some_and(|row| metadata.len() < row.size);
    if cut || !fingerprint::matches(&identity, &file, &metadata)? {
        let same_inode = metadata.ino() == identity.inode;
        let identity = fingerprint::take(&file, &metadata)?;
        return Ok(Sight::New { identity, size: metadata.len(), modified, same_inode });
    }
    let covers_more = identity.head_len < fingerprint::HEAD && metadata.len() > u64::from(identity.head_len);
    let identity = if covers_more || metadata.dev() != identity.device {
        Some(fingerprint::take(&file, &metadata)?)
    } else {
        None
    };
    Ok(Sight::Grew { size: metadata.len(), modified, identity })
}

fn identify_file(path: &Path) -> std::io::Result<(Identity, u64)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    Ok((fingerprint::take(&file, &metadata)?, metadata.len()))
}

/// ns since the epoch.
pub fn ns(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
