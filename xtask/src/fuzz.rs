//! Throws what a guest may hand over at the host, for as long as it is told.

use crate::run::{Outcome, cargo, command, heading, ours, root, run};
use crate::setup;

const TARGETS: [&str; 2] = ["columns", "component"];

/// `arguments`: `--minutes N`, for each target.
pub fn fuzz(arguments: &[String]) -> Outcome {
    let minutes = arguments.iter().skip_while(|argument| *argument != "--minutes").nth(1);
    let minutes: f64 = match minutes {
        Some(minutes) => minutes.parse().map_err(|_| format!("--minutes: `{minutes}` is no number"))?,
        None => 2.0,
    };
    let seconds = format!("-max_total_time={}", (minutes * 60.0) as u64);
    setup::wasm_target()?;
    let fuzzer = setup::cargo_fuzz()?;
    seed()?;
    for target in TARGETS {
        heading(&format!("fuzz {target}"));
        let target_dir = ours().join("fuzz");
        let mut fuzz = command(
            &fuzzer,
            &[
                "run",
                "--sanitizer",
                "none",
                target,
                "--",
                &seconds,
                "-rss_limit_mb=4096",
                "-print_final_stats=1",
            ],
        );
        // The flags of coverage are not for stable compilers to take; they are what this one has, too.
        fuzz.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", target_dir);
        run(fuzz)?;
    }
    Ok(())
}

/// Begins with a component that loads: of nothing at all a fuzzer would not find one.
fn seed() -> Outcome {
    let corpus = root().join("fuzz/corpus/component");
    let trouble = |error: std::io::Error| format!("{}: {error}", corpus.display());
    std::fs::create_dir_all(&corpus).map_err(trouble)?;
    run(cargo(&[
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--target",
        "wasm32-wasip2",
        "--package",
        "updraft-guest-mask",
        "--target-dir",
        &ours().join("guest").to_string_lossy(),
    ]))?;
    let mask = ours().join("guest/wasm32-wasip2/release/updraft_guest_mask.wasm");
    std::fs::copy(mask, corpus.join("mask.wasm")).map(drop).map_err(|error| trouble(error).into())
}
