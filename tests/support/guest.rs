//! The components in `tests/guests` and `examples/components`, built as a user would build them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where the guests' sources are, and the WIT.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Builds the component of `tests/guests/NAME`; where it is. `tmp` is the test's `env!("CARGO_TARGET_TMPDIR")`.
pub fn guest(name: &str, tmp: &str) -> PathBuf {
    component(&format!("updraft-guest-{name}"), tmp)
}

/// The same of `examples/components/NAME`.
pub fn example(name: &str, tmp: &str) -> PathBuf {
    component(&format!("updraft-example-{name}"), tmp)
}

/// Builds a component. Cargo's own lock keeps test processes out of each other's way.
fn component(package: &str, tmp: &str) -> PathBuf {
    let target_dir = target_dir(tmp);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(ROOT)
        .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2"])
        .args(["--package", package])
        .arg("--target-dir")
        .arg(&target_dir)
        // What the tests are built with is none of the guest's business.
        .env_remove("RUSTFLAGS")
        .status();
    assert!(built.expect("cargo runs").success(), "{package} does not build");
    target_dir.join(format!("wasm32-wasip2/release/{}.wasm", package.replace('-', "_")))
}

/// The component of `tests/guests/python`; `tmp` as for [`guest`]. Built once, in about ten seconds.
pub fn python_guest(tmp: &str) -> PathBuf {
    let build = componentize_py("normalizer", &["tests/guests/python"], "guest");
    made_once(&target_dir(tmp).join("python.wasm"), &sources(&["tests/guests/python"]), build)
}

/// The router of `examples/components/naming-python`; the same.
pub fn python_router(tmp: &str) -> PathBuf {
    let (example, helper) = ("examples/components/naming-python", "guest/python");
    let build = componentize_py("router", &[helper, example], "naming");
    let sources = sources(&[example, "guest/python/updraft_guest"]);
    made_once(&target_dir(tmp).join("naming-python.wasm"), &sources, build)
}

/// The component of `tests/guests/javascript`; `tmp` as for [`guest`]. Built once, in about ten seconds.
pub fn javascript_guest(tmp: &str) -> PathBuf {
    let mut build = Command::new("node");
    build
        .current_dir(ROOT)
        .arg("tests/guests/javascript/build.mjs")
        .arg(installed("componentize-js").join("node_modules"));
    made_once(&target_dir(tmp).join("javascript.wasm"), &sources(&["tests/guests/javascript"]), build)
}

/// The router of `examples/components/naming-javascript`; the same.
pub fn javascript_router(tmp: &str) -> PathBuf {
    let example = "examples/components/naming-javascript";
    let mut build = Command::new("node");
    build.current_dir(ROOT).arg(format!("{example}/build.js"));
    let sources = sources(&[example, "guest/javascript", "guest/javascript/updraft-guest"]);
    made_once(&target_dir(tmp).join("naming-javascript.wasm"), &sources, build)
}

/// Makes a component of a module that lies in one of these folders.
fn componentize_py(world: &str, folders: &[&str], module: &str) -> Command {
    let environment = installed("componentize-py");
    let mut build = Command::new(environment.join("bin/componentize-py"));
    build.current_dir(ROOT).args(["--quiet", "--wit-path", "wit/v0.1", "--world", world, "componentize"]);
    for folder in folders {
        build.args(["--python-path", folder]);
    }
    // Else it would look for packages in whatever Python comes first.
    build.args([module, "--output"]).env("VIRTUAL_ENV", &environment);
    build
}

/// Variables that hold cargo, pip and npm to what this repository's set-up has fetched.
pub fn offline() -> [(&'static str, PathBuf); 5] {
    [
        ("CARGO_NET_OFFLINE", "true".into()),
        ("PIP_NO_INDEX", "1".into()),
        ("PIP_FIND_LINKS", installed("wheels")),
        ("npm_config_offline", "true".into()),
        ("npm_config_cache", installed("npm-cache")),
    ]
}

fn target_dir(tmp: &str) -> PathBuf {
    Path::new(tmp).with_file_name("guest")
}

/// What `cargo xtask setup` put below the target folder.
fn installed(name: &str) -> PathBuf {
    let root = Path::new(ROOT).canonicalize().expect("this repository");
    let folder = root.join("target").join(name);
    // Written when all else is there.
    assert!(
        folder.join("made-of.txt").exists(),
        "no {name} at {}: run `cargo xtask setup`",
        folder.display()
    );
    folder
}

/// All that a component is made of whose sources are in these folders.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    folders
        .iter()
        .chain([&"wit/v0.1"])
        .map(|folder| Path::new(ROOT).join(folder))
        .flat_map(|folder| fs::read_dir(folder).expect("it is in the repository").flatten())
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect()
}

/// Builds `output`, which is to be the last argument of `build`, unless it is newer than its sources. Whoever comes while
/// another builds it waits and then has it, too; nobody sees half of it.
fn made_once(output: &Path, sources: &[PathBuf], mut build: Command) -> PathBuf {
    fs::create_dir_all(output.with_file_name("")).expect("the target folder can be written");
    let turn = File::create(output.with_extension("lock")).expect("the target folder can be written");
    turn.lock().expect("a file can be locked");
    let newest = sources.iter().map(|source| changed(source).expect("the sources are there")).max();
    if changed(output).is_some_and(|made| newest.is_none_or(|newest| made > newest)) {
        return output.to_owned();
    }
    let unfinished = output.with_extension("unfinished");
    let status = build.arg(&unfinished).status();
    let status = status.unwrap_or_else(|error| panic!("cannot start {build:?}: {error}"));
    assert!(status.success(), "{build:?} failed ({status})");
    fs::rename(&unfinished, output).expect("it was built");
    output.to_owned()
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A build that says in `log` that it ran, and takes its time.
    fn build(log: &Path) -> Command {
        let mut build = Command::new("sh");
        build
            .arg("-c")
            .arg("echo ran >> \"$0\"; echo half > \"$1\"; sleep 0.1; echo whole > \"$1\"")
            .arg(log);
        build
    }

    #[test]
    fn a_guest_is_built_once_for_all_who_come_at_once_and_again_when_a_source_is_newer() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [output, source, log] = ["new/it.wasm", "source", "log"].map(|name| folder.path().join(name));
        let an_hour_ago = SystemTime::now() - Duration::from_hours(1);
        File::create(&source).and_then(|file| file.set_modified(an_hour_ago)).expect("a source");
        let make = || made_once(&output, std::slice::from_ref(&source), build(&log));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(fs::read_to_string(make()).expect("it is there"), "whole\n"));
            }
        });
        assert_eq!(fs::read_to_string(&log).expect("it ran"), "ran\n");

        let in_an_hour = SystemTime::now() + Duration::from_hours(1);
        File::create(&source).and_then(|file| file.set_modified(in_an_hour)).expect("a source");
        make();
        assert_eq!(fs::read_to_string(&log).expect("it ran"), "ran\nran\n");
    }

    #[test]
    fn a_build_that_fails_leaves_what_there_was_and_is_tried_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = folder.path().join("it.wasm");
        let failed = std::panic::catch_unwind(|| made_once(&output, &[], Command::new("false")));
        assert!(failed.is_err() && !output.exists());
        made_once(&output, &[], build(&folder.path().join("log")));
        assert_eq!(fs::read_to_string(&output).expect("it is there"), "whole\n");
    }
}
