//! Promise: a component, or its config, is exchanged while Updraft runs, by command, by signal or when its file changes;
//! and if the new one is not good, the old one goes on and the error says why.

use std::fs;
use std::path::{Path, PathBuf};

use updraft::config::{self, Env, Format};
use updraft::control::{self, AskError, Control, Verb};
use updraft::{Pipeline, ReloadError};
use updraft_tests::{Finished, LogFolder, Running, TRY, eventually, files_in, guest, updraft};

const PIPELINE: &str = "
data_dir: data
sources: { airflow: { type: airflow, base_log_folder: logs, rescan_secs: 0.1, join_ms: 1 } }
transforms: { mask: { type: wasm, inputs: [airflow], component: mask.wasm, config: { with: A } } }
sinks: { local: { type: file, inputs: [mask], path: out } }
";

/// A pipeline whose only component writes `A` over a secret, and all its files in one folder.
struct Host {
    folder: LogFolder,
    running: Running,
}

impl Host {
    fn start(options: &[&str]) -> Self {
        let folder = LogFolder::empty();
        fs::copy(guest("mask", env!("CARGO_TARGET_TMPDIR")), folder.path().join("mask.wasm"))
            .expect("a thread");
        fs::write(folder.path().join("p.yaml"), PIPELINE).expect("a thread");
        fs::create_dir(folder.path().join("logs")).expect("a thread");
        let run = updraft!("run", "--config", folder.path().join("p.yaml"));
        let running = options.iter().fold(run, updraft_tests::Updraft::arg).spawn();
        let host = Self { folder, running };
        eventually("its control socket", || host.at("data/control.sock").exists().then_some(()));
        host.masks("first", "A");
        host
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The config with something else in it.
    fn change(&self, what: &str, by: &str) {
        assert!(PIPELINE.contains(what));
        fs::write(self.at("p.yaml"), PIPELINE.replace(what, by)).expect("it can be written");
    }

    /// Another component that does the same, put into the place of the old one as a deployment would.
    fn replace_component(&self) {
        let mut bytes = fs::read(self.at("mask.wasm")).expect("it can be read");
        bytes.extend_from_slice(&another());
        fs::write(self.at("new"), bytes).expect("it can be written");
        fs::rename(self.at("new"), self.at("mask.wasm")).expect("it can be written");
    }

    fn reload(&self) -> Finished {
        updraft!("reload", "--config", self.at("p.yaml")).run()
    }

    fn arrived(&self) -> String {
        let files = if self.at("out").is_dir() { files_in(&self.at("out")) } else { return String::new() };
        files.into_values().map(|bytes| String::from_utf8(bytes).expect("it is text")).collect()
    }

    /// The next line arrives, with this in place of the secret.
    #[track_caller]
    fn masks(&self, line: &str, with: &str) {
        self.folder.append(&format!("logs/{TRY}"), format!("{line} hunter2\n"));
        let line = eventually("the line", || {
            self.arrived().lines().find(|arrived| arrived.starts_with(line)).map(str::to_owned)
        });
        assert!(line.ends_with(&format!(" {with}")), "{line}");
    }
}

/// A custom section named `x`, which says nothing: <https://webassembly.github.io/spec/core/binary/modules.html>.
fn another() -> [u8; 4] {
    [0, 2, 1, b'x']
}

#[test]
fn a_component_and_its_config_are_exchanged_by_command() {
    let host = Host::start(&[]);
    host.change("with: A", "with: B");
    let done = host.reload();
    done.exits(0);
    assert!(done.stderr.contains("the same component with other options"), "{}", done.stderr);
    host.masks("second", "B");

    let done = host.reload();
    done.exits(0);
    assert!(done.stderr.contains("transform `mask`: unchanged"), "{}", done.stderr);

    host.replace_component();
    host.change("with: A", "with: C");
    let done = updraft!("reload", "--data-dir", host.at("data")).run();
    done.exits(0);
    assert!(done.stderr.contains("transform `mask`: exchanged, ") && done.stderr.contains(" -> "));
    host.masks("third", "C");
    assert_eq!(host.arrived(), "first A\nsecond B\nthird C\n", "nothing comes again");
    host.running.terminate();
    host.running.wait().exits(0);
}

#[test]
fn a_sighup_does_the_same_and_ends_nothing() {
    let host = Host::start(&[]);
    host.running.hang_up();
    host.running.says(&["SIGHUP", "nothing has changed"]);
    host.change("with: A", "with: B");
    host.running.hang_up();
    host.running.says(&["transform `mask`: exchanged"]);
    host.masks("second", "B");
    fs::write(host.at("p.yaml"), "nonsense: true").unwrap();
    host.running.hang_up();
    host.running.says(&["nothing is exchanged, what runs goes on"]);
    host.running.says(&["unknown key `nonsense`"]);
    host.masks("third", "B");
}

#[test]
fn a_host_that_watches_takes_over_a_changed_config_and_a_changed_component() {
    let host = Host::start(&["--watch"]);
    host.change("with: A", "with: B");
    host.running.says(&["transform `mask`: exchanged, the same component"]);
    host.masks("second", "B");
    host.replace_component();
    host.running.says(&["transform `mask`: exchanged, ", " -> "]);
    host.masks("third", "B");

    // What the config does not name yet is watched once it does.
    fs::write(host.at("other.wasm"), "nothing that runs").unwrap();
    host.change("component: mask.wasm", "component: other.wasm");
    host.running.says(&["nothing is exchanged", "other.wasm", "is not a WebAssembly component"]);
    fs::copy(host.at("mask.wasm"), host.at("other.wasm")).unwrap();
    host.change("component: mask.wasm, config: { with: A }", "component: other.wasm, config: { with: C }");
    host.masks_soon("fourth", "C");
}

impl Host {
    /// From some line on it is this that stands in place of the secret.
    fn masks_soon(&self, line: &str, with: &str) {
        let mut number = 0;
        eventually("another config", || {
            number += 1;
            self.folder.append(&format!("logs/{TRY}"), format!("{line} {number} hunter2\n"));
            self.arrived().lines().last()?.ends_with(&format!(" {with}")).then_some(())
        });
    }
}

#[test]
fn what_is_not_good_is_not_taken_over_and_the_error_says_why() {
    let host = Host::start(&[]);
    fs::write(host.at("bad.wasm"), "nothing that runs").unwrap();
    fs::copy(guest("hostile", env!("CARGO_TARGET_TMPDIR")), host.at("hostile.wasm")).unwrap();
    let cases: [(&str, &str, i32, &[&str]); 8] = [
        ("component: mask.wasm", "component: bad.wasm", 1, &["bad.wasm", "is not a WebAssembly component"]),
        ("with: A", "with: [s3cr3t]", 1, &["mask", "does not accept its config", "`with` is no word"]),
        ("with: A", "poison: hunter2, with: s3cr3t", 1, &["mask", "fails on what the present one takes"]),
        ("with: A }", "with: A }, limits: { memory_mib: 1 }", 1, &["mask", "limits.memory_mib"]),
        ("path: out", "path: s3cr3t", 1, &["sinks.local", "needs a restart"]),
        ("data_dir: data", "data_dir: data\nreceipts: { sha256: false }", 1, &["receipts differs"]),
        (
            "component: mask.wasm",
            "component: none.wasm",
            2,
            &["transforms.mask.component", "there is no file"],
        ),
        ("with: A }", "with: A }, on_eror: drop", 2, &["on_eror", "did you mean"]),
    ];
    for (number, (what, by, code, says)) in cases.into_iter().enumerate() {
        host.change(what, by);
        // Its own reading of the file is not the question.
        let done = updraft!("reload", "--data-dir", host.at("data")).run();
        done.exits(code);
        let [host_said, said] = [host.running.stderr(), done.stderr];
        assert!(says.iter().all(|word| said.contains(word)), "{by}: {said}");
        assert!(says.iter().all(|word| host_said.contains(word)), "{by}: {host_said}");
        assert!(!said.contains("s3cr3t") && !host_said.contains("s3cr3t"), "{by}: {said}\n{host_said}");
        host.masks(&format!("line {number}:"), "A");
    }
    fs::write(host.at("p.yaml"), PIPELINE).unwrap();
    host.reload().exits(0);
    host.running.terminate();
    host.running.wait().exits(0);
    updraft!("reload", "--data-dir", host.folder.path().join("data")).run().exits(3);
}

#[test]
fn a_stream_that_waits_for_a_component_that_failed_goes_on_with_the_next_one() {
    let host = Host::start(&[]);
    host.folder.append(&format!("logs/{TRY}"), "POISON hunter2\n");
    host.running.says(&["transform `mask`", "poisoned", "waits"]);
    host.change("with: A", "with: B, poison: another");
    host.reload().exits(0);
    host.masks("second", "B");
    assert_eq!(host.arrived(), "first A\nPOISON B\nsecond B\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedder_exchanges_components_with_a_config_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let component = tokio::task::block_in_place(|| guest("mask", env!("CARGO_TARGET_TMPDIR")));
    fs::create_dir(folder.path().join("logs")).unwrap();
    let text =
        ["data_dir: data", "folder: logs", "path: out"].iter().fold(PIPELINE.to_owned(), |text, line| {
            let (name, value) = line.split_once(": ").unwrap();
            text.replace(line, &format!("{name}: {}", folder.path().join(value).display()))
        });
    let text = text.replace("mask.wasm", &component.display().to_string());
    let read = |text: &str| config::from_str(text, Format::Yaml, "embedded", &Env::new()).unwrap();
    let pipeline = Pipeline::start(&read(&text)).await.unwrap();

    let reloaded = pipeline.reload(&read(&text.replace("with: A", "with: B"))).await.unwrap();
    assert!(reloaded.any(), "{reloaded}");
    let error = pipeline.reload(&read(&text.replace("path: ", "encoding: {codec: json}, path: "))).await;
    assert!(matches!(error, Err(ReloadError::NeedsRestart(fields)) if fields == ["sinks.local"]));
    let log = folder.path().join("logs/a.log");
    fs::write(log, "a line with hunter2\n").unwrap();
    pipeline.until_acknowledged("a.log", 20).await;
    assert_eq!(fs::read_to_string(folder.path().join("out/a.log")).unwrap(), "a line with B\n");

    let _control = Control::start(&pipeline, None).unwrap();
    let data = folder.path().join("data");
    let asked = tokio::task::spawn_blocking(move || control::ask(Path::new(&data), Verb::Reload {}, |_| {}));
    let Err(AskError::Refused { why, .. }) = asked.await.unwrap() else { panic!("there is no file") };
    assert!(why.contains("not started from a file"), "{why}");
}
