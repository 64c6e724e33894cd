//! Promise: in sink `file` each stream keeps a file of its own, whatever the names and whoever meddles with the files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use updraft_tests::{LogFolder, TRY, Updraft, eventually, files_in, line, updraft};

const ONE_NAME: &str = "all.log";

/// A folder of logs, copied as it stands to `out` under names that `key` makes.
struct Copying {
    logs: LogFolder,
    out: LogFolder,
    key: &'static str,
}

impl Copying {
    fn to(key: &'static str) -> Self {
        Self { logs: LogFolder::empty(), out: LogFolder::empty(), key }
    }

    fn set_up(&self, updraft: Updraft) -> Updraft {
        let pipeline = format!(
            "
sources: {{ airflow: {{ type: airflow, base_log_folder: '{}', rescan_secs: 0.1 }} }}
sinks: {{ local: {{ type: file, inputs: [airflow], path: '{}', key: \"{}\" }} }}
",
            self.logs.path().display(),
            self.out.path().display(),
            self.key
        );
        updraft.config("pipeline.yaml", &pipeline)
    }

    fn run_once(&self) -> String {
        self.set_up(updraft!("run", "--once")).run().exits(0).stderr.clone()
    }

    /// The content of every copy, sorted.
    fn copies(&self) -> Vec<String> {
        sorted(files_in(self.out.path()).into_values())
    }

    fn wait_for_copies(&self, expected: &[&str]) {
        eventually("the copies", || (self.copies() == expected).then_some(()));
    }

    fn copy(&self) -> PathBuf {
        self.out.path().join(ONE_NAME)
    }
}

fn sorted(contents: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
    let mut contents: Vec<_> = contents.map(|bytes| String::from_utf8(bytes).expect("a text")).collect();
    contents.sort();
    contents
}

#[test]
fn streams_that_are_to_have_one_name_get_a_file_each() {
    let copying = Copying::to(ONE_NAME);
    for number in 0..40 {
        copying.logs.append(&format!("{number}.log"), line(number).repeat(number as usize + 1));
    }
    copying.run_once();

    assert_eq!(copying.copies(), sorted(copying.logs.task_files().into_values()));
    assert!(files_in(copying.out.path()).keys().all(|name| name.starts_with(ONE_NAME)));
}

#[test]
fn a_name_stays_its_streams_own_when_the_file_is_deleted_and_updraft_starts_anew() {
    let copying = Copying::to(ONE_NAME);
    copying.logs.append("a.log", line(0));
    copying.run_once();
    fs::remove_file(copying.copy()).expect("the copy is there");

    let running = copying.set_up(updraft!("run")).spawn();
    copying.logs.append("b.log", line(1));
    copying.wait_for_copies(&[&line(1)]);
    copying.logs.append("a.log", line(2));
    copying.wait_for_copies(&[&line(1), &line(2)]);
    copying.logs.append("b.log", line(3));
    copying.wait_for_copies(&[&(line(1) + &line(3)), &line(2)]);
    running.terminate();
    running.wait().exits(0);

    assert_eq!(fs::read_to_string(copying.copy()).expect("the first one's"), line(2));
}

#[test]
fn a_file_that_was_there_before_is_left_alone() {
    let copying = Copying::to(ONE_NAME);
    copying.out.append(ONE_NAME, "somebody else's\n");
    copying.logs.append("a.log", line(0));
    copying.run_once();

    assert_eq!(copying.copies(), [line(0), "somebody else's\n".to_owned()]);
}

#[test]
fn names_that_are_too_long_for_a_file_are_cut_and_stay_apart() {
    let copying = Copying::to("{{ path | replace('/', '+') }}");
    let folder = format!("dag_id={}/run_id={}", "d".repeat(120), "r".repeat(120));
    for number in 0..3 {
        copying.logs.append(&format!("{folder}/task_id=t/attempt={number}.log"), line(number));
    }
    copying.run_once();

    assert_eq!(copying.copies(), [line(0), line(1), line(2)]);
    assert!(files_in(copying.out.path()).keys().all(|name| name.len() == 255));
}

#[test]
fn a_copy_that_somebody_deletes_goes_on_with_what_comes_next() {
    goes_on(|copy| fs::remove_file(copy).expect("the copy is there"), "");
}

#[test]
fn a_copy_that_somebody_shortens_goes_on_at_its_end() {
    goes_on(|copy| fs::write(copy, "the rest\n").expect("the copy can be written"), "the rest\n");
}

/// Lets something be done to a copy that leaves `rest` of it; what follows must come behind that, with nothing between.
fn goes_on(what_happens: impl Fn(PathBuf), rest: &str) {
    let copying = Copying::to(ONE_NAME);
    copying.logs.append(TRY, line(0).repeat(10));
    let running = copying.set_up(updraft!("run")).spawn();
    copying.wait_for_copies(&[&line(0).repeat(10)]);

    what_happens(copying.copy());
    let mut expected = rest.to_owned();
    for number in 1..4 {
        copying.logs.append(TRY, line(number));
        expected += &line(number);
        copying.wait_for_copies(&[&expected]);
    }
    running.terminate();
    let said = running.wait().exits(0).stderr.clone();
    assert_eq!(said.matches("deleted or shortened").count(), 1, "{said}");
    copying.logs.append(TRY, line(4));
    let said = copying.run_once();

    assert_eq!(copying.copies(), [expected + &line(4)]);
    assert!(!said.contains("deleted or shortened"), "{said}");
}

#[test]
fn names_that_are_not_utf8_are_files_of_their_own_and_copied_once() {
    let copying = Copying::to("{{ path }}");
    for (name, number) in [(b"caf\xe8.log", 0), (b"caf\xe9.log", 1)] {
        fs::write(copying.logs.path().join(OsStr::from_bytes(name)), line(number))
            .expect("a file can be made");
    }
    let running = copying.set_up(updraft!("run")).spawn();
    // Each of these is found by a look at the whole folder.
    for number in 2..5 {
        copying.logs.append(&format!("{number}.log"), line(number));
        eventually("the copy", || copying.copies().contains(&line(number)).then_some(()));
    }
    running.terminate();
    running.wait().exits(0);
    copying.run_once();

    let copies = files_in(copying.out.path());
    assert_eq!(
        copies.keys().collect::<Vec<_>>(),
        ["2.log", "3.log", "4.log", r"caf\xE8.log", r"caf\xE9.log"]
    );
    assert_eq!(copying.copies(), (0..5).map(line).collect::<Vec<_>>());
}
