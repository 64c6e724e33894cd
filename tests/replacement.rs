//! Promise: whatever takes the place of files and folders, nothing is mixed up, and what is lost is counted once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use updraft_tests::{LogFolder, Running, TwoSinks, Updraft, eventually, line, updraft};

/// The two sinks share no batch in memory: what one has does not help the other.
const PIPELINE: &str = "
data_dir: '${DATA}'
sources:
  airflow: { type: airflow, base_log_folder: '${LOGS}', rescan_secs: 0.2, OTHER }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  one: { type: file, inputs: [airflow], path: '${OUT}/one' }
  two: { type: file, inputs: [normalize], path: '${OUT}/two' }
";

/// By inotify, and by looking at intervals only.
const WAYS: [&str; 2] = ["watch: true", "watch: false"];

struct Place {
    /// Of which `logs` is the base folder.
    above: LogFolder,
    sinks: TwoSinks,
}

impl Place {
    fn new() -> Self {
        let place = Self { above: LogFolder::empty(), sinks: TwoSinks::new() };
        fs::create_dir(place.file("")).expect("it can be made");
        place
    }

    fn updraft(&self, updraft: Updraft, other: &str) -> Updraft {
        self.sinks
            .pipeline(updraft.env("LOGS", self.above.path().join("logs")), &PIPELINE.replace("OTHER", other))
    }

    fn follow(&self, other: &str) -> Running {
        self.updraft(updraft!("run"), other).spawn()
    }

    fn once(&self, other: &str) -> updraft_tests::Finished {
        self.updraft(updraft!("run", "--once", "--give-up", "1s"), other).run()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.above.path().join("logs").join(name)
    }

    fn append(&self, name: &str, text: &str) {
        self.above.append(&format!("logs/{name}"), text);
    }

    fn bytes(&self, sink: &str) -> u64 {
        self.sinks.delivered(sink).values().map(|file| file.len() as u64).sum()
    }

    fn wait_for(&self, sink: &str, name: &str, content: &str) {
        let what = format!("{name} in sink {sink}");
        eventually(&what, || {
            (self.sinks.delivered(sink).get(name).map(Vec::as_slice) == Some(content.as_bytes()))
                .then_some(())
        });
    }

    /// Waits for one more file of that content, whatever its name.
    fn wait_for_content(&self, sink: &str, content: &str) {
        eventually("the content", || {
            self.sinks.delivered(sink).values().any(|it| it == content.as_bytes()).then_some(())
        });
    }

    fn losses(&self, sink: &str) -> Vec<(String, u64, u64, String)> {
        let losses = updraft::losses(self.sinks.data.path()).expect("the store can be read");
        let of_sink = losses.into_iter().filter(|loss| loss.sink == sink);
        of_sink.map(|loss| (loss.path, loss.from, loss.bytes, loss.reason)).collect()
    }

