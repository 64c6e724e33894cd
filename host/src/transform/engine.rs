//! Compiles components once, knows what they export, and keeps their idle instances.

use super::GuestError;
use super::bindings::{self, Calls, Exports};
use super::instance::Instance;
use super::limits::{Counts, State, TICK};
use crate::config;
use crate::dead_letter::Failures;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use wasmtime::component::{Component as Compiled, InstancePre, Linker};
use wasmtime::{Config, Store};

/// Wasm stack of a guest.
const MAX_WASM_STACK: usize = 1 << 20;

/// The built-in normalizer, made from `guest/airflow` by the build.
const AIRFLOW: &[u8] = include_bytes!(env!("UPDRAFT_BUILTIN_AIRFLOW"));

/// Why a component cannot be used. Said at start, before anything is read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("transform `{id}`: cannot read component {path}: {error}")]
    Read {
        /// Transform.
        id: String,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// No valid component.
    #[error("transform `{id}`: {component} is not a WebAssembly component that runs here: {why}")]
    Compile {
        /// Transform.
        id: String,
        /// Path or builtin name.
        component: String,
        /// What wasmtime said.
        why: String,
    },
    /// It wants what the host does not give.
    #[error("transform `{id}`: {component} imports what Updraft does not provide: {why}")]
    Imports {
        /// Transform.
        id: String,
        /// Path or builtin name.
        component: String,
        /// What wasmtime said.
        why: String,
    },
    /// It is something else.
    #[error(
        "transform `{id}`: {component} exports neither `updraft:pipeline/normalize@0.1.0` nor `…/transform@0.1.0` (or lacks `…/lifecycle@0.1.0`); build it against wit/v0.1"
    )]
    Exports {
        /// Transform.
        id: String,
        /// Path or builtin name.
        component: String,
    },
    /// `configure` failed.
    #[error("transform `{id}`: {component} does not accept its config: {error}")]
    Configure {
        /// Transform.
        id: String,
        /// Path or builtin name.
        component: String,
        /// What it said.
        #[source]
        error: GuestError,
    },
    /// It turns lines into events, and stands where there are events already.
    #[error(
        "transform `{id}` takes events from `{before}`, but its component exports no `updraft:pipeline/transform@0.1.0`; let it take from a source"
    )]
    Misplaced {
        /// Transform.
        id: String,
        /// The one before it.
        before: String,
    },
    /// wasmtime itself does not start.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
}

/// wasmtime's engine and the clock of its epochs.
pub struct Engine {
    wasmtime: wasmtime::Engine,
    linker: Linker<State>,
    _epochs: Arc<()>,
}

impl Engine {
    /// Starts the engine; its epoch thread ends when the engine is dropped.
    pub fn new() -> Result<Self, LoadError> {
        let fail = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let mut config = Config::new();
        config.epoch_interruption(true).max_wasm_stack(MAX_WASM_STACK).wasm_component_model(true);
        let engine = wasmtime::Engine::new(&config).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        bindings::link(&mut linker).map_err(fail)?;
        let alive = Arc::new(());
        let watched = Arc::downgrade(&alive);
        let ticking = engine.clone();
        std::thread::Builder::new()
            .name("updraft-epochs".into())
            .spawn(move || tick(&ticking, &watched))
            .map_err(|error| LoadError::Engine(error.to_string()))?;
        Ok(Self { wasmtime: engine, linker, _epochs: alive })
    }

