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

mod drainer;
mod ends;
mod sinks;

pub use drainer::{Drained, Drainer, Lacking};

use crate::aws;
use crate::config::{self, Config, Layout, SinkKind};
use crate::cursor::{CursorRow, DataDirLock, Loss, Store, StreamId};
use crate::dead_letter::{self, DeadLetters, Failures};
use crate::error::StartError;
use crate::event::StreamKind;
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::monitor::Monitor;
use crate::progress;
use crate::progress::{Meter, Patience, Report, SinkProgress, Watch};
use crate::receipt::Notary;
use crate::sink::Flush;
use crate::source::airflow::{self, Listener, Shared};
use crate::source::discover::Discovery;
use crate::source::{Airflow, OpenFiles, Stream};
use crate::transform::{Chain, Component, Engine, LoadError, Workers};
use ends::Ends;
use sinks::Starting;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// How often a drain looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// How many may wait for a source to look at its folder; more wait for room.
const LOOKS: usize = 16;

/// How long a drain that has delivered all waits for what sinks do besides (the retention of a new log group).
const BESIDES: Duration = Duration::from_secs(10);

/// A running pipeline. Dropping it stops it at once; whatever was not acknowledged comes again at the next start.
pub struct Pipeline {
    sinks: Vec<Sink>,
    meter: Arc<Meter>,
    drainer: Arc<Drainer>,
    monitor: Arc<Monitor>,
    components: Vec<Arc<Component>>,
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
    _engine: Engine,
    lock: Arc<DataDirLock>,
}

struct Sink {
    lanes: Arc<Lanes>,
    /// What is to be told that nothing more comes.
    flush: Option<Arc<dyn Flush>>,
}

/// Passes on to every sink's lanes what a source sees.
struct AllLanes {
    lanes: Vec<Arc<Lanes>>,
    notary: Arc<Notary>,
    ends: Arc<Ends>,
    monitor: Arc<Monitor>,
}

impl AllLanes {
    fn have_all_of(&self, stream: StreamId) -> bool {
        self.lanes.iter().all(|lanes| lanes.get(stream).is_none_or(|lane| lane.all_committed()))
    }
}

impl Listener for AllLanes {
    fn began(&self, stream: &Arc<Stream>, cursors: &[(String, CursorRow)]) {
        self.lanes.iter().for_each(|lanes| lanes.began(stream, cursors));
        self.ends.grew(stream);
    }

    fn changed(&self, stream: &Arc<Stream>) {
        self.lanes.iter().for_each(|lanes| lanes.changed(stream.id));
        self.ends.grew(stream);
    }

    fn looked(&self, source: usize) {
        self.monitor.looked(source);
    }

    fn delivered(&self, stream: StreamId) -> bool {
        self.have_all_of(stream) && !self.notary.holds(stream)
    }

    fn acknowledged(&self, stream: StreamId) -> u64 {
        self.lanes.iter().filter_map(|lanes| Some(lanes.get(stream)?.committed())).max().unwrap_or(0)
    }

    fn lost(&self, loss: &Loss) {
        self.lanes.iter().filter(|lanes| lanes.sink == loss.sink).for_each(|lanes| lanes.lost(loss));
    }

    fn ended(&self, stream: StreamId) {
        self.lanes.iter().for_each(|lanes| lanes.ended(stream));
        self.ends.forget(stream);
    }
}

impl Pipeline {
    /// Starts a pipeline on the caller's tokio runtime. Reads no environment but the AWS SDK's own, installs no
    /// signal handler, never exits. Besides the healthchecks it sends nothing to AWS before there is something to
    /// deliver; only those that are required are waited for.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let lock = DataDirLock::take(&config.data_dir)?;
        let store = Store::open(&config.data_dir)?;
        let engine = Engine::new()?;
        let spools = dead_letter::open(config)?;
        let components = load(&engine, &config.transforms, &spools)?;
        let workers = Arc::new(Workers::start().map_err(StartError::Threads)?);
        let (files, progress) = (Arc::new(OpenFiles::default()), Arc::new(Notify::new()));
        let notary = Notary::new(store.clone(), files.clone(), config.receipts);

