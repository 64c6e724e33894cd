//! What was lost at the source, written down once: in the transaction after which nobody comes back to it.

use super::store::write_moves;
use super::{CursorMove, Identity, Store, StoreError, StreamId, receipts};
use crate::receipt::{Entry, Fate, Outcome};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::ops::Range;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Losses kept one by one. Older ones are summed up, in one for each sink.
const LOSS_ROWS: i64 = 10_000;

/// Why bytes of a log are in no sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason {
    /// The file was deleted before they were read.
    Deleted,
    /// It was truncated, rewritten or replaced by another.
    Replaced,
    /// The same, but another stream has them all: nothing is lost.
    Repeated,
    /// Either happened while updraft was not running.
    WhileStopped,
    /// The file was truncated, and the copy that was made of it before ends earlier.
    CopyIncomplete,
}

impl LossReason {
    /// As the store writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Replaced => "replaced",
            Self::Repeated => "repeated",
            Self::WhileStopped => "while_stopped",
            Self::CopyIncomplete => "copy_incomplete",
        }
    }
}

/// Bytes of a stream that a sink will never have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which stream.
    pub stream: StreamId,
    /// Id of the sink.
    pub sink: String,
    /// Which bytes.
    pub range: Range<u64>,
    /// Why.
    pub reason: LossReason,
}

/// A loss as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Id of the sink that lacks it.
    pub sink: String,
    /// Id of the source; empty in the sum of old losses, as are path and generation.
    pub source: String,
    /// Path of the file below the source's folder, as it was first seen.
    pub path: String,
    /// Unique name of that generation of the file.
    pub generation: String,
    /// First byte that was lost.
    pub from: u64,
    /// The byte after the last. Layout `batch` may have some of those in between.
    pub to: u64,
    /// How many bytes were lost.
    pub bytes: u64,
    /// When that was known, ms since the epoch.
    pub at: i64,
    /// `deleted`, `replaced`, `while_stopped`, `copy_incomplete`, or `summed` for the sum of old losses.
    pub reason: String,
}

/// All losses of a data dir, oldest first, whether an updraft runs there or not. None where there is no store yet.
pub fn losses(data_dir: &Path) -> Result<Vec<Loss>, StoreError> {
    let file = data_dir.join("cursors.sqlite");
    if !file.exists() {
        return Ok(Vec::new());
    }
    let read = || {
        let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // A store of an older version has none.
        let table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'losses'";
        match db.query_row(table, [], |_| Ok(())).optional()? {
            Some(()) => read_losses(&db),
            None => Ok(Vec::new()),
        }
    };
    read().map_err(|error| StoreError::Sqlite { file: file.clone(), error })
}

impl Store {
    /// [`Store::commit`], with what is lost before the places that these cursors move to. Returns what was written.
    pub async fn commit_with_losses(
        &self,
        moves: Vec<CursorMove>,
        lost: Vec<Lost>,
    ) -> Result<Vec<Loss>, StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            let losses = record(&tx, &lost)?;
            write_moves(&tx, &moves)?;
            tx.commit()?;
            Ok(losses)
        })
        .await
    }

    /// Forgets a stream that nobody will read again, with what its sinks did not have. Returns what was written.
    pub async fn forget_lost(&self, id: StreamId, lost: Vec<Lost>) -> Result<Vec<Loss>, StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            let losses = record(&tx, &lost)?;
            tx.execute("DELETE FROM streams WHERE id = ?1", [id])?;
            tx.commit()?;
            Ok(losses)
        })
        .await
    }

    /// A stream goes on in a copy of its file, which has so many bytes. Returns what was written of what the copy lacks.
    pub async fn copied(
        &self,
        id: StreamId,
        identity: Identity,
        size: u64,
        lost: Vec<Lost>,
    ) -> Result<Vec<Loss>, StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            let losses = record(&tx, &lost)?;
            super::store::write_identity(&tx, id, &identity)?;
            tx.execute("UPDATE streams SET size = ?2 WHERE id = ?1", params![id, size.cast_signed()])?;
            tx.commit()?;
            Ok(losses)
        })
        .await
    }

    /// How long streams were seen to be: should they vanish, what their sinks lack is counted by that.
    pub async fn saw(&self, sizes: Vec<(StreamId, u64)>) -> Result<(), StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            for (id, size) in sizes {
                tx.prepare_cached("UPDATE streams SET size = ?2 WHERE id = ?1 AND size < ?2")?
                    .execute(params![id, size.cast_signed()])?;
            }
            tx.commit()
        })
        .await
    }
}

