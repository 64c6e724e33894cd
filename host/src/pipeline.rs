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

use crate::config::{self, Config, Env, SinkKind};
use crate::cursor::{CursorRow, DataDirLock, Store, StreamId};
use crate::error::StartError;
use crate::lanes::Lanes;
use crate::progress::{Meter, Patience, Report, SinkProgress};
use crate::sink::cloudwatch::{self, CloudWatch};
use crate::sink::console::Console;
use crate::sink::file::File;
use crate::sink::s3;
use crate::source::airflow::{Listener, Shared};
use crate::source::discover::Discovery;
use crate::source::{Airflow, OpenFiles, Stream};
use crate::transform::{Chain, Component, Engine, LoadError, Workers};
use crate::{aws, progress};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How often a drain looks whether it is done.
const LOOK: Duration = Duration::from_millis(20);

/// Threads of a sink that writes to a disk or a pipe.
const OWN_WORKERS: usize = 2;

/// A running pipeline. Dropping it stops it at once; whatever was not acknowledged comes again at the next start.
pub struct Pipeline {
    sinks: Vec<Sink>,
    meter: Arc<Meter>,
    components: Vec<Arc<Component>>,
    /// Each says at its end whether it could look at everything.
    sources: JoinSet<bool>,
    /// The lanes' loops; they end with the pipeline.
    _loops: JoinSet<()>,
    closing: watch::Sender<bool>,
    progress: Arc<Notify>,
    started: Instant,
    _engine: Engine,
    _lock: DataDirLock,
}

struct Sink {
    lanes: Arc<Lanes>,
    /// What is to be told that nothing more comes.
    flush: Option<Arc<CloudWatch>>,
}

/// Passes on to every sink's lanes what a source sees.
struct AllLanes(Vec<Arc<Lanes>>);

impl Listener for AllLanes {
    fn began(&self, stream: &Arc<Stream>, cursors: &[(String, CursorRow)]) {
        self.0.iter().for_each(|lanes| lanes.began(stream, cursors));
    }

    fn changed(&self, stream: &Arc<Stream>) {
        self.0.iter().for_each(|lanes| lanes.schedule.wake(stream.id));
    }

    fn delivered(&self, stream: StreamId) -> bool {
        self.0.iter().all(|lanes| lanes.get(stream).is_none_or(|lane| lane.all_committed()))
    }

    fn lost(&self, sink: &str, path: &str, bytes: u64) {
        self.0.iter().filter(|lanes| lanes.sink == sink).for_each(|lanes| lanes.lost(path, bytes));
    }

    fn ended(&self, stream: StreamId) {
        self.0.iter().for_each(|lanes| lanes.ended(stream));
    }
}

impl Pipeline {
    /// Starts a pipeline on the caller's tokio runtime. Reads no environment but the AWS SDK's own, installs no
    /// signal handler, never exits. Sends nothing to AWS before there is something to deliver.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let lock = DataDirLock::take(&config.data_dir)?;
        let store = Store::open(&config.data_dir)?;
        let engine = Engine::new()?;
        let components = load(&engine, &config.transforms)?;
        let workers = Arc::new(Workers::start().map_err(StartError::Threads)?);
        let (files, progress) = (Arc::new(OpenFiles::default()), Arc::new(Notify::new()));

        let mut chains = Chains::new(config, &components, &files);
        let (mut sinks, mut loops) = (Vec::new(), JoinSet::new());
        for sink in &config.sinks {
            let ways = chains.of(sink)?;
            let lanes =
                Arc::new(Lanes::new(sink.id.clone(), ways, store.clone(), files.clone(), progress.clone()));
            let flush = start_sink(sink, &config.env, &lanes, &store, &workers, &mut loops).await?;
            sinks.push(Sink { lanes, flush });
        }

