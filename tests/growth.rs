//! Promise: whatever a file does while Updraft runs, each of its bytes arrives once and nothing that arrived is overwritten.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

use updraft_tests::{LogFolder, Moto, TRY, Updraft, eventually, line, updraft};

fn lifting(logs: &LogFolder, moto: &Moto) -> Updraft {
    updraft!("run").lifting(logs, moto)
}

fn wait_for_messages(moto: &Moto, count: usize) {
    eventually("the messages", || (moto.messages().len() >= count).then_some(()));
}

#[test]
fn lines_that_are_appended_arrive_in_order() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..1);
    let running = lifting(&logs, &moto).spawn();
    for number in 1..20 {
        wait_for_messages(&moto, number as usize);
        logs.append_lines(number..number + 1);
    }
    wait_for_messages(&moto, 20);
    running.terminate();
    running.wait().exits(0);

    assert_eq!(moto.messages(), (0..20).map(|number| format!("line {number}")).collect::<Vec<_>>());
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_file_that_appears_later_is_found() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..1);
    let running = lifting(&logs, &moto).spawn();
    wait_for_messages(&moto, 1);
    logs.append("dag_id=new/run_id=r/task_id=t/attempt=1.log", line(1));
    wait_for_messages(&moto, 2);
    running.terminate();
    running.wait().exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn growth_below_a_folder_that_is_named_from_here_is_seen_at_once() {
    for (config, folder) in [("p.yaml", "logs"), ("./p.yaml", "./logs")] {
        let run = updraft!("run", "--config", config);
        let (logs, home) = (run.home().join("logs"), run.home().to_owned());
        fs::create_dir(&logs).expect("its home can be written");
        fs::write(logs.join("a.log"), line(0)).expect("its home can be written");
        // No look through the folder finds it.
        let pipeline = format!(
            "
data_dir: data
sources: {{ airflow: {{ type: airflow, base_log_folder: {folder}, rescan_secs: 3600 }} }}
sinks: {{ out: {{ type: file, inputs: [airflow], path: out }} }}
"
        );
        fs::write(home.join("p.yaml"), pipeline).expect("its home can be written");
        let running = run.spawn();
        for number in 1..4 {
            eventually("the file", || {
                let landed = fs::read(home.join("out/a.log")).unwrap_or_default();
                (landed == fs::read(logs.join("a.log")).expect("it is there")).then_some(())
            });
            let mut file = fs::OpenOptions::new().append(true).open(logs.join("a.log")).expect("it is there");
            file.write_all(line(number).as_bytes()).expect("its home can be written");
        }
        running.terminate();
        running.wait().exits(0);
    }
}

#[test]
fn a_line_written_in_pieces_arrives_whole() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..1);
    let running = lifting(&logs, &moto).spawn();
    wait_for_messages(&moto, 1);
    let whole = line(1);
    let (beginning, end) = whole.split_at(whole.len() / 2);
    logs.append(TRY, beginning);
    logs.append("dag_id=other/run_id=r/task_id=t/attempt=1.log", line(2));
    wait_for_messages(&moto, 2);
    logs.append(TRY, end);
    wait_for_messages(&moto, 3);
    running.terminate();
    running.wait().exits(0);

    assert_eq!(moto.messages(), ["line 0", "line 2", "line 1"]);
}

#[test]
fn a_last_line_without_its_break_is_delivered_too() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..2);
    logs.append(TRY, line(2).trim_end());
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.messages(), ["line 0", "line 1", "line 2"]);
    assert_eq!(moto.mirrored(), logs.task_files());
}

#[test]
fn a_truncated_file_begins_a_new_generation_beside_the_old() {
    begins_anew(|logs| {
        let file = logs.path().join(TRY);
        fs::OpenOptions::new().write(true).truncate(true).open(file).expect("the file is there");
        logs.append_lines(100..102);
    });
}

#[test]
fn a_replaced_file_begins_a_new_generation_beside_the_old() {
    begins_anew(|logs| {
        let next = logs.path().join("next");
        fs::write(&next, line(100) + &line(101)).expect("the folder can be written");
        fs::rename(next, logs.path().join(TRY)).expect("a file can be replaced");
    });
}

/// Lets a file be delivered, has something done to it that leaves lines 100 and 101 in it, and checks both generations.
fn begins_anew(what_happens: impl Fn(&LogFolder)) {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..10);
    let before = logs.task_files();
    let running = lifting(&logs, &moto).env("UPDRAFT_LOG", "debug").spawn();
    wait_for_messages(&moto, 10);
    eventually("the object", || (moto.mirrored() == before).then_some(()));

    what_happens(&logs);
    wait_for_messages(&moto, 12);
    running.terminate();
    running.wait().exits(0);

    let messages = moto.messages();
    assert_eq!(messages.len(), 12, "{messages:?}");
    assert_eq!(messages[10..], ["line 100", "line 101"]);
    let mut objects = moto.mirrored();
    assert_eq!(objects.remove(TRY), before.get(TRY).cloned(), "what was acknowledged is not overwritten");
    let (key, body) = objects.pop_first().expect("the new generation has an object of its own");
    assert!(key.starts_with(&format!("{TRY}.")), "{key}");
    assert_eq!(body, logs.task_files()[TRY]);
    assert!(objects.is_empty(), "{objects:?}");
}

#[test]
fn a_folder_that_is_linked_to_is_read_once() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    symlink("dag_id=etl", logs.path().join("latest")).expect("a link can be made");
    symlink(".", logs.path().join("loop")).expect("a link can be made");
    updraft!("run", "--once").lifting(&logs, &moto).run().exits(0);

    assert_eq!(moto.messages(), ["line 0", "line 1", "line 2"]);
    assert_eq!(moto.mirrored().into_keys().collect::<Vec<_>>(), [TRY]);
}

#[test]
fn a_log_folder_that_is_itself_a_link_is_read() {
    let moto = Moto::with_bucket();
    let logs = LogFolder::with_lines(0..3);
    let elsewhere = LogFolder::empty();
    let link = elsewhere.path().join("logs");
    symlink(logs.path(), &link).expect("a link can be made");
    let updraft = updraft!("run", "--once").lifting(&logs, &moto);
    updraft.env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", link).run().exits(0);

    assert_eq!(moto.mirrored(), logs.task_files());
}
