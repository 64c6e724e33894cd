//! What is wrong with a config: everything at once, each with file, line and field.

use std::fmt;

use super::parse::Lines;

/// Why there is no config: all problems that were found, one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Error {
    /// By line; never empty.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong, shown as `file:line: field: what; help`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was given, or `environment`.
    pub file: String,
    /// Counts from 1; none where it cannot be told.
    pub line: Option<usize>,
    /// `sinks.archive.batch.max_bytes`, or the name of a variable; empty for the file as a whole.
    pub field: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// One that concerns the file as a whole.
    pub(super) fn of_file(file: &str, line: Option<usize>, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, field: String::new(), what: what.into(), help: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.what)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Collects problems and warnings while a config is checked, so that one run shows them all.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    lines: Lines,
    problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Report {
    pub(super) fn new(file: &str, lines: Lines) -> Self {
        Self { file: file.to_owned(), lines, problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn add(&mut self, field: &str, what: impl Into<String>) {
        self.push(field, what.into(), None);
    }

    pub(super) fn add_with_help(&mut self, field: &str, what: impl Into<String>, help: impl Into<String>) {
        self.push(field, what.into(), Some(help.into()));
    }

    /// Whether something is wrong with this very field.
    pub(super) fn has(&self, field: &str) -> bool {
        self.problems.iter().any(|problem| problem.field == field)
    }

    /// Nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn push(&mut self, field: &str, what: String, help: Option<String>) {
        let line = self.lines.of(field);
        self.problems.push(Problem { file: self.file.clone(), line, field: field.to_owned(), what, help });
    }

    /// The value, and the problem if it is none.
    pub(super) fn take<T, E: fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(field, error.to_string())).ok()
    }

    /// What was checked, with the warnings, if nothing is wrong with it; else all that is, from top to bottom.
    pub(super) fn finish<T>(mut self, checked: Option<T>) -> Result<(T, Vec<String>), Error> {
        match checked {
            Some(checked) if self.problems.is_empty() => Ok((checked, self.warnings)),
            _ => {
                self.problems.sort_by_key(|problem| problem.line);
                Err(Error { problems: self.problems })
            }
        }
    }
}

/// Farthest that a misspelling may be from what was meant, in edits.
const NEAR: usize = 3;

/// `did you mean …?`, or all that would have been right.
pub(super) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none yet".to_owned(),
        None => format!("known: {}", known.join(", ")),
    }
}

/// The known word that `word` is most likely a misspelling of.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances =
        known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let (distance, candidate) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= NEAR && distance * 2 < word.chars().count().max(2)).then_some(candidate)
}
