//! What a fresh machine lacks: the wasm target, a Python environment with moto, what makes components of Python and
//! JavaScript, cargo-deny.
//!
//! All but the target lands below the target folder; what is there already is left alone.
//!
//! Nothing after it needs the network, nor do the commands in the READMEs of `guest/templates`, told so by the environment
//! (paths are absolute):
//!
//! - pip: `PIP_NO_INDEX=1`, `PIP_FIND_LINKS=…/target/wheels`;
//! - npm: `npm_config_offline=true`, `npm_config_cache=…/target/npm-cache`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Outcome, cargo, command, heading, ours, output_of, root, run, works};

const WASM_TARGET: &str = "wasm32-wasip2";
const CARGO_DENY_VERSION: &str = "0.20.2";
const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// The oldest Node.js that componentize-js was tried on.
const NODE: u32 = 20;
/// What an environment holds. Written last, so that one whose making was interrupted is made again.
const MADE_OF: &str = "made-of.txt";
/// Newest first; the launcher needs 3.11.
const PYTHONS: [&str; 5] = ["python3.14", "python3.13", "python3.12", "python3.11", "python3"];

pub fn setup() -> Outcome {
    heading("set-up");
    wasm_target()?;
    python_environment()?;
    componentizers()?;
    templates()?;
    cargo_deny()?;
    println!("   all there");
    Ok(())
}

/// The Python that has moto.
pub fn python() -> PathBuf {
    ours().join("venv/bin/python")
}

/// The target that guests are compiled for.
pub fn wasm_target() -> Outcome {
    let installed = output_of(command("rustc", &["--print", "target-libdir", "--target", WASM_TARGET]))?;
    if Path::new(&installed).exists() {
        return Ok(());
    }
    let add = || run(command("rustup", &["target", "add", WASM_TARGET]));
    // The download is the one step here that the network alone can spoil: it gets a second chance.
    add().or_else(|_| add()).map_err(|trouble| {
        format!("{trouble}\nUpdraft's components are compiled for {WASM_TARGET}; install that target by hand and try again")
            .into()
    })
}

/// The Python environment of the moto server.
pub fn python_environment() -> Outcome {
    python_packages("venv", "tests/moto/requirements.txt")
}

/// What makes components of the guests of the tests that are in Python and in JavaScript.
fn componentizers() -> Outcome {
    python_packages("componentize-py", "tests/guests/python/requirements.txt")?;
    node_packages("componentize-js", "tests/guests/javascript")
}

/// What projects in Python and JavaScript that `updraft new` makes are built with, as pip and npm find it offline.
fn templates() -> Outcome {
    let requirements = "guest/templates/python/common/requirements.txt";
    let wheels = ours().join("wheels");
    let wanted = read(&root().join(requirements))?;
    if !is_made_of(&wheels, &wanted) {
        let pip = ours().join("componentize-py/bin/python");
        let destination = wheels.to_string_lossy();
        let download = || {
            let mut arguments = vec!["-m", "pip", "download", "--quiet", "--disable-pip-version-check"];
            arguments.extend(["--dest", &destination, "--requirement", requirements]);
            run(command(&pip, &arguments))
        };
        download().or_else(|_| download())?;
        note_made_of(&wheels, &wanted)?;
    }
    npm_cache("guest/templates/javascript")
}

/// Fills npm's cache with what the lock of the JavaScript templates names, by an installation that nobody uses.
fn npm_cache(templates: &str) -> Outcome {
    let cache = ours().join("npm-cache");
    let package = read(&root().join(templates).join("transform/package.json"))?;
    let lock = read(&root().join(templates).join("common/package-lock.json"))?;
    let wanted = format!("{package}{lock}");
    if is_made_of(&cache, &wanted) {
        return Ok(());
    }
    let unused = cache.join("unused");
    npm_ci(&unused, &package, &lock, Some(&cache))?;
    fs::remove_dir_all(&unused).map_err(|error| format!("{}: {error}", unused.display()))?;
    note_made_of(&cache, &wanted)
}

/// Has an environment made, unless it is there and of these requirements.
pub fn made_of(environment: &Path, requirements: &str, make: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let wanted = read(&root().join(requirements))?;
    if is_made_of(environment, &wanted) {
        return Ok(());
    }
    make(environment)?;
    note_made_of(environment, &wanted)
}

/// A virtual environment of that name that holds exactly what the requirements say.
pub fn python_packages(name: &str, requirements: &str) -> Outcome {
    made_of(&ours().join(name), requirements, |environment| pip_install(environment, requirements))
}

