//! Promise: whatever happens to files, running or not, no line is lost without being counted, and none is mixed up.

use std::fs;

use updraft_tests::{LogFolder, TRY, TwoSinks, Updraft, eventually, line, updraft};

/// Two sinks that share each batch, and one that takes lines as they are.
const PIPELINE: &str = "
data_dir: '${DATA}'
sources:
  airflow: { type: airflow }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  one: { type: file, inputs: [normalize], path: '${OUT}/one' }
  two: { type: file, inputs: [normalize], path: '${OUT}/two' }
";

struct Place {
    logs: LogFolder,
    sinks: TwoSinks,
}

impl Place {
    fn new() -> Self {
        Self { logs: LogFolder::empty(), sinks: TwoSinks::new() }
    }

    fn updraft(&self, updraft: Updraft) -> Updraft {
        self.sinks.pipeline(updraft.deployed(&self.logs), PIPELINE)
    }

    fn once(&self) -> Updraft {
        self.updraft(updraft!("run", "--once"))
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.logs.path().join(name)
    }
}

#[test]
fn a_file_that_takes_the_place_of_a_deleted_one_has_its_own_lines() {
    let place = Place::new();
    place.logs.append("a.log", line(1) + &line(2));
    let running = place.updraft(updraft!("run")).spawn();
    eventually("the first file", || {
        place.sinks.delivered("two").get("a.log").filter(|it| it.ends_with(b"2\n")).cloned()
    });
    fs::remove_file(place.file("a.log")).expect("it is there");
    place.logs.append("b.log", line(3) + &line(4) + &line(5));
    eventually("the second file", || {
        place.sinks.delivered("two").get("b.log").filter(|it| it.ends_with(b"5\n")).cloned()
    });
    running.terminate();
    running.wait().exits(0);
    for sink in ["one", "two"] {
        assert_eq!(
            place.sinks.delivered(sink)["b.log"],
            (line(3) + &line(4) + &line(5)).into_bytes(),
            "{sink}"
        );
    }
}

#[test]
fn a_new_file_is_found_while_it_never_stops_growing() {
    let place = Place::new();
    place.logs.append("first.log", line(0));
    let running = place.updraft(updraft!("run")).spawn();
    eventually("the first file", || place.sinks.delivered("one").contains_key("first.log").then_some(()));
    let mut number = 0;
    eventually("the busy file", || {
        number += 1;
        place.logs.append("busy.log", line(number));
        place.sinks.delivered("one").contains_key("busy.log").then_some(())
    });
    running.terminate();
    running.wait().exits(0);
    assert_eq!(place.sinks.delivered("one"), place.logs.task_files());
}

#[test]
fn a_file_that_was_deleted_while_nobody_looked_is_counted_as_lost() {
    let place = Place::new();
    place.logs.append_lines(0..10);
    place.logs.append("other.log", line(1));
    // The sink `two` is stopped from writing: its folder's place is taken by a file.
    fs::write(place.sinks.out.path().join("two"), "").expect("the folder can be written");
    place.once().arg("--give-up").arg("1s").run().exits(1);
    fs::remove_file(place.file(TRY)).expect("it is there");
    fs::remove_file(place.sinks.out.path().join("two")).expect("it is there");

    let done = place.once().run();
    done.exits(1);
    let lost = (0..10).map(|number| line(number).len()).sum::<usize>();
    assert!(done.stderr.contains("lost at the source"), "{}", done.stderr);
    assert!(done.stderr.contains(&format!("{lost} bytes lost at the source")), "{}", done.stderr);
    assert_eq!(place.sinks.delivered("two").into_keys().collect::<Vec<_>>(), ["other.log"]);
    // Said once: it is forgotten then.
    place.once().run().exits(0);
}

#[test]
fn a_file_that_was_cut_while_nobody_looked_begins_a_new_generation() {
    let place = Place::new();
    let long: String = (0..200).map(line).collect();
    place.logs.append("a.log", &long);
    place.once().run().exits(0);
    // It still begins as it did, so only its length tells.
    let kept = 1200;
    fs::write(place.file("a.log"), long[..kept].to_owned() + "\n" + &line(999)).expect("it can be written");
    place.once().run().exits(0);
    let one = place.sinks.delivered("one");
    assert_eq!(one.len(), 2, "{:?}", one.keys());
    assert_eq!(one["a.log"], long.as_bytes());
    let second = one.iter().find(|(name, _)| *name != "a.log").expect("the second generation").1;
    assert_eq!(*second, fs::read(place.file("a.log")).expect("it is there"));
}

#[test]
fn a_run_that_could_not_look_everywhere_does_not_say_that_all_was_delivered() {
    let place = Place::new();
    fs::remove_dir(place.logs.path()).expect("it is empty");
    let done = place.once().run();
    done.exits(1);
    assert!(done.stderr.contains(&place.logs.path().display().to_string()), "{}", done.stderr);
    fs::create_dir(place.logs.path()).expect("it can be made again");
}

#[test]
fn a_folder_that_is_empty_for_now_makes_nobody_forget() {
    let place = Place::new();
    place.logs.append_lines(0..5);
    place.once().run().exits(0);
    let elsewhere = LogFolder::empty();
    let top = place.file("dag_id=etl");
    fs::rename(&top, elsewhere.path().join("kept")).expect("it can be moved");
    place.once().run();
    fs::rename(elsewhere.path().join("kept"), &top).expect("it can be moved back");
    place.logs.append_lines(5..7);
    place.once().run().exits(0);
    assert_eq!(place.sinks.delivered("one"), place.logs.task_files());
}

#[test]
fn a_very_long_line_behind_a_record_arrives_whole() {
    let place = Place::new();
    let mut text = line(0).into_bytes();
    text.resize(text.len() + (40 << 20), b'x');
    fs::write(place.file("a.log"), &text).expect("it can be written");
    place.once().run().exits(0);
    assert!(place.sinks.delivered("one")["a.log"] == text);
}

#[test]
fn a_pipe_that_nobody_reads_holds_no_other_sink_up() {
    let place = Place::new();
    for number in 0..40 {
        let text: String = (0..100).map(|_| line(number)).collect();
        place.logs.append(&format!("{number}.log"), text);
    }
    let pipeline = PIPELINE.replace(
        "  two: { type: file, inputs: [normalize], path: '${OUT}/two' }",
        "  shown: { type: console, inputs: [normalize] }",
    );
    let config = place.sinks.data.path().join("pipeline.yaml");
    fs::write(&config, pipeline).expect("it can be written");
    let mut blocked = std::process::Command::new(env!("CARGO_BIN_EXE_updraft"))
        .args(["run", "--config"])
        .arg(&config)
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", place.logs.path())
        .env("DATA", place.sinks.data.path().join("data"))
        .env("OUT", place.sinks.out.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary can be started");
    eventually("all files in the other sink", || {
        (place.sinks.delivered("one") == place.logs.task_files()).then_some(())
    });
    blocked.kill().expect("it runs");
    blocked.wait().expect("it ran");
}
