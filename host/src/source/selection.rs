//! Which files somebody asks for: by path, or by the try that wrote them.

use super::discover::glob;
use crate::event::TaskTry;
use globset::GlobMatcher;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Which {
    /// All.
    All,
    /// Those whose path below the log folder, or whose whole path, is this or fits this glob (`*` stops at `/`).
    Path(String),
    /// Those of all tries that have these ids, triggers' files included; what is none is not asked. Only files named as
    /// Airflow's default says, or as `path_patterns` do, have ids.
    Tries {
        /// DAG.
        dag_id: Option<String>,
        /// Run.
        run_id: Option<String>,
        /// Task.
        task_id: Option<String>,
        /// Index of a mapped task; -1: only tasks that are not mapped.
        map_index: Option<i64>,
        /// Counts from 1.
        try_number: Option<u32>,
    },
}

/// Tells which files are meant.
#[derive(Debug, Clone)]
pub struct Pattern {
    which: Which,
    glob: Option<GlobMatcher>,
}

impl Which {
    /// Ready to be asked; the error says what is wrong with the glob.
    pub fn pattern(self) -> Result<Pattern, globset::Error> {
        let glob = match &self {
            Self::Path(pattern) => Some(glob(pattern)?),
            Self::All | Self::Tries { .. } => None,
        };
        Ok(Pattern { which: self, glob: glob.map(|glob| glob.compile_matcher()) })
    }
}

impl Pattern {
    /// Whether a file is meant. `path`: below its log folder; `place`: where it is on disk, if that is known; `task`: the
    /// try that wrote it, if its path says so.
    pub fn fits(&self, path: &str, place: Option<&Path>, task: Option<&TaskTry>) -> bool {
        match &self.which {
            Which::All => true,
            Which::Path(asked) => {
                // A name may hold characters that mean something in a glob.
                asked == path
                    || place.is_some_and(|place| place.as_os_str() == asked.as_str())
                    || self.glob.as_ref().is_some_and(|glob| {
                        glob.is_match(path) || place.is_some_and(|place| glob.is_match(place))
                    })
            }
            Which::Tries { dag_id, run_id, task_id, map_index, try_number } => {
                let Some(task) = task else { return false };
                let is = |asked: &Option<String>, id: &str| asked.as_ref().is_none_or(|asked| asked == id);
                is(dag_id, &task.dag_id)
                    && is(run_id, &task.run_id)
                    && is(task_id, &task.task_id)
                    && map_index.is_none_or(|asked| asked == task.map_index.map_or(-1, i64::from))
                    && try_number.is_none_or(|asked| asked == task.try_number)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::identify::identify;

    const MAPPED: &str = "dag_id=d/run_id=r:1/task_id=t/map_index=3/attempt=2.log";

    fn fits(which: Which, path: &str) -> bool {
        let task = identify(path, &[]).1;
        which.pattern().expect("a glob").fits(path, Some(&Path::new("/logs").join(path)), task.as_ref())
    }

    fn tries(change: impl FnOnce(&mut [Option<String>; 3], &mut (Option<i64>, Option<u32>))) -> Which {
        let (mut ids, mut numbers) = ([Some("d".to_owned()), None, None], (None, None));
        change(&mut ids, &mut numbers);
        let [dag_id, run_id, task_id] = ids;
        Which::Tries { dag_id, run_id, task_id, map_index: numbers.0, try_number: numbers.1 }
    }

    #[test]
    fn ids_that_are_not_given_are_not_asked() {
        assert!(fits(tries(|_, _| {}), MAPPED));
        assert!(fits(tries(|ids, _| ids[1] = Some("r:1".into())), MAPPED));
        assert!(!fits(tries(|ids, _| ids[2] = Some("other".into())), MAPPED));
        assert!(fits(tries(|_, numbers| *numbers = (Some(3), Some(2))), MAPPED));
        assert!(!fits(tries(|_, numbers| numbers.1 = Some(1)), MAPPED));
        assert!(!fits(tries(|_, numbers| numbers.0 = Some(-1)), MAPPED));
        let single = "dag_id=d/run_id=r/task_id=t/attempt=1.log";
        assert!(fits(tries(|_, numbers| numbers.0 = Some(-1)), single));
        assert!(fits(tries(|_, _| {}), &format!("{single}.trigger.5.log")), "its trigger's file too");
        assert!(!fits(tries(|_, _| {}), "scheduler/d.log"));
    }

    #[test]
    fn a_path_is_itself_or_a_glob_in_which_a_star_stops_at_a_slash() {
        assert!(fits(Which::Path(MAPPED.into()), MAPPED));
        assert!(fits(Which::Path(format!("/logs/{MAPPED}")), MAPPED), "as it is on disk");
        assert!(fits(Which::Path("dag_id=d/**".into()), MAPPED));
        assert!(!fits(Which::Path("dag_id=d/*".into()), MAPPED));
        assert!(fits(Which::Path("odd[name].log".into()), "odd[name].log"), "as it stands");
        assert!(fits(Which::All, "anything.txt"));
        assert!(Which::Path("a[".into()).pattern().is_err());
    }
}
