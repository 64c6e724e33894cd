//! The tables, and how an older version's become ours.

use rusqlite::Connection;

/// Version of the tables below, kept in `SQLite`'s `user_version`.
pub const VERSION: i64 = STEPS.len() as i64;

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

/// Since version 3: what went where, kept when the stream itself is forgotten.
const RECEIPTS: &str = "
CREATE TABLE receipts (                     -- one for each generation of a file
    id          INTEGER PRIMARY KEY,        -- the stream's
    source      TEXT NOT NULL,
    path        TEXT NOT NULL,
    generation  TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,           -- ms since the epoch
    size        INTEGER NOT NULL,           -- the most that was seen of it
    touched     INTEGER NOT NULL,           -- ms since the epoch; the oldest are forgotten first
    sealed      INTEGER,                    -- when its bytes were hashed, ms since the epoch…
    sealed_size INTEGER,                    -- …so many of them…
    sha256      BLOB                        -- …to this
);
CREATE INDEX receipts_by_touch ON receipts (touched);
CREATE TABLE fates (                        -- what became of its events
    receipt     INTEGER NOT NULL REFERENCES receipts (id) ON DELETE CASCADE,
    sink        TEXT NOT NULL,              -- id of the sink in the config
    outcome     TEXT NOT NULL,              -- delivered, dropped, too_old …
    target      TEXT NOT NULL,              -- log stream, object or file; of what was refused the sink of its dead letters; of what is lost the reason
    start       INTEGER NOT NULL,           -- from the first byte that one of them came from…
    end         INTEGER NOT NULL,           -- …to the last
    events      INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,           -- of the file, that they came from
    first_at    INTEGER NOT NULL,           -- when the first of them was acknowledged, ms since the epoch
    last_at     INTEGER NOT NULL,
    PRIMARY KEY (receipt, sink, outcome, target)
) WITHOUT ROWID;
";

/// Since version 3: what was lost at the source.
const LOSSES: &str = "
CREATE TABLE losses (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    sink        TEXT NOT NULL,
    source      TEXT NOT NULL,              -- empty, as are path and generation, in the sum of old losses
    path        TEXT NOT NULL,
    generation  TEXT NOT NULL,
    from_byte   INTEGER NOT NULL,
    to_byte     INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,           -- fewer than from … to where objects of layout `batch` have some of them
    at          INTEGER NOT NULL,           -- ms since the epoch
    reason      TEXT NOT NULL
);
ALTER TABLE chunks ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;  -- how many of the batch's bytes these events came from
";

/// Since version 4: what of an upload's parts is not as the file has it.
const REPLACED: &str = "
ALTER TABLE upload_parts ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;  -- bytes in it that are `?` for what is not UTF-8, and were in no object before
";

/// What makes a store of each version that of the next, from 0, which has nothing.
const STEPS: [&[&str]; 4] = [&[TABLES], &[UNDER_WAY], &[LOSSES, RECEIPTS], &[REPLACED]];

/// Opens the tables, making those that are missing. `Ok(Err(found))`: written by a newer version.
pub fn prepare(db: &mut Connection) -> Result<Result<(), i64>, rusqlite::Error> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // What is not ours stays as it is.
    let Some(missing) = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)) else {
        return Ok(Err(found));
    };
    db.execute_batch(PRAGMAS)?;
    let tx = db.transaction()?;
    for tables in missing.iter().copied().flatten() {
        tx.execute_batch(tables)?;
    }
    if !missing.is_empty() {
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()?;
    Ok(Ok(()))
}

/// A store of an older version that knows one stream.
#[cfg(test)]
pub fn make_older(data_dir: &std::path::Path, version: usize) -> Connection {
    let db = Connection::open(data_dir.join("cursors.sqlite")).expect("it can be made");
    for tables in STEPS[..version].iter().copied().flatten() {
        db.execute_batch(tables).expect("tables");
    }
    db.pragma_update(None, "user_version", version as i64).expect("a version");
    db.execute(
        "INSERT INTO streams VALUES (1, 'airflow', 'a.log', 'generation', 0, 0, 0, 0, zeroblob(32), 100)",
        [],
    )
    .expect("a stream");
    db
}
