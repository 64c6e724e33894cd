//! The tests that ask real Airflows: their environments, and how the tests are told of them and of the binary.
//!
//! They are apart from the others because they install two Airflows and run one.

use std::path::PathBuf;

use crate::run::{Outcome, cargo, cargos, command, heading, ours, output_of, run, works};
use crate::setup;

/// The one that the pinned packages are for.
const PYTHON: &str = "python3.11";
/// The crate that they are.
pub const TESTS: &str = "updraft-airflow-tests";

pub fn test() -> Outcome {
    setup::wasm_target()?;
    setup::python_environment()?;
    heading("Airflow 2 and 3");
    environments()?;

    heading("build");
    run(cargo(&["build", "--package", "updraft", "--locked", "--quiet"]))?;

    heading("tests that ask Airflow");
    let mut tests = if works(cargo(&["nextest", "--version"])) {
        cargo(&["nextest", "run", "--package", TESTS, "--locked"])
    } else {
        cargo(&["test", "--package", TESTS, "--locked", "--no-fail-fast"])
    };
    tests.env("UPDRAFT_BINARY", cargos().join("debug/updraft")).env("UPDRAFT_AIRFLOWS", airflows());
    run(tests)
}

/// Each Airflow in an environment of its own. uv keeps what it downloads below the target folder, too.
fn environments() -> Outcome {
    setup::python_packages("airflow/uv", "tests/airflow/requirements/uv.txt")?;
    for name in ["airflow2", "airflow3"] {
        let requirements = format!("tests/airflow/requirements/{name}.txt");
        setup::made_of(&airflows().join(name), &requirements, |environment| {
            let python = output_of(command(PYTHON, &["-c", "import sys; print(sys.executable)"])).map_err(
                |trouble| {
                    format!(
                        "{trouble}\nAirflow 2 and 3 are run by {PYTHON}: install it, with its venv module"
                    )
                },
            )?;
            let environment = environment.to_string_lossy();
            run(command(python, &["-m", "venv", "--clear", "--without-pip", &environment]))?;
            let (uv, cache) = (airflows().join("uv/bin/uv"), airflows().join("cache"));
            let sync = || {
                let python = format!("{environment}/bin/python");
                let mut sync = command(&uv, &["pip", "sync", "--quiet", "--python", &python, &requirements]);
                sync.env("UV_CACHE_DIR", &cache);
                run(sync)
            };
            sync().or_else(|_| sync())
        })?;
    }
    println!("   both there");
    Ok(())
}

fn airflows() -> PathBuf {
    ours().join("airflow")
}
