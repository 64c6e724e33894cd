//! Says of a component what it is, what it wants and what it would get, also of one that no pipeline would take: for
//! `updraft inspect`, and for agents that take components from others.

use super::component::Component;
use super::engine::Engine;
use super::imports::{self, Supply};
use super::instance::Instance;
use super::load::{Binary, LoadError, Unfit, Wanted, apart};
use super::stats::Stats;
use crate::config;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Looks at components.
pub struct Inspector {
    engine: Engine,
}

/// What there is to say of a component.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Its path, or `builtin:NAME`.
    pub component: String,
    /// SHA-256 of its bytes, in hex: what the config may pin.
    pub sha256: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Version of `updraft:pipeline` that it was built against; none where it exports nothing of it.
    pub wit: Option<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// What it imports, and what it gets for that.
    pub imports: Vec<Import>,
    /// How long it took to get machine code; none where there is none.
    pub load: Option<Duration>,
    /// That code was there from an earlier start.
    pub from_cache: bool,
    /// How long it took to make an instance; none where there is none.
    pub instantiate: Option<Duration>,
    /// Bytes of memory that an instance has before its first call.
    pub memory_bytes: Option<u64>,
    /// Why a pipeline would not start with it, as a sentence about it.
    pub problem: Option<String>,
}

/// Something that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// `wasi:clocks/wall-clock@0.2.6`
    pub name: String,
    /// What it gets for it.
    pub supply: Supply,
}

impl Inspector {
    /// With the compiled components that runs of our user have kept in a data dir, if there is one.
    pub fn new(data_dir: Option<&Path>) -> Result<Self, LoadError> {
        Ok(Self { engine: data_dir.map_or_else(|| Engine::new(None), Engine::for_a_look)? })
    }

    /// Looks at a component for itself: nobody has a config for it, so it is given none. Fails where it cannot be read.
    /// Blocks, for seconds where the component is large.
    pub fn component(&self, component: config::Component) -> Result<Inspection, LoadError> {
        self.inspect(&config::Transform::bare("", component), false)
    }

    /// Looks at the component of a transform, with its pin, limits, grants and config.
    pub fn transform(&self, transform: &config::Transform) -> Result<Inspection, LoadError> {
        self.inspect(transform, true)
    }

    fn inspect(&self, transform: &config::Transform, configure: bool) -> Result<Inspection, LoadError> {
        let binary = Binary::read(&transform.component).map_err(|why| LoadError::Unfit {
            place: transform.place(),
            component: transform.component.to_string(),
            why,
        })?;
        let mut seen = Inspection {
            component: transform.component.to_string(),
            sha256: binary.hash.clone(),
            bytes: binary.bytes.len() as u64,
            wit: None,
            exports: Vec::new(),
            imports: Vec::new(),
            load: None,
            from_cache: false,
            instantiate: None,
            memory_bytes: None,
            problem: None,
        };
        // A component that is not the pinned one is looked at all the same: that is how one finds out what it is.
        let pin = binary.is_pinned(transform.sha256.as_ref());
        let tried = self.look(binary, transform, configure, &mut seen);
        seen.problem = pin.and(tried).err().map(|why| format!("{} {why}", seen.component));
        Ok(seen)
    }

    /// As far as it goes.
    fn look(
        &self,
        binary: Binary,
        transform: &config::Transform,
        configure: bool,
        seen: &mut Inspection,
    ) -> Result<(), Unfit> {
        let began = Instant::now();
        let (compiled, from_cache) = self.engine.compile(&binary)?;
        (seen.load, seen.from_cache) = (Some(began.elapsed()), from_cache);
        seen.exports = self.engine.exports(&compiled);
        seen.wit = seen.exports.iter().find_map(|name| {
            let (_, version) = name.strip_prefix("updraft:pipeline/")?.split_once('@')?;
            Some(version.to_owned())
        });
        let imports = imports::of(&self.engine.wasmtime, &compiled).into_iter();
        seen.imports = imports.map(|(name, supply)| Import { name, supply }).collect();
        let wanted = if configure { Wanted::Role(transform.role) } else { Wanted::Any };
        let (pre, exports) = self.engine.link(&compiled, wanted)?;
        let stats = Arc::new(Stats::default());
        let epochs = self.engine.epochs.clone();
        let component = Component::new(transform, binary.name, binary.hash, pre, exports, stats, epochs);
        apart(|| {
            let began = Instant::now();
            let mut instance = Instance::unconfigured(&component).map_err(Unfit::Instantiate)?;
            (seen.instantiate, seen.memory_bytes) = (Some(began.elapsed()), Some(instance.memory_used()));
            if configure { instance.configure(&component).map_err(Unfit::Configure) } else { Ok(()) }
        })
    }
}
