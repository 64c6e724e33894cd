//! Objects of layout `batch` in the store: what each will hold is written down before it is put, so that whoever comes
//! after a kill puts the very same object under the very same key; and afterwards kept until every cursor is past it.

use super::{Store, StoreError, StreamId};
use crate::event::Recipe;
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// An object's number in the store.
pub type ObjectId = i64;

/// A batch's events of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkRow {
    /// Which stream.
    pub stream: StreamId,
    /// How the batch was made.
    pub recipe: Recipe,
    /// Where it ended in the file.
    pub end: u64,
    /// A hash of which of the batch's events these are: other components, or another template of the folder, may put
    /// others into a folder of the same name.
    pub events: u64,
    /// How many of the batch's bytes they came from.
    pub bytes: u64,
}

/// An object whose cursors are not all past it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRow {
    /// Its number.
    pub id: ObjectId,
    /// Which of its batches' events it holds.
    pub folder: String,
    /// Where it is put.
    pub key: String,
    /// How its bytes are made: codec and compression.
    pub shape: String,
    /// The service has it.
    pub stored: bool,
    /// What it holds, in order.
    pub chunks: Vec<ChunkRow>,
}

impl Store {
    /// Writes down what an object will hold, and where it will be.
    pub async fn seal(
        &self,
        sink: &str,
        folder: &str,
        key: &str,
        shape: &str,
        chunks: Vec<ChunkRow>,
    ) -> Result<ObjectId, StoreError> {
        let texts = [sink, folder, key, shape].map(str::to_owned);
        self.call(move |db| insert(db, texts.each_ref().map(String::as_str), &chunks)).await
    }

    /// The service has it.
    pub async fn stored(&self, object: ObjectId) -> Result<(), StoreError> {
        self.call(move |db| {
            db.prepare_cached("UPDATE objects SET stored = 1 WHERE id = ?1")?.execute([object]).map(drop)
        })
        .await
    }

    /// The service has it, with no more than these of its chunks: the others are in no object.
    pub async fn stored_with(&self, object: ObjectId, chunks: &[ChunkRow]) -> Result<(), StoreError> {
        let held: HashSet<(StreamId, u64)> =
            chunks.iter().map(|chunk| (chunk.stream, chunk.recipe.offset)).collect();
        self.call(move |db| {
            let tx = db.transaction()?;
            tx.prepare_cached("UPDATE objects SET stored = 1 WHERE id = ?1")?.execute([object])?;
            let there: Vec<(i64, StreamId, i64)> = tx
                .prepare_cached("SELECT place, stream, offset FROM chunks WHERE object = ?1")?
                .query_map([object], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<_, _>>()?;
            for (place, stream, offset) in there {
                if !held.contains(&(stream, offset.cast_unsigned())) {
                    tx.prepare_cached("DELETE FROM chunks WHERE object = ?1 AND place = ?2")?
                        .execute([object, place])?;
                }
            }
            tx.commit()
        })
        .await
    }

    /// Forgets an object that will never be put as it was to be: what it would have held is in none.
    pub async fn forget_object(&self, object: ObjectId) -> Result<(), StoreError> {
        self.call(move |db| db.execute("DELETE FROM objects WHERE id = ?1", [object]).map(drop)).await
    }

    /// Forgets a sink's objects that all cursors are past. Looks at all that the store has of the sink.
    pub async fn forget_passed(&self, sink: &str) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| {
            db.prepare_cached(
                "DELETE FROM objects WHERE sink = ?1 AND stored = 1 AND NOT EXISTS (
                     SELECT 1 FROM chunks
                     LEFT JOIN cursors ON cursors.stream = chunks.stream AND cursors.sink = ?1
                     WHERE chunks.object = objects.id AND chunks.end > COALESCE(cursors.offset, 0))",
            )?
            .execute([sink])
            .map(drop)
        })
        .await
    }

    /// A sink's objects, oldest first; without what streams of other sources than these brought to them.
    pub async fn objects(&self, sink: &str, sources: Vec<String>) -> Result<Vec<ObjectRow>, StoreError> {
        let sink = sink.to_owned();
        self.call(move |db| read(db, &sink, &sources)).await
    }
}

fn insert(
    db: &mut Connection,
    sink_folder_key_shape: [&str; 4],
    chunks: &[ChunkRow],
) -> Result<ObjectId, rusqlite::Error> {
    let tx = db.transaction()?;
    tx.prepare_cached("INSERT INTO objects (sink, folder, key, shape) VALUES (?1, ?2, ?3, ?4)")?
        .execute(sink_folder_key_shape)?;
    let object = tx.last_insert_rowid();
    {
        let mut insert = tx.prepare_cached(
            "INSERT INTO chunks (object, place, stream, offset, end, clock, shown, last, file_time, made_at, events, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for (place, chunk) in (0_i64..).zip(chunks) {
            let recipe = &chunk.recipe;
            insert.execute(params![
                object,
                place,
                chunk.stream,
                recipe.offset.cast_signed(),
                chunk.end.cast_signed(),
                recipe.clock,
                recipe.shown.cast_signed(),
                recipe.last,
                recipe.file_time,
                recipe.made_at,
                chunk.events.cast_signed(),
                chunk.bytes.cast_signed()
            ])?;
        }
    }
    tx.commit()?;
    Ok(object)
}

