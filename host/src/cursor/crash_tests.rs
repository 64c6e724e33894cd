//! Promise: a process that is killed just before or just after any commit leaves a store that is whole, that holds all
//! that was acknowledged and nothing that was never asked for, and with which the next process goes on.
//!
//! The process is this test binary, run again for one test that does nothing but to write and to be killed. The hooks
//! are `SQLite`'s own.

use super::*;
use crate::event::{NO_TIMESTAMP, Recipe};
use crate::receipt::{Entry, Fate};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = "UPDRAFT_TEST_STORE";
const FATAL: &str = "UPDRAFT_TEST_FATAL_COMMIT";
const WHEN: &str = "UPDRAFT_TEST_WHEN";
/// All that the tables hold, but for the times at which it was written.
const TABLES: [&str; 9] = [
    "* FROM streams",
    "* FROM cursors",
    "* FROM uploads",
    "* FROM upload_parts",
    "* FROM objects",
    "* FROM chunks",
    "id, source, path, generation, size FROM receipts",
    "receipt, sink, outcome, target, start, end, events, bytes FROM fates",
    "id, sink, path, from_byte, to_byte, bytes, reason FROM losses",
];

/// All that is ever written down, of each kind once at least, in an order that happens.
const STEPS: usize = 14;

async fn step(store: &Store, step: usize) -> Result<(), StoreError> {
    let cursor = |offset, target: Option<&str>| CursorRow {
        offset,
        clock: 5,
        target: target.map(str::to_owned),
        written: offset,
    };
    let moved = |stream, sink: &str, row: CursorRow| {
        let fate = Fate::delivered("there");
        let entries = vec![Entry { fate, range: 0..row.offset, events: 1, bytes: row.offset }];
        CursorMove { stream, sink: sink.to_owned(), size: 90, row, entries }
    };
    let part = |number, offset| PartRow {
        number,
        etag: Some("e".to_owned()),
        checksum: None,
        length: 8,
        gain: Gain { lines: 1, replaced: 2 },
        offset,
        clock: NO_TIMESTAMP,
    };
    let chunk = |stream, offset| ChunkRow {
        stream,
        recipe: Recipe { offset, shown: 10, ..Recipe::default() },
        end: offset + 10,
        events: 7,
        bytes: 10,
    };
    match step {
        0 => store.begin(vec![stream("a"), stream("b")]).await.map(drop),
        1 => store.commit(vec![moved(1, "cw", cursor(10, None)), moved(2, "cw", cursor(20, None))]).await,
        2 => store.identify(1, identity(64)).await,
        3 => store.begin_upload(1, "s3", upload("u1")).await,
        4 | 6 => store.add_part(1, "s3", part(1, 8)).await,
        5 => store.begin_upload(1, "s3", upload("u2")).await,
        7 => store.add_part(1, "s3", part(2, 16)).await,
        8 => store.seal_upload(1, "s3").await,
        9 => store.commit_upload(moved(1, "s3", cursor(16, Some("key")))).await,
        10 => store.seal("lake", "f", "k", "text", vec![chunk(1, 0), chunk(2, 0)]).await.map(drop),
        11 => store.stored(1).await,
        12 => {
            store.commit(vec![moved(1, "lake", cursor(10, None)), moved(2, "lake", cursor(10, None))]).await
        }
        13 => store.forget_passed("lake").await,
        _ => {
            let (sink, reason) = ("cw".to_owned(), LossReason::Deleted);
            let lost = Lost { stream: 2, sink, range: 20..90, reason };
            store.forget_lost(2, vec![lost]).await.map(drop)
        }
    }
}

fn identity(head_len: u32) -> Identity {
    Identity { device: 1, inode: 2, head_len, head_hash: [3; 32] }
}

fn stream(name: &str) -> NewStream {
    NewStream {
        source: "airflow".into(),
        path: name.into(),
        generation: name.into(),
        first_seen: 1,
        identity: identity(32),
        size: 50,
        skip_to: None,
    }
}

