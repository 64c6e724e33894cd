//! The cursors on disk: one `SQLite` file, one thread that owns it, one transaction per acknowledgement.

use super::{StoreError, receipts, schema};
use crate::event::NO_TIMESTAMP;
use crate::receipt::Entry;
use rusqlite::{Connection, params};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use tokio::sync::oneshot;

/// How many commands may wait for the store's thread. A caller beyond that waits itself.
const QUEUE: usize = 256;

/// Its name in the data dir.
pub(super) const FILE: &str = "cursors.sqlite";

/// A stream's number in the store; never used twice.
pub type StreamId = i64;

/// What tells one generation of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Device number. Changes when a volume is mounted anew.
    pub device: u64,
    /// Inode number. Used again soon after a file is deleted.
    pub inode: u64,
    /// How many bytes of the beginning the hash covers.
    pub head_len: u32,
    /// SHA-256 of them.
    pub head_hash: [u8; 32],
}

/// A stream that begins.
#[derive(Debug, Clone)]
pub struct NewStream {
    /// Id of its source.
    pub source: String,
    /// Path below the source's root.
    pub path: String,
    /// Unique name of this generation.
    pub generation: String,
    /// When it was first seen, ms since the epoch.
    pub first_seen: i64,
    /// What it looks like.
    pub identity: Identity,
    /// How long it is.
    pub size: u64,
    /// Sinks that need nothing before this offset (`read_from: end`).
    pub skip_to: Option<(u64, Vec<String>)>,
}

#[cfg(test)]
impl NewStream {
    /// One of 100 bytes, for tests that care for no more of it.
    pub fn sample(path: &str) -> Self {
        Self {
            source: "airflow".into(),
            path: path.into(),
            generation: "generation".into(),
            first_seen: 0,
            identity: Identity { device: 0, inode: 0, head_len: 0, head_hash: [0; 32] },
            size: 100,
            skip_to: None,
        }
    }
}

/// A stream as the store knows it.
#[derive(Debug, Clone)]
pub struct StreamRow {
    /// Its number.
    pub id: StreamId,
    /// Path below the source's root.
    pub path: String,
    /// Unique name of this generation.
    pub generation: String,
    /// When it was first seen, ms since the epoch.
    pub first_seen: i64,
    /// What it looked like.
    pub identity: Identity,
    /// The most that was seen of it, and written down.
    pub size: u64,
    /// Where its sinks stand.
    pub cursors: Vec<(String, CursorRow)>,
}

/// Where one sink stands in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorRow {
    /// Acknowledged up to here.
    pub offset: u64,
    /// Time of the last event before the offset, ns since the epoch; [`NO_TIMESTAMP`]: none.
    pub clock: i64,
    /// Object key or file name, once chosen: it stays.
    pub target: Option<String>,
    /// How long the object or file is.
    pub written: u64,
}

impl Default for CursorRow {
    fn default() -> Self {
        Self { offset: 0, clock: NO_TIMESTAMP, target: None, written: 0 }
    }
}

/// A cursor that moves.
#[derive(Debug, Clone)]
pub struct CursorMove {
    /// Which stream.
    pub stream: StreamId,
    /// Which sink.
    pub sink: String,
    /// How long the stream is.
    pub size: u64,
    /// Where it stands now.
    pub row: CursorRow,
    /// What became of the events that it passed, for the stream's receipt.
    pub entries: Vec<Entry>,
}

type Command = Box<dyn FnOnce(&mut Connection) + Send>;

/// A handle to the store; clones share one thread.
#[derive(Debug, Clone)]
pub struct Store {
    commands: mpsc::SyncSender<Command>,
    file: PathBuf,
}

impl Store {
    /// Opens `cursors.sqlite` in the data dir. The caller holds the dir's lock.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let file = data_dir.join(FILE);
        let sqlite = |error| StoreError::Sqlite { file: file.clone(), error };
        let mut db = Connection::open(&file).map_err(sqlite)?;
        if let Err(error) = check(&db) {
            return Err(if damage(&error) { StoreError::Damaged { file, error } } else { sqlite(error) });
        }
        if let Err(found) = schema::prepare(&mut db).map_err(sqlite)? {
            return Err(StoreError::Newer { file, found, known: schema::VERSION });
        }
        let (commands, inbox) = mpsc::sync_channel::<Command>(QUEUE);
        std::thread::Builder::new()
            .name("updraft-cursors".into())
            .spawn(move || {
                for command in inbox {
                    command(&mut db);
                }
            })
            .map_err(|error| StoreError::Unusable { dir: data_dir.to_owned(), error })?;
        Ok(Self { commands, file })
    }

    /// Every stream of a source, oldest first.
    pub async fn streams(&self, source: &str) -> Result<Vec<StreamRow>, StoreError> {
        let source = source.to_owned();
        self.call(move |db| read_streams(db, &source)).await
    }

    /// The names under which a sink keeps streams.
    pub async fn targets(&self, sink: &str) -> Result<HashSet<String>, StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| {
            db.prepare("SELECT target FROM cursors WHERE sink = ?1 AND target IS NOT NULL")?
                .query_map([sink], |row| row.get(0))?
                .collect()
        })
        .await
    }

    /// Writes down streams that begin; their numbers come back in the same order.
    pub async fn begin(&self, streams: Vec<NewStream>) -> Result<Vec<StreamId>, StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            let ids = streams.iter().map(|stream| insert_stream(&tx, stream)).collect::<Result<_, _>>()?;
            tx.commit()?;
            Ok(ids)
        })
        .await
    }

    /// The beginning of a file has grown: its fingerprint covers more now.
    pub async fn identify(&self, id: StreamId, identity: Identity) -> Result<(), StoreError> {
        self.call(move |db| write_identity(db, id, &identity)).await
    }

    /// Moves cursors, all or none. A move backwards is not made.
    pub async fn commit(&self, moves: Vec<CursorMove>) -> Result<(), StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            write_moves(&tx, &moves)?;
            tx.commit()
        })
        .await
    }

    /// Forgets a stream whose file is gone and whose sinks have everything.
    pub async fn forget(&self, id: StreamId) -> Result<(), StoreError> {
        self.call(move |db| db.execute("DELETE FROM streams WHERE id = ?1", [id]).map(drop)).await
    }

    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let mut command: Command = Box::new(move |db| {
            // Nobody waits any more when the host was told to stop at once.
            let _ = reply.send(work(db));
        });
        loop {
            match self.commands.try_send(command) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Full(back)) => {
                    command = back;
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
            }
        }
        let result = answer.await.map_err(|_| StoreError::Closed)?;
        result.map_err(|error| StoreError::Sqlite { file: self.file.clone(), error })
    }
}

