//! The Rust SDK as a project has it: without its tests, and with a manifest that needs no workspace around it.

/// Each begins what only the SDK's own repository has, and what goes on to the end of the file.
const NOT_SHIPPED: [&str; 2] =
    ["\n#[cfg(test)]\nmod tests {", "\n/// The manual's examples, compiled.\n#[cfg(doctest)]"];
/// Tests that have a file of their own.
const TESTS_ELSEWHERE: &str = "#[cfg(test)]\nmod tests;\n";
/// Sections of the manifest that mean something in the workspace only.
const WORKSPACE_ONLY: [&str; 2] = ["[lints]", "[dev-dependencies]"];

/// A file of the SDK by its path in `guest/sdk`; none where a project has no use for it. `workspace` is the manifest of
/// the workspace.
pub fn file(path: &str, text: &str, workspace: &str) -> Option<String> {
    if path == "Cargo.toml" {
        return Some(manifest(text, workspace));
    }
    let is_source = path.starts_with("src/") && !path.ends_with("/tests.rs");
    is_source.then(|| {
        let end = NOT_SHIPPED.iter().filter_map(|begin| text.find(begin)).min().unwrap_or(text.len());
        text[..end].replace(TESTS_ELSEWHERE, "")
    })
}

/// What is inherited is written down.
fn manifest(text: &str, workspace: &str) -> String {
    let (_, package) = workspace.split_once("[workspace.package]\n").unwrap_or_default();
    let inherited = |key: &str| package.lines().find(|line| line.split(' ').next() == Some(key));
    let mut shipped = String::new();
    let mut section = "";
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if !WORKSPACE_ONLY.contains(&section) {
            let line = line.strip_suffix(".workspace = true").and_then(inherited).unwrap_or(line);
            shipped.push_str(line);
            shipped.push('\n');
        }
    }
    shipped.truncate(shipped.trim_end().len());
    shipped + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_says_itself_what_it_inherited() {
        let workspace =
            "[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[other]\nname = \"x\"\n";
        let text = "[package]\nname = \"sdk\"\nversion.workspace = true\nedition.workspace = true\n\n[lints]\nworkspace = \
                    true\n\n[dependencies]\n# Why.\na = \"1\"\n\n[dev-dependencies]\nb = \"1\"\n";
        assert_eq!(
            file("Cargo.toml", text, workspace).as_deref(),
            Some(
                "[package]\nname = \"sdk\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n# Why.\na = \"1\"\n"
            )
        );
    }

    #[test]
    fn tests_stay_at_home() {
        let cut = |path, text| file(path, text, "");
        let text = "mod a;\n#[cfg(test)]\nmod tests;\nmod b;\n";
        assert_eq!(cut("src/json/mod.rs", text).as_deref(), Some("mod a;\nmod b;\n"));
        assert_eq!(
            cut("src/a.rs", "fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n").as_deref(),
            Some("fn a() {}\n")
        );
        assert_eq!(cut("src/json/tests.rs", "fn a() {}\n"), None);
        assert_eq!(cut("tests/components.rs", "fn a() {}\n"), None);
    }
}
