//! What a fresh machine lacks: the wasm target, a Python environment with moto, cargo-deny.
//!
//! All but the target lands below the target folder; what is there already is left alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Outcome, cargo, command, heading, ours, output_of, root, run, works};

const WASM_TARGET: &str = "wasm32-wasip2";
const CARGO_DENY_VERSION: &str = "0.20.2";
/// Newest first; the launcher needs 3.11.
const PYTHONS: [&str; 5] = ["python3.14", "python3.13", "python3.12", "python3.11", "python3"];

pub fn setup() -> Outcome {
    heading("set-up");
    wasm_target()?;
    python_environment()?;
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

/// A virtual environment that holds exactly what tests/moto/requirements.txt says.
pub fn python_environment() -> Outcome {
    let requirements = root().join("tests/moto/requirements.txt");
    let wanted =
        fs::read_to_string(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let environment = ours().join("venv");
    // Written last, so that an environment whose making was interrupted is made again.
    let made_of = environment.join("made-of.txt");
    if fs::read_to_string(&made_of).is_ok_and(|made_of| made_of == wanted) {
        return Ok(());
    }
    let is_new_enough =
        |python: &&&str| works(command(python, &["-c", "import sys; assert sys.version_info >= (3, 11)"]));
    let python = PYTHONS.iter().find(is_new_enough).ok_or_else(|| {
        "tests and demo run moto, an AWS in Python: install Python 3.11 or newer, with its venv module"
            .to_owned()
    })?;
    run(command(python, &["-m", "venv", "--clear", &environment.to_string_lossy()]))?;
    let install = || {
        let requirements = requirements.to_string_lossy();
        run(command(
            environment.join("bin/python"),
            &[
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
                &requirements,
            ],
        ))
    };
    install().or_else(|_| install())?;
    fs::write(&made_of, wanted).map_err(|error| format!("{}: {error}", made_of.display()).into())
}

/// The cargo-deny to use: the machine's own, or one built below the target folder.
pub fn cargo_deny() -> Outcome<PathBuf> {
    let machines = PathBuf::from("cargo-deny");
    if works(command(&machines, &["--version"])) {
        return Ok(machines);
    }
    let tools = ours().join("tools");
    let built = tools.join("bin/cargo-deny");
    if !works(command(&built, &["--version"])) {
        println!("   no cargo-deny on this machine: building it takes two to four minutes, once");
        let tools = tools.to_string_lossy();
        // A debug build: it runs for a second, and compiles in half the time.
        run(cargo(&[
            "install",
            "cargo-deny",
            "--version",
            CARGO_DENY_VERSION,
            "--locked",
            "--debug",
            "--quiet",
            "--root",
            &tools,
        ]))?;
    }
    Ok(built)
}
