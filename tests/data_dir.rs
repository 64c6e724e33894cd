//! Promise: what is in the data dir survives whatever becomes of the process and its disk: a full one, a read-only one,
//! another version's store, a damaged one. It says what is wrong, and changes nothing that it does not understand.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use updraft_tests::{BUCKET, Disk, LogFolder, Moto, TRY, Updraft, eventually, line, updraft};

/// These logs, line by line to a log stream and file by file to the bucket, with this data dir.
fn lifting(updraft: Updraft, logs: &LogFolder, moto: &Moto, data: &Path) -> Updraft {
    let config = format!(
        "
data_dir: '{}'
sources: {{ airflow: {{ type: airflow, base_log_folder: '{}' }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cloudwatch: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: airflow, stream_name: lines,
    encoding: {{ codec: text }}, healthcheck: {{ enabled: false }} }}
  s3: {{ type: aws_s3, inputs: [airflow], bucket: {BUCKET}, key_prefix: logs/, healthcheck: {{ enabled: false }} }}
",
        data.display(),
        logs.path().display()
    );
    updraft.on(moto).as_anyone().config("pipeline.yaml", &config)
}

fn messages(moto: &Moto) -> Vec<String> {
    moto.log_events("airflow", "lines").into_iter().map(|event| event.message).collect()
}

fn numbered(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

/// Panics unless the store in that folder is whole. Looks at a copy of it.
fn is_whole(data: &Path) {
    let copy = tempfile::tempdir().expect("a folder");
    for file in ["cursors.sqlite", "cursors.sqlite-wal"] {
        if data.join(file).exists() {
            fs::copy(data.join(file), copy.path().join(file)).expect("it can be copied");
        }
    }
    let db = Connection::open(copy.path().join("cursors.sqlite")).expect("it opens");
    let found: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is read");
    assert_eq!(found, "ok");
}

/// Lines 10 to 20 are on their way to CloudWatch when the disk becomes full, and arrive.
fn fill_during_a_put(disk: &Disk, logs: &LogFolder, moto: &Moto) {
    let puts = moto.requests_of("PutLogEvents").len();
    moto.hold("PutLogEvents");
    logs.append_lines(10..20);
    eventually("the put", || (moto.requests_of("PutLogEvents").len() > puts).then_some(()));
    disk.fill();
    moto.release();
}

#[test]
fn a_full_disk_stops_delivery_until_there_is_room_and_costs_nothing() {
    let moto = Moto::with_bucket();
    let disk = Disk::of(2 << 20);
    let logs = LogFolder::with_lines(0..10);
    let running =
        lifting(disk.updraft(env!("CARGO_BIN_EXE_updraft")).arg("run"), &logs, &moto, disk.path()).spawn();
    eventually("the first lines", || (messages(&moto).len() == 10).then_some(()));

    fill_during_a_put(&disk, &logs, &moto);
    let other = "dag_id=other/run_id=r/task_id=t/attempt=1.log";
    logs.append(other, line(0));
    running.says(&[
        "sink=cloudwatch",
        "cursors cannot be written down",
        "disk is full",
        "no more is delivered",
    ]);
    running.says(&["source=airflow", "disk is full", "what is new in the logs waits"]);
    logs.append_lines(20..3_000);
    // What it sends now it could not write down: if it ever sent any, it would be within this time.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(messages(&moto), numbered(0..20), "one put, and none after it");
    let said = running.stderr();
    for origin in ["source=airflow", "sink=cloudwatch", "sink=s3"] {
        let of_it = |line: &&str| line.contains("disk is full") && line.contains(origin);
        assert!(said.lines().filter(of_it).count() <= 1, "{origin} says it once: {said}");
    }

    disk.free();
    eventually("all of it", || (messages(&moto).len() == 3_001).then_some(()));
    running.says(&["cursors are written down again"]);
    running.terminate();
    running.wait().exits(0);
    let mut all = messages(&moto);
    all.sort();
    let mut expected = numbered(0..3_000);
    expected.push("line 0".to_owned());
    expected.sort();
    assert_eq!(all, expected, "each line once");
    assert_eq!(moto.mirrored(), logs.task_files());
    is_whole(&disk.from_outside());
}

#[test]
fn a_kill_while_the_disk_is_full_repeats_one_put_at_most() {
    let moto = Moto::with_bucket();
    let disk = Disk::of(2 << 20);
    let logs = LogFolder::with_lines(0..10);
    let run = || lifting(disk.updraft(env!("CARGO_BIN_EXE_updraft")).arg("run"), &logs, &moto, disk.path());
    let running = run().spawn();
    eventually("the first lines", || (messages(&moto).len() == 10).then_some(()));
    fill_during_a_put(&disk, &logs, &moto);
    running.says(&["sink=cloudwatch", "cursors cannot be written down"]);
    running.kill();
    is_whole(&disk.from_outside());

    disk.free();
    logs.append_lines(20..30);
    run().arg("--once").run().exits(0);
    let mut all = messages(&moto);
    assert_eq!(all.len(), 40, "the put that was never written down came twice");
    all.dedup();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 30);
    assert_eq!(moto.mirrored(), logs.task_files());
    is_whole(&disk.from_outside());
}

#[test]
fn a_data_dir_that_cannot_be_written_is_said_at_once() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let mut disk = Disk::of(2 << 20);
    let run = |disk: &Disk| {
        let updraft = disk.updraft(env!("CARGO_BIN_EXE_updraft")).arg("run").arg("--once");
        lifting(updraft, &logs, &moto, disk.path()).run()
    };
    run(&disk).exits(0);
    disk.read_only();
    let refused = run(&disk);
    refused.exits(3);
    for said in [&*disk.path().to_string_lossy(), "Read-only file system", "data_dir", "UPDRAFT_DATA_DIR"] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }

    // A file in the place of the folder.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data");
    fs::write(&file, "not a folder").expect("it can be written");
    let refused = lifting(updraft!("run", "--once"), &logs, &moto, &file).run();
    refused.exits(3);
    assert!(refused.stderr.contains("cannot use data dir"), "{}", refused.stderr);
    assert_eq!(fs::read(&file).expect("it is there"), b"not a folder");

    // No room for a store that is not there yet.
    let full = Disk::of(1 << 20);
    full.fill();
    let refused = run(&full);
    refused.exits(3);
    assert!(refused.stderr.contains("cursor store"), "{}", refused.stderr);
}

