//! Which file is meant, which source reads it, and which lines of it.

use super::explain::ExplainError;
use crate::config::{Config, Source, refusal};
use crate::source::discover::rel_of;
use crate::source::tail::read_full;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How much of a file is looked at at a time.
const CHUNK: usize = 128 << 10;

/// A file below the log folder of a source that reads it.
pub struct Found {
    /// Index of the source.
    pub source: usize,
    /// Where the file is.
    pub file: PathBuf,
    /// Its path below the log folder.
    pub path: String,
}

/// The sources that read a file: at least one.
pub fn find(config: &Config, named: &Path) -> Result<Vec<Found>, ExplainError> {
    let sources = || config.sources.iter().enumerate().filter(|(_, source)| !source.dead_letters);
    let (mut found, mut refused, mut there) = (Vec::new(), Vec::new(), named.is_file());
    for (index, source) in sources() {
        let Some((file, path)) = below(source, named) else { continue };
        there = true;
        match refusal(source, &path) {
            None => found.push(Found { source: index, file, path }),
            Some(why) => refused.push(format!("source `{}` does not read it: {why}", source.id)),
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let file = named.to_owned();
    if !refused.is_empty() {
        return Err(ExplainError::Refused { file, why: refused.join("; ") });
    }
    let folders: Vec<_> = sources().map(|(_, source)| source.base_log_folder.display().to_string()).collect();
    let folders = folders.join(", ");
    Err(if there {
        ExplainError::Elsewhere { file, folders }
    } else {
        ExplainError::NoFile { file, folders }
    })
}

/// Where it is, and its path below the folder: as it is named from here, or from there.
fn below(source: &Source, named: &Path) -> Option<(PathBuf, String)> {
    let folder = &source.base_log_folder;
    let there = [named.to_owned(), folder.join(named)];
    there.into_iter().filter(|file| file.is_file()).find_map(|file| {
        // As a look through the folder would find it: by its real name where that lies in it.
        let real = file.canonicalize().ok().zip(folder.canonicalize().ok());
        let by_real_name = real.and_then(|(file, folder)| Some(file.strip_prefix(folder).ok()?.to_owned()));
        let by_name = || Some(std::path::absolute(&file).ok()?.strip_prefix(folder).ok()?.to_owned());
        let path = by_real_name.or_else(by_name)?;
        Some((file, rel_of(&path)))
    })
}

/// The lines of a file by their ends.
pub struct LineEnds(Vec<u64>);

impl LineEnds {
    /// Looks through it, as long as it is now.
    pub fn of(file: &File) -> io::Result<Self> {
        let (mut ends, mut offset, mut buffer) = (Vec::new(), 0, vec![0; CHUNK]);
        loop {
            let read = read_full(file, &mut buffer, offset)?;
            ends.extend(memchr::memchr_iter(b'\n', &buffer[..read]).map(|at| offset + at as u64 + 1));
            offset += read as u64;
            if read < CHUNK {
                break;
            }
        }
        if ends.last().copied().unwrap_or(0) < offset {
            ends.push(offset);
        }
        Ok(Self(ends))
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The bytes of these lines, which count from 1.
    pub fn bytes(&self, lines: &Range<u64>) -> Range<u64> {
        let end_of = |line: u64| match line.checked_sub(1) {
            Some(before) => self.0.get(before as usize).or(self.0.last()).copied().unwrap_or(0),
            None => 0,
        };
        end_of(lines.start - 1)..end_of(lines.end - 1)
    }

    /// The lines that these bytes are in, from 1.
    pub fn lines(&self, bytes: &Range<u64>) -> Range<u64> {
        let first = self.0.partition_point(|&end| end <= bytes.start) as u64 + 1;
        let last = self.0.partition_point(|&end| end < bytes.end) as u64 + 1;
        first..last.max(first) + 1
    }
}
