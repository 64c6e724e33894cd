//! Promise: whatever a component does, the host goes on: it is stopped at its limits, nothing is lost, and the log
//! says who it was and why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use updraft_tests::{Finished, LogFolder, TRY, Updraft, files_in, guest, updraft};

/// Where a file is that has nothing to do with the poisoned one.
const HEALTHY: &str = "dag_id=etl/run_id=manual__2026-11-21T12:00:00+00:00/task_id=extract/attempt=1.log";

const PIPELINE: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  hostile:
    type: wasm
    inputs: [airflow]
    component: '${COMPONENT}'
    config: { do: '${DO}', at: '${AT:-lines}' }
    limits: { memory_mib: 8, timeout_ms: 100 }
    on_error: '${ON_ERROR:-pass}'
sinks:
  local: { type: file, inputs: [hostile], path: '${OUT}' }
";

fn component() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| guest("hostile", env!("CARGO_TARGET_TMPDIR")))
}

fn lifting(logs: &LogFolder, out: &LogFolder, deed: &str) -> Updraft {
    updraft!("run", "--once")
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
        .env("COMPONENT", component())
        .env("OUT", out.path())
        .env("DO", deed)
        .config("pipeline.yaml", PIPELINE)
}

/// Three good lines and a poisoned one; in another file three good ones.
fn two_files() -> LogFolder {
    let logs = LogFolder::with_lines(0..3);
    logs.append(TRY, "POISON\n");
    logs.append(HEALTHY, "all\nis\nwell\n");
    logs
}

/// One line of what it said has all these words.
#[track_caller]
fn says(done: &Finished, words: &[&str]) {
    let said = done.stderr.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(said, "no line of it has {words:?}:\n{}", done.stderr);
}

/// The second of three batches is poisoned; still all bytes arrive, and the log says why they went unchanged.
#[track_caller]
fn is_survived(deed: &str, cause: &str) -> Finished {
    let logs = LogFolder::with_lines(0..1_500);
    logs.append(TRY, "POISON\n");
    logs.append_lines(1_500..2_500);
    let out = LogFolder::empty();
    let done = lifting(&logs, &out, deed).run();
    done.exits(0);
    says(&done, &["hostile", TRY, cause, "it goes on as it stands"]);
    assert!(files_in(out.path()) == logs.task_files(), "{deed} cost bytes; it said:\n{}", done.stderr);
    done
}

#[test]
fn an_endless_loop_is_stopped() {
    is_survived("loop", "limits.timeout_ms");
}

#[test]
fn a_sleep_is_ended_when_the_time_for_a_call_is() {
    is_survived("sleep", "limits.timeout_ms");
}

#[test]
fn many_short_sleeps_are_no_way_round_the_limit() {
    is_survived("nap", "limits.timeout_ms");
}

#[test]
fn memory_ends_at_its_limit() {
    is_survived("grow", "may have 8388608 (limits.memory_mib)");
}

#[test]
fn a_panic_costs_nothing_and_its_words_are_in_the_log() {
    let done = is_survived("panic", "panicked");
    says(&done, &["component=hostile", "poisoned"]);
}

#[test]
fn an_error_is_passed_on_in_the_guests_words() {
    is_survived("err", "said: poisoned");
}

#[test]
fn a_guest_that_consumes_more_lines_than_there_are_is_not_believed() {
    is_survived("consume-too-many", "the WIT forbids");
}

#[test]
fn a_guest_that_never_consumes_anything_does_not_hold_its_stream_up() {
    is_survived("never-consume", "the WIT forbids");
}

#[test]
fn a_guest_that_reads_finds_nothing_and_does_not_wait_for_it() {
    is_survived("read", "said: stdin gave Ok(0)");
}

/// What is left of the files when the poisoned line is not there.
fn without_the_poison(logs: &LogFolder) -> BTreeMap<String, Vec<u8>> {
    let mut files = logs.task_files();
    let poisoned = files.get_mut(TRY).expect("the poisoned file");
    poisoned.truncate(poisoned.len() - "POISON\n".len());
    files
}

#[test]
fn the_line_that_it_failed_on_is_dropped_and_counted_and_no_other() {
    let (logs, out) = (two_files(), LogFolder::empty());
    let done = lifting(&logs, &out, "panic").env("ON_ERROR", "drop").run();
    done.exits(0);
    says(&done, &["hostile", TRY, "panicked", "it is dropped"]);
    says(&done, &["sink local", "1 dropped by transforms"]);
    assert_eq!(files_in(out.path()), without_the_poison(&logs));
}

