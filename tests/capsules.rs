//! Promise: each distinct failure of a component is kept, once, with the fewest lines that it takes, and can be run again
//! anywhere: on the same component it fails the same way, on a mended one it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use updraft_tests::{Finished, LogFolder, TRY, files_in, guest, updraft};

const TMP: &str = env!("CARGO_TARGET_TMPDIR");
const SECRET: &str = "wJalrXUtnFEMI";

const PIPELINE: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  plain: { type: wasm, inputs: [airflow], component: '${PLAIN}', config: { do: nothing } }
  tested:
    type: wasm
    inputs: [INPUT]
    component: '${COMPONENT}'
    config: { do: '${DO}', connect: '${TOKEN}' }
    limits: { memory_mib: 16, timeout_ms: 200 }
    on_error: pass
sinks:
  out: { type: console, inputs: [tested], encoding: { codec: raw } }
";

/// A run over a log with some poison in it; its data dir.
struct Fallen {
    data: LogFolder,
    done: Finished,
}

impl Fallen {
    fn over(log: &str, name: &str, deed: &str, input: &str) -> Self {
        let logs = LogFolder::empty();
        logs.append(TRY, log);
        let data = LogFolder::empty();
        let done = updraft!("run", "--once")
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
            .env("UPDRAFT_DATA_DIR", data.path())
            .env("PLAIN", guest("hostile", TMP))
            .env("COMPONENT", guest(name, TMP))
            .env("DO", deed)
            .env("TOKEN", SECRET)
            .config("pipeline.yaml", &PIPELINE.replace("INPUT", input))
            .run();
        done.exits(0);
        Self { data, done }
    }

    fn capsules(&self) -> Vec<PathBuf> {
        let folder = self.data.path().join("capsules");
        files_in(&folder).into_keys().map(|name| folder.join(name)).collect()
    }

    #[track_caller]
    fn capsule(&self) -> PathBuf {
        let capsules = self.capsules();
        assert_eq!(capsules.len(), 1, "{capsules:?}; it said:\n{}", self.done.stderr);
        capsules[0].clone()
    }
}

fn replay(capsule: &Path, deed: &str, component: Option<PathBuf>) -> Finished {
    let run = updraft!("replay").arg(capsule).env("DO", deed).env("TOKEN", SECRET);
    match component {
        Some(component) => run.arg("--component").arg(component).run(),
        None => run.run(),
    }
}

#[test]
fn a_failure_is_kept_with_the_line_that_it_takes_and_fails_again_the_same_way() {
    for (deed, cause) in [
        ("panic", "panicked"),
        ("overflow", "used up its stack"),
        ("loop", "computing (limits.timeout_ms: 200)"),
        ("grow", "may have 16777216 (limits.memory_mib)"),
        ("err", "said: poisoned"),
        ("consume-too-many", "the WIT forbids"),
    ] {
        let fallen = Fallen::over("good\nPOISON é\nbetter\n", "hostile", deed, "airflow");
        let capsule = fallen.capsule();
        assert!(fallen.done.stderr.contains(&format!("updraft replay {}", capsule.display())));
        let held: Value = serde_json::from_slice(&fs::read(&capsule).expect("it is there")).expect("JSON");
        assert_eq!(held["given"]["lines"]["bytes"]["text"], "POISON é\n");
        assert_eq!((&held["from"], &held["to"]), (&5.into(), &15.into()));
        assert_eq!((&held["stream"]["path"], &held["wit"]), (&TRY.into(), &"0.1.0".into()));

        let again = replay(&capsule, deed, None);
        again.exits(1);
        assert!(again.stdout.contains("the same build as then"), "{}", again.stdout);
        let now = again.stdout.lines().find(|line| line.starts_with("now: ")).expect("what came of it");
        assert!(now.contains(cause) && !now.contains("another reason"), "{deed}: {}", again.stdout);

        // Another component, to which these words mean nothing bad.
        let mended = replay(&capsule, deed, Some(guest("liar", TMP)));
        mended.exits(0);
        assert!(mended.stdout.contains("now: fine: 1 lines consumed, 1 events made"), "{}", mended.stdout);
        assert!(mended.stdout.contains("another build than then"), "{}", mended.stdout);
    }
}

#[test]
fn what_a_transform_fails_on_is_kept_as_the_events_it_was_given() {
    let fallen = Fallen::over("good\nPOISON\nbetter\n", "liar", "label-out", "plain");
    let again = replay(&fallen.capsule(), "label-out", None);
    again.exits(1);
    assert!(
        again.stdout.contains("now: returned something that the WIT forbids: event 0 has label"),
        "{}",
        again.stdout
    );
    let mended = replay(&fallen.capsule(), "nothing", None);
    mended.exits(0);
    assert!(mended.stdout.contains("now: fine: 1 events made, 0 of them dropped"), "{}", mended.stdout);
}

#[test]
fn failures_that_are_alike_are_kept_once() {
    let fallen = Fallen::over("POISON 1\ngood\nPOISON 2\nPOISON 3\n", "hostile", "err", "airflow");
    fallen.capsule();
    assert_eq!(fallen.done.stderr.matches("failed on one of its lines").count(), 3);
}

#[test]
fn a_capsule_is_for_its_owner_only_and_holds_no_value_of_a_variable() {
    let fallen = Fallen::over("POISON\n", "hostile", "err", "airflow");
    let capsule = fallen.capsule();
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&capsule), mode(capsule.parent().expect("a folder"))), (0o600, 0o700));
    let text = fs::read_to_string(&capsule).expect("it is text");
    assert!(!text.contains(SECRET) && text.contains("${TOKEN}"), "{text}");
    assert!(!fallen.done.stderr.contains(SECRET));

    let unset = updraft!("replay").arg(&capsule).run();
    unset.exits(2);
    assert!(unset.stderr.contains("DO") && unset.stderr.contains("not set"), "{}", unset.stderr);
}

#[test]
fn what_is_no_capsule_or_of_another_version_is_named() {
    let folder = LogFolder::empty();
    for (name, text, says) in [
        ("none.json", "{}", "is no capsule"),
        ("newer.json", r#"{"capsule": 2, "new": true}"#, "is of version 2, this updraft reads version 1"),
        ("text.json", "what?", "is no capsule"),
    ] {
        folder.append(name, text);
        let done = updraft!("replay").arg(folder.path().join(name)).run();
        done.exits(2);
        assert!(done.stderr.contains(says), "{}", done.stderr);
    }
    let done = updraft!("replay").arg(folder.path().join("nowhere.json")).run();
    done.exits(2);
    assert!(done.stderr.contains("cannot read capsule"), "{}", done.stderr);
}

#[test]
fn a_capsule_whose_component_is_elsewhere_says_how_to_name_it() {
    let fallen = Fallen::over("POISON\n", "hostile", "err", "airflow");
    let capsule = fallen.capsule();
    let text = fs::read_to_string(&capsule).expect("it is text");
    let (here, gone) = (guest("hostile", TMP).display().to_string(), "/nowhere/hostile.wasm");
    fs::write(&capsule, text.replace(&here, gone)).expect("it is ours");
    let done = replay(&capsule, "err", None);
    done.exits(3);
    assert!(done.stderr.contains(gone) && done.stderr.contains("--component"), "{}", done.stderr);
}
