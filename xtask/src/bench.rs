//! What Updraft costs: builds the binary and the bench as users get them, then leaves the rest to that. With `--guard`:
//! only whether it takes more instructions than were written down, of the binary that `cargo build` makes.

use crate::run::{Outcome, cargo, cargos, command, heading, ours, root, run};
use crate::{binary, setup};

/// `arguments`: those of the bench itself, as `--megabytes 50 --only text`. With `--binary PATH` nothing is built but the
/// bench. A whole run, of all rows, writes the page of the manual.
pub fn bench(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [how @ ("--guard" | "--rewrite")] = words[..] {
        return guard(how);
    }
    setup::wasm_target()?;
    heading("build");
    let given = arguments.iter().any(|argument| argument == "--binary");
    let mut build = vec!["build", "--locked", "--quiet", "--release", "--package", "updraft-bench"];
    if !given {
        build.extend(["--package", "updraft"]);
    }
    run(cargo(&build))?;
    let made = |name: &str| cargos().join("release").join(name).to_string_lossy().into_owned();
    let (binary, place) = (made("updraft"), ours().join("bench").to_string_lossy().into_owned());
    let page = root().join("docs/performance.md").to_string_lossy().into_owned();
    let typed = format!("cargo xtask bench {}", arguments.join(" "));
    let mut all = vec!["--place", place.as_str()];
    if !given {
        all.extend(["--binary", binary.as_str()]);
    }
    if !arguments.iter().any(|argument| matches!(argument.as_str(), "--only" | "--page")) {
        all.extend(["--page", page.as_str(), "--command", typed.trim_end()]);
    }
    all.extend(words);
    run(command(made("updraft-bench"), &all))
}

/// `how`: `--guard` compares with what was written down, `--rewrite` writes it down.
pub fn guard(how: &str) -> Outcome {
    setup::wasm_target()?;
    setup::valgrind();
    let binary = binary::updraft(&["updraft-bench"])?;
    let bench = binary.with_file_name("updraft-bench");
    let component = cargos().join("guest/wasm32-wasip2/release/updraft_guest_airflow.wasm");
    let (place, baseline) = (ours().join("bench"), root().join("tests/bench/instructions.json"));
    let mut guard = command(bench, &[]);
    guard.arg("--place").arg(place).arg("--binary").arg(binary).arg("--component").arg(component);
    guard.arg(how).arg(baseline);
    run(guard)
}
