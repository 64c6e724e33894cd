//! Promise: whatever a component does, it costs the line that it does it on, and nothing else: the host stays up, all
//! other lines arrive, the log names the cause, and the memory is given back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use updraft_tests::{
    BUCKET, Finished, LogFolder, Moto, TRY, Updraft, eventually, files_in, guest, javascript_guest, line,
    python_guest, updraft,
};

const TMP: &str = env!("CARGO_TARGET_TMPDIR");
const POISON: &str = "[2026-11-21T12:00:09.000+0000] {load.py:7} INFO - POISON\n";
/// A file of which every line is poison.
const ALL_POISON: &str = "dag_id=etl/run_id=manual__2026-11-21T12:00:00+00:00/task_id=poison/attempt=1.log";

/// Two pipelines in one host: one through the component at test, one through the built-in normalizer.
const PIPELINE: &str = r"
sources:
  bad: { type: airflow, base_log_folder: '${BAD}' }
  good: { type: airflow, base_log_folder: '${GOOD}' }
transforms:
  plain: { type: wasm, inputs: [bad], component: '${PLAIN}', config: { do: nothing } }
  tested:
    type: wasm
    inputs: [INPUT]
    component: '${COMPONENT}'
    config: { do: '${DO}', mib: '${MIB:-48}' }
    limits: { memory_mib: MEMORY, result_mib: 16, timeout_ms: 200 }
    on_error: '${ON_ERROR:-drop}'
  healthy: { type: wasm, inputs: [good], component: builtin:airflow }
sinks:
  out: { type: file, inputs: [tested], path: '${OUT}/bad' }
  well: { type: file, inputs: [healthy], path: '${OUT}/good' }
";

/// Where in the pipeline a component is tested.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Normalizer,
    Transform,
}

struct Trial {
    bad: LogFolder,
    good: LogFolder,
    out: LogFolder,
    data: LogFolder,
}

impl Trial {
    /// One poisoned line among many, and a file of nothing but those; beside them, a healthy folder.
    fn new() -> Self {
        let bad = LogFolder::with_lines(0..1_500);
        bad.append(TRY, POISON);
        bad.append_lines(1_500..2_500);
        bad.append(ALL_POISON, POISON.repeat(3));
        let good = LogFolder::with_lines(0..5_000);
        Self { bad, good, out: LogFolder::empty(), data: LogFolder::empty() }
    }

    fn lifting(&self, run: Updraft, component: PathBuf, deed: &str, role: Role, memory_mib: u32) -> Updraft {
        let input = if role == Role::Normalizer { "bad" } else { "plain" };
        let pipeline = PIPELINE.replace("INPUT", input).replace("MEMORY", &memory_mib.to_string());
        run.env("BAD", self.bad.path())
            .env("GOOD", self.good.path())
            .env("OUT", self.out.path())
            .env("UPDRAFT_DATA_DIR", self.data.path())
            .env("PLAIN", guest("hostile", TMP))
            .env("COMPONENT", component)
            .env("DO", deed)
            .config("pipeline.yaml", &pipeline)
    }

    /// Every file without its poisoned lines.
    fn without_poison(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.bad.task_files();
        for text in files.values_mut() {
            *text = String::from_utf8_lossy(text).replace(POISON, "").into_bytes();
        }
        files
    }

    /// All that is to arrive has, and nothing else.
    #[track_caller]
    fn has_all(&self, wanted: &BTreeMap<String, Vec<u8>>, done: &Finished) {
        let mut landed = files_in(&self.out.path().join("bad"));
        // A file of which nothing is left may be there, or not.
        landed.entry(ALL_POISON.to_owned()).or_default();
        assert!(landed == *wanted, "not what should be there; it said:\n{}", done.stderr);
        assert!(
            files_in(&self.out.path().join("good")) == self.good.task_files(),
            "the other pipeline lacks lines; it said:\n{}",
            done.stderr
        );
    }
}

/// One line of what it said has all these words.
#[track_caller]
fn says(done: &Finished, words: &[&str]) {
    let said = done.stderr.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(said, "no line of it has {words:?}:\n{}", done.stderr);
}

#[track_caller]
fn costs_its_line_alone(component: PathBuf, deed: &str, role: Role, memory_mib: u32, cause: &str) {
    costs_its_line_alone_in(&Trial::new(), component, deed, role, memory_mib, cause);
}

#[track_caller]
fn costs_its_line_alone_in(
    trial: &Trial,
    component: PathBuf,
    deed: &str,
    role: Role,
    memory_mib: u32,
    cause: &str,
) {
    let done = trial.lifting(updraft!("run", "--once"), component, deed, role, memory_mib).run();
    done.exits(0);
    says(&done, &["transform `tested` (component ", "failed on one of its lines, bytes ", TRY, cause]);
    trial.has_all(&trial.without_poison(), &done);
}

