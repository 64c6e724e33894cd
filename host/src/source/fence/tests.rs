//! Every file that a real Airflow wrote, with what came of it; and what no file may do.

use super::*;
use crate::source::identify::identify;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Files of tasks and triggers whose own words do not say that they have ended, or folders
/// of them. All others do.
const OPEN: &[&str] = &[
    // Airflow 2 writes nothing when a trigger fails.
    "airflow2/default_utc/dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=trigger_fails/attempt=1.log.trigger.2.log",
    "airflow2/default_utc/dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=trigger_fails_retry/attempt=1.log.trigger.2.log",
    "airflow2/default_utc/dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=trigger_fails_retry/attempt=2.log.trigger.2.log",
    "airflow2/custom_template/deferrable_jobs/ct-run:1/trigger_fails.-1.try1.txt.trigger.2.log",
    "airflow2/custom_template/deferrable_jobs/ct-run:1/trigger_fails_retry.-1.try1.txt.trigger.2.log",
    "airflow2/custom_template/deferrable_jobs/ct-run:1/trigger_fails_retry.-1.try2.txt.trigger.2.log",
    // Still deferred when the files were taken.
    "airflow3/custom_template/deferrable_jobs/ct-run:1/defer_once.-1.try.txt",
    "airflow3/custom_template/deferrable_jobs/ct-run:1/defer_twice.-1.try.txt",
    "airflow3/default_utc/dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=defer_mapped/map_index=1/attempt=1.log",
    "airflow3/default_utc/dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=trigger_fails/attempt=1.log",
    "airflow3/default_utc/dag_id=deferrable_jobs/run_id=manual__2024-05-01T09:30:15.123456+02:00/task_id=trigger_fails_retry/attempt=2.log",
    "airflow3/default_utc/dag_id=deferrable_jobs/run_id=second-triggerer/task_id=defer_once/attempt=1.log",
    "airflow3/default_utc/dag_id=deferrable_jobs/run_id=second-triggerer/task_id=trigger_fails/attempt=1.log",
    "airflow3/tz_st_johns_debug_ts_template/deferrable_jobs/defer_twice/1.log",
    // The supervisor itself was killed in the middle of a line.
    "airflow3/supervisor_sigkilled/dag_id=oom_killed/",
    // The disk was full, and stayed so.
    "airflow3/disk_full/dag_id=disk_full/",
    // Nothing but the first line was ever written.
    "airflow3/default_utc/dag_id=etl.mapped-orders/run_id=manual__2026-11-21T19:32:52.061546+00:00/task_id=list_partitions/",
    "airflow3/default_utc/dag_id=etl.mapped-orders/run_id=manual__2026-11-21T19:32:52.061546+00:00/task_id=load.überprüfung_检查/",
    "airflow3/default_utc/dag_id=etl.mapped-orders/run_id=manual__2026-11-21T19:32:52.061546+00:00/task_id=load.warehouse_v2.copy-into/",
    "airflow3/default_utc/dag_id=etl.mapped-orders/run_id=manual__2026-11-21T19:32:52.061546+00:00/task_id=load.warehouse_v2.grant.select/",
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/logs")
}

/// Path below the fixtures, kind, content.
fn files() -> Vec<(String, StreamKind, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(fixtures()).sort_by_file_name() {
        let entry = entry.unwrap();
        if !entry.file_type().is_file() || entry.file_name() == "latest" {
            continue;
        }
        let path = entry.path().strip_prefix(fixtures()).unwrap().to_str().unwrap().to_owned();
        // The first two folders are the version and its log folder.
        let below = path.splitn(3, '/').nth(2).unwrap_or_default();
        let kind = identify(below, &[]).0;
        files.push((path, kind, std::fs::read(entry.path()).unwrap()));
    }
    assert!(files.len() > 300, "{}", files.len());
    files
}

fn is_in(path: &str, open: &str) -> bool {
    path == open || (open.ends_with('/') && path.starts_with(open))
}

/// As the host asks it.
fn of_file(content: &[u8], kind: StreamKind) -> bool {
    let start = content.len().saturating_sub(TAIL as usize);
    says_ended(&content[start..], start == 0, kind)
}