fn upload(id: &str) -> UploadRow {
    UploadRow {
        key: "key".into(),
        id: id.into(),
        checksum: "crc32".into(),
        key_is_new: true,
        copied: 0,
        sealed: false,
        parts: Vec::new(),
    }
}

/// All that the tables hold.
fn dump(folder: &Path) -> Vec<Vec<Value>> {
    let db = Connection::open(folder.join("cursors.sqlite")).expect("it opens");
    let whole: String =
        db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be checked");
    assert_eq!(whole, "ok");
    let mut all = Vec::new();
    for table in TABLES {
        let mut rows = db.prepare(&format!("SELECT {table} ORDER BY 1, 2, 3, 4")).expect("a table");
        let columns = rows.column_count();
        let rows = rows.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()).expect("rows");
        all.extend(rows.collect::<Result<Vec<Vec<Value>>, _>>().expect("rows"));
    }
    all
}

/// Ends this process at that commit: before it is made, or after it was made and before anybody is told.
fn die_at(db: &mut Connection, fatal: usize, before: bool) -> Result<(), rusqlite::Error> {
    let mut commits = 0;
    let mut count = move || {
        commits += 1;
        if commits == fatal {
            std::process::abort();
        }
    };
    if before {
        db.commit_hook(Some(move || {
            count();
            false
        }))
    } else {
        db.wal_hook(Some(move |_: &mut _, _| {
            count();
            Ok(())
        }))
    }
}

/// Writes until it is killed; the number of each step goes to standard output when it was acknowledged.
#[tokio::test]
async fn the_one_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let fatal: usize = std::env::var(FATAL).ok().and_then(|text| text.parse().ok()).expect("a number");
    let before = std::env::var(WHEN).is_ok_and(|when| when == "before");
    let folder = Path::new(&folder);
    // The first commit makes the tables.
    let mut db = Connection::open(folder.join("cursors.sqlite")).expect("it opens");
    die_at(&mut db, if fatal == 0 { 1 } else { usize::MAX }, before).expect("a hook");
    schema::prepare(&mut db).expect("tables").expect("ours");
    drop(db);
    let store = Store::open(folder).expect("it opens");
    store.call(move |db| die_at(db, fatal, before)).await.expect("a hook");
    for at in 0..=STEPS {
        step(&store, at).await.expect("it is written");
        println!("acknowledged {at}");
    }
}

#[tokio::test]
async fn a_kill_at_any_commit_leaves_all_that_was_acknowledged_and_nothing_that_was_not_asked_for() {
    let through = tempfile::tempdir().expect("a folder");
    let store = Store::open(through.path()).expect("it opens");
    let mut after = vec![dump(through.path())];
    for at in 0..=STEPS {
        step(&store, at).await.expect("it is written");
        after.push(dump(through.path()));
        assert_ne!(after[at], after[at + 1], "step {at} writes something");
    }
    for when in ["before", "after"] {
        for fatal in 0..=STEPS + 1 {
            let folder = tempfile::tempdir().expect("a folder");
            let child = Command::new(std::env::current_exe().expect("this binary"))
                .args(["--exact", "--nocapture", "cursor::crash_tests::the_one_that_is_killed"])
                .envs([(FATAL, fatal.to_string().as_str()), (WHEN, when)])
                .env(FOLDER, folder.path())
                .stderr(Stdio::null())
                .output()
                .expect("it runs");
            assert!(!child.status.success(), "commit {fatal} killed nobody");
            let said = String::from_utf8_lossy(&child.stdout).into_owned();
            let acknowledged = said.lines().filter(|line| line.starts_with("acknowledged ")).count();
            assert_eq!(acknowledged, fatal.saturating_sub(1), "each step is one commit");

            // The next process goes on.
            let store = Store::open(folder.path()).expect("it opens");
            let there = acknowledged + usize::from(fatal > 0 && when == "after");
            assert_eq!(dump(folder.path()), after[there], "killed {when} commit {fatal}");
            for at in there..=STEPS {
                step(&store, at).await.expect("it is written");
            }
            assert_eq!(dump(folder.path()), after[STEPS + 1], "gone on after commit {fatal}");
        }
    }
}