macro_rules! each_costs_its_line_alone {
    ($($name:ident: $guest:literal as $role:ident does $deed:literal in $mib:literal MiB: $cause:literal;)*) => {$(
        #[test]
        fn $name() {
            costs_its_line_alone(guest($guest, TMP), $deed, Role::$role, $mib, $cause);
        }
    )*};
}

each_costs_its_line_alone! {
    a_stack_that_overflows: "hostile" as Normalizer does "overflow" in 16 MiB: "used up its stack of 1048576 bytes";
    unreachable_code_that_is_reached: "hostile" as Normalizer does "unreachable" in 16 MiB: "(wasm `unreachable`)";
    memory_without_end: "hostile" as Normalizer does "grow" in 16 MiB: "may have 16777216 (limits.memory_mib)";
    a_loop_without_end: "hostile" as Normalizer does "loop" in 16 MiB: "computing (limits.timeout_ms: 200)";
    a_long_wait: "hostile" as Normalizer does "sleep" in 16 MiB: "waiting (limits.timeout_ms: 200)";
    a_result_without_measure: "hostile" as Normalizer does "huge" in 256 MiB: "more than 16777216 bytes at once (limits.result_mib)";
    lines_that_are_not_there: "hostile" as Normalizer does "consume-too-many" in 16 MiB: "but there were only";
    lines_that_are_never_consumed: "hostile" as Normalizer does "never-consume" in 16 MiB: "though `last` was set";
    an_error_of_its_own: "hostile" as Normalizer does "err" in 16 MiB: "said: poisoned";

    a_column_that_is_too_short: "liar" as Normalizer does "short-column" in 16 MiB: "column severities has";
    a_span_out_of_bounds: "liar" as Normalizer does "span-out" in 16 MiB: "span";
    a_span_that_runs_backwards: "liar" as Normalizer does "span-reversed" in 16 MiB: "span";
    source_ends_that_decrease: "liar" as Normalizer does "source-ends-decrease" in 16 MiB: "source-ends";
    source_ends_that_stop_short: "liar" as Normalizer does "source-ends-short" in 16 MiB: "source-ends end at byte";
    a_label_without_a_name: "liar" as Normalizer does "label-out" in 16 MiB: "label index";
    a_key_without_a_name: "liar" as Normalizer does "key-out" in 16 MiB: "key index";
    attributes_out_of_order: "liar" as Normalizer does "attribute-order" in 16 MiB: "attribute-events must not decrease";
    json_that_is_none: "liar" as Normalizer does "not-json" in 16 MiB: "is marked as JSON and is none";

    events_that_a_transform_merges: "liar" as Transform does "merge" in 16 MiB: "failed on";
    a_transforms_column_that_is_too_short: "liar" as Transform does "short-column" in 16 MiB: "column severities has";
    a_transforms_span_out_of_bounds: "liar" as Transform does "span-out" in 16 MiB: "span";
    source_ends_that_decrease_in_a_transform: "liar" as Transform does "source-ends-decrease" in 16 MiB: "source-ends";
    a_transforms_label_without_a_name: "liar" as Transform does "label-out" in 16 MiB: "label index";
    a_transforms_key_without_a_name: "liar" as Transform does "key-out" in 16 MiB: "key index";
}

/// A large component is compiled for the first of both; the second finds its machine code where the first left it.
#[track_caller]
fn a_trap_and_a_loop_cost_their_line_alone(component: &Path) {
    let (first, second) = (Trial::new(), Trial::new());
    let compute = "computing (limits.timeout_ms: 200)";
    costs_its_line_alone_in(
        &first,
        component.to_owned(),
        "trap",
        Role::Normalizer,
        64,
        "(wasm `unreachable`)",
    );
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(first.data.path().join("components")).arg(second.data.path());
    assert!(copy.status().expect("cp is there").success());
    costs_its_line_alone_in(&second, component.to_owned(), "loop", Role::Normalizer, 64, compute);
}

#[test]
fn a_trap_and_a_loop_in_python() {
    a_trap_and_a_loop_cost_their_line_alone(&python_guest(TMP));
}

#[test]
fn a_trap_and_a_loop_in_javascript() {
    a_trap_and_a_loop_cost_their_line_alone(&javascript_guest(TMP));
}

#[test]
fn what_a_transform_that_passes_fails_on_goes_on_unchanged() {
    let trial = Trial::new();
    let run = trial.lifting(updraft!("run", "--once"), guest("liar", TMP), "span-out", Role::Transform, 16);
    let done = run.env("ON_ERROR", "pass").run();
    done.exits(0);
    says(&done, &["its event goes on unchanged"]);
    trial.has_all(&trial.bad.task_files(), &done);
}

