//! The one rule of the house that no linter knows: the first line of each Rust file says why it exists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Outcome, heading, root};

pub fn tidy() -> Outcome {
    heading("every Rust file says why it exists");
    let files = rust_files(root())?;
    let silent: Vec<_> =
        files.iter().filter(|file| !says_why(file)).map(|file| file.to_string_lossy()).collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(format!("files whose first line is not `//!` and why they exist:\n  {}", silent.join("\n  ")).into())
}

fn says_why(file: &Path) -> bool {
    fs::read_to_string(file).is_ok_and(|text| has_purpose(&text))
}

fn has_purpose(text: &str) -> bool {
    text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_some_and(|why| !why.trim().is_empty())
}

/// All of ours: not what cargo builds, nor hidden folders, nor what npm brings.
fn rust_files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_must_begin_with_its_purpose() {
        assert!(has_purpose("//! Why.\n"));
        for without in ["", "\n//! Why.", "//!\n", "//! \n", "// Why.", "use std::fs;"] {
            assert!(!has_purpose(without), "{without:?}");
        }
    }

    #[test]
    fn this_repositorys_files_are_found() {
        let files = rust_files(root()).unwrap_or_default();
        assert!(files.iter().any(|file| file.ends_with("xtask/src/tidy.rs")));
        assert!(files.iter().all(|file| !file.starts_with(root().join("target"))));
    }
}
