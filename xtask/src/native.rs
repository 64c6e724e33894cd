//! The native tests of what is in Python and JavaScript: the helpers, the templates of components, the examples. No
//! component is built, so they take seconds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Outcome, command, ours, root, run};
use crate::setup;

const KINDS: [&str; 3] = ["normalizer", "router", "transform"];
const EXAMPLES: [(Lang, &str); 2] = [
    (Lang::Python, "examples/components/naming-python"),
    (Lang::JavaScript, "examples/components/naming-javascript"),
];

#[derive(Debug, Clone, Copy)]
enum Lang {
    Python,
    JavaScript,
}

pub fn native() -> Outcome {
    for (lang, helper) in [(Lang::Python, "guest/python"), (Lang::JavaScript, "guest/javascript")] {
        lang.test(&root().join(helper))?;
        for kind in KINDS {
            lang.test(&project(lang, kind)?)?;
        }
    }
    EXAMPLES.iter().try_for_each(|(lang, example)| lang.test(&root().join(example)))
}

impl Lang {
    fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "javascript",
        }
    }

    fn test(self, folder: &Path) -> Outcome {
        let mut tests = match self {
            Self::Python => command(setup::python(), &["-m", "unittest", "discover", "--quiet"]),
            Self::JavaScript => command("node", &["--test", "--test-reporter=dot"]),
        };
        // A folder named `tests` is looked into only when it is named.
        if folder.join("tests").is_dir() {
            tests.arg("tests");
        }
        // Nothing is left beside sources.
        tests.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
        run(tests)
    }
}

/// A project of that kind, as `updraft new` lays it out, with what it needs for its tests only.
fn project(lang: Lang, kind: &str) -> Outcome<PathBuf> {
    let project = ours().join("native").join(format!("{kind}-{}", lang.name()));
    if project.exists() {
        fs::remove_dir_all(&project).map_err(|error| format!("{}: {error}", project.display()))?;
    }
    let guest = root().join("guest");
    let templates = guest.join("templates");
    for layer in [
        templates.join("any/common"),
        templates.join("any").join(kind),
        templates.join(lang.name()).join("common"),
        templates.join(lang.name()).join(kind),
    ] {
        copy(&layer, &project, "")?;
    }
    copy(&guest.join(lang.name()), &project, "updraft")?;
    Ok(project)
}

/// Copies those entries of a folder whose names begin so, and all below them.
fn copy(from: &Path, to: &Path, beginning: &str) -> Outcome {
    let failed = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if !name.to_string_lossy().starts_with(beginning) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), "")?;
        } else {
            fs::copy(&path, to.join(name)).map_err(failed)?;
        }
    }
    Ok(())
}
