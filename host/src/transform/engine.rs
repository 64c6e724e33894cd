//! wasmtime's engine, and what components may import.

use super::bindings;
use super::cache::{self, Cache};
use super::epochs::Epochs;
use super::limits::State;
use super::load::LoadError;
use std::path::Path;
use std::sync::Arc;
use wasmtime::Config;
use wasmtime::component::Linker;

/// Wasm stack of a guest, in bytes. The threads that run guests have twice as much.
pub const MAX_WASM_STACK: usize = 1 << 20;

/// wasmtime's engine and the clock of its epochs.
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    pub(super) linker: Linker<State>,
    pub(super) cache: Option<Cache>,
    /// Its thread ends with the last who holds it.
    pub(super) epochs: Arc<Epochs>,
}

impl Engine {
    /// Starts the engine; its epoch thread ends with the last component. What it compiles is kept in the data dir, if it
    /// gets one.
    pub fn new(data_dir: Option<&Path>) -> Result<Self, LoadError> {
        let fail = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let mut config = Config::new();
        config.epoch_interruption(true).max_wasm_stack(MAX_WASM_STACK).wasm_component_model(true);
        let cache = data_dir.and_then(Cache::open);
        config.cache(cache.as_ref().map(Cache::wasmtime));
        let engine = wasmtime::Engine::new(&config).map_err(fail)?;
        let mut linker = Linker::new(&engine);
        bindings::link(&mut linker).map_err(fail)?;
        let ticking = engine.clone();
        let epochs = Epochs::start(move || ticking.increment_epoch())
            .map_err(|error| LoadError::Engine(error.to_string()))?;
        Ok(Self { wasmtime: engine, linker, cache, epochs: Arc::new(epochs) })
    }

    /// For commands that only look: what a run of our own user has kept is of use to them, and they make no folder.
    pub fn for_a_look(data_dir: &Path) -> Result<Self, LoadError> {
        let kept = cache::is_ours(&data_dir.join(cache::FOLDER)).is_ok();
        Self::new(kept.then_some(data_dir))
    }
}
