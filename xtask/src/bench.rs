//! What Updraft costs: builds the binary and the bench as users get them, then leaves the rest to that. With `--guard`:
//! only whether it takes more instructions than were written down.

use crate::run::{Outcome, cargo, cargos, command, heading, ours, root, run};
use crate::setup;

/// `arguments`: those of the bench itself, as `--megabytes 50 --only text`. With `--binary PATH` nothing is built but the
/// bench. A whole run, of all rows, writes the page of the manual.
pub fn bench(arguments: &[String]) -> Outcome {
    setup::wasm_target()?;
    heading("build");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
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
    let baseline = root().join("tests/bench/instructions.json").to_string_lossy().into_owned();
    if let [guard @ ("--guard" | "--rewrite")] = words[..] {
        all.extend([guard, baseline.as_str()]);
        return run(command(made("updraft-bench"), &all));
    }
    if !arguments.iter().any(|argument| matches!(argument.as_str(), "--only" | "--page")) {
        all.extend(["--page", page.as_str(), "--command", typed.trim_end()]);
    }
    all.extend(words);
    run(command(made("updraft-bench"), &all))
}