    /// Compiles a component and tries it: what it imports, what it exports, whether it takes its config.
    pub fn load(&self, transform: &config::Transform) -> Result<Component, LoadError> {
        let id = transform.id.clone();
        let (name, bytes) = match &transform.component {
            config::Component::Builtin(name) => (format!("builtin:{name}"), AIRFLOW.to_vec()),
            config::Component::Path(path) => {
                let bytes = std::fs::read(path).map_err(|error| LoadError::Read {
                    id: id.clone(),
                    path: path.clone(),
                    error,
                })?;
                (path.display().to_string(), bytes)
            }
        };
        let why = |error: wasmtime::Error| format!("{error:#}");
        let compiled = Compiled::new(&self.wasmtime, &bytes).map_err(|error| LoadError::Compile {
            id: id.clone(),
            component: name.clone(),
            why: why(error),
        })?;
        let pre = self.linker.instantiate_pre(&compiled).map_err(|error| LoadError::Imports {
            id: id.clone(),
            component: name.clone(),
            why: why(error),
        })?;
        let exports = Exports::of(&pre)
            .ok()
            .filter(|it| it.normalizes() || it.transforms())
            .ok_or_else(|| LoadError::Exports { id: id.clone(), component: name.clone() })?;
        let component = Component {
            id: id.clone(),
            hash: hex::encode(Sha256::digest(&bytes)),
            limits: transform.limits,
            on_error: transform.on_error,
            config_json: transform.config.to_string(),
            engine: self.wasmtime.clone(),
            pre,
            exports,
            idle: Mutex::new(Vec::new()),
            counts: Arc::default(),
            failures: None,
        };
        // On a thread of its own: the guest runs, and WASI cannot wait on a thread of the caller's runtime.
        let first = std::thread::scope(|scope| scope.spawn(|| Instance::new(&component)).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(|error| LoadError::Configure { id, component: name, error })?;
        component.put_back(first);
        Ok(component)
    }
}

fn tick(engine: &wasmtime::Engine, alive: &Weak<()>) {
    while alive.strong_count() > 0 {
        std::thread::sleep(TICK);
        engine.increment_epoch();
    }
}

/// A compiled component with its config, and the instances of it that wait for work.
pub struct Component {
    id: String,
    hash: String,
    limits: config::Limits,
    on_error: Option<config::OnError>,
    config_json: String,
    engine: wasmtime::Engine,
    pre: InstancePre<State>,
    exports: Exports,
    idle: Mutex<Vec<Instance>>,
    counts: Arc<Mutex<Counts>>,
    /// Where what it fails on goes, if it goes anywhere.
    failures: Option<Failures>,
}

impl Component {
    /// What it fails on goes there, where its `on_error` says so.
    pub fn keep_failures(&mut self, failures: Failures) {
        self.failures = Some(failures);
    }

    pub(super) fn failures(&self) -> Option<&Failures> {
        self.failures.as_ref()
    }

    /// Its id in the config.
    pub fn id(&self) -> &str {
        &self.id
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

    /// What to do with a batch that it fails on. Unless the config says so: a normalizer's raw lines go on;
    /// a transform halts, so that nothing leaks past a mask that failed.
    pub fn on_error(&self, as_normalizer: bool) -> config::OnError {
        self.on_error.unwrap_or(if as_normalizer { config::OnError::Pass } else { config::OnError::Halt })
    }

    /// What it counted (`host.count`), by name.
    pub fn counted(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a call on an idle instance; if that fails, once more on a fresh one.
    pub fn run<T>(
        &self,
        mut work: impl FnMut(&mut Instance) -> Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut instance) = idle
            && let Ok(answer) = work(&mut instance)
        {
            self.put_back(instance);
            return Ok(answer);
        }
        let mut fresh = Instance::new(self)?;
        let answer = work(&mut fresh)?;
        self.put_back(fresh);
        Ok(answer)
    }

    fn put_back(&self, instance: Instance) {
        // No more instances than worker threads ever exist at once, so this stays as short.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
    }

    pub(super) fn limits(&self) -> &config::Limits {
        &self.limits
    }

    pub(super) fn config_json(&self) -> &str {
        &self.config_json
    }

    pub(super) fn counts(&self) -> Arc<Mutex<Counts>> {
        self.counts.clone()
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        &self.engine
    }

    pub(super) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Calls> {
        let instance = self.pre.instantiate(&mut *store)?;
        self.exports.load(store, &instance)
    }
}
