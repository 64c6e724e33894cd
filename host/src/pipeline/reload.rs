//! Exchanges components while the pipeline runs. The new ones are compiled, configured and tried on the side; only when
//! all of them are good do they take over, together, each stream at the end of a batch. If not, nothing is changed.

use super::chains::{build, placed};
use super::differences::needs_restart;
use crate::config::{self, Config, Role, Transform};
use crate::dead_letter::DeadLetters;
use crate::lanes::Lanes;
use crate::transform::{Build, Engine, GuestError, LoadError, Stage, hash_of};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Reads the config again, from wherever it came.
pub type Reread = Arc<dyn Fn() -> Result<Config, config::Error> + Send + Sync>;

/// Exchanges the components of a pipeline: see [`Pipeline::reload`](super::Pipeline::reload).
pub struct Reloader {
    engine: Engine,
    stages: Vec<Arc<Stage>>,
    spools: HashMap<String, DeadLetters>,
    lanes: Vec<Arc<Lanes>>,
    /// What runs, its transforms and then its routes in the order of `stages`. One reload at a time: others wait here.
    running: Arc<Mutex<Config>>,
}

/// What became of each transform and route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// In the order of the config.
    pub transforms: Vec<Exchange>,
}

/// What became of one transform, or route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its id.
    pub transform: String,
    /// Which of the two it is.
    #[serde(default)]
    pub role: Role,
    /// SHA-256 of the component that worked there, in hex.
    pub before: String,
    /// Of the one that works there now.
    pub after: String,
    /// Another build took over, be it of the same component with another config.
    pub exchanged: bool,
}

impl Reloaded {
    /// Something was exchanged.
    pub fn any(&self) -> bool {
        self.transforms.iter().any(|transform| transform.exchanged)
    }
}

impl fmt::Display for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.transforms.is_empty() {
            return write!(f, "there are no transforms and no routes: nothing to exchange");
        }
        for (at, transform) in self.transforms.iter().enumerate() {
            write!(f, "{}{transform}", if at > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transform, role, before, after, exchanged } = self;
        let [before, after] = [before, after].map(|hash| hash.get(..12).unwrap_or(hash));
        write!(f, "{role} `{transform}`: ")?;
        match (exchanged, before == after) {
            (false, _) => write!(f, "unchanged ({after})"),
            (true, false) => write!(f, "exchanged, {before} -> {after}"),
            (true, true) => write!(f, "exchanged, the same component with other options ({after})"),
        }
    }
}

/// Why nothing was exchanged. What ran before goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new config is none.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// More than components would change.
    #[error(
        "{} {} from what runs and that needs a restart; without one, only the component, config, limits, grants and \
         on_error of transforms, and those of routes, can be exchanged",
        .0.join(", "), if .0.len() == 1 { "differs" } else { "differ" }
    )]
    NeedsRestart(Vec<String>),
    /// A component cannot be used, or not there.
    #[error(transparent)]
    Component(#[from] LoadError),
    /// It would not do what the present one does.
    #[error(
        "transform `{id}` makes events of a source's lines, but the new component exports no \
         `updraft:pipeline/normalize@0.1.0`"
    )]
    NoNormalizer {
        /// Transform.
        id: String,
    },
    /// It fails where the present one does not.
    #[error("{place}: {component} fails on what the present one takes: {error}")]
    Trial {
        /// Which transform or route.
        place: String,
        /// Path or builtin name.
        component: String,
        /// How.
        #[source]
        error: GuestError,
    },
    /// A bug of ours.
    #[error("the thread that loads components ended")]
    Ended,
}

impl Reloader {
    /// Of a pipeline that runs this config.
    pub(super) fn new(
        engine: Engine,
        stages: Vec<Arc<Stage>>,
        spools: HashMap<String, DeadLetters>,
        lanes: Vec<Arc<Lanes>>,
        config: &Config,
    ) -> Arc<Self> {
        Arc::new(Self { engine, stages, spools, lanes, running: Arc::new(Mutex::new(config.clone())) })
    }

