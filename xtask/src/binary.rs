//! The binary that demo and guard run: that of `cargo build`, but what is ours in it is optimised. So the demo shows what
//! Updraft is like, and what the guard counts is much like what a release takes, without the minutes that one takes to build.
//! `cargo build` by itself, and the tests, want a build that is there soon.

use std::path::PathBuf;

use crate::run::{Outcome, cargo, cargos, run};

const OPTIONS: [&str; 4] = ["opt-level=2", "debug=false", "debug-assertions=false", "overflow-checks=false"];

/// Builds it, and `more` packages.
pub fn updraft(more: &[&str]) -> Outcome<PathBuf> {
    let mut build = vec!["build", "--locked", "--quiet", "--package", "updraft"];
    build.extend(more.iter().flat_map(|package| ["--package", package]));
    let options = OPTIONS.map(|option| format!("profile.dev.package.updraft.{option}"));
    build.extend(options.iter().flat_map(|option| ["--config", option]));
    let mut cargo = cargo(&build);
    // Parts that are kept for the next time are many and small, and optimised each by itself.
    cargo.env("CARGO_INCREMENTAL", "0");
    run(cargo)?;
    Ok(cargos().join("debug/updraft"))
}
