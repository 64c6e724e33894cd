//! A page of the manual, done by the letter: what it says to write is written, what it says to type is typed, and what it
//! shows must come of it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A page, and the folder in which somebody does what it says.
#[derive(Debug)]
pub struct Manual {
    page: String,
    blocks: Vec<Block>,
    folder: PathBuf,
    variables: Vec<(String, OsString)>,
}

/// A fenced block of it.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    /// Its line in the page.
    line: usize,
    does: Does,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Does {
    /// ```` ```yaml file=pipeline.yaml ````: the file is as it says.
    Write(String),
    /// ```` ```sh ````: commands that end well.
    Type,
    /// ```` ```console ````: commands after `$ `, each with what it prints; `…` stands for anything, on a line of its own
    /// for any lines.
    Show,
    /// To be read only.
    Nothing,
}

impl Manual {
    /// The page of this repository's `docs`, to be done in that folder.
    pub fn page(name: &str, folder: &Path) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            page: name.to_owned(),
            blocks: blocks(&text),
            folder: folder.to_owned(),
            variables: Vec::new(),
        }
    }

    /// One more variable for whoever does it.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Does all of it, in order; panics at what does not come out. Each `cd` holds to the end of its own block.
    pub fn do_all(&self) {
        let mut done = 0;
        for Block { line, does, text } in &self.blocks {
            let place = format!("{}:{line}", self.page);
            done += usize::from(*does != Does::Nothing);
            match does {
                Does::Write(name) => {
                    let path = self.folder.join(name);
                    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
                    made.and_then(|()| fs::write(&path, text))
                        .unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                Does::Type => drop(self.shell(&place, text)),
                Does::Show => {
                    for (command, shown) in shown(text) {
                        let printed = self.shell(&place, &command);
                        assert!(
                            matches(&shown, &printed),
                            "{place}: `{command}` is shown to print\n{shown}\nand prints\n{printed}"
                        );
                    }
                }
                Does::Nothing => {}
            }
        }
        assert!(done > 0, "{}: there is nothing to do in it", self.page);
    }

    /// What commands print, on both streams.
    fn shell(&self, place: &str, commands: &str) -> String {
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &format!("exec 2>&1\n{commands}")]).current_dir(&self.folder);
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        // What the tests are built with is none of a user's business.
        shell.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").envs(variables);
        let done = shell.output().expect("there is a bash");
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{place}: {commands}\n{}\n{printed}", done.status);
        printed
    }
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let does = match info.split_once(" file=") {
            Some((_, name)) => Does::Write(name.to_owned()),
            None if info == "sh" => Does::Type,
            None if info == "console" => Does::Show,
            None => Does::Nothing,
        };
        blocks.push(Block { line: at + 1, does, text: text.join("\n") + "\n" });
    }
    blocks
}

/// The commands of a block, each with what it is shown to print.
fn shown(block: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command.to_owned(), String::new())),
            (None, Some((_, printed))) => {
                printed.push_str(line);
                printed.push('\n');
            }
            (None, None) => panic!("it prints before anything is typed: {line}"),
        }
    }
    all
}

/// Whether what was printed is what is shown.
fn matches(shown: &str, printed: &str) -> bool {
    let (shown, printed): (Vec<_>, Vec<_>) =
        (shown.trim_end().lines().collect(), printed.trim_end().lines().collect());
    lines_match(&shown, &printed)
}

fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
    match shown {
        [] => printed.is_empty(),
        [any, rest @ ..] if any.trim() == "…" => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        [line, rest @ ..] => printed.split_first().is_some_and(|(first, others)| {
            line_matches(line.trim_end(), first.trim_end()) && lines_match(rest, others)
        }),
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let Some((before, after)) = shown.split_once('…') else { return shown == printed };
    let Some(rest) = printed.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| line_matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_may_leave_things_out_and_nothing_else() {
        for (shown, printed, same) in [
            ("a\n", "a\n\n", true),
            ("a\n", "b\n", false),
            ("a …, c\n", "a b, c\n", true),
            ("a …, c\n", "a b, d\n", false),
            ("a\n  …\nz\n", "a\nb\nc\nz\n", true),
            ("a\n…\nz\n", "a\nb\n", false),
            ("", "a\n", false),
        ] {
            assert_eq!(matches(shown, printed), same, "{shown} {printed}");
        }
    }

    #[test]
    fn blocks_are_written_typed_and_shown_and_others_are_not() {
        let page = "x\n```yaml file=a/b.yaml\nk: v\n```\n```sh\ntrue\n```\n```console\n$ cat a/b.yaml\nk: v\n$ echo z\n…\n```\n```rust\nno\n```\n";
        let folder = tempfile::tempdir().expect("a folder");
        let manual = Manual {
            page: "p".into(),
            blocks: blocks(page),
            folder: folder.path().into(),
            variables: Vec::new(),
        };
        let does: Vec<_> = manual.blocks.iter().map(|block| (block.line, &block.does)).collect();
        let file = Does::Write("a/b.yaml".into());
        assert_eq!(does, [(2, &file), (5, &Does::Type), (8, &Does::Show), (14, &Does::Nothing)]);
        manual.do_all();
    }

    #[test]
    #[should_panic(expected = "is shown to print")]
    fn a_page_that_shows_what_does_not_come_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocks = blocks("```console\n$ echo a\nb\n```\n");
        Manual { page: "p".into(), blocks, folder: folder.path().into(), variables: Vec::new() }.do_all();
    }
}
