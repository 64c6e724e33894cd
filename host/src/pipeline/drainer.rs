//! Delivers chosen files now, while all else goes on: what a Kubernetes preStop hook or the end of a worker asks for.
//!
//! Their sources look at their folders first, so that what was written a moment ago counts. Then each lane of a chosen
//! file is in a hurry up to the size seen ([`Lane::want`]): unfinished lines are taken, nothing is held back for more,
//! and what waits after a failure is tried again. It is over when every sink has acknowledged all of that and the cursors
//! are written down. Dead letters that come of it are safe on disk by then; their delivery is not waited for.

use crate::event::{Origin, StreamKind};
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::sink::Flush;
use crate::source::airflow::Look;
use globset::GlobMatcher;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// How often to look whether it is done.
const LOOK: Duration = Duration::from_millis(50);
/// What waits after a failure is tried again so often while somebody waits.
const PRESS: Duration = Duration::from_secs(5);
/// So many files of a sink that lacks some are named.
const NAMED: usize = 10;

/// Which files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Which {
    /// All.
    All,
    /// Those whose path below the log folder, or whose whole path, is this or fits this glob (`*` stops at `/`).
    Path(String),
    /// Those of all tries that have these ids, triggers' files included; what is none is not asked. Only files named as
    /// Airflow's default says have ids.
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
            Self::Path(glob) => Some(globset::GlobBuilder::new(glob).literal_separator(true).build()?),
            Self::All | Self::Tries { .. } => None,
        };
        Ok(Pattern { which: self, glob: glob.map(|glob| glob.compile_matcher()) })
    }
}

impl Pattern {
    fn fits(&self, lane: &Lane) -> bool {
        let origin = &*lane.stream.origin;
        if origin.kind == StreamKind::DeadLetter {
            return false;
        }
        match &self.which {
            Which::All => true,
            Which::Path(path) => {
                let whole = lane.stream.path.as_path();
                let fits = |glob: &GlobMatcher| glob.is_match(&origin.path) || glob.is_match(whole);
                *path == origin.path
                    || whole.as_os_str() == path.as_str()
                    || self.glob.as_ref().is_some_and(fits)
            }
            Which::Tries { .. } => self.fits_try(origin),
        }
    }

    fn fits_try(&self, origin: &Origin) -> bool {
        let Which::Tries { dag_id, run_id, task_id, map_index, try_number } = &self.which else {
            return false;
        };
        let Some(task) = &origin.task else { return false };
        let is = |asked: &Option<String>, there: &str| asked.as_ref().is_none_or(|asked| asked == there);
        is(dag_id, &task.dag_id)
            && is(run_id, &task.run_id)
            && is(task_id, &task.task_id)
            && map_index.is_none_or(|asked| asked == task.map_index.map_or(-1, i64::from))
            && try_number.is_none_or(|asked| asked == task.try_number)
    }
}

/// What a drain came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Files that were meant and are known; 0: there is no such file.
    pub files: u64,
    /// Bytes of them that some sink did not have when it was asked, of all sinks together.
    pub bytes: u64,
    /// The log folder was looked through in time, and everything in it could be looked at.
    pub all_seen: bool,
    /// Sinks that do not have all of it.
    pub lacking: Vec<Lacking>,
}

impl Drained {
    /// Every sink has all that was there.
    pub fn is_done(&self) -> bool {
        self.all_seen && self.lacking.is_empty()
    }
}

/// What a sink does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// Its id.
    pub sink: String,
    /// Bytes that it lacks.
    pub bytes: u64,
    /// Of so many files.
    pub files: u64,
    /// The files that it lacks most of, and how many bytes; not all where there are many.
    pub of: Vec<(String, u64)>,
    /// Why, if that is known.
    pub trouble: Option<String>,
}

/// Delivers chosen files now, while all else goes on. See [`crate::Pipeline::drainer`].
pub struct Drainer {
    sinks: Vec<Sink>,
    sources: Vec<mpsc::Sender<Look>>,
}

struct Sink {
    lanes: Arc<Lanes>,
    /// Where it holds events back.
    flush: Option<Arc<dyn Flush>>,
}

/// What somebody waits for.
struct Wanted<'a> {
    sink: &'a Sink,
    lane: Arc<Lane>,
    size: u64,
}

impl Wanted<'_> {
    fn lacks(&self) -> u64 {
        self.size.saturating_sub(self.lane.committed())
    }
}

impl Drainer {
    /// Of these sinks, and of sources that can be asked so to look at their folders.
    pub(super) fn new(
        sinks: impl Iterator<Item = (Arc<Lanes>, Option<Arc<dyn Flush>>)>,
        sources: Vec<mpsc::Sender<Look>>,
    ) -> Arc<Self> {
        let sinks = sinks.map(|(lanes, flush)| Sink { lanes, flush }).collect();
        Arc::new(Self { sinks, sources })
    }

