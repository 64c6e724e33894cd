//! What a new project consists of: templates laid over one another, the contract, and the SDK of the language.

use super::name::Name;
use super::{Kind, Lang, sdk};
use std::collections::BTreeMap;

/// All that the build has embedded: paths below the repository's root, and the files' texts.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
/// Templates that are the same in every language.
const ANY: &str = "any";
/// Templates that are the same for every kind of component.
const COMMON: &str = "common";
/// What stands in templates for where the component is once it is built, for its name, and for the name without hyphens.
const PLACEHOLDERS: [&str; 3] = ["demo-component.wasm", "demo-component", "demo_component"];

/// The files of a project: paths in its folder, and their texts.
pub fn files(kind: Kind, lang: Lang, name: &Name) -> BTreeMap<String, String> {
    let named = |text: &str| {
        let names = [component(lang, name), name.as_str().to_owned(), name.snake()];
        PLACEHOLDERS.iter().zip(names).fold(text.to_owned(), |text, (it, name)| text.replace(it, &name))
    };
    let mut files = BTreeMap::new();
    for lang in [ANY, lang.folder()] {
        for kind in [COMMON, kind.folder()] {
            let layer = format!("guest/templates/{lang}/{kind}/");
            files.extend(below(&layer).map(|(path, text)| (named(path), named(text))));
        }
    }
    files.extend(below("wit/").map(|(path, text)| (format!("wit/{path}"), text.to_owned())));
    files.extend(sdk(lang));
    files
}

/// Where the component is once it is built.
fn component(lang: Lang, name: &Name) -> String {
    match lang {
        Lang::Rust => format!("target/wasm32-wasip2/release/{}.wasm", name.snake()),
        Lang::Python | Lang::Javascript => format!("{name}.wasm"),
    }
}

/// The commands of a project's README, in order.
pub fn commands(files: &BTreeMap<String, String>) -> Vec<&str> {
    let mut in_block = false;
    let mut commands = Vec::new();
    for line in files.get("README.md").map(String::as_str).unwrap_or_default().lines() {
        match line {
            "```sh" => in_block = true,
            "```" => in_block = false,
            line if in_block => commands.push(line),
            _ => {}
        }
    }
    commands
}

fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    EMBEDDED.iter().filter_map(move |(path, text)| Some((path.strip_prefix(folder)?, *text)))
}

/// Where the language looks for its SDK.
fn sdk(lang: Lang) -> Vec<(String, String)> {
    match lang {
        Lang::Rust => {
            let workspace = below("Cargo.toml").next().map(|(_, text)| text).unwrap_or_default();
            let file = |(path, text)| {
                Some((format!("vendor/updraft-guest/{path}"), sdk::file(path, text, workspace)?))
            };
            below("guest/sdk/").filter_map(file).collect()
        }
        Lang::Python | Lang::Javascript => {
            let beside_the_source = |(path, text): (&str, &str)| {
                path.starts_with("updraft").then(|| (path.to_owned(), text.to_owned()))
            };
            below(&format!("guest/{}/", lang.folder())).filter_map(beside_the_source).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    fn each() -> impl Iterator<Item = (Kind, Lang, BTreeMap<String, String>)> {
        let name = Name::parse("pii-mask").expect("a name");
        let kinds = Kind::value_variants().iter();
        kinds.flat_map(move |&kind| {
            let name = name.clone();
            Lang::value_variants().iter().map(move |&lang| (kind, lang, files(kind, lang, &name)))
        })
    }

    #[test]
    fn no_placeholder_is_left_in_any_file_or_name() {
        for (kind, lang, files) in each() {
            for (path, text) in &files {
                let left = PLACEHOLDERS.iter().any(|it| path.contains(it) || text.contains(it));
                assert!(!left, "{kind:?} in {lang:?}: {path}");
            }
        }
    }

    #[test]
    fn each_project_has_what_one_needs_to_begin() {
        for (kind, lang, files) in each() {
            let [source, test, sdk] = match lang {
                Lang::Rust => ["src/lib.rs", "tests/promises.rs", "vendor/updraft-guest/src/lib.rs"],
                Lang::Python => ["pii_mask.py", "test_pii_mask.py", "updraft_guest/__init__.py"],
                Lang::Javascript => ["pii_mask.js", "pii_mask.test.js", "updraft-guest.js"],
            };
            let log = "logs/dag_id=etl/run_id=manual__2026-01-01T00:00:00+00:00/task_id=load/attempt=1.log";
            for path in
                ["README.md", ".gitignore", "pipeline.yaml", log, "wit/v0.1/pipeline.wit", source, test, sdk]
            {
                assert!(files.contains_key(path), "{kind:?} in {lang:?} has no {path}: {:?}", files.keys());
            }
        }
    }

    #[test]
    fn each_readme_says_how_to_build_test_and_try() {
        for (kind, lang, files) in each() {
            let sections: Vec<&str> =
                files["README.md"].lines().filter(|line| line.starts_with("## ")).collect();
            assert_eq!(sections, ["## Build", "## Test", "## Try"], "{kind:?} in {lang:?}");
            assert!(
                commands(&files).iter().any(|line| line.starts_with("updraft run ")),
                "{kind:?} in {lang:?}"
            );
        }
    }

    #[test]
    fn the_rust_sdk_needs_neither_its_workspace_nor_its_tests() {
        let [(_, _, files), ..] = &each().collect::<Vec<_>>()[..] else { panic!("no kinds") };
        let sdk = files.iter().filter(|(path, _)| path.starts_with("vendor/"));
        for (path, text) in sdk {
            for word in ["cfg(test)", "cfg(doctest)", "proptest", "workspace = "] {
                assert!(!text.contains(word), "{path} has {word}");
            }
        }
    }

    #[test]
    fn versions_that_a_rust_project_locks_are_this_repositorys() {
        let ours = include_str!("../../../../Cargo.lock");
        let theirs = include_str!("../../../../guest/templates/rust/common/Cargo.lock");
        let fetched = theirs.split("\n[[package]]\n").filter(|package| package.contains("\nsource = "));
        for package in fetched {
            let checksum =
                package.lines().find(|line| line.starts_with("checksum = ")).expect("it is fetched");
            assert!(ours.contains(checksum), "another version here:\n{package}");
        }
    }
}
