//! A compiled component with its config, and the instances of it that wait for work.

use super::GuestError;
use super::bindings::{Calls, Exports};
use super::epochs::Epochs;
use super::instance::Instance;
use super::limits::State;
use super::stats::Stats;
use super::voice::Pace;
use crate::config;
use crate::sink::complaint::Complaint;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wasmtime::Store;
use wasmtime::component::InstancePre;

/// A compiled component with its config, and the instances of it that wait for work.
pub struct Component {
    id: String,
    role: config::Role,
    place: String,
    name: String,
    hash: String,
    limits: config::Limits,
    grants: config::Grants,
    config_json: String,
    config_as_written: serde_json::Value,
    pre: InstancePre<State>,
    exports: Exports,
    idle: Mutex<Vec<Instance>>,
    /// One for each core, and one for the thread for failing work.
    most_idle: usize,
    pace: Pace,
    complaint: Mutex<Complaint>,
    stats: Arc<Stats>,
    /// Without the engine's clock no call of it would end.
    epochs: Arc<Epochs>,
}

impl Component {
    /// None of its instances lives yet.
    pub(super) fn new(
        transform: &config::Transform,
        name: String,
        hash: String,
        pre: InstancePre<State>,
        exports: Exports,
        stats: Arc<Stats>,
        epochs: Arc<Epochs>,
    ) -> Self {
        Self {
            id: transform.id.clone(),
            role: transform.role,
            place: transform.place(),
            name,
            hash,
            limits: transform.limits,
            grants: transform.grants,
            config_json: transform.config.to_string(),
            config_as_written: transform.config_as_written.clone(),
            pre,
            exports,
            idle: Mutex::new(Vec::new()),
            most_idle: std::thread::available_parallelism().map_or(2, NonZero::get) + 1,
            pace: Pace::new(&transform.limits),
            complaint: Mutex::default(),
            stats,
            epochs,
        }
    }

    /// Its id in the config.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it does in the pipeline.
    pub fn role(&self) -> config::Role {
        self.role
    }

    /// What messages call its place there.
    pub fn place(&self) -> String {
        self.place.clone()
    }

    /// Its path, or `builtin:NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its config with variables not replaced.
    pub fn config_as_written(&self) -> &serde_json::Value {
        &self.config_as_written
    }

    /// SHA-256 of its bytes, in hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// It turns lines into events.
    pub fn normalizes(&self) -> bool {
        self.exports.normalizes()
    }

    /// It changes events.
    pub fn transforms(&self) -> bool {
        self.exports.transforms()
    }

    /// It names log streams and objects.
    pub fn routes(&self) -> bool {
        self.exports.routes()
    }

    /// What it may take.
    pub fn limits(&self) -> &config::Limits {
        &self.limits
    }

    /// What it may use of the world outside.
    pub fn grants(&self) -> config::Grants {
        self.grants
    }

    /// Runs a call on an idle instance; if that fails, once more on a fresh one, unless it took so long that `again` says
    /// no.
    pub fn run<T>(
        &self,
        mut work: impl FnMut(&mut Instance) -> Result<T, GuestError>,
        again: impl FnOnce(Duration) -> bool,
    ) -> Result<T, GuestError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut instance) = idle {
            let began = Instant::now();
            match work(&mut instance) {
                Ok(answer) => {
                    self.put_back(instance);
                    return Ok(answer);
                }
                Err(error) => {
                    self.hiccup(&error);
                    if !again(began.elapsed()) {
                        return Err(error);
                    }
                }
            }
        }
        self.run_fresh(work)
    }

    /// Runs a call on a fresh instance.
    pub fn run_fresh<T>(
        &self,
        mut work: impl FnMut(&mut Instance) -> Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        let failed = |error| {
            self.stats.failed(&error);
            error
        };
        let mut fresh = Instance::new(self).map_err(failed)?;
        let answer = work(&mut fresh).map_err(failed)?;
        self.put_back(fresh);
        Ok(answer)
    }

    /// Runs a call on a fresh instance, for nobody's books: what comes of it says nothing of what works there.
    pub fn run_aside<T>(
        &self,
        work: impl FnOnce(&mut Instance) -> Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        let mut fresh = Instance::new(self)?;
        let answer = work(&mut fresh)?;
        self.put_back(fresh);
        Ok(answer)
    }

    /// An instance that had worked before failed. It may be what it remembered: a fresh one is asked.
    fn hiccup(&self, error: &GuestError) {
        self.stats.failed(error);
        let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        if complaint.raise(error.kind(), Instant::now()) {
            tracing::warn!(
                component = self.hash.get(..12),
                place = self.place,
                "an instance of its component failed: {error}; the same is tried on a fresh one"
            );
        }
    }

    pub(super) fn put_back(&self, instance: Instance) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // Fresh ones are made beside those that wait: more than there are threads to use them are of no use.
        if idle.len() < self.most_idle {
            idle.push(instance);
        }
    }

    pub(super) fn config_json(&self) -> &str {
        &self.config_json
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(super) fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// The clock that ends its calls.
    pub(super) fn epochs(&self) -> &Arc<Epochs> {
        &self.epochs
    }

    pub(super) fn store(&self, state: State) -> Store<State> {
        Store::new(self.pre.engine(), state)
    }

    pub(super) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Calls> {
        let instance = self.pre.instantiate(&mut *store)?;
        self.exports.load(store, &instance)
    }
}
