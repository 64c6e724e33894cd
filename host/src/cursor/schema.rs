//! The tables, and how an older version's become ours.

use rusqlite::Connection;

/// Version of the tables below, kept in `SQLite`'s `user_version`.
pub const VERSION: i64 = 2;

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

/// Since version 2: what is under way to S3 and must be ended by whoever comes after a kill.
const UNDER_WAY: &str = "
CREATE TABLE uploads (                      -- multipart uploads that are not completed
    stream      INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    sink        TEXT NOT NULL,
    key         TEXT NOT NULL,
    upload      TEXT NOT NULL,              -- S3's id of it
    checksum    TEXT NOT NULL,              -- the algorithm of its parts' checksums
    key_is_new  INTEGER NOT NULL,           -- completing it must not replace an object
    copied      INTEGER NOT NULL,           -- so many bytes of the object before it are copied by its first parts
    sealed      INTEGER NOT NULL DEFAULT 0, -- every part is there
    PRIMARY KEY (stream, sink)
) WITHOUT ROWID;
CREATE TABLE upload_parts (                 -- parts that S3 has
    stream      INTEGER NOT NULL,
    sink        TEXT NOT NULL,
    number      INTEGER NOT NULL,           -- from 1
    etag        TEXT,
    checksum    TEXT,
    length      INTEGER NOT NULL,           -- bytes
    lines       INTEGER NOT NULL,           -- line breaks in it that were in no object before
    offset      INTEGER NOT NULL,           -- place in the file after it
    clock       INTEGER NOT NULL,           -- time of the last event before that place
    PRIMARY KEY (stream, sink, number),
    FOREIGN KEY (stream, sink) REFERENCES uploads (stream, sink) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE objects (                      -- objects of layout `batch` whose cursors are not all past them
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    sink        TEXT NOT NULL,
    folder      TEXT NOT NULL,              -- the key template as its events rendered it: which events it holds
    key         TEXT NOT NULL,              -- where it is put, whenever that is
    shape       TEXT NOT NULL,              -- codec and compression
    stored      INTEGER NOT NULL DEFAULT 0  -- the service has it
);
CREATE TABLE chunks (                       -- what they hold, in order: a batch's events of that folder
    object      INTEGER NOT NULL REFERENCES objects (id) ON DELETE CASCADE,
    place       INTEGER NOT NULL,
    stream      INTEGER NOT NULL REFERENCES streams (id) ON DELETE CASCADE,
    offset      INTEGER NOT NULL,           -- the batch and how it was made: see transform/chain
    end         INTEGER NOT NULL,
    clock       INTEGER NOT NULL,
    shown       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    file_time   INTEGER NOT NULL,
    made_at     INTEGER NOT NULL,
    events      INTEGER NOT NULL,           -- a hash of which events of the batch these are
    PRIMARY KEY (object, place)
) WITHOUT ROWID;
CREATE INDEX chunks_by_stream ON chunks (stream);
";

/// Opens the tables, making them if there are none. `Err(Some(found))`: written by a newer version.
pub fn prepare(db: &mut Connection) -> Result<Result<(), i64>, rusqlite::Error> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // What is not ours stays as it is.
    if found > VERSION {
        return Ok(Err(found));
    }
    db.execute_batch(PRAGMAS)?;
    let tx = db.transaction()?;
    match found {
        0 => {
            tx.execute_batch(TABLES)?;
            tx.execute_batch(UNDER_WAY)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        1 => {
            tx.execute_batch(UNDER_WAY)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        VERSION => {}
        newer => return Ok(Err(newer)),
    }
    tx.commit()?;
    Ok(Ok(()))
}
