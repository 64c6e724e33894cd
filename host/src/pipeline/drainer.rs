//! Delivers chosen files now, while all else goes on: what a Kubernetes preStop hook or the end of a worker asks for.
//!
//! Their sources look at their folders first, so that what was written a moment ago counts. Then each lane of a chosen
//! file is in a hurry up to the size seen ([`Lane::want`]): unfinished lines are taken, nothing is held back for more,
//! and what waits after a failure is tried again. It is over when every sink has acknowledged all of that and the cursors
//! are written down. Dead letters that come of it are safe on disk by then; their delivery is not waited for.

use crate::event::StreamKind;
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::sink::Flush;
use crate::source::Pattern;
use crate::source::airflow::Look;
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

/// What a drain came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Files that were meant and are known; 0: there is no such file.
    pub files: u64,
    /// Bytes of them that some sink did not have when it was asked, of all sinks together.
    pub bytes: u64,
    /// The log folder was looked through in time, and everything in it could be looked at.
    pub all_seen: bool,
    /// Bytes that were lost at the source before they were delivered, of all sinks together: their files were deleted or overwritten.
    pub lost: u64,
    /// Sinks that do not have all of it.
    pub lacking: Vec<Lacking>,
}

impl Drained {
    /// Every sink has all that was there.
    pub fn is_done(&self) -> bool {
        self.all_seen && self.lost == 0 && self.lacking.is_empty()
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
    /// What had been lost of it before.
    lost_before: u64,
}

impl Wanted<'_> {
    fn lacks(&self) -> u64 {
        self.size.saturating_sub(self.lane.committed())
    }

    fn lost(&self) -> u64 {
        self.lane.lost_while_wanted().saturating_sub(self.lost_before)
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
            lost: 0,
            lacking: Vec::new(),
        };
        let mut press_at = Instant::now();
        loop {
            wanted.retain(|it| {
                let over = it.lacks() == 0;
                drained.lost += if over { it.lost() } else { 0 };
                !over
            });
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
        drained.lost += wanted.iter().map(Wanted::lost).sum::<u64>();
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
            for lane in sink.lanes.all().into_iter().filter(|lane| is_meant(lane, which)) {
                let size = lane.stream.snapshot().size;
                let lost_before = lane.lost_while_wanted();
                lane.want(size);
                wanted.push(Wanted { sink, lane, size, lost_before });
            }
        }
        wanted
    }
}

/// Dead letters are nobody's log file.
fn is_meant(lane: &Lane, which: &Pattern) -> bool {
    let origin = &lane.stream.origin;
    origin.kind != StreamKind::DeadLetter
        && which.fits(&origin.path, Some(&*lane.stream.place()), origin.task.as_ref())
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
