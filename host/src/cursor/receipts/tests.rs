//! What is promised of receipts in the store.

use super::*;
use crate::cursor::{CursorMove, CursorRow, NewStream};

async fn store() -> (tempfile::TempDir, Store, Vec<StreamId>) {
    let dir = tempfile::tempdir().expect("folder");
    let store = Store::open(dir.path()).expect("store");
    let stream =
        |name: &str| NewStream { generation: format!("{name}-1"), first_seen: 7, ..NewStream::sample(name) };
    let streams = store.begin(vec![stream("a"), stream("b")]).await.expect("streams");
    (dir, store, streams)
}

fn delivered(range: std::ops::Range<u64>, events: u64) -> Entry {
    let bytes = range.end - range.start;
    Entry { fate: Fate::delivered("there"), range, events, bytes }
}

fn move_to(stream: StreamId, offset: u64, entries: Vec<Entry>) -> CursorMove {
    let row = CursorRow { offset, ..CursorRow::default() };
    CursorMove { stream, sink: "cw".into(), size: 100, row, entries }
}

fn read(dir: &tempfile::TempDir) -> Vec<ReceiptRow> {
    let receipts = Receipts::open(dir.path()).expect("store").expect("there is one");
    receipts.read(|_, _| true).expect("receipts")
}

#[tokio::test]
async fn a_receipt_grows_with_the_cursor_and_outlives_its_stream() {
    let (dir, store, streams) = store().await;
    store.commit(vec![move_to(streams[0], 40, vec![delivered(0..40, 4)])]).await.expect("commit");
    store.commit(vec![move_to(streams[0], 100, vec![delivered(40..100, 6)])]).await.expect("commit");
    let seal = Seal { size: 100, sha256: [9; 32] };
    store.seal_receipts(vec![(streams[0], seal.clone()), (streams[1], seal.clone())]).await.expect("seal");
    let lacking = store.lack_seals(vec![(streams[0], 100), (streams[1], 100)]).await.expect("answer");
    assert!(lacking.is_empty(), "one is sealed, the other has no receipt");
    assert!(
        store.lack_seals(vec![(streams[0], 101)]).await.expect("answer").contains(&streams[0]),
        "it grew"
    );
    store.forget(streams[0]).await.expect("forget");

    store.saw(vec![(streams[1], 150)]).await.expect("saw");

    let receipts = read(&dir);

    let (first, second) = (&receipts[0], &receipts[1]);
    assert_eq!((first.identity.is_some(), second.identity.is_some(), second.size), (false, true, 150));
    let paths: Vec<_> = receipts.iter().map(|it| (it.path.as_str(), it.generation.as_str())).collect();
    assert_eq!(paths, [("a", "a-1"), ("b", "b-1")], "also one of which nothing was acknowledged");
    assert_eq!(receipts[0].entries, [("cw".to_owned(), delivered(0..100, 10))]);
    assert_eq!(receipts[0].seal, Some(seal));
    assert!(receipts[1].entries.is_empty() && receipts[1].last_at.is_none());
}

#[tokio::test]
async fn a_receipt_knows_how_long_the_file_is_by_now_and_where_sinks_stand() {
    let (dir, store, streams) = store().await;
    let mut moved = move_to(streams[0], 40, vec![delivered(0..40, 4)]);
    (moved.row.target, moved.row.written) = (Some("key".into()), 40);
    store.commit(vec![moved]).await.expect("commit");
    store.saw(vec![(streams[0], 900)]).await.expect("saw");
    let receipt = &read(&dir)[0];
    assert_eq!(receipt.size, 900, "though nothing was acknowledged since");
    let stand = Stand { offset: 40, target: Some(("key".into(), 40)) };
    assert_eq!(receipt.cursors, [("cw".to_owned(), stand)]);
}

#[tokio::test]
async fn what_is_too_old_or_too_much_is_forgotten() {
    let (dir, store, streams) = store().await;
    for stream in streams {
        store.commit(vec![move_to(stream, 10, vec![delivered(0..10, 1)])]).await.expect("commit");
        store.forget(stream).await.expect("forget");
    }
    store.forget_receipts(Duration::from_hours(1), 2).await.expect("sweep");
    assert_eq!(read(&dir).len(), 2);
    store.forget_receipts(Duration::from_hours(1), 1).await.expect("sweep");
    assert_eq!(read(&dir).len(), 1);
    std::thread::sleep(Duration::from_millis(2));
    store.forget_receipts(Duration::ZERO, 1).await.expect("sweep");
    assert!(read(&dir).is_empty());
}

#[tokio::test]
async fn a_stream_that_is_forgotten_begins_no_receipt() {
    let (dir, store, streams) = store().await;
    store.forget(streams[0]).await.expect("forget");
    store.commit(vec![move_to(streams[0], 10, vec![delivered(0..10, 1)])]).await.expect("commit");
    assert_eq!(read(&dir).len(), 1, "that of the other");
}
