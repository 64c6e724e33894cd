//! Promise: before a component runs, one can know what it is and what it wants; it gets what its config grants and nothing
//! else; and it is compiled once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use updraft_tests::{Finished, LogFolder, Updraft, files_in, guest, python_guest, updraft};
use walkdir::WalkDir;

const PIPELINE: &str = r"
data_dir: '${DATA_DIR}'
sources:
  airflow: { type: airflow }
transforms:
  stage:
    type: wasm
    inputs: [airflow]
    component: '${COMPONENT:-builtin:airflow}'
    OPTIONS
sinks:
  local: { type: file, inputs: [stage], path: '${OUT}' }
";

/// Options of the hostile guest.
const DEED: &str = "config: { do: '${DO:-nothing}', at: configure }";

/// What a run needs: logs, a place for them, a data dir.
struct Bench {
    logs: LogFolder,
    out: LogFolder,
    data: LogFolder,
}

impl Bench {
    fn new() -> Self {
        Self { logs: LogFolder::with_lines(0..3), out: LogFolder::empty(), data: LogFolder::empty() }
    }

    /// A command on the pipeline, whose transform has these options.
    fn on_pipeline(&self, command: Updraft, options: &str) -> Updraft {
        command
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", self.logs.path())
            .env("DATA_DIR", self.data.path())
            .env("OUT", self.out.path())
            .config("pipeline.yaml", &PIPELINE.replace("OPTIONS", options))
    }

    fn run(&self, options: &str) -> Updraft {
        self.on_pipeline(updraft!("run", "--once", "--log-level", "debug"), options)
    }

    fn has_all(&self) {
        assert_eq!(files_in(self.out.path()), self.logs.task_files());
    }

    /// Where compiled components are kept.
    fn cache(&self) -> PathBuf {
        self.data.path().join("components")
    }

    /// The files of machine code in there.
    fn code(&self) -> Vec<PathBuf> {
        let all = WalkDir::new(self.cache().join("code/modules")).min_depth(2).into_iter().flatten();
        all.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_none()).collect()
    }
}

fn hostile() -> PathBuf {
    guest("hostile", env!("CARGO_TARGET_TMPDIR"))
}

fn importer() -> PathBuf {
    guest("importer", env!("CARGO_TARGET_TMPDIR"))
}

/// What `inspect` says of one component.
fn inspected(inspect: Updraft) -> Value {
    let done = inspect.arg("--format").arg("json").run();
    serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("one JSON object: {done:?}"))
}

fn names(imports: &Value, supply: &str) -> Vec<String> {
    let imports = imports.as_array().expect("a list").iter().filter(|it| it["supply"] == supply);
    imports.map(|it| it["name"].as_str().expect("a name").to_owned()).collect()
}

/// Whether this run had the code from an earlier one.
fn was_from_cache(done: &Finished) -> bool {
    let loaded = done.stderr.lines().find(|line| line.contains("loaded in")).expect("it says what it loads");
    loaded.contains("from_cache=true")
}

#[track_caller]
fn says(done: &Finished, words: &[&str]) {
    let said = done.stderr.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(said, "no line of it has {words:?}:\n{}", done.stderr);
}

