//! Whether the store answers, and whether it can be written: what probes ask.

use super::store::FILE;
use super::{Store, StoreError, schema};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

impl Store {
    /// Answers when all that was asked before is done.
    pub async fn answers(&self) -> Result<(), StoreError> {
        self.call(|_| Ok(())).await
    }

    /// Writes down what is written there already.
    pub async fn can_be_written(&self) -> Result<(), StoreError> {
        self.call(|db| {
            let tx = db.transaction()?;
            let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            tx.pragma_update(None, "user_version", version)?;
            tx.commit()
        })
        .await
    }
}

/// Whether the data dir can be written and its store, if there is one, read by this version. The caller holds the dir's
/// lock; nothing is left behind, and no store is made or changed.
pub fn try_store(data_dir: &Path) -> Result<(), StoreError> {
    let probe = data_dir.join(format!("probe-{}", std::process::id()));
    let unusable = |error| StoreError::Unusable { dir: data_dir.to_owned(), error };
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(unusable)?;
    let file = data_dir.join(FILE);
    if !file.exists() {
        return Ok(());
    }
    let version = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|db| db.query_row("PRAGMA user_version", [], |row| row.get(0)));
    match version {
        Ok(found) if found > schema::VERSION => {
            Err(StoreError::Newer { file, found, known: schema::VERSION })
        }
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Sqlite { file, error }),
    }
}