    /// Returns when every sink has all that is there of the files that fit, or when the time is over. `told` hears now
    /// and then how many bytes are left, of all sinks together. Dropping it takes nothing back: what was hurried once
    /// stays so until it is delivered.
    pub async fn drain(&self, which: &Pattern, timeout: Duration, mut told: impl FnMut(u64)) -> Drained {
        let deadline = Instant::now() + timeout;
        let looked = tokio::time::timeout_at(deadline.into(), self.look()).await;
        let mut wanted = self.want(which);
        let mut ids: Vec<_> = wanted.iter().map(|it| it.lane.stream.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut drained = Drained {
            files: ids.len() as u64,
            bytes: wanted.iter().map(Wanted::lacks).sum(),
            all_seen: looked.unwrap_or(false),
            lacking: Vec::new(),
        };
        let mut press_at = Instant::now();
        loop {
            wanted.retain(|it| it.lacks() > 0);
            let now = Instant::now();
            if now >= deadline || wanted.iter().all(|it| it.sink.lanes.broken()) {
                break;
            }
            told(wanted.iter().map(Wanted::lacks).sum());
            let lacking =
                || self.sinks.iter().filter(|sink| wanted.iter().any(|it| std::ptr::eq(it.sink, *sink)));
            if now >= press_at {
                press_at = now + PRESS;
                lacking().for_each(|sink| sink.lanes.hurry());
                for it in &wanted {
                    it.sink.lanes.schedule.wake(it.lane.stream.id);
                }
            }
            for flush in lacking().filter_map(|sink| sink.flush.clone()) {
                flush.press();
            }
            tokio::time::sleep(LOOK).await;
        }
        drained.lacking = self.sinks.iter().filter_map(|sink| lacking(sink, &wanted)).collect();
        drained
    }

    /// Every source looks at its folder; false if one could not look at everything.
    async fn look(&self) -> bool {
        let mut answers = Vec::new();
        for source in &self.sources {
            let (answer, answered) = oneshot::channel();
            // One that is over has had its last look.
            if source.send(answer).await.is_ok() {
                answers.push(answered);
            }
        }
        let mut all_seen = true;
        for answered in answers {
            all_seen &= answered.await.unwrap_or(true);
        }
        all_seen
    }

    fn want(&self, which: &Pattern) -> Vec<Wanted<'_>> {
        let mut wanted = Vec::new();
        for sink in &self.sinks {
            for lane in sink.lanes.all().into_iter().filter(|lane| which.fits(lane)) {
                let size = lane.stream.snapshot().size;
                lane.want(size);
                wanted.push(Wanted { sink, lane, size });
            }
        }
        wanted
    }
}

/// What a sink lacks of what is wanted, if it lacks anything.
fn lacking(sink: &Sink, wanted: &[Wanted<'_>]) -> Option<Lacking> {
    let of_sink = wanted.iter().filter(|it| std::ptr::eq(it.sink, sink));
    let mut of: Vec<_> = of_sink.map(|it| (it.lane.stream.origin.path.clone(), it.lacks())).collect();
    of.retain(|(_, bytes)| *bytes > 0);
    if of.is_empty() {
        return None;
    }
    let (bytes, files) = (of.iter().map(|(_, bytes)| bytes).sum(), of.len() as u64);
    of.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    of.truncate(NAMED);
    let broken = sink.lanes.broken().then(|| "nobody reads its output any more".to_owned());
    Some(Lacking {
        sink: sink.lanes.sink.clone(),
        bytes,
        files,
        of,
        trouble: broken.or_else(|| sink.lanes.trouble()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::CursorRow;
    use crate::event::{Deployment, TaskTry};
    use crate::source::Stream;
    use crate::source::identify::identify;

    const MAPPED: &str = "dag_id=d/run_id=r:1/task_id=t/map_index=3/attempt=2.log";

    fn lane(path: &str) -> Lane {
        let (kind, task): (_, Option<TaskTry>) = identify(path);
        let origin = Origin {
            source: "airflow".into(),
            path: path.into(),
            host: "h".into(),
            kind,
            task,
            deployment: Deployment::default(),
        };
        Lane::new(Arc::new(Stream::for_tests(origin)), None, CursorRow::default())
    }

    fn fits(which: Which, path: &str) -> bool {
        which.pattern().unwrap().fits(&lane(path))
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
        assert!(fits(Which::Path("dag_id=d/**".into()), MAPPED));
        assert!(!fits(Which::Path("dag_id=d/*".into()), MAPPED));
        assert!(fits(Which::Path("odd[name].log".into()), "odd[name].log"), "as it stands");
        assert!(fits(Which::All, "anything.txt"));
        assert!(Which::Path("a[".into()).pattern().is_err());
    }
}