#[test]
fn inspect_says_what_the_built_in_component_is_for_people_and_for_programs() {
    let done = updraft!("inspect", "builtin:airflow").run();
    let text = &done.exits(0).stdout;
    let seen = inspected(updraft!("inspect", "builtin:airflow"));
    let sha256 = seen["sha256"].as_str().expect("a hash");
    for part in
        [sha256, "updraft:pipeline@0.1.0", "updraft:pipeline/normalize@0.1.0", "memory_mib 64", "compiled"]
    {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let has = |what: &str, how: &str| text.lines().any(|line| line.contains(what) && line.ends_with(how));
    assert!(
        has("updraft:pipeline/host@0.1.0", "  provided") && has("wasi:cli/environment", "provided, empty"),
        "{text}"
    );
    assert_eq!((sha256.len(), &seen["wit"], &seen["problem"]), (64, &"0.1.0".into(), &Value::Null));
    assert_eq!((&seen["limits"]["timeout_ms"], &seen["grants"]), (&1000.into(), &Value::Array(vec![])));
    assert!(seen["load_ms"].as_f64() > Some(0.0) && seen["instantiate_ms"].as_f64() > Some(0.0), "{seen}");
}

#[test]
fn imports_that_carry_authority_elsewhere_are_marked() {
    let seen = inspected(updraft!("inspect").arg(hostile()));
    let empty = names(&seen["imports"], "empty");
    for part in ["wasi:filesystem/preopens@", "wasi:cli/environment@", "wasi:sockets/tcp@", "wasi:cli/stdin@"]
    {
        assert!(empty.iter().any(|name| name.starts_with(part)), "{part} is none of {empty:?}");
    }
    let on_request = names(&seen["imports"], "grant");
    assert!(!on_request.is_empty());
    assert!(on_request.iter().all(|it| it.starts_with("wasi:clocks/") || it.starts_with("wasi:random/")));
    assert!(names(&seen["imports"], "missing").is_empty());
}

#[test]
fn a_component_that_imports_what_there_is_not_is_refused_with_all_that_it_wanted() {
    let wanted = ["`evil:corp/exfiltrate@0.1.0`", "`wasi:keyvalue/store@0.2.0-draft`"];
    let bench = Bench::new();
    let refused = bench.run("").env("COMPONENT", importer()).run();
    refused.exits(3);
    says(
        &refused,
        &[
            "transform `stage`",
            "does not provide",
            wanted[0],
            wanted[1],
            "It provides `updraft:pipeline/host@0.1.0`",
        ],
    );
    assert!(files_in(bench.out.path()).is_empty());

    let seen = updraft!("inspect").arg(importer()).run();
    for what in ["evil:corp/exfiltrate@0.1.0", "wasi:keyvalue/store@0.2.0-draft"] {
        let marked = |line: &str| line.contains(what) && line.ends_with("NOT PROVIDED");
        assert!(seen.exits(1).stdout.lines().any(marked), "{}", seen.stdout);
    }
    assert!(seen.stdout.contains("PROBLEM"), "{}", seen.stdout);
}

#[test]
fn inspect_tells_a_bad_component_from_one_that_is_not_there() {
    let folder = LogFolder::empty();
    let text = folder.path().join("text.wasm");
    fs::write(&text, "no component").expect("written");
    let seen = updraft!("inspect").arg(&text).arg("builtin:airflow").run();
    assert!(
        seen.exits(1).stdout.contains("is not a WebAssembly component that runs here"),
        "{}",
        seen.stdout
    );
    assert!(seen.stdout.contains("\nbuiltin:airflow\n"), "the others are looked at all the same");
    let missing = updraft!("inspect", "./none.wasm", "builtin:airflow").run();
    says(missing.exits(3), &["updraft: ./none.wasm cannot be read"]);
    says(updraft!("inspect", "builtin:airflo").run().exits(2), &["did you mean `airflow`?"]);
    updraft!("inspect").run().exits(2);
}

#[test]
fn inspect_shows_each_transform_of_a_config_with_its_own_terms() {
    let bench = Bench::new();
    let options = format!("{DEED}\n    limits: {{ memory_mib: 8 }}\n    grants: [clock]\n    on_error: drop");
    let inspect = || bench.on_pipeline(updraft!("inspect"), &options).env("COMPONENT", hostile());
    let seen = inspected(inspect());
    assert_eq!((&seen["transform"], &seen["on_error"]), (&"stage".into(), &"drop".into()));
    assert_eq!((&seen["limits"]["memory_mib"], &seen["grants"][0]), (&8.into(), &"clock".into()));
    let text = inspect().run().exits(0).stdout.clone();
    assert!(text.contains("granted: clock") && text.contains("needs grant: random"), "{text}");

    let broken = inspect().env("DO", "err").run();
    assert!(
        broken.exits(1).stdout.contains("does not accept its config: said: poisoned"),
        "{}",
        broken.stdout
    );
    assert!(!bench.cache().exists(), "who looks leaves nothing behind");
}

#[test]
fn a_pinned_component_is_the_one_that_runs_or_nothing_does() {
    let component = hostile();
    let right = inspected(updraft!("inspect").arg(&component))["sha256"].as_str().expect("a hash").to_owned();
    let bench = Bench::new();
    let wrong = "ab".repeat(32);
    let pinned =
        |hash: &str| bench.run(&format!("{DEED}\n    sha256: {hash}")).env("COMPONENT", &component).run();
    says(pinned(&wrong).exits(3), &["transform `stage`", &wrong, &right, "updraft inspect"]);
    assert!(files_in(bench.out.path()).is_empty());
    pinned(&right.to_uppercase()).exits(0);
    bench.has_all();

    let inspect = updraft!("inspect").env("COMPONENT", &component);
    let seen = bench.on_pipeline(inspect, &format!("sha256: {wrong}")).run();
    assert!(seen.exits(1).stdout.contains(&right), "it shows what is there: {}", seen.stdout);
    says(bench.run(&format!("sha256: {wrong}")).run().exits(3), &["builtin:airflow", &wrong]);
}

/// What the hostile guest finds of the world, by name.
fn found(bench: &Bench, grants: &str) -> impl Fn(&str) -> String + use<> {
    let done =
        bench.run(&format!("{DEED}\n    {grants}")).env("COMPONENT", hostile()).env("DO", "ambient").run();
    let said = done.exits(3).stderr.clone();
    move |what| {
        let value = said.split_whitespace().find_map(|word| word.strip_prefix(what)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("nothing of {what} in {said}")).to_owned()
    }
}

#[test]
fn without_grants_a_component_finds_no_world_and_the_same_in_every_run() {
    let bench = Bench::new();
    let (first, second) = (found(&bench, ""), found(&bench, ""));
    for what in
        ["env", "args", "root", "here", "file", "write", "tcp", "udp", "dns", "clock", "monotonic", "random"]
    {
        assert_eq!(first(what), second(what), "{what}");
        assert_ne!(first(what), "open", "{what}");
    }
    assert_eq!((first("env"), first("clock"), first("monotonic")), ("0".into(), "0".into(), "stands".into()));
}

#[test]
fn what_is_granted_is_real_and_nothing_comes_along_with_it() {
    let bench = Bench::new();
    let clock = found(&bench, "grants: [clock]");
    assert!(clock("clock").parse::<u64>().is_ok_and(|secs| secs > 1_700_000_000), "{}", clock("clock"));
    assert_eq!((clock("monotonic"), clock("random")), ("moves".into(), found(&bench, "")("random")));
    let (first, second) = (found(&bench, "grants: [random]"), found(&bench, "grants: [random]"));
    assert_ne!(first("random"), second("random"));
    assert_eq!((first("clock"), first("monotonic")), ("0".into(), "stands".into()));
    for what in ["root", "file", "write", "tcp", "udp", "dns"] {
        assert_ne!(found(&bench, "grants: [clock, random]")(what), "open", "{what}");
    }
}

#[test]
fn the_second_start_compiles_nothing() {
    let bench = Bench::new();
    let start = || bench.run("").run();
    assert!(!was_from_cache(start().exits(0)));
    let mode = fs::metadata(bench.cache()).expect("the cache").permissions().mode() & 0o7777;
    assert_eq!(mode, 0o700);
    let kept = bench.code();
    let written = || fs::metadata(&bench.code()[0]).and_then(|it| it.modified()).expect("the code is there");
    let first = written();
    assert!(was_from_cache(start().exits(0)));
    assert_eq!((bench.code(), written()), (kept, first));
    let seen = bench.on_pipeline(updraft!("inspect"), "").run();
    assert!(seen.exits(0).stdout.contains("from the cache"), "{}", seen.stdout);
    bench.has_all();
}

#[test]
fn damaged_code_costs_nothing_but_that_it_is_compiled_again() {
    let bench = Bench::new();
    let start = || bench.run("").run();
    start().exits(0);
    let whole = fs::read(&bench.code()[0]).expect("the code");
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [flipped, whole[..middle].to_vec(), b"garbage".to_vec(), Vec::new()] {
        fs::write(&bench.code()[0], damaged).expect("the cache can be written");
        assert!(!was_from_cache(start().exits(0)));
        assert!(was_from_cache(start().exits(0)));
    }
    bench.has_all();
}

#[test]
fn a_folder_that_others_may_write_is_not_trusted_with_code() {
    let bench = Bench::new();
    fs::create_dir(bench.cache()).expect("made");
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o777)).expect("its mode");
    for _ in 0..2 {
        let done = bench.run("").run();
        assert!(!was_from_cache(done.exits(0)));
        says(&done, &["WARN", "components", "others may use it (mode 0777)"]);
    }
    assert_eq!(fs::read_dir(bench.cache()).expect("the folder").count(), 0);
    bench.has_all();
}

