//! What the tests of the read-back lean on: the readers of real Airflows, and what is known of the files that they read.
//!
//! [`Identity`] is a try and where its log is; [`readers::ask`] has Airflow 2 or 3 read it back.
//! [`records`] says what a log file holds, by rules of its own, and what a reader gave back.
//! [`shelf`] is a log folder with its files' times set, delivered by the real binary.

pub mod awkward;
pub mod identity;
pub mod live;
pub mod pages;
pub mod readers;
pub mod records;
pub mod shelf;
pub mod templates;

use std::path::{Path, PathBuf};

pub use identity::Identity;

/// The binary to test, as `cargo xtask test --airflow` says it.
pub fn updraft() -> updraft_tests::Updraft {
    updraft_tests::Updraft::at(told("UPDRAFT_BINARY"))
}

/// The Python of a virtual environment that `cargo xtask test --airflow` made, `airflow2` or `airflow3`.
pub fn python(environment: &str) -> PathBuf {
    told("UPDRAFT_AIRFLOWS").join(environment).join("bin/python")
}

/// A file or folder of this crate.
pub fn ours(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn told(variable: &str) -> PathBuf {
    let told = std::env::var_os(variable);
    told.unwrap_or_else(|| panic!("{variable} is not set: `cargo xtask test --airflow` sets it")).into()
}