fn is_service(kind: StreamKind) -> bool {
    matches!(kind, StreamKind::Scheduler | StreamKind::DagProcessor)
}

#[test]
fn every_log_of_a_real_airflow_says_whether_it_has_ended() {
    let mut wrong = Vec::new();
    for (path, kind, content) in files() {
        let expected = !is_service(kind) && !OPEN.iter().any(|open| is_in(&path, open));
        if of_file(&content, kind) != expected {
            wrong.push(format!("{path}: {}", !expected));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    for open in OPEN {
        assert!(files().iter().any(|(path, ..)| is_in(path, open)), "no such fixture: {open}");
    }
}

/// What a file had not yet said when it was shorter: where it seemed to end, nothing but the rest of that end follows.
#[test]
fn no_log_of_a_real_airflow_says_that_it_has_ended_before_it_has() {
    for (path, kind, content) in files() {
        if content.len() > 200_000 {
            continue;
        }
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &content).map(|at| at + 1).collect();
        let seems: Vec<usize> = ends.iter().copied().filter(|&end| of_file(&content[..end], kind)).collect();
        let task =
            kind == StreamKind::Task || path.contains("custom_template") && !path.contains(".trigger.");
        for end in seems {
            let rest = String::from_utf8_lossy(&content[end..]);
            let lines = rest.lines().count();
            // The next try in the same file: some templates of Airflow 3 leave its number out.
            let next_try = rest.lines().next().is_some_and(|line| line.contains("::group::Pre "));
            // The task that survives its SIGSEGV goes on within 0.1 s.
            let survivor = path.contains("airflow2/default_utc/dag_id=killed") && path.contains("segfault");
            assert!(
                !task || lines <= 3 || next_try || survivor,
                "{path}: {lines} lines follow {end}:\n{rest}"
            );
        }
    }
}

fn airflow2(message: &str) -> String {
    format!("[2026-11-21T19:37:09.331+0000] {{local_task_job_runner.py:266}} INFO - {message}\n")
}

fn airflow3(logger: &str, event: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-21T19:26:54.1Z","level":"info","event":"{event}","logger":"{logger}"}}"#
    ) + "\n"
}

fn task_says(text: &str) -> bool {
    says_ended(text.as_bytes(), true, StreamKind::Task)
}

#[test]
fn a_task_that_was_deferred_or_rescheduled_goes_on() {
    let deferred = airflow2("Pausing task as DEFERRED. dag_id=d, task_id=t");
    let exit = airflow2("Task exited with return code 0") + &airflow2("::endgroup::");
    assert!(!task_says(&(deferred.clone() + &exit)), "Airflow before 2.4 exits with 0");
    assert!(!task_says(&airflow2("Task exited with return code 100 (task deferral)")));
    assert!(!task_says(&(airflow2("Rescheduling task, marking task as UP_FOR_RESCHEDULE") + &exit)));
    let resumed = airflow2("::group::Pre task execution logs");
    let came_back = [&deferred, &exit, &resumed, &exit].map(String::as_str).concat();
    assert!(task_says(&came_back));
    assert!(task_says(&came_back.replace(&resumed, "")), "not every version writes groups");

    let post = airflow3("task", "::group::Post Execute");
    let end = airflow3("task", "::endgroup::");
    for goes_on in ["Pausing task as DEFERRED. ", "Rescheduling task, marking task as UP_FOR_RESCHEDULE"] {
        let first = post.clone() + &airflow3("task", goes_on) + &end;
        assert!(!task_says(&first));
        assert!(task_says(&(first + &airflow3("task", "::group::Pre Execute") + &post + &end)));
    }
}

#[test]
fn what_follows_an_end_line_takes_it_back() {
    let exit =
        airflow2("Task exited with return code -9. For more information, see https://airflow.apache.org/");
    assert!(task_says(&exit));
    assert!(!task_says(&(exit + &airflow2("one more"))));
    let killed = airflow3("task", "Process terminated by signal. Likely out of memory error (OOM).");
    assert!(task_says(&killed));
    assert!(
        task_says(&(killed.clone() + &airflow3("task.stdout", "its last words"))),
        "through another pipe"
    );
    assert!(!task_says(&(killed + &airflow3("pipeline", "one more"))));
}

