//! Tells from a file's path which try wrote it.

use crate::event::{StreamKind, TaskTry};
use regex::Regex;

/// What a pattern has to find in a path.
const IDS: [&str; 4] = ["dag_id", "run_id", "task_id", "try_number"];
/// What it may find besides.
const MAP_INDEX: &str = "map_index";
/// Between the name of a try's file and the number of the triggerer's job.
const TRIGGER: &str = ".trigger.";

/// How the paths of tries look where `[logging] log_filename_template` is not Airflow's default.
#[derive(Debug, Clone)]
pub struct PathPattern(Regex);

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for PathPattern {}

/// Why a text is no pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression.
    #[error("not a regular expression: {0}")]
    Syntax(String),
    /// It does not find what makes a try.
    #[error("it has no group `(?P<{0}>…)`")]
    Lacks(&'static str),
    /// It finds what nobody asks for.
    #[error("it has a group `{0}`; known are {known} and {MAP_INDEX}", known = IDS.join(", "))]
    Unknown(String),
}

impl PathPattern {
    /// A regular expression for the whole path below the log folder, a triggerer's suffix left out, with a named group for
    /// each of `dag_id`, `run_id`, `task_id` and `try_number`, and perhaps one for `map_index`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        // As it stands it says what is wrong with it, and where.
        Regex::new(text).map_err(|error| PatternError::Syntax(error.to_string()))?;
        let regex =
            Regex::new(&format!("^(?:{text})$")).map_err(|error| PatternError::Syntax(error.to_string()))?;
        let groups: Vec<_> = regex.capture_names().flatten().collect();
        if let Some(lacks) = IDS.into_iter().find(|id| !groups.contains(id)) {
            return Err(PatternError::Lacks(lacks));
        }
        if let Some(unknown) = groups.iter().find(|group| **group != MAP_INDEX && !IDS.contains(group)) {
            return Err(PatternError::Unknown((*unknown).to_owned()));
        }
        Ok(Self(regex))
    }

    fn find(&self, rel_path: &str) -> Option<(StreamKind, TaskTry)> {
        let file = without_trigger(rel_path);
        let found = self.0.captures(file.unwrap_or(rel_path))?;
        let text = |group: &str| found.name(group).map(|it| it.as_str()).filter(|text| !text.is_empty());
        let [dag_id, run_id, task_id, try_number] = IDS.map(text);
        let task = TaskTry {
            dag_id: dag_id?.to_owned(),
            run_id: run_id?.to_owned(),
            task_id: task_id?.to_owned(),
            // -1 is that of a task that is not mapped.
            map_index: match text(MAP_INDEX).filter(|index| *index != "-1") {
                Some(index) => Some(number(index)?),
                None => None,
            },
            try_number: number(try_number?)?,
        };
        Some((if file.is_some() { StreamKind::Trigger } else { StreamKind::Task }, task))
    }
}

/// Path of the file that Airflow's readers take a try's log from: of a triggerer's file, and of what other components
/// relay, that of the task.
pub fn try_path(rel_path: &str) -> &str {
    if let Some(path) = without_trigger(rel_path) {
        return path;
    }
    match rel_path.rfind("/attempt=") {
        Some(file) if identify(rel_path, &[]).1.is_some() => {
            let end = rel_path[file..].find(".log").map(|at| file + at + ".log".len());
            &rel_path[..end.unwrap_or(rel_path.len())]
        }
        _ => rel_path,
    }
}

/// `X` of `X.trigger.7.log`; 7 is the number of the triggerer's job.
fn without_trigger(rel_path: &str) -> Option<&str> {
    let (path, job) = rel_path.rsplit_once(TRIGGER)?;
    number(job.strip_suffix(".log")?).filter(|_| !path.is_empty()).map(|_| path)
}

/// What a path below the log folder says: the kind of the stream and, where a pattern fits, or a `dag_id=` folder begins
/// Airflow's default layout at any depth, the try.
///
/// `dag_id=D/run_id=R/task_id=T[/map_index=M]/attempt=N.log[.trigger.J.log | .WORD.log]`, the default of
/// `[logging] log_filename_template`. Nothing in it is escaped.
pub fn identify(rel_path: &str, patterns: &[PathPattern]) -> (StreamKind, Option<TaskTry>) {
    if let Some((kind, task)) = patterns.iter().find_map(|pattern| pattern.find(rel_path)) {
        return (kind, Some(task));
    }
    let starts = rel_path.match_indices("dag_id=").map(|(at, _)| at);
    let mut starts = starts.filter(|&at| at == 0 || rel_path.as_bytes()[at - 1] == b'/');
    if let Some((kind, task)) = starts.find_map(|at| task_try(&rel_path[at..])) {
        return (kind, Some(task));
    }
    let kind = match rel_path.split_once('/') {
        Some(("scheduler", _)) => StreamKind::Scheduler,
        Some((folder, _)) if folder.starts_with("dag_processor") => StreamKind::DagProcessor,
        _ => StreamKind::Other,
    };
    (kind, None)
}

fn task_try(path: &str) -> Option<(StreamKind, TaskTry)> {
    let (dag_id, rest) = path.strip_prefix("dag_id=")?.split_once("/run_id=")?;
    // The one id that may hold a `/`, where `[scheduler] allowed_run_id_pattern` lets it.
    let (run_id, rest) = rest.split_once("/task_id=")?;
    let (task_id, rest) = rest.split_once('/')?;
    let (map_index, file) = match rest.strip_prefix("map_index=") {
        Some(rest) => {
            let (index, file) = rest.split_once('/')?;
            (if index == "-1" { None } else { Some(number(index)?) }, file)
        }
        None => (None, rest),
    };
    let (try_number, suffix) = file.strip_prefix("attempt=")?.split_once(".log")?;
    let kind = kind_by_suffix(suffix)?;
    if [dag_id, run_id, task_id].contains(&"") || dag_id.contains('/') {
        return None;
    }
    let task = TaskTry {
        dag_id: dag_id.to_owned(),
        run_id: run_id.to_owned(),
        task_id: task_id.to_owned(),
        map_index,
        try_number: number(try_number)?,
    };
    Some((kind, task))
}

/// What follows `attempt=N.log`.
fn kind_by_suffix(suffix: &str) -> Option<StreamKind> {
    if suffix.is_empty() {
        return Some(StreamKind::Task);
    }
    let word = suffix.strip_prefix('.')?.strip_suffix(".log")?;
    match word.strip_prefix("trigger.") {
        Some(job) if number(job).is_some() => Some(StreamKind::Trigger),
        _ if !word.is_empty() && !word.contains('/') => Some(StreamKind::Task),
        _ => None,
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
