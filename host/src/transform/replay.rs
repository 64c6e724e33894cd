//! Runs what a capsule holds again: on the component that failed, or on a new build of it.

use super::capsule::{Capsule, Given, VERSION};
use super::component::Component;
use super::load::apart;
use super::{Engine, GuestError, LoadError, Stats, check};
use crate::config::{self, Env};
use crate::event::{DROPPED, Events};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A capsule is not longer than that: columns and hex take more than the batch itself.
const LARGEST: u64 = 256 << 20;

/// What came of a capsule that was run again.
#[derive(Debug)]
pub struct Replay {
    /// Id of the transform.
    pub transform: String,
    /// The component that ran now.
    pub component: String,
    /// SHA-256 of it.
    pub sha256: String,
    /// It is not the one that failed.
    pub is_another: bool,
    /// Which bytes of which file it was given.
    pub bytes: std::ops::Range<u64>,
    /// See `bytes`.
    pub path: String,
    /// When it failed, RFC 3339, and what was said then.
    pub then: (String, String),
    /// What came of it now.
    pub now: Result<Made, GuestError>,
    /// It fails, and for the same reason as then.
    pub is_same: bool,
}

/// What a component made of what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Lines that it consumed; none where it was given events.
    pub lines: Option<u32>,
    /// Events.
    pub events: usize,
    /// Of those, the ones that it dropped.
    pub dropped: usize,
}

/// Why a capsule cannot be run again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("cannot read capsule {}: {error}", path.display())]
    Read {
        /// The capsule.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// It is none.
    #[error("{} is no capsule: {why}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is of another version.
    #[error("capsule {} is of version {found}, this updraft reads version {VERSION}", path.display())]
    Version {
        /// The capsule.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// Variables in the component's config are not set.
    #[error("the component's config cannot be put together: {0}")]
    Config(#[from] config::Error),
    /// The component cannot be used.
    #[error("{0}")]
    Component(#[from] LoadError),
    /// It is of the other kind.
    #[error("the component exports no `updraft:pipeline/{0}@0.1.0`, which the one that failed was called by")]
    Kind(&'static str),
}

/// Runs a capsule again. `component`: another one than that which failed. `env`: what variables in its config stand for.
/// Blocks.
pub fn replay(path: &Path, component: Option<config::Component>, env: &Env) -> Result<Replay, ReplayError> {
    let capsule = read(path)?;
    let transform = transform(&capsule, component, env)?;
    let stats = Arc::new(Stats::default());
    // Nothing that lies beside a capsule is trusted: it may be another's, and compiled code runs without a sandbox.
    let engine = Engine::new(None)?;
    let component = engine.load(&transform, &stats)?;
    match &capsule.given {
        Given::Lines { .. } if !component.normalizes() => return Err(ReplayError::Kind("normalize")),
        Given::Events { .. } if !component.transforms() => return Err(ReplayError::Kind("transform")),
        Given::Lines { .. } | Given::Events { .. } => {}
    }
    let no_capsule = |why: &str| ReplayError::Format { path: path.to_owned(), why: why.to_owned() };
    let origin = capsule.stream.clone().into_origin();
    let now = apart(|| run(&component, &origin, capsule.given))
        .ok_or_else(|| no_capsule("what the component was given is not whole"))?;
    Ok(Replay {
        is_another: component.hash() != capsule.sha256,
        is_same: now.as_ref().err().is_some_and(|error| error.kind() == capsule.error.kind),
        transform: capsule.transform,
        component: component.name().to_owned(),
        sha256: component.hash().to_owned(),
        bytes: capsule.from..capsule.to,
        path: origin.path,
        then: (capsule.at, capsule.error.text),
        now,
    })
}

fn read(path: &Path) -> Result<Capsule, ReplayError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut text))
        .map_err(|error| ReplayError::Read { path: path.to_owned(), error })?;
    let format =
        |error: serde_json::Error| ReplayError::Format { path: path.to_owned(), why: error.to_string() };
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(format)?;
    match value.get("capsule").and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(VERSION) => {
            Err(ReplayError::Version { path: path.to_owned(), found })
        }
        _ => serde_json::from_value(value).map_err(format),
    }
}

fn transform(
    capsule: &Capsule,
    component: Option<config::Component>,
    env: &Env,
) -> Result<config::Transform, config::Error> {
    let named = match (component, capsule.component.strip_prefix("builtin:")) {
        (Some(named), _) => named,
        (None, Some(name)) => config::Component::Builtin(name.to_owned()),
        (None, None) => config::Component::Path(PathBuf::from(&capsule.component)),
    };
    let limits = capsule.limits;
    Ok(config::Transform {
        grants: config::Grants::of(&capsule.grants),
        config: config::with_variables(capsule.config.clone(), env)?,
        config_as_written: capsule.config.clone(),
        limits: config::Limits {
            memory_bytes: limits.memory_bytes,
            timeout: Duration::from_millis(limits.timeout_ms),
            result_bytes: limits.result_bytes,
            table_elements: limits.table_elements,
            core_instances: limits.core_instances,
            ..config::Limits::default()
        },
        ..config::Transform::bare(&capsule.transform, named)
    })
}

/// None: the capsule is not whole.
fn run(
    component: &Component,
    origin: &crate::event::Origin,
    given: Given,
) -> Option<Result<Made, GuestError>> {
    let made = |lines, events: &Events| {
        let dropped = events.labels.iter().filter(|&&label| label == DROPPED).count();
        Made { lines, events: events.len(), dropped }
    };
    let most = component.limits().result_bytes;
    Some(match given {
        Given::Lines { bytes, ends, last } => {
            let bytes = bytes.into_bytes()?;
            if !ends.is_sorted() || ends.last().is_none_or(|&end| end as usize != bytes.len()) {
                return None;
            }
            component.run_fresh(|instance| {
                let (consumed, mut events) = instance.normalize(origin, &bytes, &ends, last)?;
                check::normalized(&mut bytes.clone(), &ends, last, consumed, &mut events, most)?;
                Ok(made(Some(consumed), &events))
            })
        }
        Given::Events { bytes, arena, columns } => {
            let (bytes, given) = (bytes.into_bytes()?, Events { arena: arena.into_bytes()?, ..*columns });
            if !check::is_whole(&bytes, &given) {
                return None;
            }
            component.run_fresh(|instance| {
                let mut events = instance.transform(origin, &bytes, &given)?;
                check::transformed(&bytes, &given, &mut events, most)?;
                Ok(made(None, &events))
            })
        }
    })
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transform, component, sha256, bytes, path, then: (at, then), .. } = self;
        let build = if self.is_another { "another build than then" } else { "the same build as then" };
        writeln!(f, "transform `{transform}` on bytes {} to {} of {path}", bytes.start, bytes.end)?;
        writeln!(f, "component {component}, sha256 {sha256}: {build}")?;
        writeln!(f, "then ({at}): {then}")?;
        match &self.now {
            Ok(Made { lines, events, dropped }) => {
                let of = lines.map_or(String::new(), |lines| format!("{lines} lines consumed, "));
                writeln!(f, "now: fine: {of}{events} events made, {dropped} of them dropped")
            }
            Err(error) => {
                writeln!(f, "now: {error}{}", if self.is_same { "" } else { " (another reason than then)" })
            }
        }
    }
}
