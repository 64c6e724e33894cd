//! The components of a pipeline, and the chains that are made of them.

use crate::config::{self, Config, Layout, SinkKind};
use crate::dead_letter::{DeadLetters, Failures};
use crate::error::StartError;
use crate::source::OpenFiles;
use crate::transform::{Chain, Component, Engine, LoadError};
use std::collections::HashMap;
use std::sync::Arc;

/// Loads the components of transforms, with where each keeps what it fails on.
pub fn load(
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
pub struct Chains<'a> {
    config: &'a Config,
    components: &'a [Arc<Component>],
    files: &'a Arc<OpenFiles>,
    made: HashMap<config::Branch, Arc<Chain>>,
}

impl<'a> Chains<'a> {
    /// None made yet.
    pub fn new(config: &'a Config, components: &'a [Arc<Component>], files: &'a Arc<OpenFiles>) -> Self {
        Self { config, components, files, made: HashMap::new() }
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