        let (closing, watched) = watch::channel(false);
        let listener = Arc::new(AllLanes(sinks.iter().map(|sink| sink.lanes.clone()).collect()));
        let mut sources = JoinSet::new();
        for (index, source) in config.sources.iter().enumerate() {
            let takers =
                config.sinks.iter().filter(|sink| sink.branches.iter().any(|way| way.source == index));
            let discovery = Discovery::new(&source.base_log_folder, &source.include, &source.exclude)
                .map_err(|error| StartError::Glob { id: source.id.clone(), error })?;
            let shared = Shared {
                host: config.host.clone(),
                deployment: config.deployment.clone(),
                store: store.clone(),
                files: files.clone(),
                listener: listener.clone(),
            };
            let takers = takers.map(|sink| sink.id.clone()).collect();
            let airflow = Airflow::open(source.clone(), index, takers, discovery, shared).await?;
            sources.spawn(airflow.run(watched.clone()));
        }
        let started = Instant::now();
        let meter = Arc::new(Meter(sinks.iter().map(|sink| sink.lanes.clone()).collect()));
        Ok(Self {
            sinks,
            meter,
            components,
            sources,
            _loops: loops,
            closing,
            progress,
            started,
            _engine: engine,
            _lock: lock,
        })
    }

    /// How far each sink is.
    pub fn progress(&self) -> Vec<SinkProgress> {
        self.meter.read()
    }

    /// The same for somebody who goes on reading while the pipeline drains.
    pub fn meter(&self) -> Arc<Meter> {
        self.meter.clone()
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
        let begun = Instant::now();
        self.closing.send_replace(true);
        let mut watch = patience.watch(begun);
        // Every source looks at its folder once more: that is the present end.
        let mut all_seen = true;
        while !self.sources.is_empty() {
            match tokio::time::timeout(LOOK, self.sources.join_next()).await {
                Ok(seen) => all_seen &= matches!(seen, None | Some(Ok(true))),
                Err(_) if watch.over(self.moved()) => {
                    all_seen = false;
                    break;
                }
                Err(_) => {}
            }
        }
        for sink in &self.sinks {
            sink.lanes.close();
        }
        let mut done = false;
        while !done {
            for sink in &self.sinks {
                if let Some(cloudwatch) = &sink.flush
                    && sink.lanes.all().iter().all(|lane| lane.all_read())
                {
                    cloudwatch.flush();
                }
            }
            done = self
                .sinks
                .iter()
                .all(|sink| sink.lanes.broken() || sink.lanes.all().iter().all(|lane| lane.all_committed()));
            if !done {
                if watch.over(self.moved()) {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        let counted = self.components.iter().map(|it| (it.id().to_owned(), it.counted()));
        Report {
            sinks: self.progress(),
            counted: counted.filter(|(_, counts)| !counts.is_empty()).collect(),
            all_acknowledged: done && all_seen && !self.sinks.iter().any(|sink| sink.lanes.broken()),
            elapsed: self.started.elapsed(),
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
        for cloudwatch in self.sinks.iter().filter_map(|sink| sink.flush.as_ref()) {
            cloudwatch.stop();
        }
    }
}

/// Loads what a config names, tries it, and throws it away: for `updraft validate`.
pub fn try_components(config: &Config) -> Result<(), StartError> {
    load(&Engine::new()?, &config.transforms).map(drop)
}

fn load(engine: &Engine, transforms: &[config::Transform]) -> Result<Vec<Arc<Component>>, StartError> {
    Ok(transforms.iter().map(|it| engine.load(it).map(Arc::new)).collect::<Result<_, _>>()?)
}

async fn start_sink(
    sink: &config::Sink,
    env: &Env,
    lanes: &Arc<Lanes>,
    store: &Store,
    workers: &Arc<Workers>,
    loops: &mut JoinSet<()>,
) -> Result<Option<Arc<CloudWatch>>, StartError> {
    let (lanes, workers, env) = (lanes.clone(), workers.clone(), env.clone());
    match &sink.kind {
        SinkKind::CloudWatch(options) => {
            let access = aws::access(&sink.id, &options.aws).await?;
            let client = cloudwatch::client::Client::new(&access);
            let cloudwatch = CloudWatch::new(client, options.clone(), env, lanes.clone());
            loops.spawn(lanes.run(Arc::new(cloudwatch::Handle(cloudwatch.clone())), workers));
            return Ok(Some(cloudwatch));
        }
        SinkKind::S3(options) => {
            let access = aws::access(&sink.id, &options.aws).await?;
            let client = s3::client::Client::new(&access, &options.bucket, options.force_path_style);
            loops.spawn(s3::Mirror::new(client, options.clone(), env, lanes, workers).run());
        }
        SinkKind::File(options) => {
            let runtime = tokio::runtime::Handle::current();
            let file = File::new(&sink.id, options.clone(), env, store.clone(), runtime);
            loops.spawn(lanes.run(Arc::new(file), own_workers()?));
        }
        SinkKind::Console(options) => {
            loops.spawn(lanes.run(Arc::new(Console::new(options.codec)), own_workers()?));
        }
    }
    Ok(None)
}

/// A disk or a pipe may block: what waits for it are threads of its own.
fn own_workers() -> Result<Arc<Workers>, StartError> {
    Workers::start_with(OWN_WORKERS).map(Arc::new).map_err(StartError::Threads)
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
            let copies = matches!(sink.kind, SinkKind::S3(_)) && way.transforms.is_empty();
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
