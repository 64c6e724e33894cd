//! A file by itself: a stream that no store knows, of a file that is taken as it is now.

use super::sight::Stamp;
use super::{OpenFiles, Stream, fingerprint};
use crate::cursor::StreamId;
use crate::event::Origin;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// There is no other.
const ID: StreamId = 1;

/// The stream of an open file, and that file to read it by. `written`: what counts as the time when it was last written,
/// ns since the epoch; none: what the system says.
pub fn alone(
    source: usize,
    origin: Origin,
    file: File,
    place: PathBuf,
    written: Option<i64>,
) -> io::Result<(Stream, OpenFiles)> {
    let metadata = file.metadata()?;
    let identity = fingerprint::take(&file, &metadata)?;
    let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    let stamp = Stamp { modified: written.unwrap_or(modified), ..Stamp::default() };
    let stream = Stream::new(ID, source, origin, String::new(), 0, place.into(), identity);
    stream.grow(metadata.len(), stamp);
    let files = OpenFiles::default();
    files.put(&stream, file);
    Ok((stream, files))
}