#[test]
fn where_code_cannot_be_kept_the_start_goes_on_without() {
    let bench = Bench::new();
    fs::create_dir_all(bench.cache().join("code")).expect("made");
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o700)).expect("its mode");
    // A full disk refuses likewise, and a test may run as root, whom no mode keeps out.
    fs::write(bench.cache().join("code/modules"), "in the way").expect("written");
    for _ in 0..2 {
        assert!(!was_from_cache(bench.run("").run().exits(0)));
    }
    bench.has_all();
}

#[test]
fn validate_makes_no_cache_and_uses_the_one_that_a_run_has_made() {
    let bench = Bench::new();
    let validate = || bench.on_pipeline(updraft!("validate", "--log-level", "debug"), "").run();
    assert!(!was_from_cache(validate().exits(0)));
    assert_eq!(fs::read_dir(bench.data.path()).expect("the folder").count(), 0);
    bench.run("").run().exits(0);
    assert!(was_from_cache(validate().exits(0)));
}

#[test]
fn a_python_component_needs_no_grants_and_starts_from_the_cache() {
    let bench = Bench::new();
    let python: &Path = &python_guest(env!("CARGO_TARGET_TMPDIR"));
    let options = format!("{DEED}\n    limits: {{ memory_mib: 256, timeout_ms: 60000 }}");
    let start = || bench.run(&options).env("COMPONENT", python).run();
    assert!(!was_from_cache(start().exits(0)));
    bench.has_all();
    assert!(was_from_cache(start().exits(0)));
}
