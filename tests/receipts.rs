//! Promise: for every file the receipt says what went where, byte for byte, and `prove` holds it against what is there.

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};
use updraft_tests::{
    BUCKET, Failure, Finished, GROUP, LogFolder, Moto, STREAM, TRY, Updraft, eventually, line, updraft,
};

fn prove(logs: &LogFolder, moto: &Moto, more: &[&str]) -> Finished {
    let prove = updraft!("prove", "--format", "json").lifting(logs, moto);
    more.iter().fold(prove, Updraft::arg).run()
}

fn proofs(done: &Finished) -> Vec<Value> {
    done.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// A sink's part of a proof.
fn of<'a>(proof: &'a Value, sink: &str) -> &'a Value {
    let sinks = proof["sinks"].as_array().expect("sinks");
    sinks.iter().find(|it| it["sink"] == sink).unwrap_or_else(|| panic!("{proof:#}"))
}

/// The sum of a field over what became of a sink's events.
fn sum(sink: &Value, field: &str) -> u64 {
    sink["targets"]
        .as_array()
        .expect("targets")
        .iter()
        .map(|target| target[field].as_u64().expect(field))
        .sum()
}

#[test]
fn every_byte_of_every_file_is_accounted_for_and_the_objects_are_the_same() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::of("airflow2/default_utc");
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    let done = prove(&logs, &moto, &["--remote"]);

    done.exits(0);
    let proofs = proofs(&done);
    let mut files = logs.task_files();
    files.retain(|_, bytes| !bytes.is_empty());
    assert_eq!(proofs.len(), files.len());
    for proof in &proofs {
        let path = proof["path"].as_str().expect("path");
        let size = files[path].len() as u64;
        for sink in ["cloudwatch", "s3"] {
            let sink = of(proof, sink);
            assert_eq!(
                (sink["acknowledged"].as_u64(), sum(sink, "bytes")),
                (Some(size), size),
                "{path}: {sink:#}"
            );
        }
        let object = &of(proof, "s3")["targets"][0];
        assert_eq!(object["target"], format!("s3://{BUCKET}/logs/{path}"));
        assert_eq!(object["remote"]["verdict"], "same");
        assert_eq!(
            of(proof, "cloudwatch")["targets"][0]["target"],
            format!("log-group:{GROUP}:log-stream:{STREAM}")
        );
    }
    let events: u64 = proofs.iter().map(|proof| sum(of(proof, "cloudwatch"), "events")).sum();
    // Of what had to be split, each part but the first is an event of CloudWatch's only.
    let there = moto.log_events(GROUP, STREAM);
    let firsts = there.iter().map(|event| serde_json::from_str::<Value>(&event.message).expect("JSON"));
    assert_eq!(
        events,
        firsts.filter(|event| event["part"].as_u64().is_none_or(|part| part == 1)).count() as u64
    );
}

#[test]
fn an_object_that_somebody_changed_or_deleted_is_found_out() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..50);
    logs.append("other.log", line(7));
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    let mut changed = logs.task_files()[TRY].clone();
    changed[700] ^= 1;
    moto.put_object(BUCKET, &format!("logs/{TRY}"), &changed);
    moto.delete_object(BUCKET, "logs/other.log");

    let done = updraft!("prove", "--remote").lifting(&logs, &moto).run();

    done.exits(1);
    assert!(done.stdout.contains("DIFFERS from byte 700 on"), "{}", done.stdout);
    assert!(done.stdout.contains("MISSING"), "{}", done.stdout);
    prove(&logs, &moto, &[]).exits(0);
}

#[test]
fn what_cloudwatch_refused_stands_in_the_receipt_with_the_reason() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let old = line(0).replace("2026-11-21", "2025-01-01");
    logs.append("old.log", old.clone() + &old.replace("line 0", "line 1"));
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(1);

    let done = prove(&logs, &moto, &["old.log"]);

    done.exits(1);
    let proofs = proofs(&done);
    assert_eq!(proofs.len(), 1);
    let refused = &of(&proofs[0], "cloudwatch")["targets"][0];
    assert_eq!((&refused["outcome"], &refused["events"]), (&"too_old".into(), &2.into()));
    assert_eq!(refused["bytes"].as_u64(), Some(2 * old.len() as u64));
    assert_eq!(proofs[0]["holds"], false);
    prove(&logs, &moto, &["--dag-id", "etl"]).exits(0);
}

#[test]
fn a_receipt_outlives_its_file_and_its_hash_proves_the_object() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..20);
    let content = logs.task_files()[TRY].clone();
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    eventually("the object", || moto.mirrored().contains_key(TRY).then_some(()));
    eventually("all to be acknowledged", || (prove(&logs, &moto, &[]).code() == Some(0)).then_some(()));

    fs::remove_file(logs.path().join(TRY)).expect("it is there");

    let proof = eventually("the receipt to be sealed", || {
        let proof = proofs(&prove(&logs, &moto, &["--remote"])).pop()?;
        (proof["file"] == "gone" && !proof["sha256"].is_null()).then_some(proof)
    });
    let sha256 = hex::encode(Sha256::digest(&content));
    assert_eq!(proof["sha256"], sha256);
    assert_eq!(of(&proof, "s3")["targets"][0]["remote"]["verdict"], "same_hash");
    running.terminate();
    running.wait().exits(0);
    // Another object of the same length is another object.
    moto.put_object(BUCKET, &format!("logs/{TRY}"), &vec![b'x'; content.len()]);
    let done = prove(&logs, &moto, &["--remote"]);
    done.exits(1);
    assert!(done.stdout.contains("hashes to something else"), "{}", done.stdout);
}

