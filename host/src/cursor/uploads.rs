//! Multipart uploads under way, so that whoever comes after a kill goes on with the first part that is missing: asking
//! S3 for it would need a permission that we don't ask for.

use super::store::write_moves;
use super::{CursorMove, Store, StoreError, StreamId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::iter::Sum;

/// A multipart upload that is not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// Key of the object that it will become.
    pub key: String,
    /// S3's id of it.
    pub id: String,
    /// The algorithm of its parts' checksums.
    pub checksum: String,
    /// Completing it must not replace an object.
    pub key_is_new: bool,
    /// So many bytes of the object before it are copied into it, by its first parts.
    pub copied: u64,
    /// Every part is there: it only has to be completed.
    pub sealed: bool,
    /// The parts that S3 has, in order, without a gap.
    pub parts: Vec<PartRow>,
}

/// What some bytes bring that was in no object before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gain {
    /// Line breaks.
    pub lines: u64,
    /// Bytes that are `?`, because the file's are not UTF-8.
    pub replaced: u64,
}

impl Sum for Gain {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            lines: sum.lines + one.lines,
            replaced: sum.replaced + one.replaced,
        })
    }
}

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// From 1.
    pub number: u16,
    /// What S3 calls it.
    pub etag: Option<String>,
    /// Its checksum, where S3 says one.
    pub checksum: Option<String>,
    /// Bytes.
    pub length: u64,
    /// What it brings that was in no object before.
    pub gain: Gain,
    /// Place in the file after it.
    pub offset: u64,
    /// Time of the last event before that place, ns since the epoch.
    pub clock: i64,
}

impl UploadRow {
    /// Bytes that S3 has of it.
    pub fn length(&self) -> u64 {
        self.parts.iter().map(|part| part.length).sum()
    }
}

impl Store {
    /// The upload that a sink has under way for a stream.
    pub async fn upload(&self, stream: StreamId, sink: &str) -> Result<Option<UploadRow>, StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| read_upload(db, stream, &sink)).await
    }

    /// An upload has begun; it takes the place of any other of that stream and sink.
    pub async fn begin_upload(
        &self,
        stream: StreamId,
        sink: &str,
        upload: UploadRow,
    ) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| {
            let tx = db.transaction()?;
            delete_upload(&tx, stream, &sink)?;
            // A stream forgotten meanwhile has no uploads: hence SELECT … FROM streams.
            tx.prepare_cached(
                "INSERT INTO uploads (stream, sink, key, upload, checksum, key_is_new, copied)
                 SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM streams WHERE id = ?1",
            )?
            .execute(params![
                stream,
                sink,
                upload.key,
                upload.id,
                upload.checksum,
                upload.key_is_new,
                upload.copied.cast_signed()
            ])?;
            tx.commit()
        })
        .await
    }

    /// S3 has one more part.
    pub async fn add_part(&self, stream: StreamId, sink: &str, part: PartRow) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| {
            db.prepare_cached(
                "INSERT OR REPLACE INTO upload_parts
                    (stream, sink, number, etag, checksum, length, lines, offset, clock, replaced)
                 SELECT stream, sink, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM uploads WHERE stream = ?1 AND sink = ?2",
            )?
            .execute(params![
                stream,
                sink,
                part.number,
                part.etag,
                part.checksum,
                part.length.cast_signed(),
                part.gain.lines.cast_signed(),
                part.offset.cast_signed(),
                part.clock,
                part.gain.replaced.cast_signed()
            ])
            .map(drop)
        })
        .await
    }

    /// Every part is there.
    pub async fn seal_upload(&self, stream: StreamId, sink: &str) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| {
            db.prepare_cached("UPDATE uploads SET sealed = 1 WHERE stream = ?1 AND sink = ?2")?
                .execute(params![stream, sink])
                .map(drop)
        })
        .await
    }

    /// The upload is given up.
    pub async fn drop_upload(&self, stream: StreamId, sink: &str) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| delete_upload(db, stream, &sink)).await
    }

    /// [`Store::commit`] of one cursor, with the end of whatever upload brought it there.
    pub async fn commit_upload(&self, moved: CursorMove) -> Result<(), StoreError> {
        self.call(move |db| {
            let tx = db.transaction()?;
            delete_upload(&tx, moved.stream, &moved.sink)?;
            write_moves(&tx, std::slice::from_ref(&moved))?;
            tx.commit()
        })
        .await
    }
}

/// Its parts go with it.
fn delete_upload(db: &Connection, stream: StreamId, sink: &str) -> Result<(), rusqlite::Error> {
    db.prepare_cached("DELETE FROM uploads WHERE stream = ?1 AND sink = ?2")?
        .execute(params![stream, sink])
        .map(drop)
}

fn read_upload(db: &Connection, stream: StreamId, sink: &str) -> Result<Option<UploadRow>, rusqlite::Error> {
    let of_upload = |row: &Row<'_>| {
        Ok(UploadRow {
            key: row.get(0)?,
            id: row.get(1)?,
            checksum: row.get(2)?,
            key_is_new: row.get(3)?,
            copied: row.get::<_, i64>(4)?.cast_unsigned(),
            sealed: row.get(5)?,
            parts: Vec::new(),
        })
    };
    let of_part = |row: &Row<'_>| {
        Ok(PartRow {
            number: row.get(0)?,
            etag: row.get(1)?,
            checksum: row.get(2)?,
            length: row.get::<_, i64>(3)?.cast_unsigned(),
            gain: Gain {
                lines: row.get::<_, i64>(4)?.cast_unsigned(),
                replaced: row.get::<_, i64>(7)?.cast_unsigned(),
            },
            offset: row.get::<_, i64>(5)?.cast_unsigned(),
            clock: row.get(6)?,
        })
    };
    let upload = db
        .prepare_cached(
            "SELECT key, upload, checksum, key_is_new, copied, sealed FROM uploads WHERE stream = ?1 AND sink = ?2",
        )?
        .query_row(params![stream, sink], of_upload)
        .optional()?;
    let Some(mut upload) = upload else { return Ok(None) };
    upload.parts = db
        .prepare_cached(
            "SELECT number, etag, checksum, length, lines, offset, clock, replaced FROM upload_parts
             WHERE stream = ?1 AND sink = ?2 ORDER BY number",
        )?
        .query_map(params![stream, sink], of_part)?
        .collect::<Result<_, _>>()?;
    Ok(Some(upload))
}

#[cfg(test)]
mod tests;