/// Looks whether all of the file is whole, before anything is written to it. (It has a row for each file and sink.)
fn check(db: &Connection) -> Result<(), rusqlite::Error> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // What a newer version's looks like, only that version knows.
    if version > schema::VERSION {
        return Ok(());
    }
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        return Ok(());
    }
    let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(corrupt, Some(found)))
}

fn damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn insert_stream(tx: &Connection, stream: &NewStream) -> Result<StreamId, rusqlite::Error> {
    tx.prepare_cached(
        "INSERT INTO streams (source, path, generation, first_seen, device, inode, head_len, head_hash, size)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        stream.source,
        stream.path,
        stream.generation,
        stream.first_seen,
        stream.identity.device.cast_signed(),
        stream.identity.inode.cast_signed(),
        stream.identity.head_len,
        stream.identity.head_hash,
        stream.size.cast_signed()
    ])?;
    let id = tx.last_insert_rowid();
    if let Some((offset, sinks)) = &stream.skip_to {
        for sink in sinks {
            tx.prepare_cached("INSERT INTO cursors (stream, sink, offset, clock) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![id, sink, offset.cast_signed(), NO_TIMESTAMP])?;
        }
    }
    Ok(id)
}

fn read_streams(db: &mut Connection, source: &str) -> Result<Vec<StreamRow>, rusqlite::Error> {
    let mut streams = db
        .prepare("SELECT id, path, generation, first_seen, device, inode, head_len, head_hash, size FROM streams WHERE source = ?1 ORDER BY id")?
        .query_map([source], |row| {
            Ok(StreamRow {
                id: row.get(0)?,
                path: row.get(1)?,
                generation: row.get(2)?,
                first_seen: row.get(3)?,
                identity: Identity {
                    device: row.get::<_, i64>(4)?.cast_unsigned(),
                    inode: row.get::<_, i64>(5)?.cast_unsigned(),
                    head_len: row.get(6)?,
                    head_hash: row.get(7)?,
                },
                size: row.get::<_, i64>(8)?.cast_unsigned(),
                cursors: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut cursors =
        db.prepare("SELECT sink, offset, clock, target, written FROM cursors WHERE stream = ?1")?;
    for stream in &mut streams {
        stream.cursors = cursors
            .query_map([stream.id], |row| {
                Ok((
                    row.get(0)?,
                    CursorRow {
                        offset: row.get::<_, i64>(1)?.cast_unsigned(),
                        clock: row.get(2)?,
                        target: row.get(3)?,
                        written: row.get::<_, i64>(4)?.cast_unsigned(),
                    },
                ))
            })?
            .collect::<Result<_, _>>()?;
    }
    Ok(streams)
}

pub(super) fn write_identity(
    db: &Connection,
    id: StreamId,
    identity: &Identity,
) -> Result<(), rusqlite::Error> {
    db.prepare_cached(
        "UPDATE streams SET device = ?2, inode = ?3, head_len = ?4, head_hash = ?5 WHERE id = ?1",
    )?
    .execute(params![
        id,
        identity.device.cast_signed(),
        identity.inode.cast_signed(),
        identity.head_len,
        identity.head_hash
    ])
    .map(drop)
}

/// Within the caller's transaction.
pub(super) fn write_moves(tx: &Connection, moves: &[CursorMove]) -> Result<(), rusqlite::Error> {
    // A stream forgotten meanwhile takes its moves with it: hence SELECT … FROM streams.
    let mut write = tx.prepare_cached(
        "INSERT INTO cursors (stream, sink, offset, clock, target, written)
         SELECT id, ?2, ?3, ?4, ?5, ?6 FROM streams WHERE id = ?1
         ON CONFLICT (stream, sink) DO UPDATE SET
            offset = excluded.offset, clock = excluded.clock,
            target = coalesce(excluded.target, target), written = excluded.written
         WHERE excluded.offset >= offset",
    )?;
    let mut grow = tx.prepare_cached("UPDATE streams SET size = ?2 WHERE id = ?1 AND size < ?2")?;
    for CursorMove { stream, sink, size, row, entries } in moves {
        receipts::write(tx, *stream, sink, entries)?;
        grow.execute(params![stream, size.cast_signed()])?;
        write.execute(params![
            stream,
            sink,
            row.offset.cast_signed(),
            row.clock,
            row.target,
            row.written.cast_signed()
        ])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
