//! Promise: whatever Airflow does to a file, and on however many hosts, everything that was ever in the bucket stays there.

use std::fs;

use updraft_tests::{
    BUCKET, COPIED, LogFolder, MIB, Moto, Running, TRY, eventually, files_in, line, text, updraft,
};

const DEFERRED: &str = "dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=defer_twice/attempt=1.log.trigger.2.log";

fn follow(logs: &LogFolder, moto: &Moto) -> Running {
    updraft!("run").mirroring(logs, moto, COPIED).spawn()
}

fn stop(run: Running) {
    run.terminate();
    run.wait().exits(0);
}

/// Waits for an object of those bytes; its key below the prefix.
fn wait_for(moto: &Moto, file: &str, bytes: &[u8]) -> String {
    eventually("the object", || {
        // Bodies are looked at only when there is one of that length.
        moto.sizes(BUCKET).values().find(|&&size| size == bytes.len())?;
        moto.mirrored().into_iter().find(|(key, body)| key.starts_with(file) && body == bytes)
    })
    .0
}

fn set_to(logs: &LogFolder, file: &str, bytes: &[u8]) {
    let open = fs::OpenOptions::new().write(true).truncate(true).open(logs.path().join(file));
    open.expect("the file is there");
    logs.append(file, bytes);
}

/// Two hosts with different contents under one path: their logs, and each with its own run.
fn two_hosts(moto: &Moto, bytes: usize) -> [(LogFolder, Running); 2] {
    [1, 2].map(|seed| {
        let logs = LogFolder::empty();
        logs.append(TRY, text(seed, bytes));
        let run = follow(&logs, moto);
        (logs, run)
    })
}

/// Both files are there, one under the file's own key and one beside it, and nothing else is.
fn both_are_there(moto: &Moto, hosts: [(LogFolder, Running); 2]) {
    let contents = hosts.map(|(logs, run)| {
        stop(run);
        logs.task_files().remove(TRY).expect("the file is there")
    });
    let objects = moto.mirrored();
    assert_eq!(objects.len(), 2, "{:?}", objects.keys());
    assert!(objects.contains_key(TRY));
    assert!(objects.keys().all(|key| key.starts_with(TRY)), "{:?}", objects.keys());
    for content in contents {
        assert!(objects.values().any(|object| *object == content), "a host's file is no object");
    }
}

#[test]
fn a_try_resumed_on_another_host_has_an_object_of_each_host() {
    for bytes in [100, 9 * MIB] {
        let moto = Moto::with_bucket();
        let first = LogFolder::empty();
        first.append(TRY, text(1, bytes));
        let run = follow(&first, &moto);
        let acknowledged = first.task_files().remove(TRY).expect("the file is there");
        assert_eq!(wait_for(&moto, TRY, &acknowledged), TRY);

        let second = LogFolder::empty();
        second.append(TRY, text(2, bytes + 10));
        let other = follow(&second, &moto);
        let key = wait_for(&moto, TRY, &second.task_files()[TRY]);
        assert_ne!(key, TRY);
        // From then on both go on.
        for (logs, seed) in [(&first, 3), (&second, 4), (&first, 5)] {
            logs.append(TRY, text(seed, bytes + seed as usize));
            wait_for(&moto, TRY, &logs.task_files()[TRY]);
        }
        assert!(moto.mirrored()[&key] == second.task_files()[TRY]);
        both_are_there(&moto, [(first, run), (second, other)]);
    }
}

#[test]
fn two_hosts_that_write_one_key_at_the_same_moment_both_keep_what_they_have() {
    for (operation, bytes) in
        [("PutObject", 100), ("PutObject", 6 * MIB), ("CompleteMultipartUpload", 9 * MIB)]
    {
        let moto = Moto::with_bucket();
        moto.hold(operation);
        let hosts = two_hosts(&moto, bytes);
        eventually("both to write", || (moto.requests_of(operation).len() == 2).then_some(()));
        moto.release();
        eventually("both objects", || (moto.sizes(BUCKET).len() == 2).then_some(()));
        // And both grow.
        for ((logs, _), seed) in hosts.iter().zip([3, 4]) {
            logs.append(TRY, text(seed, MIB + seed as usize));
            wait_for(&moto, TRY, &logs.task_files()[TRY]);
        }
        both_are_there(&moto, hosts);
    }
}

#[test]
fn a_triggerers_file_that_the_second_deferral_truncates_keeps_its_first_hop() {
    let moto = Moto::with_bucket();
    let (logs, real) = (LogFolder::empty(), LogFolder::of("airflow3/default_utc"));
    // What Airflow 3 left there is the second hop; the first looked like it, and was longer.
    let second_hop = real.task_files().remove(DEFERRED).expect("a fixture");
    let first_hop: Vec<u8> = String::from_utf8_lossy(&second_hop).replace("hop2", "hop1, the longer").into();
    logs.append(DEFERRED, &first_hop);
    let run = follow(&logs, &moto);
    assert_eq!(wait_for(&moto, DEFERRED, &first_hop), DEFERRED);

    let lines: Vec<&[u8]> = second_hop.split_inclusive(|&byte| byte == b'\n').collect();
    set_to(&logs, DEFERRED, lines[0]);
    let key = wait_for(&moto, &format!("{DEFERRED}."), lines[0]);
    for line in &lines[1..] {
        logs.append(DEFERRED, line);
    }
    eventually("the second hop", || (moto.mirrored().get(&key)? == &second_hop).then_some(()));
    stop(run);

    assert!(moto.mirrored()[DEFERRED] == first_hop, "what was acknowledged is there");
    assert_eq!(moto.mirrored().len(), 2);
}

#[test]
fn a_file_that_is_emptied_and_rewritten_has_an_object_for_each_time() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    logs.append(TRY, text(0, 300));
    let run = follow(&logs, &moto);
    let mut written = vec![text(0, 300)];
    wait_for(&moto, TRY, &written[0]);
    // Shorter, as long, longer.
    for (seed, length) in [(1, 200), (2, 200), (3, 300)] {
        let bytes = text(seed, length);
        set_to(&logs, TRY, &bytes);
        wait_for(&moto, TRY, &bytes);
        written.push(bytes);
    }
    stop(run);

    let mut objects: Vec<Vec<u8>> = moto.mirrored().into_values().collect();
    objects.sort();
    written.sort();
    assert!(objects == written, "each time has an object of its own");
}

#[test]
fn a_run_that_is_cleared_and_run_again_keeps_both_times() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..10);
    let run = follow(&logs, &moto);
    let first = logs.task_files().remove(TRY).expect("the file is there");
    wait_for(&moto, TRY, &first);

    // Its logs are deleted with it, and the same path comes again.
    fs::remove_dir_all(logs.path().join("dag_id=etl")).expect("it can be deleted");
    let again = line(100) + &line(101);
    logs.append(TRY, &again);
    let key = wait_for(&moto, TRY, again.as_bytes());
    assert_ne!(key, TRY);
    // Cleared without deleting anything: Airflow begins the next attempt.
    let next = TRY.replace("attempt=1", "attempt=2");
    logs.append(&next, line(200));
    assert_eq!(wait_for(&moto, &next, line(200).as_bytes()), next);
    stop(run);

    let objects = moto.mirrored();
    assert_eq!(objects.len(), 3, "{:?}", objects.keys());
    assert!(objects[TRY] == first && objects[&key] == again.as_bytes());
    assert!(files_in(logs.path()).contains_key(&next));
}
