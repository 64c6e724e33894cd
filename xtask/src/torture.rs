//! The long form of the torture: builds it and the binary, then leaves the rest to it.

use crate::run::{Outcome, cargo, cargos, command, heading, run};
use crate::setup;

/// `arguments`: those of the torture itself, as `--minutes 10 --seed 1`.
pub fn torture(arguments: &[String]) -> Outcome {
    setup::wasm_target()?;
    setup::python_environment()?;
    heading("build");
    run(cargo(&["build", "--locked", "--quiet", "--package", "updraft", "--package", "updraft-torture"]))?;
    heading("torture");
    let built = |name: &str| cargos().join("debug").join(name).to_string_lossy().into_owned();
    let binary = built("updraft");
    let mut all = vec!["--binary", binary.as_str()];
    all.extend(arguments.iter().map(String::as_str));
    run(command(built("updraft-torture"), &all))
}
