//! Writes what tests got into the file that they stand in.

use super::tests::Tested;
use crate::config::{Format, NewEvents, RewriteError, with_events};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

/// What was changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Outputs with other events than before: test, transform or sink, how many events.
    pub outputs: Vec<(String, String, usize)>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The file cannot be read or written.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// Its text cannot be changed.
    #[error("{}: {error}", file.display())]
    Text {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        error: RewriteError,
    },
}

/// Writes what tests got where that is not what is expected, and leaves all else of the file as it is. A test that is halted,
/// or whose router fails, is left alone. The file is another at once, or not at all.
pub fn update(file: &Path, format: Format, tested: &[Tested]) -> Result<Updated, UpdateError> {
    let mut updated = Updated::default();
    let mut changes = Vec::new();
    for (test, it) in tested.iter().enumerate().filter(|(_, it)| !it.halted && !it.unanswered) {
        for (output, outcome) in it.outputs.iter().enumerate().filter(|(_, outcome)| !outcome.good) {
            changes.push(NewEvents { test, output, events: outcome.got.clone() });
            updated.outputs.push((it.name.clone(), outcome.from.clone(), outcome.got.len()));
        }
    }
    if changes.is_empty() {
        return Ok(updated);
    }
    let failed = |error| UpdateError::Io { file: file.to_owned(), error };
    let text = fs::read_to_string(file).map_err(failed)?;
    let new = with_events(&text, format, &changes)
        .map_err(|error| UpdateError::Text { file: file.to_owned(), error })?;
    replace(file, &new).map_err(failed)?;
    Ok(updated)
}

fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // A link stays one.
    let file = fs::canonicalize(file)?;
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    new.write_all(text.as_bytes())?;
    let was = fs::metadata(&file)?;
    // Whoever reads it now has to be able to read it then.
    fchown(new.as_file(), Some(was.uid()), Some(was.gid()))?;
    new.as_file().set_permissions(was.permissions())?;
    new.as_file().sync_all()?;
    new.persist(&file)?;
    Ok(())
}
