//! The whole flow on one page: sources tell lanes, lanes pull batches through chains into sinks, sinks
//! acknowledge, cursors move.
//!
//! ```text
//! source ── a stream began, grew, is gone ──▶ lanes of each sink
//!                                               │ whose turn it is
//!                                               ▼
//!                                chain.step(stream, offset) ── batch ──▶ sink
//!                                               ▲                         │
//!                                               └── cursor ◀── commit ◀───┘ acknowledged
//! ```

mod all_lanes;
mod chains;
mod differences;
mod drain;
mod drainer;
mod ends;
mod reload;
mod sinks;

pub use drainer::{Drained, Drainer, Lacking};
pub use reload::{Exchange, ReloadError, Reloaded, Reloader, Reread};

use crate::aws;
use crate::config::{Config, SinkKind};
use crate::cursor::{DataDirLock, Store};
use crate::dead_letter;
use crate::error::StartError;
use crate::lanes::Lanes;
use crate::monitor::Monitor;
use crate::progress;
use crate::progress::{Meter, SinkProgress};
use crate::receipt::Notary;
use crate::sink::Flush;
use crate::source::airflow::Shared;
use crate::source::discover::Discovery;
use crate::source::{Airflow, OpenFiles};
use crate::transform::{Capsules, Engine, Router, Stage, Workers};
use all_lanes::AllLanes;
use chains::{Chains, load, load_routers};
use ends::Ends;
use sinks::Starting;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// How many may wait for a source to look at its folder; more wait for room.
const LOOKS: usize = 16;

/// A running pipeline. Dropping it stops it at once; whatever was not acknowledged comes again at the next start.
pub struct Pipeline {
    sinks: Vec<Sink>,
    meter: Arc<Meter>,
    drainer: Arc<Drainer>,
    reloader: Arc<Reloader>,
    monitor: Arc<Monitor>,
    stages: Vec<Arc<Stage>>,
    listener: Arc<AllLanes>,
    notary: Arc<Notary>,
    /// Each says at its end whether it could look at everything.
    sources: JoinSet<bool>,
    /// Those of dead letters, likewise.
    letters: JoinSet<bool>,
    /// The lanes' loops; they end with the pipeline.
    _loops: JoinSet<()>,
    closing: watch::Sender<bool>,
    closing_letters: watch::Sender<bool>,
    progress: Arc<Notify>,
    started: Instant,
    lock: Arc<DataDirLock>,
}

struct Sink {
    lanes: Arc<Lanes>,
    /// What is to be told that nothing more comes.
    flush: Option<Arc<dyn Flush>>,
}