#[test]
fn a_stream_that_halts_has_all_before_the_poison_and_nothing_of_it_while_others_go_on() {
    let trial = Trial::new();
    let (mask, give_up) = (guest("mask", TMP), ["run", "--once", "--give-up", "2s"]);
    let run = give_up.iter().fold(updraft!(), Updraft::arg);
    let done = trial.lifting(run, mask, "", Role::Transform, 16).env("ON_ERROR", "halt").run();
    done.exits(1);
    says(&done, &["said: poisoned", "its stream waits (`on_error: halt`)"]);
    let mut wanted = trial.without_poison();
    wanted.insert(TRY.to_owned(), (0..1_500).map(line).collect::<String>().into_bytes());
    trial.has_all(&wanted, &done);
}

#[test]
fn a_component_that_floods_the_log_is_heard_for_a_while_and_costs_nothing() {
    let trial = Trial::new();
    let began = Instant::now();
    let done = trial
        .lifting(updraft!("run", "--once"), guest("hostile", TMP), "flood", Role::Normalizer, 16)
        .env("ON_ERROR", "pass")
        .run();
    done.exits(0);
    says(&done, &["component=tested", "limits.log_lines_per_sec"]);
    let lines = done.stderr.lines().filter(|line| line.contains("component=tested")).count();
    // Those of ten seconds at once, then ten in a second, and two that say when it is heard; the rest of the ten seconds
    // is for what the host itself says of it.
    let most = 100.0 + 12.0 * (began.elapsed().as_secs_f64() + 10.0);
    assert!(lines >= 100 && (lines as f64) < most, "{lines} lines of it in the log");
    trial.has_all(&trial.bad.task_files(), &done);
}

