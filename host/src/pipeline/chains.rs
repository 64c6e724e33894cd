//! The components of a pipeline, and the chains that are made of them.

use crate::config::{self, Config, Layout, SinkKind};
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
        let build = build(engine, transform, spools, &Arc::new(Stats::default()))?;
        Ok(Arc::new(Stage::new(build)))
    };
    transforms.iter().map(load).collect()
}

/// One of them. Blocks.
pub fn build(
    engine: &Engine,
    transform: &config::Transform,
    spools: &HashMap<String, DeadLetters>,
    stats: &Arc<Stats>,
) -> Result<Build, LoadError> {
    let letters = transform.dead_letter.as_ref().and_then(|sink| spools.get(sink));
    Ok(Build {
        component: engine.load(transform, stats)?,
        on_error: transform.on_error,
        failures: letters.map(|letters| Failures::new(&transform.id, letters.clone())),
    })
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
            ways.insert(way.source, if copies { None } else { Some(self.chain(way)?) });
        }
        Ok(ways)
    }

    fn chain(&mut self, way: &config::Branch) -> Result<Arc<Chain>, LoadError> {
        if let Some(chain) = self.made.get(way) {
            return Ok(chain.clone());
        }
        for pair in way.transforms.windows(2) {
            let (before, stage) = (&self.stages[pair[0]], &self.stages[pair[1]]);
            if !stage.build().component.transforms() {
                let (id, before) = (stage.id().to_owned(), before.id().to_owned());
                return Err(LoadError::Misplaced { id, before });
            }
        }
        let takers = self.config.sinks.iter().flat_map(|sink| &sink.branches).filter(|it| *it == way).count();
        let stages = way.transforms.iter().map(|&at| self.stages[at].clone()).collect();
        let source = &self.config.sources[way.source];
        let (capsules, files) = (Some(self.capsules.clone()), self.files.clone());
        let chain = Chain::new(stages, capsules, files, source.join, source.partial_line, takers > 1);
        Ok(self.made.entry(way.clone()).or_insert(Arc::new(chain)).clone())
    }
}