fn pip_install(environment: &Path, requirements: &str) -> Outcome {
    let is_new_enough =
        |python: &&&str| works(command(python, &["-c", "import sys; assert sys.version_info >= (3, 11)"]));
    let python = PYTHONS.iter().find(is_new_enough).ok_or_else(|| {
        "tests and demo run moto, an AWS in Python: install Python 3.11 or newer, with its venv module"
            .to_owned()
    })?;
    run(command(python, &["-m", "venv", "--clear", &environment.to_string_lossy()]))?;
    let install = || {
        run(command(
            environment.join("bin/python"),
            &[
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
                requirements,
            ],
        ))
    };
    install().or_else(|_| install())
}

/// The packages that a folder's package.json and its lock name, below the target folder instead of beside them.
fn node_packages(name: &str, manifests: &str) -> Outcome {
    let environment = ours().join(name);
    let manifest = |name: &str| read(&root().join(manifests).join(name));
    let (package, lock) = (manifest("package.json")?, manifest("package-lock.json")?);
    let wanted = format!("{package}{lock}");
    if is_made_of(&environment, &wanted) {
        return Ok(());
    }
    fs::remove_file(environment.join(MADE_OF)).ok();
    npm_ci(&environment, &package, &lock, None)?;
    note_made_of(&environment, &wanted)
}

/// Installs in `folder` what a package.json and its lock name; `cache`: not npm's usual one.
fn npm_ci(folder: &Path, package: &str, lock: &str, cache: Option<&Path>) -> Outcome {
    let is_new_enough = format!("process.exit(process.versions.node.split('.')[0] < {NODE} ? 1 : 0)");
    if !works(command("node", &["--eval", &is_new_enough])) || !works(command("npm", &["--version"])) {
        let needed =
            format!("one guest of the tests is in JavaScript: install Node.js {NODE} or newer, with npm");
        return Err(needed.into());
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    fs::create_dir_all(folder)
        .and_then(|()| write("package.json", package))
        .and_then(|()| write("package-lock.json", lock))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    let prefix = folder.to_string_lossy();
    // No package of these needs a script of its own to be run, so none gets to.
    let arguments =
        ["ci", "--prefix", &prefix, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let install = || {
        let mut npm = command("npm", &arguments);
        npm.envs(cache.map(|cache| ("npm_config_cache", cache)));
        run(npm)
    };
    install().or_else(|_| install())
}

fn read(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn is_made_of(environment: &Path, wanted: &str) -> bool {
    fs::read_to_string(environment.join(MADE_OF)).is_ok_and(|made_of| made_of == wanted)
}

fn note_made_of(environment: &Path, wanted: &str) -> Outcome {
    let note = environment.join(MADE_OF);
    fs::write(&note, wanted).map_err(|error| format!("{}: {error}", note.display()).into())
}

/// What counts the host's instructions, where the machine has a package of it; who then misses it says so.
pub fn valgrind() {
    let there = || works(command("valgrind", &["--version"]));
    if there() || !works(command("apt-get", &["--version"])) {
        return;
    }
    let install = || run(command("apt-get", &["install", "--yes", "--quiet", "valgrind"]));
    // Lists of packages may be old, or not there at all.
    let installed =
        install().or_else(|_| run(command("apt-get", &["update", "--quiet"])).and_then(|()| install()));
    if let Err(trouble) = installed {
        println!("   {trouble}");
    }
}

/// The cargo-deny to use.
pub fn cargo_deny() -> Outcome<PathBuf> {
    tool("cargo-deny", CARGO_DENY_VERSION)
}

/// The cargo-fuzz to use.
pub fn cargo_fuzz() -> Outcome<PathBuf> {
    tool("cargo-fuzz", CARGO_FUZZ_VERSION)
}

/// The machine's own, or one built below the target folder.
fn tool(name: &str, version: &str) -> Outcome<PathBuf> {
    let machines = PathBuf::from(name);
    if works(command(&machines, &["--version"])) {
        return Ok(machines);
    }
    let tools = ours().join("tools");
    let built = tools.join("bin").join(name);
    if !works(command(&built, &["--version"])) {
        println!("   no {name} on this machine: building it takes some minutes, once");
        let tools = tools.to_string_lossy();
        // A debug build: it does not do much itself, and compiles in half the time.
        run(cargo(&[
            "install",
            name,
            "--version",
            version,
            "--locked",
            "--debug",
            "--quiet",
            "--root",
            &tools,
        ]))?;
    }
    Ok(built)
}
