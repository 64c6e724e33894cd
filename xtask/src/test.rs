//! Everything that must hold, quick checks first; then the tests, and last what the binary that they drove takes.
//!
//! Of `tests/airflow` only format and lints: its tests need Airflows (`cargo xtask test --airflow`).

use crate::run::{Outcome, cargo, command, heading, run, works};
use crate::{airflow, bench, native, setup, tidy};

/// Guests, as the machine that runs them sees them; natively they are linted with the rest.
const GUESTS: [&str; 13] = [
    "updraft-example-cost-tags",
    "updraft-example-drop-noise",
    "updraft-example-errors-to-own-group",
    "updraft-example-mask-secrets",
    "updraft-example-route-by-team",
    "updraft-guest",
    "updraft-guest-airflow",
    "updraft-guest-hostile",
    "updraft-guest-importer",
    "updraft-guest-labels",
    "updraft-guest-liar",
    "updraft-guest-mask",
    "updraft-guest-namer",
];

pub fn test() -> Outcome {
    setup::setup()?;
    tidy::tidy()?;

    heading("format");
    run(cargo(&["fmt", "--all", "--check"]))?;

    heading("licences, sources and bans of dependencies");
    let deny = setup::cargo_deny()?;
    run(command(
        deny,
        &["--log-level", "error", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"],
    ))?;

    heading("lints, for this machine");
    run(cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "updraft/bench",
        "--locked",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;

    heading("lints, for wasm");
    let mut guests = vec!["clippy", "--target", "wasm32-wasip2", "--locked", "--quiet"];
    guests.extend(GUESTS.iter().flat_map(|guest| ["--package", guest]));
    guests.extend(["--", "--deny", "warnings"]);
    run(cargo(&guests))?;

    heading("the moto launcher");
    run(command(setup::python(), &["-m", "unittest", "discover", "-s", "tests/moto"]))?;

    heading("components in Python and JavaScript, natively");
    native::native()?;

    heading("examples in the documentation");
    run(cargo(&["test", "--workspace", "--doc", "--locked", "--quiet"]))?;

    heading("tests");
    let mut tests = if works(cargo(&["nextest", "--version"])) {
        cargo(&["nextest", "run", "--workspace", "--exclude", airflow::TESTS, "--locked"])
    } else {
        let all = [
            "test",
            "--workspace",
            "--exclude",
            airflow::TESTS,
            "--all-targets",
            "--locked",
            "--no-fail-fast",
        ];
        cargo(&all)
    };
    // The same cases in every run; who looks for new ones sets another seed, or more cases (PROPTEST_CASES).
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        tests.env("PROPTEST_RNG_SEED", "1");
    }
    run(tests)?;

    heading("instructions, beside those written down");
    bench::guard("--guard")
}
