//! What is promised of losses that are written down.

use super::*;
use crate::cursor::{ChunkRow, CursorRow, NewStream, schema};
use crate::event::Recipe;

async fn store() -> (tempfile::TempDir, Store, StreamId) {
    let dir = tempfile::tempdir().expect("folder");
    let store = Store::open(dir.path()).expect("store");
    let stream = NewStream::sample("a.log");
    let id = store.begin(vec![stream]).await.expect("stream")[0];
    (dir, store, id)
}

fn lost(stream: StreamId, range: Range<u64>) -> Lost {
    Lost { stream, sink: "lake".into(), range, reason: LossReason::Deleted }
}

#[tokio::test]
async fn a_stream_that_is_forgotten_leaves_its_loss_behind_once() {
    let (dir, store, id) = store().await;
    let said = store.forget_lost(id, vec![lost(id, 40..100)]).await.expect("written");
    assert!(store.forget_lost(id, vec![lost(id, 40..100)]).await.expect("written").is_empty());
    let there = losses(dir.path()).expect("read");
    assert_eq!(there, said);
    let [loss] = &there[..] else { panic!("{there:?}") };
    assert_eq!(
        (&*loss.sink, &*loss.source, &*loss.path, &*loss.generation),
        ("lake", "airflow", "a.log", "generation")
    );
    assert_eq!((loss.from, loss.to, loss.bytes, &*loss.reason), (40, 100, 60, "deleted"));
}

#[tokio::test]
async fn a_loss_and_the_cursor_that_passes_it_are_one_transaction() {
    let (dir, store, id) = store().await;
    let row = CursorRow { offset: 100, ..CursorRow::default() };
    let moved = CursorMove { stream: id, sink: "lake".into(), size: 100, row, entries: Vec::new() };
    store.commit_with_losses(vec![moved], vec![lost(id, 0..100)]).await.expect("written");
    let cursors = store.streams("airflow").await.expect("streams")[0].cursors.clone();
    assert_eq!(cursors[0].1.offset, 100);
    assert_eq!(losses(dir.path()).expect("read").len(), 1);
}

#[tokio::test]
async fn what_is_in_objects_of_layout_batch_is_not_lost_though_the_cursor_is_before_it() {
    let (_dir, store, id) = store().await;
    let chunk = |offset, end, bytes| ChunkRow {
        stream: id,
        recipe: Recipe { offset, ..Recipe::default() },
        end,
        events: 0,
        bytes,
    };
    let object = store.seal("lake", "f", "f/1", "json", vec![chunk(20, 40, 15)]).await.expect("sealed");
    store.stored(object).await.expect("stored");
    // Of this one nobody knows whether it was put.
    store.seal("lake", "f", "f/2", "json", vec![chunk(40, 60, 20)]).await.expect("sealed");
    let said = store.forget_lost(id, vec![lost(id, 10..100)]).await.expect("written");
    assert_eq!((said[0].from, said[0].to, said[0].bytes), (10, 100, 75));
}

#[tokio::test]
async fn old_losses_are_summed_up_and_none_is_forgotten() {
    let (dir, store, id) = store().await;
    store
        .call(move |db| {
            let tx = db.transaction()?;
            for at in 0..20 {
                let sink = ["lake", "other"][at % 2].to_owned();
                record(&tx, &[Lost { sink, ..lost(id, at as u64..at as u64 + 2) }])?;
                sum_up(&tx, 8)?;
            }
            tx.commit()
        })
        .await
        .expect("written");
    let all = losses(dir.path()).expect("read");
    assert!(all.len() <= 9, "{}", all.len());
    for sink in ["lake", "other"] {
        let bytes: u64 = all.iter().filter(|loss| loss.sink == sink).map(|loss| loss.bytes).sum();
        assert_eq!(bytes, 20);
        let sums = all.iter().filter(|loss| loss.sink == sink && loss.reason == "summed").count();
        assert_eq!(sums, 1);
    }
    assert_eq!((all.last().expect("one").from, all.last().expect("one").to), (19, 21));
}

#[test]
fn a_data_dir_without_a_store_has_lost_nothing() {
    let dir = tempfile::tempdir().expect("folder");
    assert!(losses(dir.path()).expect("read").is_empty());
}

#[tokio::test]
async fn a_store_of_an_older_version_is_brought_up_to_date() {
    let dir = tempfile::tempdir().expect("folder");
    drop(schema::make_older(dir.path(), 2));
    assert!(losses(dir.path()).expect("read").is_empty(), "also before it was opened");
    let store = Store::open(dir.path()).expect("store");
    let id = store.streams("airflow").await.expect("streams")[0].id;
    store.forget_lost(id, vec![lost(id, 0..1)]).await.expect("written");
    assert_eq!(losses(dir.path()).expect("read").len(), 1);
}
