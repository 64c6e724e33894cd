//! Promise: however log files are rotated, renamed and copied, running or not, each line arrives once.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use updraft_tests::{
    BUCKET, COPIED, LogFolder, Moto, Running, TwoSinks, Updraft, eventually, line, text, updraft,
};

/// A sink that copies lines, one that takes what a component makes of them; `OTHER` is more of the source.
const PIPELINE: &str = "
data_dir: '${DATA}'
sources:
  airflow: { type: airflow, rescan_secs: 0.2, OTHER }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  one: { type: file, inputs: [airflow], path: '${OUT}/one' }
  two: { type: file, inputs: [normalize], path: '${OUT}/two' }
";

/// By inotify, and by looking at intervals only.
const WAYS: [&str; 2] = ["watch: true", "watch: false"];
const LOGS_ONLY: &str = "include: ['**/*.log']";

struct Place {
    logs: LogFolder,
    sinks: TwoSinks,
}

impl Place {
    fn new() -> Self {
        Self { logs: LogFolder::empty(), sinks: TwoSinks::new() }
    }

    fn updraft(&self, updraft: Updraft, other: &str) -> Updraft {
        self.sinks.pipeline(updraft.deployed(&self.logs), &PIPELINE.replace("OTHER", other))
    }

    fn follow(&self, other: &str) -> Running {
        self.updraft(updraft!("run"), other).spawn()
    }

    fn once(&self, other: &str) -> updraft_tests::Finished {
        self.updraft(updraft!("run", "--once", "--give-up", "1s"), other).run()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.logs.path().join(name)
    }

    fn rename(&self, from: &str, to: &str) {
        fs::create_dir_all(self.file(to).parent().expect("a folder")).expect("it can be made");
        fs::rename(self.file(from), self.file(to)).expect("it can be renamed");
    }

    /// As logrotate's `copytruncate` does it.
    fn copy_and_truncate(&self, from: &str, to: &str) {
        fs::copy(self.file(from), self.file(to)).expect("it can be copied");
        let truncated = OpenOptions::new().write(true).truncate(true).open(self.file(from));
        truncated.expect("it can be truncated");
    }

    /// Waits until a sink has these contents, each in a file of its own, and nothing else.
    fn wait_for(&self, sink: &str, contents: &[&str]) {
        let mut expected: Vec<&[u8]> = contents.iter().map(|it| it.as_bytes()).collect();
        expected.sort_unstable();
        let mut there = BTreeMap::new();
        let so_far = |there: &BTreeMap<String, Vec<u8>>| {
            let mut contents: Vec<Vec<u8>> = there.values().cloned().collect();
            contents.sort_unstable();
            contents == expected
        };
        let what = format!("{} files in sink {sink}", contents.len());
        eventually(&what, || {
            there = self.sinks.delivered(sink);
            so_far(&there).then_some(())
        });
    }

    /// The same of both sinks, once the run has ended.
    fn has(&self, contents: &[&str]) {
        for sink in ["one", "two"] {
            let mut there: Vec<Vec<u8>> = self.sinks.delivered(sink).into_values().collect();
            there.sort_unstable();
            let mut expected: Vec<&[u8]> = contents.iter().map(|it| it.as_bytes()).collect();
            expected.sort_unstable();
            let lengths = |it: &[Vec<u8>]| it.iter().map(Vec::len).collect::<Vec<_>>();
            assert!(there == expected, "sink {sink} has files of {:?} bytes", lengths(&there));
        }
    }

    fn lost(&self, sink: &str) -> u64 {
        let losses = updraft::losses(self.sinks.data.path()).expect("the store can be read");
        losses.iter().filter(|loss| loss.sink == sink).map(|loss| loss.bytes).sum()
    }
}

fn stop(running: Running) {
    running.terminate();
    running.wait().exits(0);
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(line).collect()
}