impl Pipeline {
    /// Starts a pipeline on the caller's tokio runtime. Reads no environment but the AWS SDK's own, installs no
    /// signal handler, never exits. Besides the healthchecks it sends nothing to AWS before there is something to
    /// deliver; only those that are required are waited for.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        Self::begin(config, false).await
    }

    /// The same for what is there now: each source looks through its folder at once and follows nothing. To be
    /// [drained](Self::drain); a [`Drainer`] of it finds nobody who looks again.
    pub async fn start_once(config: &Config) -> Result<Self, StartError> {
        Self::begin(config, true).await
    }

    async fn begin(config: &Config, once: bool) -> Result<Self, StartError> {
        say_missing(config, once);
        let lock = DataDirLock::take(&config.data_dir)?;
        let store = Store::open(&config.data_dir)?;
        let engine = Engine::new(Some(&config.data_dir))?;
        let spools = dead_letter::open(config)?;
        let stages = load(&engine, &config.transforms, &spools)?;
        let router_stages = load_routers(&engine, config)?;
        let routers: Vec<_> = router_stages.iter().map(|it| Arc::new(Router::new(it.clone()))).collect();
        let workers = Arc::new(Workers::start().map_err(StartError::Threads)?);
        let (files, progress) = (Arc::new(OpenFiles::default()), Arc::new(Notify::new()));
        let notary = Notary::new(store.clone(), files.clone(), config.receipts);

        let capsules = Arc::new(Capsules::of(&config.data_dir));
        let mut chains = Chains::new(config, &stages, &capsules, &files);
        let (mut sinks, mut loops) = (Vec::new(), JoinSet::new());
        for sink in &config.sinks {
            let ways = chains.of(sink)?;
            let lanes = Arc::new(Lanes::new(
                sink.id.clone(),
                ways,
                store.clone(),
                files.clone(),
                progress.clone(),
                notary.clone(),
            ));
            let starting = Starting {
                config,
                lanes: &lanes,
                store: &store,
                workers: &workers,
                letters: &spools,
                routers: &routers,
            };
            let flush = starting.start(sink, &mut loops).await?;
            sinks.push(Sink { lanes, flush });
        }

        let stages: Vec<_> = stages.into_iter().chain(router_stages).collect();
        let (closing, watched) = watch::channel(once);
        let (closing_letters, watched_by_letters) = watch::channel(false);
        let lanes: Vec<_> = sinks.iter().map(|sink: &Sink| sink.lanes.clone()).collect();
        let ends = Ends::new(lanes.clone(), files.clone());
        loops.spawn(ends.clone().run());
        let source_ids = config.sources.iter().map(|source| source.id.clone());
        let monitor = Arc::new(Monitor::new(lanes.clone(), stages.clone(), store.clone(), source_ids));
        let listener = Arc::new(AllLanes { lanes, notary: notary.clone(), ends, monitor: monitor.clone() });
        let all_lanes = listener.clone();
        loops.spawn(notary.clone().run(move |stream| all_lanes.have_all_of(stream)));
        let mut askable = Vec::new();
        let (mut sources, mut letters) = (JoinSet::new(), JoinSet::new());
        for (index, source) in config.sources.iter().enumerate() {
            let takers =
                config.sinks.iter().filter(|sink| sink.takes_from(index)).map(|sink| sink.id.clone());
            let takers: Vec<_> = takers.collect();
            let spool = takers.iter().find_map(|sink| spools.get(sink)).filter(|_| source.dead_letters);
            let discovery = Discovery::new(&source.base_log_folder, &source.include, &source.exclude)
                .map_err(|error| StartError::Glob { id: source.id.clone(), error })?;
            let shared = Shared {
                host: config.host.clone(),
                deployment: config.deployment.clone(),
                store: store.clone(),
                files: files.clone(),
                listener: listener.clone(),
                letters: spool.cloned(),
            };
            let airflow = Airflow::open(source.clone(), index, takers, discovery, shared).await?;
            let (ask, asked) = mpsc::channel(LOOKS);
            if source.dead_letters {
                letters.spawn(airflow.run(watched_by_letters.clone(), asked));
            } else {
                askable.push(ask);
                sources.spawn(airflow.run(watched.clone(), asked));
            }
        }
        let started = Instant::now();
        let meter = Arc::new(Meter(sinks.iter().map(|sink| sink.lanes.clone()).collect()));
        let drainer = Drainer::new(sinks.iter().map(|it| (it.lanes.clone(), it.flush.clone())), askable);
        let lanes = sinks.iter().map(|sink| sink.lanes.clone()).collect();
        let reloader = Reloader::new(engine, stages.clone(), spools, lanes, config);
        Ok(Self {
            sinks,
            meter,
            drainer,
            reloader,
            monitor,
            stages,
            listener,
            notary,
            sources,
            letters,
            _loops: loops,
            closing,
            closing_letters,
            progress,
            started,
            lock: Arc::new(lock),
        })
    }

    /// What delivers chosen files now, while all else goes on.
    pub fn drainer(&self) -> Arc<Drainer> {
        self.drainer.clone()
    }

    /// Takes over what is other in this config, while all else goes on: components, their files on disk included, with
    /// their config, limits and `on_error`. They are compiled, configured and tried on lines of late first; then all take
    /// over at once, each stream with its next batch. If one of them is not good, or more than that differs, nothing is
    /// changed, and the error says why.
    pub async fn reload(&self, config: &Config) -> Result<Reloaded, ReloadError> {
        self.reloader.reload(config).await
    }

    /// What does the same for somebody who does not hold the pipeline.
    pub fn reloader(&self) -> Arc<Reloader> {
        self.reloader.clone()
    }

    /// Held by whoever writes into the data dir.
    pub(crate) fn data_dir(&self) -> Arc<DataDirLock> {
        self.lock.clone()
    }

    /// How far each sink is.
    pub fn progress(&self) -> Vec<SinkProgress> {
        self.meter.read()
    }

    /// The same for somebody who goes on reading while the pipeline drains.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.clone()
    }

    /// Answers to probes, and numbers for Prometheus: see [`crate::monitor::Server`].
    pub fn monitor(&self) -> Arc<Monitor> {
        self.monitor.clone()
    }

    /// All numbers as Prometheus reads them.
    pub fn metrics(&self) -> String {
        self.monitor.metrics()
    }

    /// Up to which byte every sink has acknowledged the present generation of a file (path below its source's
    /// root), and has it written down. None: no such file is known yet.
    pub fn acknowledged(&self, path: &str) -> Option<u64> {
        self.sinks.iter().filter_map(|sink| progress::acknowledged(&sink.lanes, path)).min()
    }

    /// Resolves when every sink has acknowledged the first `offset` bytes of a file.
    pub async fn until_acknowledged(&self, path: &str, offset: u64) {
        loop {
            let mut moved = std::pin::pin!(self.progress.notified());
            moved.as_mut().enable();
            if self.acknowledged(path).is_some_and(|so_far| so_far >= offset) {
                return;
            }
            moved.await;
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        for flush in self.sinks.iter().filter_map(|sink| sink.flush.as_ref()) {
            flush.stop();
        }
    }
}

