//! One look at one file: is it what it was, has it grown, or is it another by now?

use super::discover::Found;
use super::fingerprint;
use crate::cursor::{Identity, StreamId};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that was written this shortly before a look may be written again without its times showing it: they are as
/// fine as the system's clock tick, or as a second or two on some network file systems. In ns.
const BLURRED: i64 = 2_000_000_000;

/// When a file was written, and when we last looked into it. ns since the epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Its content was written.
    pub modified: i64,
    /// Anything of it was changed: unlike the other, nobody can set this one.
    pub changed: i64,
    /// We looked into it.
    pub looked: i64,
}

/// A stream whose file is to be found again.
#[derive(Debug, Clone)]
pub struct Sought {
    /// Which.
    pub id: StreamId,
    /// Where it was, below the root, as [`super::discover::rel_of`] writes it.
    pub rel: Arc<str>,
    /// The same as a path.
    pub abs: Arc<Path>,
    /// It was there at the last look of this run.
    pub is_there: bool,
    /// What it looked like.
    pub identity: Identity,
    /// The most that was seen of it: a file that is shorter was cut, however it begins.
    pub size: u64,
    /// Its times; none if it was seen by an earlier run only.
    pub stamp: Option<Stamp>,
    /// The most that any sink has of it.
    pub acknowledged: u64,
}

/// One look at one file.
#[derive(Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is as it was.
    Same,
    /// It is the stream's; there may be more of it.
    Grew(Seen),
    /// It is not the stream's, or not any more.
    Other,
}

/// What was seen of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How it begins, and which file it is.
    pub identity: Identity,
    /// Bytes.
    pub size: u64,
    /// When.
    pub stamp: Stamp,
}

/// Compares a file with what is known of a stream. Opens it unless nothing can have changed. Goes by what the open file
/// says: what a network file system says of a path may be late.
pub fn look(found: &Found, known: &Sought) -> std::io::Result<Sight> {
    let metadata = &found.metadata;
    if let Some(stamp) = &known.stamp
        && (metadata.dev(), metadata.ino()) == (known.identity.device, known.identity.inode)
        && metadata.len() == known.size
        && stamp.still_holds(metadata)
    {
        return Ok(Sight::Same);
    }
    let looked = ns(SystemTime::now());
    let (file, metadata) = open(found)?;
    if metadata.len() < known.size {
        return Ok(Sight::Other);
    }
    let Some(identity) = fingerprint::renew(&known.identity, &file, &metadata)? else {
        return Ok(Sight::Other);
    };
    Ok(Sight::Grew(Seen { identity, size: metadata.len(), stamp: Stamp::of(&metadata, looked) }))
}

/// A look at a file of which nothing is known.
pub fn identify(found: &Found) -> std::io::Result<Seen> {
    let looked = ns(SystemTime::now());
    let (file, metadata) = open(found)?;
    let identity = fingerprint::take(&file, &metadata)?;
    Ok(Seen { identity, size: metadata.len(), stamp: Stamp::of(&metadata, looked) })
}

/// Opens a file that was found. `NotFound` where its path leads to another by now: in the middle of a rotation that says
/// nothing of either, and the next look meets both.
fn open(found: &Found) -> std::io::Result<(File, Metadata)> {
    let file = File::open(&found.abs)?;
    let metadata = file.metadata()?;
    if metadata.ino() != found.metadata.ino() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    Ok((file, metadata))
}

impl Stamp {
    fn of(metadata: &Metadata, looked: i64) -> Self {
        let modified = metadata.modified().map_or(0, ns);
        Self { modified, changed: changed(metadata), looked }
    }

    /// Nobody can have written since we looked.
    fn still_holds(&self, metadata: &Metadata) -> bool {
        metadata.modified().map_or(0, ns) == self.modified
            && changed(metadata) == self.changed
            && self.looked.saturating_sub(self.modified.max(self.changed)) >= BLURRED
    }
}

fn changed(metadata: &Metadata) -> i64 {
    metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec())
}

/// ns since the epoch.
pub fn ns(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
