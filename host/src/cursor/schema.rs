//! The tables, and how an older version's become ours.

use rusqlite::Connection;

/// Version of the tables below, kept in `SQLite`'s `user_version`.
pub const VERSION: i64 = 1;

/// Safe against SIGKILL (WAL) and cheap to commit (no fsync but at checkpoints).
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;";

const TABLES: &str = "
CREATE TABLE streams (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: batches are remembered by it
    source      TEXT NOT NULL,              -- id of the source in the config
    path        TEXT NOT NULL,              -- relative to the source's root
    generation  TEXT NOT NULL UNIQUE,       -- written into the metadata of what this generation becomes
    first_seen  INTEGER NOT NULL,           -- ms since the epoch
    device      INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    head_len    INTEGER NOT NULL,           -- how many bytes of the beginning the fingerprint covers
    head_hash   BLOB NOT NULL,
    size        INTEGER NOT NULL            -- the most that was ever seen of it: what of that was not delivered when it vanishes is lost
);
CREATE INDEX streams_by_path ON streams (source, path);
CREATE TABLE cursors (
    stream      INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    sink        TEXT NOT NULL,              -- id of the sink in the config
    offset      INTEGER NOT NULL,           -- acknowledged up to here
    clock       INTEGER NOT NULL,           -- time of the last event before the offset, ns; min: none
    target      TEXT,                       -- object key or file name, once chosen
    written     INTEGER NOT NULL DEFAULT 0, -- how long the object or file is
    PRIMARY KEY (stream, sink)
) WITHOUT ROWID;
";

/// Opens the tables, making them if there are none. `Err(Some(found))`: written by a newer version.
pub fn prepare(db: &mut Connection) -> Result<Result<(), i64>, rusqlite::Error> {
    db.execute_batch(PRAGMAS)?;
    let tx = db.transaction()?;
    let found: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match found {
        0 => {
            tx.execute_batch(TABLES)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        VERSION => {}
        newer => return Ok(Err(newer)),
    }
    tx.commit()?;
    Ok(Ok(()))
}
