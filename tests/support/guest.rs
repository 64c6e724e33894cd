//! The components in `tests/guests`, built as a user would build them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the component of `tests/guests/NAME`; where it is. `tmp` is the test's `env!("CARGO_TARGET_TMPDIR")`. Cargo's
/// own lock keeps test processes out of each other's way.
pub fn guest(name: &str, tmp: &str) -> PathBuf {
    let target_dir = Path::new(tmp).with_file_name("guest");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args(["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip2"])
        .arg("--package")
        .arg(format!("updraft-guest-{name}"))
        .arg("--target-dir")
        .arg(&target_dir)
        // What the tests are built with is none of the guest's business.
        .env_remove("RUSTFLAGS")
        .status();
    assert!(built.expect("cargo runs").success(), "the guest {name} does not build");
    target_dir.join(format!("wasm32-wasip2/release/updraft_guest_{name}.wasm"))
}
