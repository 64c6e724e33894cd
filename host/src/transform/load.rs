//! From a transform of the config to a component that has taken its config: read, compiled, looked at, tried.

use super::GuestError;
use super::bindings::Exports;
use super::component::Component;
use super::engine::Engine;
use super::stats::Stats;
use crate::config;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::Arc;
use wasmtime::component::Component as Compiled;

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

impl Engine {
    /// Compiles a component and tries it: what it imports, what it exports, whether it takes its config. Blocks, for
    /// seconds where the component is large.
    pub fn load(&self, transform: &config::Transform, stats: &Arc<Stats>) -> Result<Component, LoadError> {
        let id = transform.id.clone();
        let (name, bytes) = read(transform)?;
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
        let hash = hex::encode(Sha256::digest(&bytes));
        let component = Component::new(transform, name.clone(), hash, pre, exports, stats.clone());
        // On a thread of its own: the guest runs, and WASI cannot wait on a thread of the caller's runtime.
        std::thread::scope(|scope| scope.spawn(|| component.try_out()).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map_err(|error| LoadError::Configure { id, component: name, error })?;
        Ok(component)
    }
}

/// SHA-256 of what a transform names, as it is on disk now.
pub fn hash_of(transform: &config::Transform) -> Result<String, LoadError> {
    read(transform).map(|(_, bytes)| hex::encode(Sha256::digest(&bytes)))
}

/// What a component is called, and its bytes.
fn read(transform: &config::Transform) -> Result<(String, Vec<u8>), LoadError> {
    match &transform.component {
        config::Component::Builtin(name) => Ok((format!("builtin:{name}"), AIRFLOW.to_vec())),
        config::Component::Path(path) => match std::fs::read(path) {
            Ok(bytes) => {
                Ok((std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(), bytes))
            }
            Err(error) => Err(LoadError::Read { id: transform.id.clone(), path: path.clone(), error }),
        },
    }
}
