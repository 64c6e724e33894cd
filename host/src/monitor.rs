//! What an operator asks a running pipeline: how it does, whether it is alive, whether it is ready.
//!
//! Everything is read when it is asked for; nobody counts or waits for the sake of it.
//!
//! ```no_run
//! # async fn agent(pipeline: &updraft::Pipeline) -> std::io::Result<()> {
//! let server = updraft::monitor::Server::bind("127.0.0.1:9090").await?; // listens until it is dropped
//! server.show(pipeline.monitor());
//! # Ok(())
//! # }
//! ```

mod components;
mod metrics;
mod process;
mod server;

pub use server::{Server, address};

use crate::cursor::{Store, StoreError};
use crate::lanes::Lanes;
use crate::sink::service_error::Fault;
use crate::transform::Stage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// How long the store may take for what a probe asks. A disk that hangs for longer keeps every cursor from moving.
const STORE_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Answers to probes, and numbers; for as long as somebody holds it.
pub struct Monitor {
    sinks: Vec<Arc<Lanes>>,
    stages: Vec<Arc<Stage>>,
    store: Store,
    looks: Vec<Look>,
    draining: AtomicBool,
    started: SystemTime,
}

/// Whether a source has looked through its folder.
struct Look {
    source: String,
    done: AtomicBool,
}

/// An answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is yes.
    pub well: bool,
    /// Why, and what else there is to say: lines for people, without secrets.
    pub text: String,
}

impl Monitor {
    /// Of these sinks and sources (by their ids in the config, in its order).
    pub(crate) fn new(
        sinks: Vec<Arc<Lanes>>,
        stages: Vec<Arc<Stage>>,
        store: Store,
        sources: impl Iterator<Item = String>,
    ) -> Self {
        let looks = sources.map(|source| Look { source, done: AtomicBool::new(false) });
        Self {
            sinks,
            stages,
            store,
            looks: looks.collect(),
            draining: AtomicBool::new(false),
            started: SystemTime::now(),
        }
    }

    /// That source, an index into the config's, has looked through its folder.
    pub(crate) fn looked(&self, source: usize) {
        if let Some(look) = self.looks.get(source) {
            look.done.store(true, Ordering::Release);
        }
    }

    /// It reads on to the present end, and stops.
    pub(crate) fn drains(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// All numbers as Prometheus reads them (text format 0.0.4). Its size is bounded by sinks, operations, components and
    /// what may come of them; never by files.
    pub fn metrics(&self) -> String {
        metrics::text(&self.sinks, &self.stages, self.started)
    }

    /// Whether the pipeline can do its work at all: the thread that writes cursors down answers in time.
    pub async fn health(&self) -> Answer {
        match within_time(self.store.answers()).await {
            Ok(()) => Answer { well: true, text: "ok\n".to_owned() },
            Err(why) => Answer { well: false, text: format!("{why}\n") },
        }
    }

    /// Whether it does its work: started, every source looked through once, the store can be written, not draining.
    /// A sink in trouble is named, and no reason for a no: its logs wait on disk.
    pub async fn readiness(&self) -> Answer {
        let mut missing = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            missing.push("draining: it delivers what is there, and ends".to_owned());
        }
        for look in self.looks.iter().filter(|look| !look.done.load(Ordering::Acquire)) {
            missing.push(format!("source {}: has not looked through its folder yet", look.source));
        }
        if let Err(why) = within_time(self.store.can_be_written()).await {
            missing.push(why);
        }
        let well = missing.is_empty();
        let mut lines = if well { vec!["ready".to_owned()] } else { missing };
        lines.extend(self.sinks.iter().filter_map(|lanes| trouble(lanes)));
        Answer { well, text: lines.join("\n") + "\n" }
    }
}

/// What to say of a sink in trouble.
fn trouble(lanes: &Lanes) -> Option<String> {
    let faults: Vec<&str> = lanes.counters.troubles.present().map(Fault::as_str).collect();
    let sink = &lanes.sink;
    if lanes.broken() {
        return Some(format!("sink {sink}: nobody reads its output any more"));
    }
    (!faults.is_empty())
        .then(|| format!("sink {sink}: in trouble ({}); its logs wait on disk", faults.join(", ")))
}

async fn within_time(asked: impl Future<Output = Result<(), StoreError>>) -> Result<(), String> {
    match tokio::time::timeout(STORE_ANSWERS_WITHIN, asked).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the cursor store has not answered for {STORE_ANSWERS_WITHIN:?}")),
    }
}