fn read(db: &mut Connection, sink: &str, sources: &[String]) -> Result<Vec<ObjectRow>, rusqlite::Error> {
    let mut objects = db
        .prepare("SELECT id, folder, key, stored, shape FROM objects WHERE sink = ?1 ORDER BY id")?
        .query_map([sink], |row| {
            Ok(ObjectRow {
                id: row.get(0)?,
                folder: row.get(1)?,
                key: row.get(2)?,
                stored: row.get(3)?,
                shape: row.get(4)?,
                chunks: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut chunks = db.prepare(
        "SELECT chunks.stream, offset, end, clock, shown, last, file_time, made_at, streams.source, events, bytes
         FROM chunks
         JOIN streams ON streams.id = chunks.stream WHERE object = ?1 ORDER BY place",
    )?;
    for object in &mut objects {
        let rows = chunks.query_map([object.id], |row| {
            let recipe = Recipe {
                offset: row.get::<_, i64>(1)?.cast_unsigned(),
                clock: row.get(3)?,
                shown: row.get::<_, i64>(4)?.cast_unsigned(),
                last: row.get(5)?,
                file_time: row.get(6)?,
                made_at: row.get(7)?,
            };
            let [end, events, bytes] =
                [row.get::<_, i64>(2)?, row.get(9)?, row.get(10)?].map(i64::cast_unsigned);
            let chunk = ChunkRow { stream: row.get(0)?, recipe, end, events, bytes };
            Ok((chunk, row.get::<_, String>(8)?))
        })?;
        for row in rows {
            let (chunk, source) = row?;
            if sources.contains(&source) {
                object.chunks.push(chunk);
            }
        }
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::{CursorMove, CursorRow, NewStream};

    async fn store() -> (tempfile::TempDir, Store, Vec<StreamId>) {
        let dir = tempfile::tempdir().expect("folder");
        let store = Store::open(dir.path()).expect("store");
        let stream = |name: &str| NewStream { generation: name.into(), ..NewStream::sample(name) };
        let streams = store.begin(vec![stream("a"), stream("b")]).await.expect("streams");
        (dir, store, streams)
    }

    fn chunk(stream: StreamId, offset: u64, end: u64) -> ChunkRow {
        let recipe = Recipe { offset, clock: -7, shown: end - offset, last: true, file_time: 1, made_at: 2 };
        ChunkRow { stream, recipe, end, events: u64::MAX - offset, bytes: end - offset }
    }

    async fn move_to(store: &Store, stream: StreamId, offset: u64) {
        let row = CursorRow { offset, ..CursorRow::default() };
        let there = CursorMove { stream, sink: "lake".into(), size: 100, row, entries: Vec::new() };
        store.commit(vec![there]).await.expect("move");
        store.forget_passed("lake").await.expect("forget");
    }

    #[tokio::test]
    async fn what_was_sealed_is_read_back_as_it_was() {
        let (_dir, store, streams) = store().await;
        let chunks = vec![chunk(streams[1], 5, 20), chunk(streams[0], 0, 10)];
        let id = store.seal("lake", "date=x", "date=x/1", "json gzip", chunks.clone()).await.expect("seal");
        let (folder, key, shape) = ("date=x".into(), "date=x/1".into(), "json gzip".into());
        let expected = ObjectRow { id, folder, key, shape, stored: false, chunks };
        let sources = vec!["airflow".to_owned()];
        assert_eq!(store.objects("lake", sources.clone()).await.expect("objects"), [expected]);
        assert!(store.objects("other", sources).await.expect("objects").is_empty());
        assert!(store.objects("lake", vec![]).await.expect("objects")[0].chunks.is_empty());
    }

    #[tokio::test]
    async fn an_object_is_forgotten_when_it_is_stored_and_every_cursor_is_past_it() {
        let (_dir, store, streams) = store().await;
        let chunks = vec![chunk(streams[0], 0, 10), chunk(streams[1], 0, 20)];
        let id = store.seal("lake", "f", "f/1", "json", chunks).await.expect("seal");
        let left = async || store.objects("lake", vec!["airflow".into()]).await.expect("objects").len();
        move_to(&store, streams[0], 10).await;
        move_to(&store, streams[1], 19).await;
        store.stored(id).await.expect("stored");
        store.forget_passed("lake").await.expect("forget");
        assert_eq!(left().await, 1, "one cursor is still before its end");
        move_to(&store, streams[1], 20).await;
        assert_eq!(left().await, 0);
    }

    #[tokio::test]
    async fn what_an_object_was_put_without_is_in_none() {
        let (_dir, store, streams) = store().await;
        let all = [chunk(streams[0], 0, 10), chunk(streams[0], 10, 20), chunk(streams[1], 0, 20)];
        let id = store.seal("lake", "f", "f/1", "json", all.to_vec()).await.expect("seal");
        store.stored_with(id, &all[1..2]).await.expect("stored");
        let objects = store.objects("lake", vec!["airflow".into()]).await.expect("objects");
        assert!(objects[0].stored && objects[0].chunks == all[1..2]);
        store.forget_object(id).await.expect("forget");
        assert!(store.objects("lake", vec!["airflow".into()]).await.expect("objects").is_empty());
    }

    #[tokio::test]
    async fn a_stream_that_is_forgotten_takes_its_chunks_with_it() {
        let (_dir, store, streams) = store().await;
        store
            .seal("lake", "f", "f/1", "json", vec![chunk(streams[0], 0, 10), chunk(streams[1], 0, 20)])
            .await
            .expect("seal");
        store.forget(streams[0]).await.expect("forget");
        let objects = store.objects("lake", vec!["airflow".into()]).await.expect("objects");
        assert_eq!(objects[0].chunks, [chunk(streams[1], 0, 20)]);
    }
}
