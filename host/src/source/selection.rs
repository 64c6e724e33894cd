//! Which files somebody asks for: by path, or by the try that wrote them.

use super::discover::{glob, rel_of};
use super::identify::identify;
use crate::config::Config;
use globset::GlobMatcher;
use std::path::Path;

/// Files that are asked for. What is not said is not asked of them; nothing said asks for all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Any of these.
    pub paths: Vec<PathPattern>,
    /// Of this DAG.
    pub dag_id: Option<String>,
    /// Of this run.
    pub run_id: Option<String>,
    /// Of this task.
    pub task_id: Option<String>,
    /// Of this mapped task instance.
    pub map_index: Option<u32>,
    /// Of this try.
    pub try_number: Option<u32>,
}

/// A path below a log folder, or a pattern of such.
#[derive(Debug, Clone)]
pub struct PathPattern {
    /// This very file: its name may hold characters that mean something in a glob.
    exact: String,
    /// `*` and `?` stay within a folder, `**` does not. None: no pattern was meant.
    glob: Option<GlobMatcher>,
}

impl PathPattern {
    /// What a person means: a file on disk below a log folder of the config; else a path or a glob below it.
    pub fn of(text: &str, config: Option<&Config>) -> Result<Self, globset::Error> {
        let roots = config.into_iter().flat_map(|config| &config.sources).map(|it| &*it.base_log_folder);
        if let Ok(real) = Path::new(text).canonicalize() {
            let below = |root: &Path| {
                let below = real.strip_prefix(root.canonicalize().ok()?).ok().map(rel_of);
                below.filter(|below| !below.is_empty())
            };
            if let Some(exact) = roots.into_iter().find_map(below) {
                return Ok(Self { exact, glob: None });
            }
        }
        Ok(Self { exact: text.to_owned(), glob: Some(glob(text)?.compile_matcher()) })
    }

    fn matches(&self, path: &str) -> bool {
        self.exact == path || self.glob.as_ref().is_some_and(|glob| glob.is_match(path))
    }
}

impl Selection {
    /// Whether a file of this path below its log folder is asked for.
    pub fn matches(&self, path: &str) -> bool {
        (self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.matches(path)))
            && (!self.asks_for_a_try() || self.is_of_the_try(path))
    }

    fn asks_for_a_try(&self) -> bool {
        let Self { paths: _, dag_id, run_id, task_id, map_index, try_number } = self;
        [dag_id, run_id, task_id].iter().any(|id| id.is_some()) || map_index.is_some() || try_number.is_some()
    }

    fn is_of_the_try(&self, path: &str) -> bool {
        let is = |asked: &Option<String>, id: &str| asked.as_deref().is_none_or(|asked| asked == id);
        identify(path).1.is_some_and(|task| {
            is(&self.dag_id, &task.dag_id)
                && is(&self.run_id, &task.run_id)
                && is(&self.task_id, &task.task_id)
                && self.map_index.is_none_or(|index| task.map_index == Some(index))
                && self.try_number.is_none_or(|number| task.try_number == number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRY: &str = "dag_id=etl/run_id=r 1/task_id=load/map_index=2/attempt=3.log";

    fn selection(paths: &[&str]) -> Selection {
        let paths = paths.iter().map(|path| PathPattern::of(path, None).expect("a glob"));
        Selection { paths: paths.collect(), ..Selection::default() }
    }

    #[test]
    fn nothing_said_asks_for_all() {
        assert!(Selection::default().matches(TRY) && Selection::default().matches("x.log"));
    }

    #[test]
    fn a_try_is_found_by_any_of_its_ids_and_only_if_all_fit() {
        let of = |dag: &str, number| Selection {
            dag_id: Some(dag.to_owned()),
            map_index: Some(2),
            try_number: Some(number),
            ..Selection::default()
        };
        assert!(of("etl", 3).matches(TRY));
        assert!(of("etl", 3).matches(&format!("{TRY}.trigger.7.log")), "the triggerer's file is of the try");
        assert!(!of("etl", 4).matches(TRY) && !of("other", 3).matches(TRY));
        assert!(!of("etl", 3).matches("scheduler/etl.log"), "a file of no try");
    }

    #[test]
    fn paths_are_globs_that_stay_within_a_folder() {
        assert!(selection(&["dag_id=etl/**"]).matches(TRY));
        assert!(!selection(&["dag_id=*"]).matches(TRY));
        assert!(selection(&["no", "**/attempt=3.log"]).matches(TRY));
        assert!(selection(&["a[1].log"]).matches("a[1].log"), "a name that is no pattern");
        let both = Selection { try_number: Some(1), ..selection(&["**"]) };
        assert!(!both.matches(TRY), "both have to fit");
    }
}
