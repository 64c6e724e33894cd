//! Where each lane stands: the only thing that must survive a restart.
//!
//! A cursor is the byte offset in one generation of a file up to which one sink's service has acknowledged
//! everything. It moves after the acknowledgement, never before and never backwards; all the moves that one
//! acknowledgement brings are one transaction.

#[cfg(test)]
mod crash_tests;
mod lock;
mod losses;
mod objects;
mod probe;
mod receipts;
mod schema;
mod store;
mod uploads;

pub use lock::DataDirLock;
pub use losses::{Loss, LossReason, Lost, losses};
pub use objects::{ChunkRow, ObjectId, ObjectRow};
pub use probe::try_store;
pub use receipts::{ReceiptRow, Receipts, Seal};
pub use store::{CursorMove, CursorRow, Identity, NewStream, Store, StreamId, StreamRow};
pub use uploads::{Gain, PartRow, UploadRow};

use std::path::PathBuf;

/// What went wrong with the data dir. Nothing is retried here: the callers that can, wait and try again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock.
    #[error(
        "data dir {dir} is in use by another updraft (it holds {lock}); stop that one, or give this one a `data_dir` of its own"
    )]
    InUse {
        /// The data dir.
        dir: PathBuf,
        /// Its lock file.
        lock: PathBuf,
    },
    /// The directory cannot be made or written.
    #[error(
        "cannot use data dir {dir}: {error}; give a folder that this user may write as `data_dir` or UPDRAFT_DATA_DIR"
    )]
    Unusable {
        /// The data dir.
        dir: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// Written by a newer version.
    #[error(
        "{file} was written by a newer updraft (store version {found}, this one knows {known}); run that version, or remove the file to begin anew"
    )]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// The newest this build can read.
        known: i64,
    },
    /// Written by an older version, and only to be read.
    #[error(
        "{file} was written by an older updraft (store version {found}, this one reads {known}); `updraft run` of this version brings it up to date"
    )]
    Older {
        /// The database.
        file: PathBuf,
        /// Its version.
        found: i64,
        /// What this build reads.
        known: i64,
    },
    /// It is no store, or not all of one.
    #[error(
        "cursor store {file} is damaged: {error}; it is left as it is: put a copy of it in its place, or move it away \
         (with {file}-wal and {file}-shm) to begin anew, and everything that is still in the log folder is sent again"
    )]
    Damaged {
        /// The database.
        file: PathBuf,
        /// What `SQLite` said.
        #[source]
        error: rusqlite::Error,
    },
    /// `SQLite` refused.
    #[error("cursor store {file}: {error}")]
    Sqlite {
        /// The database.
        file: PathBuf,
        /// What `SQLite` said.
        #[source]
        error: rusqlite::Error,
    },
    /// The store's thread is gone: the host is stopping.
    #[error("the cursor store is closed")]
    Closed,
}