/// Within the caller's transaction.
fn record(tx: &Connection, lost: &[Lost]) -> Result<Vec<Loss>, rusqlite::Error> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let mut written = Vec::new();
    for Lost { stream, sink, range, reason } in lost {
        let of_stream = tx
            .prepare_cached("SELECT source, path, generation FROM streams WHERE id = ?1")?
            .query_row([stream], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        // Forgotten: then what it lacked was written down with that.
        let Some((source, path, generation)) = of_stream else { continue };
        let length = range.end.saturating_sub(range.start);
        let bytes = length.saturating_sub(held(tx, *stream, sink, range)?);
        if bytes == 0 {
            continue;
        }
        if *reason == LossReason::Repeated {
            repeated(tx, *stream, sink, range, bytes)?;
            continue;
        }
        let row = Loss {
            sink: sink.clone(),
            source,
            path,
            generation,
            from: range.start,
            to: range.end,
            bytes,
            at,
            reason: reason.word().to_owned(),
        };
        insert(tx, &row)?;
        let fate = Fate { outcome: Outcome::Lost, target: row.reason.as_str().into() };
        receipts::write(tx, *stream, sink, &[Entry { fate, range: range.clone(), events: 0, bytes }])?;
        written.push(row);
    }
    if !written.is_empty() {
        sum_up(tx, LOSS_ROWS)?;
    }
    Ok(written)
}

/// No loss, but a receipt that there is already must say where those bytes are.
fn repeated(
    tx: &Connection,
    stream: StreamId,
    sink: &str,
    range: &Range<u64>,
    bytes: u64,
) -> Result<(), rusqlite::Error> {
    let there = tx.prepare_cached("SELECT 1 FROM receipts WHERE id = ?1")?.exists([stream])?;
    let fate = Fate { outcome: Outcome::Repeated, target: "".into() };
    let entry = Entry { fate, range: range.clone(), events: 0, bytes };
    if there { receipts::write(tx, stream, sink, &[entry]) } else { Ok(()) }
}

/// How many of these bytes are in objects of layout `batch` that the service has, though the cursor is before them.
fn held(tx: &Connection, stream: StreamId, sink: &str, range: &Range<u64>) -> Result<u64, rusqlite::Error> {
    let bytes: i64 = tx
        .prepare_cached(
            "SELECT COALESCE(SUM(chunks.bytes), 0) FROM chunks JOIN objects ON objects.id = chunks.object
             WHERE chunks.stream = ?1 AND objects.sink = ?2 AND objects.stored = 1
               AND chunks.offset >= ?3 AND chunks.end <= ?4",
        )?
        .query_row(params![stream, sink, range.start.cast_signed(), range.end.cast_signed()], |row| {
            row.get(0)
        })?;
    Ok(bytes.cast_unsigned())
}

fn insert(tx: &Connection, loss: &Loss) -> Result<(), rusqlite::Error> {
    tx.prepare_cached(
        "INSERT INTO losses (sink, source, path, generation, from_byte, to_byte, bytes, at, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        loss.sink,
        loss.source,
        loss.path,
        loss.generation,
        loss.from.cast_signed(),
        loss.to.cast_signed(),
        loss.bytes.cast_signed(),
        loss.at,
        loss.reason
    ])
    .map(drop)
}

/// Where there are more than `most`, the older half becomes one row for each sink, in the place of its first.
fn sum_up(tx: &Connection, most: i64) -> Result<(), rusqlite::Error> {
    let rows: i64 = tx.query_row("SELECT COUNT(*) FROM losses", [], |row| row.get(0))?;
    if rows <= most {
        return Ok(());
    }
    let last: i64 =
        tx.query_row("SELECT id FROM losses ORDER BY id LIMIT 1 OFFSET ?1", [rows / 2], |row| row.get(0))?;
    let sums: Vec<(i64, String, i64, i64)> = tx
        .prepare("SELECT MIN(id), sink, SUM(bytes), MAX(at) FROM losses WHERE id <= ?1 GROUP BY sink")?
        .query_map([last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    tx.execute("DELETE FROM losses WHERE id <= ?1", [last])?;
    for (id, sink, bytes, at) in sums {
        tx.execute(
            "INSERT INTO losses (id, sink, source, path, generation, from_byte, to_byte, bytes, at, reason)
             VALUES (?1, ?2, '', '', '', 0, 0, ?3, ?4, 'summed')",
            params![id, sink, bytes, at],
        )?;
    }
    Ok(())
}

fn read_losses(db: &Connection) -> Result<Vec<Loss>, rusqlite::Error> {
    db.prepare(
        "SELECT sink, source, path, generation, from_byte, to_byte, bytes, at, reason FROM losses ORDER BY id",
    )?
    .query_map([], |row| {
        let [from, to, bytes] =
            [row.get::<_, i64>(4)?, row.get(5)?, row.get(6)?].map(i64::cast_unsigned);
        Ok(Loss {
            sink: row.get(0)?,
            source: row.get(1)?,
            path: row.get(2)?,
            generation: row.get(3)?,
            from,
            to,
            bytes,
            at: row.get(7)?,
            reason: row.get(8)?,
        })
    })?
    .collect()
}

#[cfg(test)]
mod tests;
