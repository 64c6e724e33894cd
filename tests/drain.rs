//! Promise: `updraft drain` has a running host deliver all of the files that are meant now, says truly whether it has,
//! and leaves all else as it is.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use updraft_tests::{BUCKET, Failure, LogFolder, Moto, Running, Updraft, eventually, updraft};

const MEANT: &str = "dag_id=etl/run_id=r/task_id=load/map_index=3/attempt=1.log";
const OTHER: &str = "dag_id=etl/run_id=r/task_id=load/map_index=4/attempt=1.log";
const LINES: &str = "[2026-11-21T12:00:00.000+0000] {load.py:7} INFO - a line\n\
                     [2026-11-21T12:00:01.000+0000] {load.py:8} INFO - half a li";

/// A worker whose config waits for an hour wherever it may: what arrives does so because somebody asked.
struct Worker {
    moto: Moto,
    logs: LogFolder,
    data: LogFolder,
}

impl Worker {
    fn new() -> Self {
        Self { moto: Moto::with_bucket(), logs: LogFolder::empty(), data: LogFolder::empty() }
    }

    fn set_up(&self, updraft: Updraft) -> Updraft {
        let config = format!(
            "
data_dir: '{}'
sources: {{ airflow: {{ type: airflow, join_ms: 60000, partial_line_secs: 3600, rescan_secs: 3600 }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cw: {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: tries, stream_name: '{{{{ path }}}}', batch: {{ timeout_secs: 3600 }} }}
  mirror: {{ type: aws_s3, inputs: [airflow], bucket: {BUCKET}, key_prefix: logs/, refresh_secs: 3600 }}
  once: {{ type: aws_s3, inputs: [normalize], bucket: {BUCKET}, key_prefix: once/, write_once: true, quiet_secs: 3600 }}
  lake: {{ type: aws_s3, inputs: [normalize], bucket: {BUCKET}, key_prefix: lake/, layout: batch, key: 'map={{{{ map_index }}}}/', batch: {{ timeout_secs: 3600, max_wait_secs: 7200 }} }}
",
            self.data.path().display()
        );
        updraft.on(&self.moto).deployed(&self.logs).as_anyone().config("worker.yaml", &config)
    }

    fn start(&self) -> Running {
        let running = self.set_up(updraft!("run")).spawn();
        eventually("its control socket", || UnixStream::connect(self.socket()).ok());
        running
    }

    fn socket(&self) -> PathBuf {
        self.data.path().join("control.sock")
    }

    fn drain(&self, which: &[&str]) -> Updraft {
        let drain = updraft!("drain", "--data-dir", self.data.path());
        which.iter().fold(drain, Updraft::arg)
    }

    fn object(&self, key: &str) -> Option<Vec<u8>> {
        self.moto.objects(BUCKET).remove(key).map(|object| object.body)
    }

    fn has_all_of(&self, file: &str) {
        let content = self.logs.task_files()[file].clone();
        assert_eq!(self.moto.log_events("tries", file).len(), 2, "{file}");
        assert_eq!(self.object(&format!("logs/{file}")), Some(content.clone()), "{file}");
        assert_eq!(self.object(&format!("once/{file}")), Some(content), "{file}");
    }

    fn in_lake(&self) -> usize {
        self.moto.sizes(BUCKET).keys().filter(|key| key.starts_with("lake/")).count()
    }
}

#[test]
fn a_drain_delivers_one_try_to_every_sink_and_leaves_the_others_in_the_middle_of_their_lines() {
    let worker = Worker::new();
    let running = worker.start();
    assert_eq!(std::fs::metadata(worker.socket()).unwrap().permissions().mode() & 0o777, 0o600);
    for file in [MEANT, OTHER] {
        worker.logs.append(file, LINES);
    }

    let one = ["--dag-id", "etl", "--run-id", "r", "--task-id", "load", "--map-index", "3", "--try", "1"];
    let drained = worker.drain(&one).run();
    drained.exits(0);
    assert!(drained.stderr.contains("delivered: 1 files"), "{}", drained.stderr);
    worker.has_all_of(MEANT);
    assert_eq!(worker.in_lake(), 1);
    assert_eq!(worker.moto.log_events("tries", OTHER), [], "nothing of the other");
    assert_eq!(worker.object(&format!("once/{OTHER}")), None);

    let none = worker.drain(&["--task-id", "extract"]).run();
    none.exits(0);
    assert!(none.stderr.contains("no such file"), "a task that wrote nothing: {}", none.stderr);

    worker.drain(&["--path", "dag_id=etl/**/map_index=4/*.log"]).run().exits(0);
    worker.has_all_of(OTHER);
    assert_eq!(worker.in_lake(), 2);

    let puts = worker.moto.requests_of("PutLogEvents").len();
    worker.drain(&["--all"]).run().exits(0);
    assert_eq!(worker.moto.requests_of("PutLogEvents").len(), puts, "nothing is left to do");
    running.terminate();
    running.wait().exits(0);
    assert!(!worker.socket().exists());
}

#[test]
fn a_drain_while_a_sink_is_down_says_what_it_lacks_and_why_and_the_next_one_delivers_it() {
    let worker = Worker::new();
    let _running = worker.start();
    worker.logs.append(MEANT, LINES);
    worker.moto.fail("PutObject", 1_000_000, Failure { status: 403, code: "AccessDenied", after: false });

    let mirror = format!("sink mirror lacks {} bytes of 1 files: ", LINES.len());
    eventually("a drain that says what is lacking and why", || {
        let drained = worker.drain(&["--all", "--timeout", "2s"]).run();
        drained.exits(1);
        let says = [&mirror, "sink once lacks", "sink lake lacks", "AccessDenied", MEANT];
        let all = says.iter().all(|it| drained.stderr.contains(it)) && !drained.stderr.contains("sink cw");
        all.then_some(())
    });
    assert_eq!(worker.moto.log_events("tries", MEANT).len(), 2);

    worker.moto.forgive();
    // By now they wait for minutes between tries.
    worker.drain(&["--all", "--timeout", "60s"]).run().exits(0);
    worker.has_all_of(MEANT);
    assert_eq!(worker.in_lake(), 1);
}

#[test]
fn two_drains_at_once_both_wait_for_the_same_put() {
    let worker = Worker::new();
    let _running = worker.start();
    worker.logs.append(MEANT, LINES);
    worker.moto.hold("PutLogEvents");
    let drains = [worker.drain(&["--all"]).spawn(), worker.drain(&["--dag-id", "etl"]).spawn()];
    eventually("the put", || worker.moto.requests_of("PutLogEvents").pop());
    worker.moto.release();

    for drain in drains {
        drain.wait().exits(0);
    }
    worker.has_all_of(MEANT);
}

#[test]
fn a_drain_that_is_under_way_when_the_host_is_told_to_stop_is_still_answered() {
    let worker = Worker::new();
    let running = worker.start();
    worker.logs.append(MEANT, LINES);
    worker.moto.hold("PutLogEvents");
    let drain = worker.drain(&["--all"]).spawn();
    eventually("the put", || worker.moto.requests_of("PutLogEvents").pop());
    running.terminate();
    eventually("the host to stop", || running.stderr().contains("reading on").then_some(()));
    worker.moto.release();

    drain.wait().exits(0);
    running.wait().exits(0);
    worker.has_all_of(MEANT);
}

#[test]
fn a_drain_where_no_host_runs_exits_3_and_a_socket_that_a_killed_host_left_is_replaced() {
    let worker = Worker::new();
    let nobody = worker.drain(&["--all"]).run();
    nobody.exits(3);
    assert!(nobody.stderr.contains("no updraft runs"), "{}", nobody.stderr);
    updraft!("drain", "--all", "--data-dir", "/nowhere").run().exits(3);
    updraft!("drain").run().exits(2);
    updraft!("drain", "--path", "a[", "--data-dir", worker.data.path()).run().exits(2);
    updraft!("drain", "--all").run().exits(2);

    worker.start().kill();
    assert!(worker.socket().exists());
    worker.drain(&["--all"]).run().exits(3);

    let _running = worker.start();
    worker.logs.append(MEANT, LINES);
    worker.set_up(updraft!("drain", "--all")).run().exits(0);
    worker.has_all_of(MEANT);

    // Whatever somebody else says there, he is told so, and the host goes on.
    let mut stranger = UnixStream::connect(worker.socket()).unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut answer = String::new();
    BufReader::new(stranger).read_line(&mut answer).unwrap();
    assert!(answer.contains("refused"), "{answer}");
    worker.drain(&["--all"]).run().exits(0);
}

#[test]
fn a_drain_finds_the_host_by_the_same_environment_and_however_long_the_path_is() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    let data = logs.path().join("x".repeat(120));
    let with = |updraft: Updraft| updraft.lifting(&logs, &moto).env("UPDRAFT_DATA_DIR", &data);
    let running = with(updraft!("run")).spawn();
    eventually("its control socket", || data.join("control.sock").exists().then_some(()));
    logs.append(MEANT, LINES);

    with(updraft!("drain", "--all")).run().exits(0);

    assert_eq!(moto.messages(), ["a line", "half a li"]);
    assert_eq!(moto.mirrored()[MEANT], LINES.as_bytes());
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn a_drain_during_which_bytes_are_lost_says_so() {
    let worker = Worker::new();
    let running = worker.start();
    worker.moto.fail("PutObject", 1_000_000, Failure { status: 503, code: "SlowDown", after: false });
    worker.logs.append(MEANT, LINES);
    let drain = worker.drain(&["--all", "--timeout", "100s"]).spawn();
    eventually("puts", || (worker.moto.requests_of("PutObject").len() >= 3).then_some(()));
    eventually("the events", || (worker.moto.log_events("tries", MEANT).len() == 2).then_some(()));

    // Somebody writes another file over it.
    std::fs::write(worker.logs.path().join(MEANT), "of another try\n").unwrap();
    running.says(&["sink=mirror", "lost at the source"]);
    worker.moto.forgive();

    let done = drain.wait();
    done.exits(1);
    assert!(done.stderr.contains("bytes are lost") && !done.stderr.contains("lacks"), "{}", done.stderr);
    // That was then.
    worker.drain(&["--all"]).run().exits(0);
}
