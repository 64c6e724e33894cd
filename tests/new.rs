//! Promise: what `updraft new` writes is built, tested and run by the commands of its README, anywhere and offline.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use updraft_tests::{Updraft, files_in, offline, updraft};
use walkdir::WalkDir;

/// A project, in a folder that is gone with it.
struct Project {
    home: TempDir,
    folder: PathBuf,
}

impl Project {
    /// What a user does first.
    fn new(kind: &str, name: &str, lang: &str) -> Self {
        let home = tempfile::tempdir().expect("the temp folder can be written");
        let folder = home.path().join(name);
        let project = Self { home, folder };
        let done = shell(project.home.path(), &format!("updraft new {kind} {name} --lang {lang}"));
        assert!(text(&done.stdout).contains(&format!("cd {name}\n")), "{}", text(&done.stdout));
        project
    }

    /// The commands of a section of its README, run; what they printed.
    fn section(&self, title: &str) -> String {
        let run = |block: String| text(&shell(&self.folder, &block).stdout);
        self.commands(title).into_iter().map(run).collect()
    }

    /// The commands of a section of its README.
    fn commands(&self, title: &str) -> Vec<String> {
        let readme = fs::read_to_string(self.folder.join("README.md")).expect("a README");
        let (_, section) = readme.split_once(&format!("\n## {title}\n")).expect("the section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let blocks = section.split("```sh\n").skip(1);
        let blocks: Vec<String> =
            blocks.map(|rest| rest.split("```").next().unwrap_or(rest).to_owned()).collect();
        assert!(!blocks.is_empty(), "nothing to do in {title}");
        blocks
    }
}

/// As a user's shell runs it, on a machine without a network that has what `cargo xtask setup` brings.
fn shell(folder: &Path, commands: &str) -> Output {
    let updraft = Path::new(env!("CARGO_BIN_EXE_updraft")).parent().expect("a folder").to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    let path =
        env::join_paths(std::iter::once(updraft).chain(env::split_paths(&others))).expect("a search path");
    let done = Command::new("bash")
        .args(["-e", "-c", commands])
        .current_dir(folder)
        .env("PATH", path)
        .envs(offline())
        // What the tests are built with is none of a user's business.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("there is a bash");
    let (stdout, stderr) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{commands}: {}\n{stdout}\n{stderr}", done.status);
    done
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Of the log in each project.
fn is_masked(printed: &str) {
    assert!(printed.contains("password=***") && printed.contains("Traceback"), "{printed}");
    assert!(!printed.contains("hunter2") && !printed.contains("\"debug\""), "{printed}");
}

/// Of the log in each project.
fn is_normalized(printed: &str) {
    assert!(printed.contains(r#""timestamp":"2026-01-01T00:00:03.512Z","level":"info""#), "{printed}");
    assert!(printed.contains(r"exception\nTraceback"), "a record's lines are one event: {printed}");
}

/// What the Rust projects are built with, which takes a minute, is built once for all of them and kept. What was built of
/// a project itself is of no use to the next one, which lies elsewhere.
fn shared_target() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("new");
    fs::create_dir_all(&target).expect("the target folder can be written");
    for entry in WalkDir::new(&target).contents_first(true).into_iter().flatten() {
        let below = entry.path().strip_prefix(&target).expect("below it").to_string_lossy().into_owned();
        if below.contains("demo") || below.contains("updraft") {
            let is_folder = entry.file_type().is_dir();
            let removed =
                if is_folder { fs::remove_dir(entry.path()) } else { fs::remove_file(entry.path()) };
            removed.expect("it can be removed");
        }
    }
    target
}

#[test]
fn components_in_rust_are_built_tested_and_run_by_their_readmes() {
    let target = shared_target();
    let project = |kind: &str| {
        let project = Project::new(kind, &format!("demo-{kind}"), "rust");
        symlink(&target, project.folder.join("target")).expect("a link");
        project.section("Build");
        project.section("Test");
        // What a user's editor would say first.
        let lints = "cargo fmt --check; cargo clippy --quiet --all-targets -- --deny warnings";
        shell(&project.folder, lints);
        project
    };
    is_masked(&project("transform").section("Try"));
    is_normalized(&project("normalizer").section("Try"));
    let router = project("router");
    router.section("Try");
    let named = files_in(&router.folder.join("out"));
    assert!(
        !named.is_empty() && named.keys().all(|path| path.starts_with("data-platform/dag_id=etl/")),
        "{named:?}"
    );
}

/// `tests/manual.rs` does what the page says, for all three languages.
#[test]
fn the_readmes_of_transforms_say_what_the_manual_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/first-transform.md");
    let page = fs::read_to_string(page).expect("the page");
    for (lang, name) in [("rust", "mask"), ("python", "mask-py"), ("javascript", "mask-js")] {
        let project = Project::new("transform", name, lang);
        let commands: String =
            ["Build", "Test", "Try"].map(|title| project.commands(title).concat()).concat();
        let said = format!("```sh\nupdraft new transform {name} --lang {lang}\ncd {name}\n{commands}```\n");
        assert!(page.contains(&said), "the manual does not say what the README says:\n{said}");
    }
}

#[test]
fn normalizers_and_routers_in_python_and_javascript_pass_their_tests_before_they_are_built() {
    for lang in ["python", "javascript"] {
        for kind in ["normalizer", "router"] {
            Project::new(kind, &format!("demo-{kind}"), lang).section("Test");
        }
    }
}

#[test]
fn a_name_that_some_language_does_not_take_is_refused_and_nothing_is_written() {
    let home = tempfile::tempdir().expect("the temp folder can be written");
    for (name, why) in [
        ("Mask", "lower-case letter"),
        ("../mask", "lower-case letter"),
        ("pii.mask", "no `.`"),
        ("lambda", "keyword of Python"),
        ("json", "module of Python"),
        ("component", "components are made with"),
    ] {
        let folder = home.path().join("it");
        let done = updraft!("new", "transform", name, "--path").arg(&folder).run();
        assert!(done.exits(2).stderr.contains(why), "{name}: {}", done.stderr);
        assert!(!folder.exists(), "{name}");
    }
    for arguments in [["transform", "it", "--lang=cobol"], ["filter", "it", "--lang=rust"]] {
        arguments.iter().fold(updraft!("new"), Updraft::arg).run().exits(2);
    }
}

#[test]
fn a_folder_that_holds_something_is_left_as_it_is_and_an_empty_one_is_filled() {
    let home = tempfile::tempdir().expect("the temp folder can be written");
    let new = || updraft!("new", "transform", "mask", "--path").arg(home.path()).run();
    fs::write(home.path().join("mine"), "mine").expect("written");
    let done = new();
    assert!(done.exits(2).stderr.contains("the folder is not empty"), "{}", done.stderr);
    assert_eq!(files_in(home.path()).len(), 1);
    fs::remove_file(home.path().join("mine")).expect("removed");
    let done = new();
    assert!(done.exits(0).stdout.contains("cargo build --release"), "{}", done.stdout);
    assert!(home.path().join("src/lib.rs").exists());
}
