//! Receipts in the store: written with the cursors that they speak of, kept when the streams are forgotten, bounded
//! by age and number. Somebody may read them while the host writes.

use super::{Identity, Store, StoreError, StreamId, schema};
use crate::receipt::{Entry, Fate, Outcome};
use rusqlite::{Connection, OpenFlags, Row, params};
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The receipt of one generation of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The stream's number.
    pub id: StreamId,
    /// Id of its source.
    pub source: String,
    /// Path below the source's root.
    pub path: String,
    /// Unique name of this generation.
    pub generation: String,
    /// When it was first seen, ms since the epoch.
    pub first_seen: i64,
    /// The most that was seen of it, bytes.
    pub size: u64,
    /// What all of it hashes to, if that was looked at.
    pub seal: Option<Seal>,
    /// What tells this generation from others; none: the stream is forgotten.
    pub identity: Option<Identity>,
    /// Where its sinks stand, if it is not forgotten.
    pub cursors: Vec<(String, Stand)>,
    /// What became of its events, by sink.
    pub entries: Vec<(String, Entry)>,
    /// When the last of them was acknowledged, ms since the epoch; none: nothing was yet.
    pub last_at: Option<i64>,
}

/// Where one sink stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// Acknowledged up to here; also what no receipt speaks of (any more).
    pub offset: u64,
    /// Object key or file name, and how long it is.
    pub target: Option<(String, u64)>,
}

/// What a file's bytes hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// So many of its first bytes…
    pub size: u64,
    /// …to this SHA-256.
    pub sha256: [u8; 32],
}

impl Store {
    /// Writes down what the first bytes of streams hash to, in one transaction; nothing where one has no receipt.
    pub async fn seal_receipts(&self, seals: Vec<(StreamId, Seal)>) -> Result<(), StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            let mut write = tx.prepare_cached(
                "UPDATE receipts SET sealed = ?2, sealed_size = ?3, sha256 = ?4, size = max(size, ?3) WHERE id = ?1",
            )?;
            for (stream, seal) in seals {
                write.execute(params![stream, now_ms(), seal.size.cast_signed(), seal.sha256])?;
            }
            drop(write);
            tx.commit()
        })
        .await
    }

    /// Of these streams, those that have a receipt that is not sealed up to this size.
    pub async fn lack_seals(&self, streams: Vec<(StreamId, u64)>) -> Result<HashSet<StreamId>, StoreError> {
        self.call(move |db| {
            let mut lacking = HashSet::new();
            let mut count = db.prepare_cached(
                "SELECT count(*) FROM receipts WHERE id = ?1 AND (sealed_size IS NULL OR sealed_size <> ?2)",
            )?;
            for (stream, size) in streams {
                let lacks =
                    count.query_row(params![stream, size.cast_signed()], |row| row.get::<_, i64>(0))?;
                if lacks > 0 {
                    lacking.insert(stream);
                }
            }
            Ok(lacking)
        })
        .await
    }

    /// Forgets receipts that nothing was added to for so long, and the oldest beyond so many.
    pub async fn forget_receipts(&self, age: Duration, most: usize) -> Result<(), StoreError> {
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.call(move |db| {
            let tx = db.transaction()?;
            tx.prepare_cached("DELETE FROM receipts WHERE touched < ?1")?
                .execute([now_ms().saturating_sub(age)])?;
            tx.prepare_cached(
                "DELETE FROM receipts WHERE id IN (SELECT id FROM receipts ORDER BY touched DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([most])?;
            tx.commit()
        })
        .await
    }
}

/// Adds to a stream's receipt, within the transaction that moves its cursor.
pub(super) fn write(
    tx: &Connection,
    stream: StreamId,
    sink: &str,
    entries: &[Entry],
) -> Result<(), rusqlite::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let now = now_ms();
    tx.prepare_cached(
        "INSERT INTO receipts (id, source, path, generation, first_seen, size, touched)
         SELECT id, source, path, generation, first_seen, size, ?2 FROM streams WHERE id = ?1
         ON CONFLICT (id) DO UPDATE SET touched = excluded.touched, size = max(size, excluded.size)",
    )?
    .execute(params![stream, now])?;
    let mut add = tx.prepare_cached(
        "INSERT INTO fates (receipt, sink, outcome, target, start, end, events, bytes, first_at, last_at)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9 FROM receipts WHERE id = ?1
         ON CONFLICT (receipt, sink, outcome, target) DO UPDATE SET
            start = min(start, excluded.start), end = max(end, excluded.end),
            events = events + excluded.events, bytes = bytes + excluded.bytes, last_at = excluded.last_at",
    )?;
    for Entry { fate, range, events, bytes } in entries {
        let [start, end, events, bytes] = [range.start, range.end, *events, *bytes].map(u64::cast_signed);
        let outcome = fate.outcome.as_str();
        add.execute(params![stream, sink, outcome, &*fate.target, start, end, events, bytes, now])?;
    }
    Ok(())
}

