//! From a transform of the config to a component that has taken its config: read, compiled, looked at, tried.

use super::GuestError;
use super::bindings::Exports;
use super::component::Component;
use super::engine::Engine;
use super::imports::{self, PACKAGE, PROVIDED, SPOKEN, Supply};
use super::instance::Instance;
use super::limits::State;
use super::stats::Stats;
use crate::config;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;
use wasmtime::component::{Component as Compiled, InstancePre};

/// The built-in normalizer, made from `guest/airflow` by the build.
const AIRFLOW: &[u8] = include_bytes!(env!("UPDRAFT_BUILTIN_AIRFLOW"));
/// How WebAssembly begins.
/// <https://webassembly.github.io/spec/core/binary/modules.html#binary-module>
const MAGIC: &[u8] = b"\0asm";
/// Compiling less than that is not worth a word: it takes a fraction of a second.
const LARGE: usize = 4 << 20;

/// Why a pipeline cannot have its components. Said at start, before anything is read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A component cannot be used.
    #[error("{}{component} {why}", if place.is_empty() { String::new() } else { format!("{place}: ") })]
    Unfit {
        /// Which transform or route; empty where the component is looked at for itself.
        place: String,
        /// Path or builtin name.
        component: String,
        /// Why.
        #[source]
        why: Unfit,
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
    /// Nothing on the way to a sink puts lines together, and it shows records.
    #[error(
        "sink `{sink}` is `for: airflow-ui`, which shows records, but the component of transform `{id}` exports no \
         `updraft:pipeline/normalize@0.1.0`, which puts them together of lines; let `{id}` take from a normalizer (component: builtin:airflow)"
    )]
    NoRecords {
        /// Sink.
        sink: String,
        /// The first transform on the way to it.
        id: String,
    },
    /// wasmtime itself does not start.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
}

/// Why a component cannot be used; said after its name.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// No file that can be read.
    #[error("cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// Not the one that the config pins.
    #[error(
        "is not the component that the config pins (sha256): its hash is {found}, not {pinned}. If it was changed on purpose, pin the new hash, which `updraft inspect` prints"
    )]
    Pin {
        /// What is in the file.
        found: String,
        /// What the config says.
        pinned: String,
    },
    /// No valid component.
    #[error("is not a WebAssembly component that runs here: {0}; build it for wasm32-wasip2")]
    Compile(String),
    /// It was built against a WIT that this host does not speak.
    #[error(
        "is built for {}, and this Updraft speaks {PACKAGE}@{SPOKEN}: build it against wit/v0.1, which `updraft new` puts into each project, or run an Updraft that speaks what it is built for",
        list(.0)
    )]
    Version(Vec<String>),
    /// It wants what the host does not give.
    #[error("imports {}", wants(missing, wasmtime))]
    Imports {
        /// By their names; empty where something is there but has another shape.
        missing: Vec<String>,
        /// What wasmtime says of the first thing that does not fit.
        wasmtime: String,
    },
    /// It is something else.
    #[error("exports {} (or lacks `…/lifecycle@0.1.0`) but {}; build it against wit/v0.1", wanted.for_whom(), list(exports))]
    Exports {
        /// What it would have to be.
        wanted: Wanted,
        /// What it is.
        exports: Vec<String>,
    },
    /// It does not come to life.
    #[error("cannot be instantiated: {0}")]
    Instantiate(#[source] GuestError),
    /// `configure` failed.
    #[error("does not accept its config: {0}")]
    Configure(#[source] GuestError),
}

/// What a component has to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Any of the three.
    Any,
    /// What works in this role.
    Role(config::Role),
}

impl Wanted {
    fn met(self, exports: &Exports) -> bool {
        let (events, names) = (exports.normalizes() || exports.transforms(), exports.routes());
        match self {
            Self::Any => events || names,
            Self::Role(config::Role::Transform) => events,
            Self::Role(config::Role::Router) => names,
        }
    }

    fn for_whom(self) -> &'static str {
        match self {
            Self::Any => {
                "none of `updraft:pipeline/normalize@0.1.0`, `…/transform@0.1.0` and `…/route@0.1.0`"
            }
            Self::Role(config::Role::Transform) => {
                "neither `updraft:pipeline/normalize@0.1.0` nor `…/transform@0.1.0`"
            }
            Self::Role(config::Role::Router) => "no `updraft:pipeline/route@0.1.0`",
        }
    }
}

fn wants(missing: &[String], wasmtime: &str) -> String {
    let said = if missing.iter().any(|name| wasmtime.contains(name.as_str())) {
        String::new()
    } else {
        format!(" (wasmtime says: {wasmtime})")
    };
    let what = if missing.is_empty() {
        "what Updraft has in another shape only"
    } else {
        "what Updraft does not provide: "
    };
    let list = if missing.is_empty() { String::new() } else { list(missing) };
    format!("{what}{list}{said}. It provides {PROVIDED}; build the component without the rest")
}