#[test]
fn a_task_that_prints_an_end_line_is_not_believed_where_the_line_shows_who_printed_it() {
    let printed =
        "[2026-11-21T19:37:09.331+0000] {logging_mixin.py:190} INFO - Task exited with return code 0\n";
    assert!(!task_says(printed));
    assert!(!task_says(&airflow3("task.stdout", "::endgroup::")));
    let printed = airflow3("task", "::group::Post Execute") + &airflow3("task.stdout", "::endgroup::");
    assert!(!task_says(&printed));
    assert!(!task_says(&(airflow3("task", "::group::Pre Execute") + &airflow3("task", "::endgroup::"))));
    assert!(!task_says(&airflow2("Task exited with return code unknown")));
}

#[test]
fn other_ways_to_die_in_airflow_3_are_ends() {
    for died in
        ["Process exited abnormally", "Task killed!", "Process terminated by signal. For more information"]
    {
        assert!(task_says(&airflow3("task", died)), "{died}");
        assert!(!task_says(&airflow3("task.stdout", died)), "{died}");
    }
}

#[test]
fn airflow_3_without_groups_tells_what_it_can() {
    let begin = airflow3("airflow.dag_processing", "DAG bundles loaded: dags-folder");
    let work = airflow3("pipeline", "at work");
    for words in ["Task failed with exception", "Skipping task.", "Task exited", "Pushing xcom"] {
        assert!(task_says(&(begin.clone() + &work + &airflow3("task", words))), "{words}");
        assert!(!task_says(&(begin.clone() + &airflow3("pipeline", words))), "{words}");
        let groups = airflow3("task", "::group::Pre Execute") + &begin + &airflow3("task", "::endgroup::");
        assert!(!task_says(&(groups + &airflow3("task", words))), "{words}: more comes");
    }
    let state = airflow3("task.stdout", "Task instance in success state");
    let state = state + &airflow3("task.stdout", "Task operator:<Task(PythonOperator): t>");
    assert!(task_says(&(begin.clone() + &work + &state)));
    assert!(!task_says(&(begin.clone() + &work)));
    let deferred = begin.clone() + &airflow3("task", "Pausing task as DEFERRED. ");
    assert!(!task_says(&deferred));
    assert!(task_says(&(deferred + &begin + &state)));
}

#[test]
fn an_end_line_needs_no_line_break_and_may_be_cut_off_at_the_front() {
    let exit = airflow2("Task exited with return code 0");
    assert!(task_says(exit.trim_end()));
    let cut = format!("the end of a long line\n{exit}");
    assert!(says_ended(cut.as_bytes(), false, StreamKind::Task));
    assert!(!says_ended(exit.as_bytes(), false, StreamKind::Task), "half a line says nothing");
    assert!(!task_says(""));
}

#[test]
fn services_never_say_that_they_have_ended() {
    let exit = airflow2("Task exited with return code 0");
    for kind in [StreamKind::Scheduler, StreamKind::DagProcessor, StreamKind::Trigger] {
        assert!(!says_ended(exit.as_bytes(), true, kind));
    }
    assert!(says_ended(exit.as_bytes(), true, StreamKind::Other), "a name of another template");
}

proptest! {
    #[test]
    fn nothing_in_a_file_makes_it_fail(
        noise in prop::collection::vec(any::<u8>(), 0..400),
        words in prop::sample::select(vec![
            "Task exited with return code ", "{\"event\":\"", "\"logger\":\"task\"", " {a.py:1} ", "::group::Post Execute\n",
        ]),
        at in any::<prop::sample::Index>(),
        whole in any::<bool>(),
        kind in prop::sample::select(vec![StreamKind::Task, StreamKind::Trigger, StreamKind::Other]),
    ) {
        let mut bytes = noise;
        let at = at.index(bytes.len() + 1);
        bytes.splice(at..at, words.bytes());
        says_ended(&bytes, whole, kind);
    }

    #[test]
    fn lines_after_the_end_open_it_again(line in "[a-z ]{1,80}") {
        let text = airflow2("Task exited with return code 0") + &line.replace('\n', " ") + "x\n";
        prop_assert!(!task_says(&text));
    }
}