        let mut chains = Chains::new(config, &components, &files);
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
            let starting =
                Starting { config, lanes: &lanes, store: &store, workers: &workers, letters: &spools };
            let flush = starting.start(sink, &mut loops).await?;
            sinks.push(Sink { lanes, flush });
        }

        let (closing, watched) = watch::channel(false);
        let (closing_letters, watched_by_letters) = watch::channel(false);
        let lanes: Vec<_> = sinks.iter().map(|sink: &Sink| sink.lanes.clone()).collect();
        let ends = Ends::new(lanes.clone(), files.clone());
        loops.spawn(ends.clone().run());
        let source_ids = config.sources.iter().map(|source| source.id.clone());
        let monitor = Arc::new(Monitor::new(lanes.clone(), store.clone(), source_ids));
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
        Ok(Self {
            sinks,
            meter,
            drainer,
            monitor,
            components,
            listener,
            notary,
            sources,
            letters,
            _loops: loops,
            closing,
            closing_letters,
            progress,
            started,
            _engine: engine,
            lock: Arc::new(lock),
        })
    }

    /// What delivers chosen files now, while all else goes on.
    pub fn drainer(&self) -> Arc<Drainer> {
        self.drainer.clone()
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
        let counted = self.components.iter().map(|it| (it.id().to_owned(), it.counted()));
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
                    && sink.lanes.all().iter().all(|lane| lane.all_read() || lane.is_abandoned())
                {
                    flush.clone().flush();
                }
            }
            let done = self.sinks.iter().all(|sink| {
                let lanes = sink.lanes.all();
                sink.lanes.broken()
                    || lanes.iter().all(|lane| !which(lane) || lane.all_committed() || lane.is_abandoned())
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

impl Drop for Pipeline {
    fn drop(&mut self) {
        for flush in self.sinks.iter().filter_map(|sink| sink.flush.as_ref()) {
            flush.stop();
        }
    }
}

/// Whether it carries dead letters: lines that this host wrote itself.
fn is_of_letters(lane: &Lane) -> bool {
    lane.stream.origin.kind == StreamKind::DeadLetter
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
    load(&Engine::new()?, &config.transforms, &HashMap::new()).map(drop)
}

fn load(
    engine: &Engine,
    transforms: &[config::Transform],
    spools: &HashMap<String, DeadLetters>,
) -> Result<Vec<Arc<Component>>, StartError> {
    let load = |transform: &config::Transform| {
        let mut component = engine.load(transform)?;
        if let Some(letters) = transform.dead_letter.as_ref().and_then(|sink| spools.get(sink)) {
            component.keep_failures(Failures::new(&transform.id, letters.clone()));
        }
        Ok(Arc::new(component))
    };
    transforms.iter().map(load).collect()
}

/// The chains of a pipeline: sinks that take the same way share one, and so each batch is made once.
struct Chains<'a> {
    config: &'a Config,
    components: &'a [Arc<Component>],
    files: &'a Arc<OpenFiles>,
    made: HashMap<config::Branch, Arc<Chain>>,
}

impl<'a> Chains<'a> {
    fn new(config: &'a Config, components: &'a [Arc<Component>], files: &'a Arc<OpenFiles>) -> Self {
        Self { config, components, files, made: HashMap::new() }
    }

    /// By source; none where the sink copies a source's bytes as they are.
    fn of(&mut self, sink: &config::Sink) -> Result<HashMap<usize, Option<Arc<Chain>>>, LoadError> {
        let mut ways = HashMap::new();
        for way in &sink.branches {
            let mirrors =
                matches!(&sink.kind, SinkKind::S3(options) if matches!(options.layout, Layout::Mirror(_)));
            let copies = mirrors && way.transforms.is_empty();
            ways.insert(way.source, if copies { None } else { Some(self.chain(way)?) });
        }
        Ok(ways)
    }

    fn chain(&mut self, way: &config::Branch) -> Result<Arc<Chain>, LoadError> {
        if let Some(chain) = self.made.get(way) {
            return Ok(chain.clone());
        }
        for pair in way.transforms.windows(2) {
            let (before, component) = (&self.components[pair[0]], &self.components[pair[1]]);
            if !component.transforms() {
                return Err(LoadError::Misplaced {
                    id: component.id().to_owned(),
                    before: before.id().to_owned(),
                });
            }
        }
        let takers = self.config.sinks.iter().flat_map(|sink| &sink.branches).filter(|it| *it == way).count();
        let stages = way.transforms.iter().map(|&at| self.components[at].clone()).collect();
        let source = &self.config.sources[way.source];
        let chain = Chain::new(stages, self.files.clone(), source.join, source.partial_line, takers > 1);
        Ok(self.made.entry(way.clone()).or_insert(Arc::new(chain)).clone())
    }
}