fn list(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// A component's bytes.
pub struct Binary {
    /// Its path, good from everywhere, or `builtin:NAME`.
    pub name: String,
    /// As they are in the file.
    pub bytes: Cow<'static, [u8]>,
    /// SHA-256 of them, in hex.
    pub hash: String,
}

impl Binary {
    /// Reads it.
    pub fn read(component: &config::Component) -> Result<Self, Unfit> {
        let (name, bytes) = match component {
            config::Component::Builtin(_) => (component.to_string(), Cow::Borrowed(AIRFLOW)),
            config::Component::Path(path) => {
                let everywhere = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                (everywhere.display().to_string(), Cow::Owned(std::fs::read(path).map_err(Unfit::Read)?))
            }
        };
        Ok(Self { name, hash: hex::encode(Sha256::digest(&bytes)), bytes })
    }

    /// Whether it is the one that the config means.
    pub fn is_pinned(&self, pin: Option<&String>) -> Result<(), Unfit> {
        match pin {
            Some(pinned) if *pinned != self.hash => {
                Err(Unfit::Pin { found: self.hash.clone(), pinned: pinned.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// SHA-256 of the component that a transform names, as it is on disk now.
pub fn hash_of(transform: &config::Transform) -> Result<String, LoadError> {
    Binary::read(&transform.component).map(|binary| binary.hash).map_err(|why| LoadError::Unfit {
        place: transform.place(),
        component: transform.component.to_string(),
        why,
    })
}

impl Engine {
    /// Compiles a component and tries it: what it imports, what it exports, whether it takes its config. Blocks, for
    /// seconds where the component is large.
    pub fn load(&self, transform: &config::Transform, stats: &Arc<Stats>) -> Result<Component, LoadError> {
        let load = || {
            let binary = Binary::read(&transform.component)?;
            binary.is_pinned(transform.sha256.as_ref())?;
            self.load_binary(binary, transform, stats)
        };
        load().map_err(|why| LoadError::Unfit {
            place: transform.place(),
            component: transform.component.to_string(),
            why,
        })
    }

    /// The same, of bytes that are there already.
    pub fn load_binary(
        &self,
        binary: Binary,
        transform: &config::Transform,
        stats: &Arc<Stats>,
    ) -> Result<Component, Unfit> {
        let began = Instant::now();
        let (compiled, from_cache) = self.compile(&binary)?;
        tracing::debug!(transform = %transform.id, component = %binary.name, from_cache,
            "loaded in {} ms", began.elapsed().as_millis());
        let (pre, exports) = self.link(&compiled, Wanted::Role(transform.role))?;
        let component = Component::new(
            transform,
            binary.name,
            binary.hash,
            pre,
            exports,
            stats.clone(),
            self.epochs.clone(),
        );
        try_out(&component)?;
        Ok(component)
    }

    /// Machine code of it; true: it was compiled before.
    pub(super) fn compile(&self, binary: &Binary) -> Result<(Compiled, bool), Unfit> {
        let kept = self.cache.as_ref();
        if binary.bytes.len() >= LARGE && !kept.is_some_and(|cache| cache.knows(&binary.hash)) {
            tracing::info!(component = %binary.name, "compiling, which takes some seconds");
        }
        if !binary.bytes.starts_with(MAGIC) {
            return Err(Unfit::Compile("it is no WebAssembly at all".to_owned()));
        }
        let compile = || Compiled::new(&self.wasmtime, &binary.bytes);
        let (compiled, from_cache) = match kept {
            Some(cache) => cache.keep(&binary.hash, compile),
            None => (compile(), false),
        };
        Ok((compiled.map_err(|error| Unfit::Compile(format!("{error:#}")))?, from_cache))
    }

    /// Looks at what it imports and exports.
    pub(super) fn link(
        &self,
        compiled: &Compiled,
        wanted: Wanted,
    ) -> Result<(InstancePre<State>, Exports), Unfit> {
        let pre = self.linker.instantiate_pre(compiled).map_err(|error| {
            let all = imports::of(&self.wasmtime, compiled).into_iter();
            let missing: Vec<String> =
                all.filter(|(_, supply)| *supply == Supply::Missing).map(|(name, _)| name).collect();
            of_another_version(&missing).unwrap_or(Unfit::Imports { missing, wasmtime: format!("{error:#}") })
        })?;
        let exports = Exports::of(&pre).ok().filter(|it| wanted.met(it));
        exports.map(|exports| (pre, exports)).ok_or_else(|| {
            let exports = self.exports(compiled);
            of_another_version(&exports).unwrap_or(Unfit::Exports { wanted, exports })
        })
    }

    /// The names of what it exports.
    pub(super) fn exports(&self, compiled: &Compiled) -> Vec<String> {
        compiled.component_type().exports(&self.wasmtime).map(|(name, _)| name.to_owned()).collect()
    }
}

/// The reason that explains more than that something is missing: it is there, in a version that is not spoken here.
fn of_another_version(names: &[String]) -> Option<Unfit> {
    let foreign: Vec<String> = names.iter().filter(|name| imports::is_foreign(name)).cloned().collect();
    (!foreign.is_empty()).then_some(Unfit::Version(foreign))
}

/// Makes a component's first instance, which takes its config or does not.
fn try_out(component: &Component) -> Result<(), Unfit> {
    apart(|| {
        let mut first = Instance::unconfigured(component).map_err(Unfit::Instantiate)?;
        first.configure(component).map_err(Unfit::Configure)?;
        component.put_back(first);
        Ok(())
    })
}

/// On a thread of its own: a guest runs, and WASI cannot wait on a thread of the caller's runtime.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(missing: &[&str], wasmtime: &str) -> String {
        let missing = missing.iter().map(|&name| name.to_owned()).collect();
        Unfit::Imports { missing, wasmtime: wasmtime.to_owned() }.to_string()
    }

    #[test]
    fn all_that_is_missing_is_named_and_what_has_another_shape_is_told_in_wasmtimes_words() {
        let both = said(&["a:b/c@1.0.0", "d:e/f"], "component imports instance `a:b/c@1.0.0`, but …");
        assert!(
            both.starts_with("imports what Updraft does not provide: `a:b/c@1.0.0`, `d:e/f`. It"),
            "{both}"
        );
        let shape = said(&[], "instance export `now` has the wrong type");
        assert!(shape.contains("in another shape only (wasmtime says: instance export `now`"), "{shape}");
        let mixed = said(&["d:e/f"], "instance export `now` has the wrong type");
        assert!(mixed.contains("`d:e/f` (wasmtime says: instance export `now`"), "{mixed}");
    }
}
