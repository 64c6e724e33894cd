//! Puts a project on disk: all of it, or nothing, and never among what is there already.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why there is no project; said after its folder.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something is there.
    #[error("{0}; take another name, or another folder with --path")]
    Taken(&'static str),
    /// Nothing of it is left behind.
    #[error("the project cannot be written, and nothing of it was: {0}")]
    Io(#[from] io::Error),
}

/// Writes files, named by their paths below `folder`, which is made or is empty.
pub fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), WriteError> {
    let existed = match fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(WriteError::Taken("the folder is not empty"));
            }
            true
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(WriteError::Taken("that is a file"));
        }
        Err(error) => return Err(error.into()),
    };
    fs::create_dir_all(folder)?;
    let mut made = Made { folder: (!existed).then_some(folder), files: Vec::new() };
    for (name, text) in files {
        made.file(folder, name, text)?;
    }
    made.keep();
    Ok(())
}

/// What was made so far; taken away again unless it is kept.
struct Made<'p> {
    folder: Option<&'p Path>,
    /// Files, and folders that stand right in the project's.
    files: Vec<PathBuf>,
}

impl Made<'_> {
    fn file(&mut self, folder: &Path, name: &str, text: &str) -> io::Result<()> {
        let path = folder.join(name);
        if let Some((first, _)) = name.split_once('/') {
            let first = folder.join(first);
            if !self.files.contains(&first) {
                fs::create_dir(&first)?;
                self.files.push(first);
            }
            fs::create_dir_all(path.with_file_name(""))?;
            return fs::write(path, text);
        }
        let mut file = File::create_new(&path)?;
        self.files.push(path);
        file.write_all(text.as_bytes())
    }

    fn keep(mut self) {
        self.files.clear();
        self.folder = None;
    }
}

impl Drop for Made<'_> {
    /// What cannot be taken away has been said already: it is why the project could not be written.
    fn drop(&mut self) {
        for path in &self.files {
            if path.is_dir() {
                fs::remove_dir_all(path).ok()
            } else {
                fs::remove_file(path).ok()
            };
        }
        if let Some(folder) = self.folder {
            fs::remove_dir(folder).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|&name| (name.to_owned(), format!("{name}!"))).collect()
    }

    #[test]
    fn files_stand_in_a_new_folder_or_in_an_empty_one() {
        let folder = tempfile::tempdir().expect("a folder");
        for project in [folder.path().join("new"), folder.path().join("a/b")] {
            write(&project, &files(&["a", "src/b", "src/deep/c"])).expect("written");
            assert_eq!(fs::read_to_string(project.join("src/deep/c")).expect("it is there"), "src/deep/c!");
        }
        let empty = tempfile::tempdir().expect("a folder");
        write(empty.path(), &files(&["a"])).expect("written");
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("mine"), "mine").expect("written");
        let said = |path: &Path| write(path, &files(&["a"])).expect_err("it is taken").to_string();
        assert!(said(folder.path()).starts_with("the folder is not empty"));
        assert!(said(&folder.path().join("mine")).starts_with("that is a file"));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_project_that_cannot_be_written_whole_is_not_written_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        // A name that no disk takes, after others that it did.
        let too_long = format!("z/{}", "z".repeat(300));
        for project in [folder.path().join("new"), folder.path().to_owned()] {
            let said = write(&project, &files(&["a", "src/b", &too_long])).expect_err("it cannot be");
            assert!(matches!(said, WriteError::Io(_)), "{said}");
            assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        }
    }
}