#[test]
fn a_component_that_fails_too_often_is_put_aside_and_comes_back_by_itself() {
    let trial = Trial::new();
    let out = || std::fs::read(trial.out.path().join("bad").join(TRY)).unwrap_or_default();
    let run = trial.lifting(updraft!("run").observed(), guest("hostile", TMP), "err", Role::Normalizer, 16);
    let running = run.env("ON_ERROR", "pass").spawn();
    eventually("all that is there to arrive", || (out() == trial.bad.task_files()[TRY]).then_some(()));
    for number in 0..30 {
        trial.bad.append(TRY, format!("{}{POISON}", line(number)));
    }
    eventually("it to be put aside", || running.stderr().contains("it is put aside for 5s").then_some(()));
    eventually("the poisoned lines to go on", || (out() == trial.bad.task_files()[TRY]).then_some(()));
    let mut number = 100;
    eventually("it to work again", || {
        trial.bad.append(TRY, line(number));
        number += 1;
        running.stderr().contains("works again").then_some(())
    });
    let series = running.scrape();
    assert_eq!(series.count(r#"updraft_component_put_aside_total{transform="tested"}"#), 1);
    assert!(series.count(r#"updraft_component_failed_events_total{transform="tested",why="failed"}"#) >= 19);
    assert!(series.count(r#"updraft_component_errors_total{transform="tested",reason="refused"}"#) >= 20);
    running.terminate();
    let done = running.wait();
    done.exits(0);
    trial.has_all(&trial.bad.task_files(), &done);
}

#[test]
fn a_component_that_traps_every_now_and_then_costs_no_line_at_all() {
    let trial = Trial::new();
    for file in 0..100 {
        let path = format!("dag_id=etl/run_id=r/task_id=t{file}/attempt=1.log");
        trial.bad.append(&path, (0..1_500).map(line).collect::<String>());
    }
    let run = updraft!("run").observed();
    let running = trial.lifting(run, guest("hostile", TMP), "random-trap", Role::Normalizer, 16).spawn();
    let files = trial.bad.task_files();
    let lines: usize = files.values().map(|text| String::from_utf8_lossy(text).lines().count()).sum();
    eventually("all lines to be delivered", || {
        let delivered = running.scrape().count(r#"updraft_events_total{sink="out",outcome="delivered"}"#);
        (delivered == lines as u64).then_some(())
    });
    let traps =
        running.scrape().count(r#"updraft_component_errors_total{transform="tested",reason="unreachable"}"#);
    assert!(traps >= 10, "{traps} traps");
    running.terminate();
    let done = running.wait();
    done.exits(0);
    trial.has_all(&files, &done);
    assert!(!done.stderr.contains("failed on"), "{}", done.stderr);
}

#[test]
fn memory_after_failures_is_what_it_was_before() {
    for (deed, memory_mib) in [("grow", 64), ("huge", 256)] {
        let trial = Trial::new();
        let run = trial.lifting(
            updraft!("run").observed(),
            guest("hostile", TMP),
            deed,
            Role::Normalizer,
            memory_mib,
        );
        let running = run.spawn();
        let out = || std::fs::read(trial.out.path().join("bad").join(TRY)).unwrap_or_default();
        let has_all = || (out() == trial.without_poison()[TRY]).then_some(());
        eventually("all that is there to arrive", has_all);
        let resident = || running.scrape().number("process_resident_memory_bytes");
        let before = resident();
        for round in 0..10 {
            // Looked for in a whole batch, it takes some fresh instances.
            trial.bad.append(TRY, (0..900).map(line).collect::<String>() + POISON + &line(round));
            eventually("the next to arrive", has_all);
        }
        trial.bad.append_lines(100..110);
        eventually("the last to arrive", has_all);
        let (after, series) = (resident(), running.scrape());
        let more = (after - before) / f64::from(1 << 20);
        assert!(more < 48.0, "{deed}: {more} MiB more after failures than before");
        let alive = series.count(r#"updraft_component_instances{transform="tested"}"#);
        let cores = std::thread::available_parallelism().map_or(2, usize::from) as u64;
        assert!(alive <= 2 * (cores + 1), "{alive} instances live");
        running.terminate();
        running.wait().exits(0);
    }
}

#[test]
fn an_object_is_not_put_again_by_a_transform_that_is_put_aside() {
    let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
    let secret = |number: u32| line(number).replace("line", "hunter2");
    logs.append(TRY, (0..50).map(secret).collect::<String>());
    let running = updraft!("run")
        .observed()
        .on(&moto)
        .as_anyone()
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
        .env("MASK", guest("mask", TMP))
        .config(
            "pipeline.yaml",
            &format!(
                "
sources: {{ airflow: {{ type: airflow }} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
  mask: {{ type: wasm, inputs: [normalize], component: '${{MASK}}', on_error: pass }}
sinks:
  archive: {{ type: aws_s3, inputs: [mask], bucket: {BUCKET}, refresh_secs: 1 }}
"
            ),
        )
        .spawn();
    let object =
        || moto.objects(BUCKET).get(TRY).map(|object| String::from_utf8_lossy(&object.body).into_owned());
    let masked =
        |count: usize| move |text: &String| text.lines().count() == count && !text.contains("hunter2");
    eventually("the object, masked", || object().filter(masked(50)));
    logs.append(ALL_POISON, POISON.repeat(30));
    eventually("it to be put aside", || running.stderr().contains("it is put aside").then_some(()));
    logs.append(TRY, line(50));
    let mut leaked = false;
    eventually("the whole of it, when it works again", || {
        leaked |= object().is_some_and(|text| text.contains("hunter2"));
        object().filter(masked(51))
    });
    assert!(!leaked, "the object held what had been masked before");
    running.terminate();
    running.wait().exits(0);
}

#[test]
fn streams_that_wait_for_a_slow_failure_keep_no_other_from_the_same_sink() {
    let trial = Trial::new();
    for file in 0..12 {
        trial.bad.append(&format!("dag_id=etl/run_id=r/task_id=t{file}/attempt=1.log"), POISON);
    }
    let run = updraft!("run").observed();
    let pipeline = PIPELINE
        .replace("INPUT", "bad")
        .replace("MEMORY", "16")
        .replace("inputs: [tested], path: '${OUT}/bad'", "inputs: [tested, healthy], path: '${OUT}/both'");
    let running = run
        .env("BAD", trial.bad.path())
        .env("GOOD", trial.good.path())
        .env("OUT", trial.out.path())
        .env("UPDRAFT_DATA_DIR", trial.data.path())
        .env("PLAIN", guest("hostile", TMP))
        .env("COMPONENT", guest("hostile", TMP))
        .env("DO", "loop")
        .env("ON_ERROR", "halt")
        .config("pipeline.yaml", &pipeline)
        .spawn();
    // The file TRY of both folders is one file there.
    eventually("streams to wait", || running.stderr().contains("its stream waits").then_some(()));
    let path = "dag_id=etl/run_id=r/task_id=healthy/attempt=1.log";
    for number in 0..3 {
        trial.good.append(path, line(number));
        eventually("the next line of the other", || {
            let landed = std::fs::read(trial.out.path().join("both").join(path)).unwrap_or_default();
            (landed == trial.good.task_files()[path]).then_some(())
        });
    }
    let held = running.scrape().count(r#"updraft_files_behind{sink="out"}"#);
    assert!(held >= 13, "{held} files wait");
    running.kill();
}