#[test]
fn a_file_that_is_renamed_again_and_again_is_shipped_once_and_read_on_under_each_name() {
    for way in WAYS {
        let place = Place::new();
        let running = place.follow(way);
        let mut generations: Vec<String> = Vec::new();
        for round in 0..4 {
            for older in (1..round).rev() {
                place.rename(&format!("a.log.{older}"), &format!("a.log.{}", older + 1));
            }
            let first = lines(round * 100..round * 100 + 5);
            if let Some(last) = generations.last_mut() {
                // Who writes it has it open, and goes on for a moment.
                let mut open =
                    OpenOptions::new().append(true).open(place.file("a.log")).expect("it is there");
                place.rename("a.log", "a.log.1");
                place.logs.append("a.log", &first);
                let late = line(round * 100 - 1);
                open.write_all(late.as_bytes()).expect("it can be written");
                last.push_str(&late);
            } else {
                place.logs.append("a.log", &first);
            }
            generations.push(first);
            let contents: Vec<&str> = generations.iter().map(String::as_str).collect();
            place.wait_for("one", &contents);
            place.wait_for("two", &contents);
        }
        stop(running);
        place.has(&generations.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((place.lost("one"), place.lost("two")), (0, 0), "{way}");
    }
}

#[test]
fn a_file_that_is_renamed_while_nobody_looks_goes_on_where_it_was() {
    let place = Place::new();
    place.logs.append("a.log", lines(0..3));
    place.logs.append("a.log.1", lines(10..13));
    place.once(WAYS[0]).exits(0);
    place.rename("a.log.1", "old/a.log.2");
    place.rename("a.log", "a.log.1");
    place.logs.append("a.log.1", lines(3..5));
    place.logs.append("a.log", lines(20..22));
    place.once(WAYS[0]).exits(0);
    // And once more, with the later generation of the same path.
    place.rename("a.log.1", "a.log.2");
    place.rename("a.log", "a.log.1");
    place.once(WAYS[0]).exits(0);
    place.has(&[&lines(0..5), &lines(10..13), &lines(20..22)]);
    assert_eq!(
        place.sinks.delivered("one")["a.log"],
        lines(0..5).into_bytes(),
        "it keeps its name in the sink"
    );
}

#[test]
fn a_file_that_is_renamed_to_what_no_pattern_lets_through_is_read_to_its_end() {
    for way in WAYS {
        let place = Place::new();
        let other = format!("{LOGS_ONLY}, {way}");
        place.sinks.block("two");
        let running = place.follow(&other);
        place.logs.append("a.log", lines(0..3));
        place.wait_for("one", &[&lines(0..3)]);
        place.rename("a.log", "a.log.1");
        place.logs.append("a.log", lines(10..13));
        place.logs.append("a.log.1", lines(3..6));
        place.wait_for("one", &[&lines(0..6), &lines(10..13)]);
        running.kill();
        // Nobody has it open any more, and it has moved on.
        place.rename("a.log.1", "a.log.2");
        place.logs.append("a.log.2", lines(6..8));
        place.sinks.unblock("two");
        place.once(&other).exits(0);
        place.has(&[&lines(0..8), &lines(10..13)]);
    }
}

#[test]
fn what_was_not_read_of_a_file_before_copytruncate_is_read_from_the_copy() {
    for way in WAYS {
        for other in [way.to_owned(), format!("{way}, {LOGS_ONLY}")] {
            let place = Place::new();
            let running = place.follow(&other);
            place.logs.append("a.log", lines(0..50));
            place.wait_for("two", &[&lines(0..50)]);
            // From here on one sink is behind.
            fs::rename(place.sinks.out.path().join("two"), place.sinks.out.path().join("aside"))
                .expect("it is there");
            place.sinks.block("two");
            place.logs.append("a.log", lines(50..100));
            place.wait_for("one", &[&lines(0..100)]);
            place.copy_and_truncate("a.log", "a.log.1");
            place.logs.append("a.log", lines(200..250));
            place.wait_for("one", &[&lines(0..100), &lines(200..250)]);
            place.sinks.unblock("two");
            fs::rename(place.sinks.out.path().join("aside"), place.sinks.out.path().join("two"))
                .expect("it is there");
            place.wait_for("two", &[&lines(0..100), &lines(200..250)]);
            // The next rotation: the copy has another name by then.
            place.rename("a.log.1", "a.log.2");
            place.copy_and_truncate("a.log", "a.log.1");
            place.logs.append("a.log", lines(300..301));
            place.wait_for("two", &[&lines(0..100), &lines(200..250), &lines(300..301)]);
            stop(running);
            place.has(&[&lines(0..100), &lines(200..250), &lines(300..301)]);
            assert_eq!((place.lost("one"), place.lost("two")), (0, 0), "{other}");
        }
    }
}

#[test]
fn a_file_that_was_copied_and_truncated_while_nobody_looked_goes_on_in_its_copy() {
    let place = Place::new();
    place.logs.append("a.log", lines(0..50));
    place.once(WAYS[0]).exits(0);
    place.logs.append("a.log", lines(50..60));
    place.copy_and_truncate("a.log", "a.log.1");
    place.rename("a.log.1", "a.log.2");
    place.logs.append("a.log", lines(100..160));
    place.copy_and_truncate("a.log", "a.log.1");
    place.logs.append("a.log", lines(200..201));
    place.once(WAYS[0]).exits(0);
    place.has(&[&lines(0..60), &lines(100..160), &lines(200..201)]);
}

#[test]
fn what_a_copy_lacks_of_a_truncated_file_is_counted_as_lost() {
    let place = Place::new();
    let running = place.follow(WAYS[0]);
    place.logs.append("a.log", lines(0..50));
    place.wait_for("two", &[&lines(0..50)]);
    fs::rename(place.sinks.out.path().join("two"), place.sinks.out.path().join("aside"))
        .expect("it is there");
    place.sinks.block("two");
    let copied = fs::read(place.file("a.log")).expect("it is there");
    place.logs.append("a.log", lines(50..70));
    place.sinks.wait_for_cursors("one", lines(0..70).len());
    running.kill();
    fs::write(place.file("a.log.1"), copied).expect("it can be written");
    fs::write(place.file("a.log"), lines(100..101)).expect("it can be written");
    place.sinks.unblock("two");
    fs::rename(place.sinks.out.path().join("aside"), place.sinks.out.path().join("two"))
        .expect("it is there");
    place.once(WAYS[0]);
    let (one, two) = (place.sinks.delivered("one"), place.sinks.delivered("two"));
    assert_eq!(two["a.log"], lines(0..50).into_bytes());
    assert_eq!(one["a.log"], lines(0..70).into_bytes());
    assert_eq!(place.lost("two"), lines(50..70).len() as u64);
    assert_eq!(place.lost("one"), 0);
}

#[test]
fn two_files_that_begin_alike_are_both_shipped() {
    let place = Place::new();
    place.logs.append("a.log", lines(0..50));
    let running = place.follow(WAYS[0]);
    place.wait_for("one", &[&lines(0..50)]);
    place.logs.append("b.log", lines(0..50));
    // It may be a copy, until it is the original no more.
    place.logs.append("c.log", lines(0..49) + &line(1000));
    place.wait_for("one", &[&lines(0..50), &(lines(0..49) + &line(1000))]);
    place.wait_for("one", &[&lines(0..50), &lines(0..50), &(lines(0..49) + &line(1000))]);
    stop(running);
}

#[test]
fn a_rotated_file_keeps_its_object() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::empty();
    let running = updraft!("run").mirroring(&logs, &moto, COPIED).spawn();
    logs.append("a.log", text(1, 3000));
    moto.wait_for_size("a.log", 3000);
    for (round, seed) in [(1, 2), (2, 3)] {
        if round == 2 {
            fs::rename(logs.path().join("a.log.1"), logs.path().join("a.log.2")).expect("it is there");
        }
        fs::rename(logs.path().join("a.log"), logs.path().join("a.log.1")).expect("it is there");
        logs.append("a.log", text(seed, 2000));
        eventually("an object for each file", || (moto.sizes(BUCKET).len() == round + 1).then_some(()));
    }
    // The first is read on under its third name.
    logs.append("a.log.2", text(9, 500));
    moto.wait_for_size("a.log", 3500);
    stop(running);
    let mut objects: Vec<Vec<u8>> = moto.mirrored().into_values().collect();
    let mut files: Vec<Vec<u8>> = logs.task_files().into_values().collect();
    objects.sort();
    files.sort();
    assert!(objects == files, "objects of {:?} bytes", objects.iter().map(Vec::len).collect::<Vec<_>>());
}

