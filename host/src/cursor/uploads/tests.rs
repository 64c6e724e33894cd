//! What is promised of uploads that are under way.

use super::*;
use crate::cursor::{CursorRow, NewStream, schema};

async fn store_with_stream(dir: &std::path::Path) -> (Store, StreamId) {
    let store = Store::open(dir).unwrap();
    let stream = NewStream { size: 3, ..NewStream::sample("a.log") };
    let id = store.begin(vec![stream]).await.unwrap()[0];
    (store, id)
}

fn upload(id: &str) -> UploadRow {
    UploadRow {
        key: "logs/a.log".into(),
        id: id.into(),
        checksum: "crc32".into(),
        key_is_new: true,
        copied: u64::from(u32::MAX) + 1,
        sealed: false,
        parts: Vec::new(),
    }
}

fn part(number: u16) -> PartRow {
    PartRow {
        number,
        etag: Some(format!("\"{number}\"")),
        checksum: None,
        length: 5,
        gain: Gain { lines: 1, replaced: 2 },
        offset: u64::from(number) * 10,
        clock: -1,
    }
}

#[tokio::test]
async fn an_upload_and_its_parts_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = store_with_stream(dir.path()).await;
    store.begin_upload(id, "s3", upload("u")).await.unwrap();
    for number in [2, 1, 10_000] {
        store.add_part(id, "s3", part(number)).await.unwrap();
    }
    store.seal_upload(id, "s3").await.unwrap();
    drop(store);

    let found = Store::open(dir.path()).unwrap().upload(id, "s3").await.unwrap().unwrap();
    let expected = UploadRow { sealed: true, parts: vec![part(1), part(2), part(10_000)], ..upload("u") };
    assert_eq!(found, expected);
    assert_eq!(found.length(), 15);
}

#[tokio::test]
async fn an_upload_ends_with_the_commit_that_it_led_to() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = store_with_stream(dir.path()).await;
    for sink in ["s3", "other"] {
        store.begin_upload(id, sink, upload("u")).await.unwrap();
        store.add_part(id, sink, part(1)).await.unwrap();
    }
    let row = CursorRow { offset: 3, clock: 7, target: Some("logs/a.log".into()), written: 3 };
    let moved = CursorMove { stream: id, sink: "s3".into(), size: 3, row: row.clone(), entries: Vec::new() };
    store.commit_upload(moved).await.unwrap();

    assert_eq!(store.upload(id, "s3").await.unwrap(), None);
    assert!(store.upload(id, "other").await.unwrap().is_some(), "another sink's upload is its own");
    let cursors = store.streams("airflow").await.unwrap().remove(0).cursors;
    assert_eq!(cursors, [("s3".to_owned(), row)]);
}

#[tokio::test]
async fn an_upload_that_is_begun_anew_has_no_parts_of_the_one_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = store_with_stream(dir.path()).await;
    store.begin_upload(id, "s3", upload("first")).await.unwrap();
    store.add_part(id, "s3", part(1)).await.unwrap();
    store.begin_upload(id, "s3", upload("second")).await.unwrap();
    assert_eq!(store.upload(id, "s3").await.unwrap(), Some(upload("second")));

    store.drop_upload(id, "s3").await.unwrap();
    assert_eq!(store.upload(id, "s3").await.unwrap(), None);
    store.add_part(id, "s3", part(1)).await.unwrap();
    assert_eq!(store.upload(id, "s3").await.unwrap(), None, "a part of nothing is nothing");
}

#[tokio::test]
async fn a_stream_that_is_forgotten_takes_its_upload_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = store_with_stream(dir.path()).await;
    store.begin_upload(id, "s3", upload("u")).await.unwrap();
    store.add_part(id, "s3", part(1)).await.unwrap();
    store.forget(id).await.unwrap();
    assert_eq!(store.upload(id, "s3").await.unwrap(), None);
    store.begin_upload(id, "s3", upload("late")).await.unwrap();
    assert_eq!(store.upload(id, "s3").await.unwrap(), None);
}

#[tokio::test]
async fn a_store_of_the_version_before_learns_of_uploads() {
    let dir = tempfile::tempdir().unwrap();
    drop(schema::make_older(dir.path(), 1));
    let id = 1;

    let store = Store::open(dir.path()).unwrap();
    store.begin_upload(id, "s3", upload("u")).await.unwrap();
    assert_eq!(store.upload(id, "s3").await.unwrap(), Some(upload("u")));
    assert_eq!(store.streams("airflow").await.unwrap().len(), 1, "and forgets nothing");
}