#[test]
fn a_kill_makes_no_receipt_say_more_than_there_is() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..25_000);
    moto.hold_after(1, "PutLogEvents");
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    eventually("a put in flight", || (moto.requests_of("PutLogEvents").len() == 2).then_some(()));
    running.kill();
    moto.release();
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    let done = prove(&logs, &moto, &["--dag-id", "etl", "--try", "1"]);

    done.exits(0);
    let proof = &proofs(&done)[0];
    let cloudwatch = of(proof, "cloudwatch");
    assert_eq!(sum(cloudwatch, "events"), 25_000, "{proof:#}");
    assert_eq!(Some(sum(cloudwatch, "bytes")), proof["size"].as_u64());
}

#[test]
fn objects_of_many_files_are_named_in_the_receipt_of_each() {
    let (logs, data, out) = (LogFolder::with_lines(0..30), LogFolder::empty(), LogFolder::empty());
    logs.append("other.log", line(1) + &line(2));
    let config = format!(
        "data_dir: '{}'
sources: {{ airflow: {{ type: airflow, base_log_folder: '{}' }} }}
sinks:
  lake: {{ type: file, inputs: [airflow], path: '{}', layout: batch, key: all, encoding: {{ codec: raw }} }}
",
        data.path().display(),
        logs.path().display(),
        out.path().display()
    );
    let with_config = |updraft: Updraft| updraft.config("lake.yaml", &config).run();
    with_config(updraft!("run", "--once")).exits(0);
    let done = with_config(updraft!("prove", "--format", "json"));
    done.exits(0);
    let proofs = proofs(&done);
    let object =
        fs::read_dir(out.path().join("all")).expect("folder").next().expect("one").expect("one").path();
    for (proof, events) in proofs.iter().zip([30, 2]) {
        let target = &of(proof, "lake")["targets"][0];
        assert_eq!(target["target"], object.display().to_string());
        assert_eq!(target["events"], events);
    }
    // Without the config the receipts alone speak.
    let alone = updraft!("prove", "--format", "json", "--data-dir").arg(data.path()).run();
    alone.exits(0);
    assert_eq!(self::proofs(&alone).len(), 2);
}

#[test]
fn what_was_written_since_is_still_to_come_though_no_sink_has_any_of_it() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..10);
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    logs.append_lines(10..20);
    let down = Failure { status: 503, code: "ServiceUnavailable", after: false };
    moto.fail("PutLogEvents", 1_000, down);
    moto.fail("PutObject", 1_000, down);
    updraft!("run", "--once", "--give-up", "1s").lifting(&logs, &moto).run().exits(1);

    let done = updraft!("prove").lifting(&logs, &moto).run();

    done.exits(1);
    let open: usize = (10..20).map(|number| line(number).len()).sum();
    let said = format!("; {open} bytes still to come");
    assert_eq!(done.stdout.matches(&said).count(), 2, "{}", done.stdout);
}

#[test]
fn a_file_that_was_rotated_away_is_no_other_than_was_delivered() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..10);
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    fs::rename(logs.path().join(TRY), logs.path().join(format!("{TRY}.1"))).expect("it is there");
    logs.append(TRY, "");

    let done = prove(&logs, &moto, &["--remote"]);

    done.exits(0);
    let proof = &proofs(&done)[0];
    assert_eq!(proof["file"], "as_long", "it is found beside its old name");
    assert_eq!(of(proof, "s3")["targets"][0]["remote"]["verdict"], "same");

    fs::remove_file(logs.path().join(format!("{TRY}.1"))).expect("it is there");
    let done = prove(&logs, &moto, &["--remote"]);
    done.exits(1);
    assert_eq!(of(&proofs(&done)[0], "s3")["targets"][0]["remote"]["verdict"], "nothing_to_compare");
    prove(&logs, &moto, &[]).exits(0);
}

#[test]
fn a_file_that_came_to_its_end_while_nobody_ran_is_sealed_by_the_next_run() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..10);
    logs.append(
        TRY,
        line(10)
            .replace("load.py:7", "local_task_job_runner.py:266")
            .replace("line 10", "Task exited with return code 0"),
    );
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    let running = updraft!("run").lifting(&logs, &moto).spawn();
    eventually("the seal", || {
        let proof = proofs(&prove(&logs, &moto, &[])).pop()?;
        (!proof["sha256"].is_null()).then_some(())
    });
    // The seal comes with the store, and the rest may not be there yet.
    eventually("it to run", || running.stderr().contains("running;").then_some(()));
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn what_is_not_known_is_not_proved() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let before = prove(&logs, &moto, &[]);
    before.exits(3);
    assert!(before.stderr.contains("no store"), "{}", before.stderr);
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);
    prove(&logs, &moto, &["--dag-id", "other"]).exits(1);
    prove(&logs, &moto, &["a[b"]).exits(2);
}