/// A data dir with a store that an older version wrote: it had delivered the first hundred lines of [`TRY`].
fn of_version(version: u32, logs: &LogFolder) -> tempfile::TempDir {
    let data = tempfile::tempdir().expect("a folder");
    let store = data.path().join("cursors.sqlite");
    let fixture = format!("fixtures/stores/version-{version}.sqlite");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(fixture);
    fs::copy(fixture, &store).expect("it can be copied");
    // The file's name on that machine's disk, so to speak.
    let file = fs::metadata(logs.path().join(TRY)).expect("it is there");
    let db = Connection::open(&store).expect("it opens");
    let numbers = (file.dev().cast_signed(), file.ino().cast_signed());
    let changed = db.execute("UPDATE streams SET device = ?1, inode = ?2", numbers).expect("it is written");
    assert_eq!(changed, 1);
    data
}

fn version_of(data: &Path) -> i64 {
    let db = Connection::open(data.join("cursors.sqlite")).expect("it opens");
    db.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("it is read")
}

#[test]
fn a_store_of_each_older_version_is_gone_on_with() {
    let (today, moto) = (tempfile::tempdir().expect("a folder"), Moto::with_bucket());
    lifting(updraft!("run", "--once"), &LogFolder::empty(), &moto, today.path()).run().exits(0);
    let today = version_of(today.path());
    for version in 1..=3 {
        let moto = Moto::with_bucket();
        let logs = LogFolder::with_lines(0..150);
        let data = of_version(version, &logs);
        lifting(updraft!("run", "--once"), &logs, &moto, data.path()).run().exits(0);
        assert_eq!(messages(&moto), numbered(100..150), "version {version}: what is new, and nothing again");
        assert_eq!(moto.mirrored(), logs.task_files());
        assert_eq!(version_of(data.path()), today);
        is_whole(data.path());

        logs.append_lines(150..160);
        lifting(updraft!("run", "--once"), &logs, &moto, data.path()).run().exits(0);
        assert_eq!(messages(&moto), numbered(100..160));
    }
}

/// Runs with a store that it cannot use: what it says. Not a byte of the store is another afterwards.
fn refused(data: &Path) -> String {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::with_lines(0..150));
    let store = data.join("cursors.sqlite");
    let before = fs::read(&store).expect("it is there");
    let refused = lifting(updraft!("run", "--once"), &logs, &moto, data).run();
    refused.exits(3);
    assert!(fs::read(&store).expect("it is there") == before, "it was changed");
    assert!(refused.stderr.contains(&*store.to_string_lossy()), "{}", refused.stderr);
    assert!(messages(&moto).is_empty());
    refused.stderr
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let logs = LogFolder::with_lines(0..100);
    let data = of_version(2, &logs);
    let db = Connection::open(data.path().join("cursors.sqlite")).expect("it opens");
    db.execute_batch("ALTER TABLE streams ADD COLUMN more TEXT; PRAGMA user_version = 99;").expect("written");
    db.pragma_update(None, "journal_mode", "delete").expect("written");
    drop(db);
    let said = refused(data.path());
    assert!(said.contains("newer updraft (store version 99"), "{said}");
}

#[test]
fn a_store_that_is_damaged_is_refused_and_left_as_it_is() {
    let logs = LogFolder::with_lines(0..100);
    let damaged = |damage: fn(&PathBuf)| {
        let data = of_version(2, &logs);
        damage(&data.path().join("cursors.sqlite"));
        let said = refused(data.path());
        assert!(said.contains("damaged") && said.contains("move it away"), "{said}");
    };
    damaged(|store| {
        fs::write(store, "this is no store, but long enough to look like one ".repeat(99)).expect("written");
    });
    damaged(|store| {
        // The pages behind the first.
        let mut bytes = fs::read(store).expect("it is there");
        bytes[4_096..].fill(0xff);
        fs::write(store, bytes).expect("written");
    });
    damaged(|store| {
        // The end is missing.
        let bytes = fs::read(store).expect("it is there");
        fs::write(store, &bytes[..bytes.len() / 2]).expect("written");
    });
}