#[test]
fn dead_letters_hold_the_line_that_it_failed_on_once_and_no_other() {
    let (logs, out, data) = (two_files(), LogFolder::empty(), LogFolder::empty());
    let pipeline = PIPELINE
        .replace("on_error: '${ON_ERROR:-pass}'", "on_error: dead_letter\n    dead_letter: dead")
        + "  screen: { type: console, inputs: [hostile], encoding: { codec: raw } }\n  dead: { type: file, path: '${OUT}/dead' }\n";
    let run = || {
        let lifting = updraft!("run", "--once").env("COMPONENT", component()).env("DO", "err");
        let folders = lifting
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
            .env("UPDRAFT_DATA_DIR", data.path())
            .env("OUT", out.path());
        folders.config("pipeline.yaml", &pipeline).run()
    };
    let done = run();
    done.exits(0);

    says(&done, &["hostile", TRY, "said: poisoned", "it goes to sink `dead`"]);
    says(&done, &["sink local", "1 dropped by transforms"]);
    assert_eq!(done.stdout.lines().count(), 6, "{}", done.stdout);
    let (all, wanted) = (files_in(out.path()), without_the_poison(&logs));
    let mut landed = all.clone();
    for path in [HEALTHY, TRY] {
        assert_eq!(landed.remove(path).as_ref(), wanted.get(path));
    }
    let text: String = landed.values().map(|letters| String::from_utf8_lossy(letters)).collect();
    let letters: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a record of JSON")).collect();
    let originals: String = letters.iter().filter_map(|letter| letter["original"].as_str()).collect();
    assert_eq!((letters.len(), &*originals), (1, "POISON\n"), "once for both sinks");
    for letter in &letters {
        assert_eq!(
            (&letter["reason"], &letter["transform"]),
            (&"component_failed".into(), &"hostile".into())
        );
        assert_eq!((&letter["error"], &letter["stream"]["path"]), (&"said: poisoned".into(), &TRY.into()));
        assert_eq!((letter.get("sink"), letter.get("timestamp")), (None, None));
    }
    assert!(files_in(&data.path().join("dead_letters/dead")).is_empty());

    run().exits(0);
    assert_eq!(files_in(out.path()), all, "nothing comes again");
}

#[test]
fn a_stream_that_halts_leaks_nothing_and_goes_on_whole_once_the_guest_is_mended() {
    let (logs, out) = (two_files(), LogFolder::empty());
    let halted = lifting(&logs, &out, "sleep").env("ON_ERROR", "halt").arg("--give-up").arg("1s").run();
    halted.exits(1);
    says(&halted, &["hostile", TRY, "limits.timeout_ms", "on_error: halt"]);
    assert_eq!(files_in(out.path()), without_the_poison(&logs), "all before the poison, and nothing of it");

    lifting(&logs, &out, "nothing").env("ON_ERROR", "halt").run().exits(0);
    assert_eq!(files_in(out.path()), logs.task_files());
}

#[test]
fn a_component_that_fails_as_it_is_configured_stops_the_start() {
    let causes = [
        ("loop", "limits.timeout_ms"),
        ("sleep", "limits.timeout_ms"),
        ("grow", "limits.memory_mib"),
        ("panic", "panicked"),
        ("err", "said: poisoned"),
    ];
    for (deed, cause) in causes {
        let (logs, out) = (two_files(), LogFolder::empty());
        let done = lifting(&logs, &out, deed).env("AT", "configure").run();
        done.exits(3);
        says(&done, &["transform `hostile`", cause]);
        assert!(files_in(out.path()).is_empty());
    }
}

#[test]
fn a_component_may_speak_as_it_is_configured() {
    let (logs, out) = (two_files(), LogFolder::empty());
    let done = lifting(&logs, &out, "speak").env("AT", "configure").run();
    done.exits(0);
    says(&done, &["hostile", "poisoned"]);
    assert_eq!(files_in(out.path()), logs.task_files());
}

#[test]
fn a_component_of_more_parts_than_it_may_have_stops_the_start() {
    let (logs, out) = (two_files(), LogFolder::empty());
    let pipeline = PIPELINE.replace("timeout_ms: 100", "timeout_ms: 100, core_instances: 1");
    let done = updraft!("run", "--once")
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
        .env("COMPONENT", component())
        .env("OUT", out.path())
        .env("DO", "nothing")
        .config("pipeline.yaml", &pipeline)
        .run();
    done.exits(3);
    says(&done, &["transform `hostile`", "limits.core_instances"]);
    assert!(files_in(out.path()).is_empty());
}
