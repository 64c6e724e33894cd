//! The components of a pipeline, and the chains that are made of them.

use crate::config::{self, Codec, Config, Layout, SinkKind};
use crate::dead_letter::{DeadLetters, Failures};
use crate::error::StartError;
use crate::source::OpenFiles;
use crate::transform::{Build, Capsules, Chain, Engine, LoadError, Stage, Stats};
use std::collections::HashMap;
use std::sync::Arc;

/// Loads the components of transforms, with where each keeps what it fails on.
pub fn load(
    engine: &Engine,
    transforms: &[config::Transform],
    spools: &HashMap<String, DeadLetters>,
) -> Result<Vec<Arc<Stage>>, StartError> {
    let load = |transform: &config::Transform| {
        let build = build(engine, transform, spools, &Arc::new(Stats::default()), None)?;
        Ok(Arc::new(Stage::new(build)))
    };
    transforms.iter().map(load).collect()
}

/// Those of routes, which keep nothing: each answers for a sink that names it.
pub fn load_routers(engine: &Engine, config: &Config) -> Result<Vec<Arc<Stage>>, StartError> {
    load(engine, &config.routes, &HashMap::new())
}

/// One of them, to take over from another where there is one. Blocks.
pub fn build(
    engine: &Engine,
    transform: &config::Transform,
    spools: &HashMap<String, DeadLetters>,
    stats: &Arc<Stats>,
    before: Option<&Build>,
) -> Result<Build, LoadError> {
    let letters = transform.dead_letter.as_ref().and_then(|sink| spools.get(sink));
    // What is kept there already is not kept again, whichever build fails on it.
    let known = before.and_then(|build| build.failures.as_ref());
    let failures = letters.map(|letters| match known {
        Some(known) if known.sink() == letters.sink() => known.clone(),
        _ => Arc::new(Failures::new(&transform.id, letters.clone())),
    });
    Ok(Build { component: engine.load(transform, stats)?, on_error: transform.on_error, failures })
}

/// All but the first transform of a way are given events: those that change none are misplaced.
pub fn placed(
    way: &config::Branch,
    transforms: &[config::Transform],
    changes_events: impl Fn(usize) -> bool,
) -> Result<(), LoadError> {
    let wrong = way.transforms.windows(2).find(|pair| !changes_events(pair[1]));
    let id = |at: usize| transforms.get(at).map_or_else(String::new, |transform| transform.id.clone());
    wrong.map_or(Ok(()), |pair| Err(LoadError::Misplaced { id: id(pair[1]), before: id(pair[0]) }))
}

/// What Airflow's UI shows are records: the first transform of each way to it puts them together.
pub fn makes_records(
    sink: &config::Sink,
    way: &config::Branch,
    transforms: &[config::Transform],
    normalizes: impl Fn(usize) -> bool,
) -> Result<(), LoadError> {
    let records = matches!(&sink.kind, SinkKind::CloudWatch(options) if options.codec == Codec::Airflow);
    match way.transforms.first() {
        Some(&first) if records && !normalizes(first) => {
            let id = transforms.get(first).map_or_else(String::new, |transform| transform.id.clone());
            Err(LoadError::NoRecords { sink: sink.id.clone(), id })
        }
        _ => Ok(()),
    }
}

/// The chains of a pipeline: sinks that take the same way share one, and so each batch is made once.
pub struct Chains<'a> {
    config: &'a Config,
    stages: &'a [Arc<Stage>],
    capsules: &'a Arc<Capsules>,
    files: &'a Arc<OpenFiles>,
    made: HashMap<config::Branch, Arc<Chain>>,
}

impl<'a> Chains<'a> {
    /// None made yet.
    pub fn new(
        config: &'a Config,
        stages: &'a [Arc<Stage>],
        capsules: &'a Arc<Capsules>,
        files: &'a Arc<OpenFiles>,
    ) -> Self {
        Self { config, stages, capsules, files, made: HashMap::new() }
    }

    /// By source; none where the sink copies a source's bytes as they are.
    pub fn of(&mut self, sink: &config::Sink) -> Result<HashMap<usize, Option<Arc<Chain>>>, LoadError> {
        let mut ways = HashMap::new();
        for way in &sink.branches {
            let mirrors =
                matches!(&sink.kind, SinkKind::S3(options) if matches!(options.layout, Layout::Mirror(_)));
            let copies = mirrors && way.transforms.is_empty();
            let normalizes = |at: usize| self.stages[at].build().component.normalizes();
            makes_records(sink, way, &self.config.transforms, normalizes)?;
            ways.insert(way.source, if copies { None } else { Some(self.chain(way)?) });
        }
        Ok(ways)
    }

    fn chain(&mut self, way: &config::Branch) -> Result<Arc<Chain>, LoadError> {
        if let Some(chain) = self.made.get(way) {
            return Ok(chain.clone());
        }
        placed(way, &self.config.transforms, |at| self.stages[at].build().component.transforms())?;
        let takers = self.config.sinks.iter().flat_map(|sink| &sink.branches).filter(|it| *it == way).count();
        let stages = way.transforms.iter().map(|&at| self.stages[at].clone()).collect();
        let source = &self.config.sources[way.source];
        let (capsules, files) = (Some(self.capsules.clone()), self.files.clone());
        let chain = Chain::new(stages, capsules, files, source.join, source.partial_line, takers > 1);
        Ok(self.made.entry(way.clone()).or_insert(Arc::new(chain)).clone())
    }
}
