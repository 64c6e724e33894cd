//! Lines through a pipeline, and nothing sent: no store, no sink, no network; what each stage makes of them is kept.
//!
//! `pass` takes a file through one way of the pipeline, by the very code of a run; `shown` is an event as people and
//! configs see it; `place` says where a sink puts it, and why. Of these `explain` makes an account of real lines, with
//! `account` and `text` to show it, and `tests` what became of the tests of a config, with `compare`; `update` writes
//! what they got into the config.

mod account;
mod compare;
mod explain;
mod file;
mod pass;
mod place;
mod shown;
mod tests;
mod text;
mod update;

pub use account::{Account, Copied, Lines, Passage, Put, Reading, Stage};
pub use explain::{ExplainError, explain};
pub use pass::{Failure, Halt};
pub use place::Where;
pub use tests::{Outcome, TestError, Tested, run_tests};
pub use update::{UpdateError, Updated, update};

use crate::config::Config;
use crate::error::StartError;
use crate::event::Origin;
use crate::pipeline::load_stages;
use crate::source::identify::identify;
use crate::transform::{Chain, Engine, Router, Stage as Loaded};
use std::sync::Arc;

/// A pipeline with its components, and nothing around it.
pub struct Rehearsal<'c> {
    config: &'c Config,
    stages: Vec<Arc<Loaded>>,
    routers: Vec<Arc<Router>>,
}

impl<'c> Rehearsal<'c> {
    /// Loads the components. What a run of our own user has compiled is of use; nothing else in the data dir is looked at.
    pub fn new(config: &'c Config) -> Result<Self, StartError> {
        let engine = Engine::for_a_look(&config.data_dir)?;
        let (stages, routers) = load_stages(&engine, config)?;
        let routers = routers.into_iter().map(|stage| Arc::new(Router::new(stage))).collect();
        Ok(Self { config, stages, routers })
    }

    /// Who a file of a source is.
    fn origin(&self, source: usize, path: &str) -> Origin {
        let (kind, task) = identify(path, &self.config.sources[source].path_patterns);
        Origin {
            source: self.config.sources[source].id.clone(),
            path: path.to_owned(),
            host: self.config.host.clone(),
            kind,
            task,
            deployment: self.config.deployment.clone(),
        }
    }

    /// The stages of a way. Nobody else uses it, so nothing is kept for others.
    fn chain(&self, source: usize, transforms: &[usize], files: crate::source::OpenFiles) -> Chain {
        let stages = transforms.iter().map(|&at| self.stages[at].clone()).collect();
        let source = &self.config.sources[source];
        Chain::new(stages, None, Arc::new(files), source.join, source.partial_line, false)
    }
}