/// The receipts of a data dir, to be read only; a host may be at work there.
pub struct Receipts {
    db: Connection,
}

impl Receipts {
    /// Opens them. None: no host was ever at work there.
    pub fn open(data_dir: &Path) -> Result<Option<Self>, StoreError> {
        let file = data_dir.join("cursors.sqlite");
        if !file.exists() {
            return Ok(None);
        }
        let sqlite = |error| StoreError::Sqlite { file: file.clone(), error };
        let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(sqlite)?;
        let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
        if found > schema::VERSION {
            return Err(StoreError::Newer { file, found, known: schema::VERSION });
        }
        if found < schema::VERSION {
            return Err(StoreError::Older { file, found, known: schema::VERSION });
        }
        Ok(Some(Self { db }))
    }

    /// Those that are wanted (by source and path), in order of paths, older generations first; also of files of which nothing was
    /// acknowledged yet.
    pub fn read(&self, wanted: impl Fn(&str, &str) -> bool) -> Result<Vec<ReceiptRow>, rusqlite::Error> {
        // One look at the store, though a host may write meanwhile.
        let tx = self.db.unchecked_transaction()?;
        let mut receipts = tx
            .prepare(
                "SELECT receipts.id, receipts.source, receipts.path, receipts.generation, receipts.first_seen,
                        max(receipts.size, coalesce(streams.size, 0)), sealed_size, sha256,
                        device, inode, head_len, head_hash
                 FROM receipts LEFT JOIN streams ON streams.id = receipts.id
                 UNION ALL
                 SELECT id, source, path, generation, first_seen, size, NULL, NULL, device, inode, head_len, head_hash
                 FROM streams WHERE NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.id = streams.id)
                 ORDER BY 3, 1",
            )?
            .query_map([], receipt)?
            .filter(|row| row.as_ref().map_or(true, |row| wanted(&row.source, &row.path)))
            .collect::<Result<Vec<_>, _>>()?;
        let mut fates = tx.prepare(
            "SELECT sink, outcome, target, start, end, events, bytes, last_at FROM fates
             WHERE receipt = ?1 ORDER BY sink, start, outcome, target",
        )?;
        let mut cursors =
            tx.prepare("SELECT sink, offset, target, written FROM cursors WHERE stream = ?1")?;
        for receipt in &mut receipts {
            receipt.cursors = cursors.query_map([receipt.id], stand)?.collect::<Result<_, _>>()?;
            for row in fates.query_map([receipt.id], fate)? {
                // A word of a version to come says nothing to us.
                let Some((sink, entry, last_at)) = row? else { continue };
                receipt.last_at = receipt.last_at.max(Some(last_at));
                receipt.entries.push((sink, entry));
            }
        }
        Ok(receipts)
    }
}

fn receipt(row: &Row<'_>) -> Result<ReceiptRow, rusqlite::Error> {
    let (size, sha256): (Option<i64>, Option<[u8; 32]>) = (row.get(6)?, row.get(7)?);
    Ok(ReceiptRow {
        id: row.get(0)?,
        source: row.get(1)?,
        path: row.get(2)?,
        generation: row.get(3)?,
        first_seen: row.get(4)?,
        size: row.get::<_, i64>(5)?.cast_unsigned(),
        seal: size.zip(sha256).map(|(size, sha256)| Seal { size: size.cast_unsigned(), sha256 }),
        identity: match row.get::<_, Option<i64>>(8)? {
            None => None,
            Some(device) => Some(Identity {
                device: device.cast_unsigned(),
                inode: row.get::<_, i64>(9)?.cast_unsigned(),
                head_len: row.get(10)?,
                head_hash: row.get(11)?,
            }),
        },
        cursors: Vec::new(),
        entries: Vec::new(),
        last_at: None,
    })
}

fn stand(row: &Row<'_>) -> Result<(String, Stand), rusqlite::Error> {
    let (target, written): (Option<String>, i64) = (row.get(2)?, row.get(3)?);
    let offset = row.get::<_, i64>(1)?.cast_unsigned();
    Ok((row.get(0)?, Stand { offset, target: target.map(|target| (target, written.cast_unsigned())) }))
}

fn fate(row: &Row<'_>) -> Result<Option<(String, Entry, i64)>, rusqlite::Error> {
    let outcome: String = row.get(1)?;
    let Some(outcome) = Outcome::of_word(&outcome) else { return Ok(None) };
    let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let target = row.get::<_, String>(2)?.into();
    let fate = Fate { outcome, target };
    let entry = Entry { fate, range: number(3)?..number(4)?, events: number(5)?, bytes: number(6)? };
    Ok(Some((row.get(0)?, entry, row.get(7)?)))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
