//! One updraft per data dir: an advisory lock that the system drops with the process, however it dies.

use super::StoreError;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Holds the data dir until dropped.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
    dir: PathBuf,
}

impl DataDirLock {
    /// Makes the folder if need be and takes its lock, or says who is in the way.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        let unusable = |error| StoreError::Unusable { dir: dir.to_owned(), error };
        std::fs::create_dir_all(dir).map_err(unusable)?;
        let path = dir.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file, dir: dir.to_owned() }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned(), lock: path }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// The folder that it holds.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
