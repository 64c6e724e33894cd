//! Promise: what was built against a version of the WIT that was released works for ever, and a component for another one
//! is told which it is for, which are spoken here, and what to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use updraft_tests::{LogFolder, TRY, files_in, updraft};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_wit_is_what_it_was_when_it_was_released() {
    let wit = Path::new(ROOT).join("wit");
    let frozen = fs::read_to_string(wit.join("v0.1.sha256")).expect("wit/v0.1.sha256");
    let frozen: BTreeMap<String, String> = frozen
        .lines()
        .map(|line| line.split_once("  ").expect("a hash, two spaces and a path"))
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect();
    let now: BTreeMap<String, String> = files_in(&wit.join("v0.1"))
        .into_iter()
        .map(|(path, bytes)| (format!("wit/v0.1/{path}"), hex::encode(Sha256::digest(bytes))))
        .collect();
    assert_eq!(
        now, frozen,
        "wit/v0.1 is frozen: components are built against it. A change of the contract is a new package in wit/v0.2, \
         which the host speaks beside this one"
    );
}

/// A component that was built when v0.1 was released.
fn old(name: &str) -> PathBuf {
    Path::new(ROOT).join(format!("tests/fixtures/components/v0.1/{name}.wasm"))
}

#[test]
fn old_components_do_what_they_did() {
    let log = "\
before any header
[2026-11-21T12:00:00.100+0000] {load.py:7} INFO - password=hunter2
[2026-11-21T12:00:00.200+0000] {load.py:8} DEBUG - 1 row
[2026-11-21T14:00:00.300+0200] {load.py:9} ERROR - lost the connection
ConnectionError: postgresql://loader:hunter2@warehouse
";
    let (logs, out, data) = (LogFolder::empty(), LogFolder::empty(), LogFolder::empty());
    logs.append(TRY, log);
    let pipeline = format!(
        "
data_dir: {data}
sources:
  airflow: {{ type: airflow, base_log_folder: {logs} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: '{normalizer}' }}
  mask: {{ type: wasm, inputs: [normalize], component: '{transformer}', config: {{ secret: hunter2 }} }}
routes:
  naming: {{ type: wasm, component: '{router}', config: {{ teams: {{ etl: data-platform }} }} }}
sinks:
  local: {{ type: file, inputs: [mask], path: {out}, route: naming, encoding: {{ codec: json }} }}
",
        data = data.path().display(),
        logs = logs.path().display(),
        out = out.path().display(),
        normalizer = old("normalizer").display(),
        transformer = old("transformer").display(),
        router = old("router").display(),
    );
    updraft!("run", "--once").config("pipeline.yaml", &pipeline).run().exits(0);

    let task = r#""dag_id":"etl","run_id":"manual__2026-11-21T12:00:00+00:00","task_id":"load","try_number":1,"kind":"task""#;
    let expected = [
        r#"{"timestamp":"2026-11-21T12:00:00.100Z","level":"info","message":"password=***","source":"load.py:7","#,
        r#"{"timestamp":"2026-11-21T12:00:00.300Z","level":"error","message":"lost the connection\nConnectionError: postgresql://loader:***@warehouse","source":"load.py:9","#,
    ];
    let delivered = files_in(out.path());
    assert_eq!(delivered.keys().collect::<Vec<_>>(), [&format!("data-platform/{TRY}")]);
    let delivered = delivered.into_values().next().unwrap_or_default();
    let delivered = String::from_utf8_lossy(&delivered);
    let (first, rest) = delivered.split_once('\n').expect("lines");
    // Its time is the file's own.
    assert!(
        first.contains(r#""message":"before any header","#) && first.ends_with(&format!("{task}}}")),
        "{first}"
    );
    assert_eq!(rest, expected.map(|event| format!("{event}{task}}}\n")).concat());
}

/// What `updraft inspect` says of a component, whatever it thinks of it.
fn inspected(component: &Path) -> Value {
    let seen = updraft!("inspect", "--format", "json").arg(component).run();
    serde_json::from_str(&seen.stdout).unwrap_or_else(|error| panic!("{error}: {}", seen.stderr))
}

#[test]
fn old_components_are_known_for_what_they_are() {
    for (name, interface) in [("normalizer", "normalize"), ("transformer", "transform"), ("router", "route")]
    {
        let seen = inspected(&old(name));
        assert_eq!((&seen["wit"], &seen["problem"]), (&"0.1.0".into(), &Value::Null), "{name}");
        for interface in [interface, "lifecycle"] {
            let export = Value::from(format!("updraft:pipeline/{interface}@0.1.0"));
            assert!(seen["exports"].as_array().is_some_and(|all| all.contains(&export)), "{name}: {seen}");
        }
    }
}

/// The old normalizer, as if its interfaces of these names were of another version. Both versions' names have the same
/// length, so all else stays where it is.
fn of_version(version: &str, interfaces: &[&str], folder: &LogFolder) -> PathBuf {
    let mut bytes = fs::read(old("normalizer")).expect("a component");
    for interface in interfaces {
        let was = format!("updraft:pipeline/{interface}@0.1.0");
        let becomes = format!("updraft:pipeline/{interface}@{version}");
        assert_eq!(was.len(), becomes.len());
        for at in 0..bytes.len() - was.len() {
            if bytes[at..].starts_with(was.as_bytes()) {
                bytes[at..at + was.len()].copy_from_slice(becomes.as_bytes());
            }
        }
    }
    let path = folder.path().join(format!("{}.wasm", interfaces.join("-")));
    fs::write(&path, bytes).expect("written");
    path
}

const ALL: [&str; 4] = ["host", "lifecycle", "normalize", "types"];

#[test]
fn a_component_for_a_version_that_is_not_spoken_is_refused_with_both_versions_and_what_to_do() {
    let folder = LogFolder::with_lines(0..1);
    for (interfaces, named) in [
        (&ALL[..], "host"),
        (&["host"], "host"),
        (&["normalize"], "normalize"),
        (&["lifecycle"], "lifecycle"),
    ] {
        let component = of_version("0.9.0", interfaces, &folder);
        let words = [
            format!("is built for `updraft:pipeline/{named}@0.9.0`"),
            "this Updraft speaks updraft:pipeline@0.1.0".to_owned(),
            "build it against wit/v0.1".to_owned(),
        ];
        let pipeline = format!(
            "
data_dir: ./data
sources:
  airflow: {{ type: airflow, base_log_folder: {logs} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: {component} }}
sinks:
  local: {{ type: file, inputs: [normalize], path: ./out }}
",
            logs = folder.path().display(),
            component = component.display(),
        );
        let run = updraft!("run", "--once").config("pipeline.yaml", &pipeline).run();
        let said = &run.exits(3).stderr;
        assert!(said.contains("transform `normalize`"), "{said}");
        let problem = inspected(&component)["problem"].as_str().expect("a problem").to_owned();
        for text in [said, &problem] {
            assert!(words.iter().all(|word| text.contains(word)), "{interfaces:?}: {text}");
        }
    }
}

#[test]
fn a_later_version_that_only_adds_is_good() {
    let folder = LogFolder::empty();
    let seen = inspected(&of_version("0.1.9", &ALL, &folder));
    assert_eq!((&seen["wit"], &seen["problem"]), (&"0.1.9".into(), &Value::Null));
}