/// Names the log folders that are not there.
fn say_missing(config: &Config, once: bool) {
    for source in config.sources.iter().filter(|it| !it.dead_letters && !it.base_log_folder.exists()) {
        tracing::warn!(source = %source.id, folder = %source.base_log_folder.display(),
            "the log folder is not there (is AIRFLOW_HOME, or base_log_folder, what it should be?){}",
            if once { "" } else { "; waiting for it" });
    }
}

/// Loads what a config names, components and certificates, tries it, and throws it away: for `updraft validate`.
pub fn try_components(config: &Config) -> Result<(), StartError> {
    for sink in &config.sinks {
        match &sink.kind {
            SinkKind::CloudWatch(options) => aws::try_files(&sink.id, &options.aws)?,
            SinkKind::S3(options) => aws::try_files(&sink.id, &options.aws)?,
            SinkKind::File(_) | SinkKind::Console(_) | SinkKind::Blackhole(_) => {}
        }
    }
    load_components(config)
}

/// Loads what transforms name, and throws it away.
pub(crate) fn load_components(config: &Config) -> Result<(), StartError> {
    let engine = Engine::for_a_look(&config.data_dir)?;
    load_stages(&engine, config).map(drop)
}

/// Loads what transforms and routes name, to be used outside of a running pipeline, and checks that each transform is where
/// it can work.
pub(crate) fn load_stages(engine: &Engine, config: &Config) -> Result<(Stages, Stages), StartError> {
    let stages = load(engine, &config.transforms, &HashMap::new())?;
    for sink in &config.sinks {
        for way in &sink.branches {
            chains::placed(way, &config.transforms, |at| stages[at].build().component.transforms())?;
            let normalizes = |at: usize| stages[at].build().component.normalizes();
            chains::makes_records(sink, way, &config.transforms, normalizes)?;
        }
    }
    Ok((stages, load_routers(engine, config)?))
}

type Stages = Vec<Arc<Stage>>;
