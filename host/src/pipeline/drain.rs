//! The end of a run: what is there is read to its end and delivered, dead letters last.

use super::Pipeline;
use crate::event::StreamKind;
use crate::lane::Lane;
use crate::progress::{Patience, Report, Watch};
use crate::source::airflow;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often a drain looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// How long a drain that has delivered all waits for what sinks do besides (the retention of a new log group).
const BESIDES: Duration = Duration::from_secs(10);

impl Pipeline {
    /// Reads on to each file's present end, delivers all of it, and stops. Gives up when `patience` does.
    pub async fn drain(mut self, patience: Patience) -> Report {
        self.monitor.drains();
        let mut watch = patience.watch(Instant::now());
        let sources = std::mem::take(&mut self.sources);
        let mut all_seen = self.end(sources, &self.closing, &mut watch).await;
        for sink in &self.sinks {
            sink.lanes.close();
        }
        let mut done = self.deliver(&mut watch, |lane| !is_of_letters(lane)).await;
        // Only now is every dead letter written that there will be.
        let letters = std::mem::take(&mut self.letters);
        if done && !letters.is_empty() {
            all_seen &= self.end(letters, &self.closing_letters, &mut watch).await;
            done = self.deliver(&mut watch, |_| true).await;
            self.remove_delivered_letters();
        }
        let delivered = Instant::now();
        while done
            && !self.sinks.iter().filter_map(|sink| sink.flush.as_ref()).all(|sink| sink.settled())
            && delivered.elapsed() < BESIDES
            && !watch.over(self.moved())
        {
            tokio::time::sleep(LOOK).await;
        }
        let moved = || self.moved();
        self.notary.finish(|stream| self.listener.have_all_of(stream), || watch.over(moved())).await;
        let counted = self.stages.iter().map(|it| (it.id().to_owned(), it.stats().counted()));
        Report {
            sinks: self.progress(),
            counted: counted.filter(|(_, counts)| !counts.is_empty()).collect(),
            all_acknowledged: done && all_seen && !self.sinks.iter().any(|sink| sink.lanes.lacks_something()),
            elapsed: self.started.elapsed(),
        }
    }

    /// Tells sources that this is the end, and waits for their last look at their folders: that is the present end.
    /// False if not everything could be looked at.
    async fn end(
        &self,
        mut sources: JoinSet<bool>,
        closing: &watch::Sender<bool>,
        watch: &mut Watch,
    ) -> bool {
        closing.send_replace(true);
        let mut all_seen = true;
        while !sources.is_empty() {
            match tokio::time::timeout(LOOK, sources.join_next()).await {
                Ok(seen) => all_seen &= matches!(seen, None | Some(Ok(true))),
                Err(_) if watch.over(self.moved()) => return false,
                Err(_) => {}
            }
        }
        all_seen
    }

    /// Waits until every sink has all that there is of such lanes; false if patience ends before.
    async fn deliver(&self, watch: &mut Watch, which: impl Fn(&Lane) -> bool) -> bool {
        loop {
            for sink in &self.sinks {
                if let Some(flush) = &sink.flush
                    && sink.lanes.are(|lane| lane.all_read() || lane.is_abandoned())
                {
                    flush.clone().flush();
                }
            }
            let done = self.sinks.iter().all(|sink| {
                sink.lanes.broken()
                    || sink.lanes.are(|lane| !which(lane) || lane.all_committed() || lane.is_abandoned())
            });
            if done || watch.over(self.moved()) {
                return done;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Their source is over and does it no more.
    fn remove_delivered_letters(&self) {
        for lane in self.sinks.iter().flat_map(|sink| sink.lanes.all()) {
            if is_of_letters(&lane)
                && lane.all_committed()
                && let Err(error) = airflow::remove(&lane.stream)
            {
                let place = lane.stream.place();
                tracing::warn!(
                    "dead letters that were delivered cannot be deleted: {}: {error}; the next start tries again",
                    place.display()
                );
            }
        }
    }

    /// Grows as long as anything moves.
    fn moved(&self) -> u64 {
        let counters = self.sinks.iter().map(|sink| &sink.lanes.counters);
        counters.map(|counters| counters.bytes.get() + counters.uploaded.get()).sum()
    }
}

/// Whether it carries dead letters: lines that this host wrote itself.
fn is_of_letters(lane: &Lane) -> bool {
    lane.stream.origin.kind == StreamKind::DeadLetter
}
