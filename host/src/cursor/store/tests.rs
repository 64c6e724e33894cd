//! What the cursor store promises.

use super::*;
use proptest::prelude::*;
use rusqlite::OptionalExtension;

fn read_cursor(db: &mut Connection, id: StreamId, sink: &str) -> Result<Option<u64>, rusqlite::Error> {
    db.query_row("SELECT offset FROM cursors WHERE stream = ?1 AND sink = ?2", params![id, sink], |row| {
        row.get::<_, i64>(0)
    })
    .optional()
    .map(|found| found.map(i64::cast_unsigned))
}

fn new_stream(path: &str) -> NewStream {
    NewStream {
        source: "airflow".into(),
        path: path.into(),
        generation: uuid::Uuid::new_v4().to_string(),
        first_seen: 1,
        identity: Identity { device: u64::MAX, inode: 7, head_len: 3, head_hash: [9; 32] },
        size: 3,
        skip_to: None,
    }
}

fn move_to(stream: StreamId, offset: u64) -> CursorMove {
    CursorMove {
        stream,
        sink: "s3".into(),
        size: offset,
        row: CursorRow { offset, ..CursorRow::default() },
        entries: Vec::new(),
    }
}

#[tokio::test]
async fn a_stream_and_its_cursor_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let id = store.begin(vec![new_stream("a.log")]).await.unwrap()[0];
    let row = CursorRow { offset: 10, clock: 5, target: Some("key".into()), written: 9 };
    store
        .commit(vec![CursorMove {
            stream: id,
            sink: "s3".into(),
            size: 12,
            row: row.clone(),
            entries: Vec::new(),
        }])
        .await
        .unwrap();
    drop(store);
    let again = Store::open(dir.path()).unwrap().streams("airflow").await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].identity.device, again[0].size), (u64::MAX, 12));
    assert_eq!(again[0].cursors, vec![("s3".to_owned(), row)]);
}

#[tokio::test]
async fn a_forgotten_stream_takes_its_cursors_with_it_even_those_still_to_come() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let id = store.begin(vec![new_stream("a.log")]).await.unwrap()[0];
    store.forget(id).await.unwrap();
    store.commit(vec![move_to(id, 5)]).await.unwrap();
    assert!(store.streams("airflow").await.unwrap().is_empty());
    assert_eq!(store.call(move |db| read_cursor(db, id, "s3")).await.unwrap(), None);
}

#[tokio::test]
async fn a_streams_number_is_never_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let first = store.begin(vec![new_stream("a.log")]).await.unwrap()[0];
    store.forget(first).await.unwrap();
    let second = store.begin(vec![new_stream("b.log")]).await.unwrap()[0];
    assert!(second > first);
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Connection::open(dir.path().join("cursors.sqlite")).unwrap();
    db.pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    drop(db);
    let error = Store::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("newer updraft"), "{error}");
}

#[test]
fn a_second_updraft_on_the_same_data_dir_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let held = super::super::DataDirLock::take(dir.path()).unwrap();
    let error = super::super::DataDirLock::take(dir.path()).unwrap_err().to_string();
    assert!(error.contains("in use by another updraft"), "{error}");
    drop(held);
    super::super::DataDirLock::take(dir.path()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn cursors_never_move_backwards(offsets in prop::collection::vec(0u64..1000, 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(dir.path()).unwrap();
            let id = store.begin(vec![new_stream("a.log")]).await.unwrap()[0];
            let mut highest = 0;
            for offset in offsets {
                store.commit(vec![move_to(id, offset)]).await.unwrap();
                highest = highest.max(offset);
                let now = store.call(move |db| read_cursor(db, id, "s3")).await.unwrap();
                prop_assert_eq!(now, Some(highest));
            }
            Ok(())
        })?;
    }
}
