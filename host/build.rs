//! Builds the built-in normalizer from `guest/airflow` as a WebAssembly component, to be embedded in the binary, and lists
//! what else is: the files that `updraft new` makes projects of.

#[path = "build/embed.rs"]
mod embed;

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-wasip2";
const PACKAGE: &str = "updraft-guest-airflow";

fn main() {
    let var = |name: &str| PathBuf::from(std::env::var_os(name).unwrap_or_default());
    let house = var("CARGO_MANIFEST_DIR").join("..");
    for part in ["Cargo.toml", "guest", "wit"] {
        println!("cargo::rerun-if-changed={}", house.join(part).display());
    }
    if !target_is_installed(&var("RUSTC")) {
        println!(
            "cargo::error=the Rust target {TARGET} is missing; run: rustup target add {TARGET} (or: cargo xtask setup)"
        );
        return;
    }
    if let Err(error) = embed::embed(&house, &var("OUT_DIR")) {
        println!("cargo::error=what `updraft new` makes projects of cannot be embedded: {error}");
        return;
    }
    // OUT_DIR is <target dir>/<profile>/build/<package>/out: the guests' target dir stands beside the profiles.
    let out = var("OUT_DIR");
    let Some(target_dir) = out.ancestors().nth(4).map(|it| it.join("guest")) else {
        println!("cargo::error=OUT_DIR {} is not where cargo puts it", out.display());
        return;
    };
    let mut build = Command::new(var("CARGO"));
    // Of one crate type only: cargo leaves out link-time optimisation, without a word, where a library is to be a
    // Rust library as well.
    build.current_dir(&house).args([
        "rustc",
        "--quiet",
        "--release",
        "--package",
        PACKAGE,
        "--crate-type",
        "cdylib",
        "--target",
        TARGET,
    ]);
    build.arg("--target-dir").arg(&target_dir);
    // What the host is built with (lints, sanitizers, another profile) is none of the guest's business.
    for name in [
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
    ] {
        build.env_remove(name);
    }
    build
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(status) => {
            println!(
                "cargo::error=building {PACKAGE} for {TARGET} failed ({status}); its own messages are above"
            );
            return;
        }
        Err(error) => {
            println!("cargo::error=cannot run cargo to build {PACKAGE}: {error}");
            return;
        }
    }
    let component = target_dir.join(TARGET).join("release").join("updraft_guest_airflow.wasm");
    println!("cargo::rustc-env=UPDRAFT_BUILTIN_AIRFLOW={}", component.display());
}

fn target_is_installed(rustc: &Path) -> bool {
    let Ok(output) = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()
    else {
        return false;
    };
    let libdir = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success() && Path::new(&libdir).is_dir()
}