#[test]
fn what_a_copy_lacks_and_a_sink_had_read_before_is_not_called_lost_when_it_arrives() {
    let place = Place::new();
    let moto = updraft_tests::Moto::start();
    let config = "
data_dir: '${DATA}'
sources: { airflow: { type: airflow, join_ms: 60000 } }
transforms: { normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' } }
sinks:
  cw: { type: aws_cloudwatch_logs, inputs: [normalize], group_name: g, stream_name: s, batch: { timeout_secs: 0.1 } }
";
    let updraft =
        updraft!("run").on(&moto).as_anyone().deployed(&place.logs).env("DATA", place.sinks.data.path());
    let running = updraft.config("pipeline.yaml", config).spawn();
    place.logs.append("a.log", lines(0..50));
    // The last event may go on, and waits for the next.
    place.sinks.wait_for_cursors("cw", lines(0..49).len());
    let copied = fs::read(place.file("a.log")).expect("it is there");
    moto.hold("PutLogEvents");
    let puts = moto.requests_of("PutLogEvents").len();
    place.logs.append("a.log", lines(50..70));
    eventually("a put under way", || (moto.requests_of("PutLogEvents").len() > puts).then_some(()));
    fs::write(place.file("a.log.1"), copied).expect("it can be written");
    fs::write(place.file("a.log"), "").expect("it can be written");
    running.says(&["is `a.log.1` by now"]);
    moto.release();

    eventually("what was read", || (moto.log_events("g", "s").len() == 69).then_some(()));
    place.sinks.wait_for_cursors("cw", lines(0..69).len());
    running.terminate();
    running.wait();
    assert_eq!(place.lost("cw"), line(69).len() as u64, "what was never read");
}