    /// Reads the config, and takes over what is other in it. Logs why it does not.
    pub async fn reread(self: &Arc<Self>, read: &Reread) -> Result<Reloaded, ReloadError> {
        let read = read.clone();
        let reloaded = match tokio::task::spawn_blocking(move || read()).await {
            Ok(Ok(config)) => self.reload(&config).await,
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ReloadError::Ended),
        };
        if let Err(error) = &reloaded {
            tracing::error!("nothing is exchanged, what runs goes on: {error}");
        }
        reloaded
    }

    /// See [`Pipeline::reload`](super::Pipeline::reload).
    pub async fn reload(self: &Arc<Self>, config: &Config) -> Result<Reloaded, ReloadError> {
        let mut running = self.running.clone().lock_owned().await;
        let other = needs_restart(&running, config);
        if !other.is_empty() {
            return Err(ReloadError::NeedsRestart(other));
        }
        let (this, config) = (self.clone(), config.clone());
        // To its end, whoever waits for it: what works and what `running` says must not part.
        let done = tokio::task::spawn_blocking(move || {
            // The guests run, and WASI cannot wait on a thread that knows of the caller's runtime.
            std::thread::scope(|scope| scope.spawn(|| this.take_over(&mut running, &config)).join())
        });
        done.await.ok().and_then(Result::ok).unwrap_or(Err(ReloadError::Ended))
    }

    fn take_over(&self, running: &mut Config, config: &Config) -> Result<Reloaded, ReloadError> {
        let [transforms, routes] =
            [(&running.transforms, &config.transforms), (&running.routes, &config.routes)].map(
                |(now, new)| {
                    let of = |id: &str| new.iter().find(|it| it.id == id);
                    now.iter().filter_map(|it| of(&it.id).cloned()).collect::<Vec<Transform>>()
                },
            );
        let all_now = running.transforms.iter().chain(&running.routes);
        let present: Vec<Arc<Build>> = self.stages.iter().map(|stage| stage.build()).collect();
        let mut others: Vec<Option<Build>> = Vec::new();
        for ((stage, present), (before, transform)) in
            self.stages.iter().zip(&present).zip(all_now.zip(transforms.iter().chain(&routes)))
        {
            let same = before == transform && hash_of(transform)? == present.component.hash();
            others.push(if same {
                None
            } else {
                Some(build(&self.engine, transform, &self.spools, stage.stats(), Some(present))?)
            });
        }
        self.fit(running, &present, &others)?;
        for (stage, build) in self.stages.iter().zip(&others) {
            let Some(build) = build else { continue };
            stage.trial().run(&build.component, &stage.build().component).map_err(|error| {
                let (place, component) = (build.component.place(), build.component.name().to_owned());
                ReloadError::Trial { place, component, error }
            })?;
        }
        let became = self.stages.iter().zip(&present).zip(&others).map(|((stage, present), other)| {
            let after = other.as_ref().map_or(present.component.hash(), |build| build.component.hash());
            Exchange {
                transform: stage.id().to_owned(),
                role: present.component.role(),
                before: present.component.hash().to_owned(),
                after: after.to_owned(),
                exchanged: other.is_some(),
            }
        });
        let became = Reloaded { transforms: became.collect() };
        let any = others.iter().any(Option::is_some);
        let others = self.stages.iter().zip(others);
        let old = Stage::exchange(others.filter_map(|(stage, build)| Some((&**stage, build?))).collect());
        if any {
            // What a stage is given may be made by another build now, and bad no more.
            self.stages.iter().for_each(|stage| stage.forget_marks());
        }
        (running.transforms, running.routes) = (transforms, routes);
        if !old.is_empty() {
            became.transforms.iter().filter(|it| it.exchanged).for_each(|it| tracing::info!("{it}"));
            self.wake();
        }
        Ok(became)
    }

    /// Each does at its place what is to be done there.
    fn fit(
        &self,
        running: &Config,
        present: &[Arc<Build>],
        others: &[Option<Build>],
    ) -> Result<(), ReloadError> {
        let there = |at: usize| others[at].as_ref().unwrap_or(&present[at]);
        for way in running.sinks.iter().flat_map(|sink| &sink.branches) {
            placed(way, &running.transforms, |at| there(at).component.transforms())?;
            if let Some(&first) = way.transforms.first()
                && present[first].component.normalizes()
                && !there(first).component.normalizes()
            {
                return Err(ReloadError::NoNormalizer { id: self.stages[first].id().to_owned() });
            }
        }
        Ok(())
    }

    /// Streams that wait for a component that failed need not wait any more.
    fn wake(&self) {
        for lanes in &self.lanes {
            for lane in lanes.all() {
                lanes.schedule.wake(lane.stream.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_each_transform_is_a_line() {
        let of = |transform: &str, before: &str, after: &str, exchanged| {
            let (transform, before, after) = (transform.to_owned(), before.repeat(64), after.repeat(64));
            Exchange { transform, role: Role::Transform, before, after, exchanged }
        };
        let reloaded = Reloaded {
            transforms: vec![of("a", "1", "1", false), of("b", "1", "2", true), of("c", "3", "3", true)],
        };
        assert!(reloaded.any());
        assert_eq!(
            reloaded.to_string(),
            "transform `a`: unchanged (111111111111)\n\
             transform `b`: exchanged, 111111111111 -> 222222222222\n\
             transform `c`: exchanged, the same component with other options (333333333333)"
        );
    }
}
