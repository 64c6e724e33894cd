//! Promise: whoever does what these pages say, by the letter and on a machine without a network, gets what they show.

use std::env;
use std::path::Path;

use updraft_tests::{Manual, offline};

/// Does a page, in a folder of its own.
fn by_the_letter(page: &str) {
    let folder = tempfile::tempdir().expect("the temp folder can be written");
    let binaries = Path::new(env!("CARGO_BIN_EXE_updraft")).parent().expect("a folder").to_owned();
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(binaries).chain(env::split_paths(&others)));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let manual =
        Manual::page(page, folder.path()).env("PATH", path.expect("a search path")).env("UPDRAFT", root);
    offline().into_iter().fold(manual, |manual, (name, value)| manual.env(name, value)).do_all();
}

#[test]
fn your_first_transform() {
    by_the_letter("first-transform.md");
}

#[test]
fn route_by_team() {
    by_the_letter("routes.md");
}

#[test]
fn mask_secrets() {
    by_the_letter("mask-secrets.md");
}

#[test]
fn limits() {
    by_the_letter("limits.md");
}

#[test]
fn testing() {
    by_the_letter("testing.md");
}