    fn lost(&self, sink: &str) -> u64 {
        self.losses(sink).iter().map(|(_, _, bytes, _)| bytes).sum()
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
fn files_of_one_name_that_follow_each_other_at_once_are_never_mixed_up() {
    for way in WAYS {
        let place = Place::new();
        let running = place.follow(way);
        let mut written = Vec::new();
        for round in 0..300 {
            let content = lines(round * 3..round * 3 + 3);
            // The next has the same length and, as a rule, the same inode.
            let _ = fs::remove_file(place.file("a.log"));
            if round % 3 == 0 {
                fs::write(place.file("a.log"), "").expect("it can be written");
            }
            fs::write(place.file("a.log"), &content).expect("it can be written");
            written.push(content);
            if round % 30 == 0 {
                place.wait_for_content("one", written.last().expect("one"));
            }
        }
        place.wait_for_content("one", written.last().expect("one"));
        place.wait_for_content("two", written.last().expect("one"));
        running.terminate();
        running.wait();
        for sink in ["one", "two"] {
            for (name, content) in place.sinks.delivered(sink) {
                let content = String::from_utf8(content).expect("text");
                let whose = written.iter().filter(|it| it.starts_with(&content)).count();
                assert_eq!(whose, 1, "{way}: {name} of {sink} has {content:?}");
            }
        }
    }
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_followed() {
    for way in WAYS {
        for folder in ["dag", ""] {
            let place = Place::new();
            let running = place.follow(way);
            for round in 0..3 {
                place.append("dag/a.log", &lines(round * 10..round * 10 + 3));
                place.wait_for_content("one", &lines(round * 10..round * 10 + 3));
                place.wait_for_content("two", &lines(round * 10..round * 10 + 3));
                fs::remove_dir_all(place.file(folder)).expect("it can be removed");
            }
            place.append("dag/b.log", &lines(100..103));
            place.wait_for("two", "dag/b.log", &lines(100..103));
            stop(running);
            assert_eq!(place.sinks.delivered("one").len(), 4, "{way}");
        }
    }
}

#[test]
fn a_volume_that_is_away_for_a_while_is_not_shipped_again() {
    for way in WAYS {
        let place = Place::new();
        place.append("a.log", &lines(0..3));
        place.append("dag/b.log", &lines(10..13));
        let running = place.follow(way);
        place.wait_for("two", "a.log", &lines(0..3));
        place.wait_for("two", "dag/b.log", &lines(10..13));
        // Its mount point is another folder, and empty.
        fs::rename(place.file(""), place.above.path().join("volume")).expect("it can be moved");
        fs::create_dir(place.file("")).expect("it can be made");
        eventually("the source to notice", || running.stderr().contains("not mounted yet?").then_some(()));
        fs::remove_dir(place.file("")).expect("it is empty");
        fs::rename(place.above.path().join("volume"), place.file("")).expect("it can be moved");
        place.append("a.log", &lines(3..5));
        place.wait_for("one", "a.log", &lines(0..5));
        place.wait_for("two", "a.log", &lines(0..5));
        stop(running);
        assert_eq!(place.sinks.delivered("one").len(), 2, "{way}");
        assert!(place.losses("one").is_empty() && place.losses("two").is_empty());
    }
}

#[test]
fn a_base_folder_that_is_a_link_is_followed_to_wherever_it_leads() {
    for way in WAYS {
        let place = Place::new();
        fs::remove_dir(place.file("")).expect("it is empty");
        for version in ["v1", "v2"] {
            fs::create_dir(place.above.path().join(version)).expect("it can be made");
        }
        symlink("v1", place.above.path().join("logs")).expect("a link");
        place.append("a.log", &lines(0..3));
        let running = place.follow(way);
        place.wait_for("one", "a.log", &lines(0..3));
        place.append("a.log", &lines(3..5));
        place.wait_for("one", "a.log", &lines(0..5));
        symlink("v2", place.above.path().join("next")).expect("a link");
        place.above.append("v2/b.log", lines(10..13));
        fs::rename(place.above.path().join("next"), place.above.path().join("logs")).expect("a link");
        place.wait_for("one", "b.log", &lines(10..13));
        place.append("b.log", &lines(13..15));
        place.wait_for("one", "b.log", &lines(10..15));
        stop(running);
        assert_eq!(place.sinks.delivered("two").len(), 2);
    }
}

#[test]
fn more_files_than_can_be_held_open_are_deleted_and_what_is_lost_of_them_is_counted() {
    let place = Place::new();
    place.sinks.block("two");
    let running = place.follow(WAYS[0]);
    let mut total = 0;
    for number in 0..400 {
        let content = lines(number..number + 2);
        total += content.len() as u64;
        place.append(&format!("{number}.log"), &content);
    }
    eventually("the other sink to have all", || (place.bytes("one") == total).then_some(()));
    for number in 0..400 {
        fs::remove_file(place.file(&format!("{number}.log"))).expect("it is there");
    }
    // Another is found after they were missed.
    eventually("the losses", || (place.lost("two") > 0).then_some(()));
    place.sinks.unblock("two");
    running.terminate();
    let done = running.wait();
    assert!(place.bytes("two") > 0, "those that were held open are delivered");
    assert_eq!(place.bytes("two") + place.lost("two"), total, "{}", done.stderr);
    assert_eq!((place.bytes("one"), place.lost("one")), (total, 0));
    assert!(done.stderr.contains(&format!("{} bytes lost at the source", place.lost("two"))));
}

#[test]
fn what_vanishes_while_updraft_stops_is_counted_by_the_next_run() {
    let place = Place::new();
    place.sinks.block("two");
    let names: Vec<String> = (0..300).map(|number| format!("{number}.log")).collect();
    for (number, name) in (0..).zip(&names) {
        place.append(name, &lines(number..number + 1));
    }
    place.append("kept.log", &lines(1000..1001));
    let total = (0..300).map(|number| line(number).len() as u64).sum::<u64>() + line(1000).len() as u64;
    let ending = place.updraft(updraft!("run", "--once", "--give-up", "1m"), WAYS[0]).spawn();
    place.sinks.wait_for_cursors("one", usize::try_from(total).expect("not many"));
    // Its last look is over.
    for name in &names {
        fs::remove_file(place.file(name)).expect("it is there");
    }
    place.sinks.unblock("two");
    let done = ending.wait();
    done.exits(1);
    assert!(done.stderr.contains("the next run sees what became of it"), "{}", done.stderr);
    assert!(place.losses("two").is_empty());
    place.once(WAYS[0]).exits(1);
    assert_eq!(place.bytes("two") + place.lost("two"), total);
    assert!(place.lost("two") > 0 && place.losses("one").is_empty());
    place.once(WAYS[0]).exits(0);
}

#[test]
fn a_loss_is_written_down_once_however_often_updraft_is_killed() {
    let place = Place::new();
    place.append("a.log", &lines(0..3));
    place.append("kept.log", &lines(0..1));
    place.sinks.block("two");
    let running = place.follow(WAYS[0]);
    place.wait_for("one", "a.log", &lines(0..3));
    // Rewritten in place: nobody can read the first any more.
    fs::write(place.file("a.log"), lines(10..11)).expect("it can be written");
    let first = lines(0..3).len() as u64;
    let replaced = ("a.log".to_owned(), 0, first, "replaced".to_owned());
    eventually("the loss", || (place.losses("two") == [replaced.clone()]).then_some(()));
    place.sinks.wait_for_cursors("one", lines(0..1).len() + lines(10..11).len());
    // Deleted while it is held open, and then nobody holds it.
    fs::remove_file(place.file("a.log")).expect("it is there");
    running.kill();
    assert_eq!(place.losses("two"), std::slice::from_ref(&replaced));
    for _ in 0..3 {
        let running = place.follow(WAYS[0]);
        eventually("the other loss", || (place.losses("two").len() >= 2).then_some(()));
        running.kill();
    }
    let stopped = ("a.log".to_owned(), 0, lines(10..11).len() as u64, "while_stopped".to_owned());
    assert_eq!(place.losses("two"), [replaced, stopped]);
    assert!(place.losses("one").is_empty());
    place.sinks.unblock("two");
    place.once(WAYS[0]).exits(0);
    assert_eq!(place.sinks.delivered("two").into_keys().collect::<Vec<_>>(), ["kept.log"]);
}

#[test]
fn a_sink_that_was_down_while_a_file_grew_has_lost_all_that_was_seen_of_it() {
    let place = Place::new();
    place.append("kept.log", &lines(0..1));
    place.sinks.block("two");
    let running = place.follow(WAYS[1]);
    let mut content = String::new();
    for round in 0..5 {
        content += &lines(round * 5..round * 5 + 5);
        place.append("a.log", &lines(round * 5..round * 5 + 5));
        place.wait_for("one", "a.log", &content);
    }
    running.kill();
    fs::remove_file(place.file("a.log")).expect("it is there");
    place.sinks.unblock("two");
    place.once(WAYS[0]).exits(1);
    let lost = ("a.log".to_owned(), 0, content.len() as u64, "while_stopped".to_owned());
    assert_eq!(place.losses("two"), [lost]);
    place.once(WAYS[0]).exits(0);
}

#[test]
fn a_file_that_the_config_shuts_out_is_neither_lost_nor_forgotten() {
    let place = Place::new();
    place.append("a.log", &lines(0..3));
    place.append("b.log", &lines(10..13));
    place.once(WAYS[0]).exits(0);
    place.append("a.log", &lines(3..5));
    place.once("exclude: ['a.log']").exits(0);
    assert_eq!(place.sinks.delivered("one")["a.log"], lines(0..3).into_bytes());
    place.once(WAYS[0]).exits(0);
    assert_eq!(place.sinks.delivered("one")["a.log"], lines(0..5).into_bytes());
    assert!(place.losses("one").is_empty() && place.sinks.delivered("one").len() == 2);
}
