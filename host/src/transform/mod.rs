//! Runs the guests: lines become events, events become other events, within limits.
//!
//! - From a file to a guest: `engine`, `load` (read, compiled, looked at), `component` (with its idle instances),
//!   `instance` (one living guest), `limits`, `world` and `voice` (what it may take, see and say), `bindings` (the only
//!   file that names WIT types). `cache` keeps what was compiled; `imports` and `inspect` say what a component is.
//! - A batch: `chain` runs it through all stages of a branch, `check` trusts nothing that comes back, `clock` gives every
//!   event a time it can keep, `native` is what happens without a component, `workers` are the threads for it.
//! - A failure: `error` names it, `care` decides what becomes of the batch, with `unit` and `isolate` (what spoils it), `marks`
//!   (where that is), `breaker` (how often is too often), `capsule` (kept to be looked at) and `replay` (run again).
//! - `witness` sees what each stage makes of a batch.
//! - Names: `router` asks a component where events go.
//! - `stage` is a transform's place, where one build of its component follows another, after its `trial`; `stats` what it
//!   has done.

mod bindings;
mod breaker;
mod cache;
mod capsule;
mod care;
mod chain;
pub(crate) mod check;
mod clock;
mod component;
mod engine;
mod epochs;
mod error;
mod imports;
mod inspect;
mod instance;
mod isolate;
mod limits;
mod load;
mod marks;
mod native;
mod replay;
mod router;
mod stage;
mod stats;
mod trial;
mod unit;
mod voice;
mod witness;
mod workers;
mod world;

use crate::config::Role;
use std::time::Instant;

pub use capsule::Capsules;
#[cfg(feature = "bench")]
pub use chain::{BATCH_BYTES, BATCH_LINES};
pub use chain::{Chain, Step};
pub use engine::Engine;
pub use error::{Broken, GuestError};
pub use imports::Supply;
pub use inspect::{Import, Inspection, Inspector};
#[cfg(fuzzing)]
pub use load::Binary;
pub use load::{LoadError, Unfit, hash_of};
pub use replay::{Made, Replay, ReplayError, replay};
pub use router::{Router, Unanswered};
pub use stage::{Build, Stage};
pub use stats::Stats;
pub use witness::Witness;
pub use workers::{WorkerGone, Workers};

/// The version of the WIT that this host speaks.
pub const WIT_VERSION: &str = "0.1.0";

/// A stream waits for a component.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "waits for {} `{transform}`{}: {why}",
    role, if *role == Role::Transform { " (`on_error: halt`)" } else { "" }
)]
pub struct Halted {
    /// Which transform, or route.
    pub transform: String,
    /// Which of the two it is. What was delivered before waits for a router, too.
    pub role: Role,
    /// Why.
    pub why: String,
    /// Until when nothing will have changed, as far as is known.
    pub until: Option<Instant>,
}

/// Runs work that calls guests on a thread of its own, which nobody else needs: what fails is looked into at once.
pub fn patiently<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    load::apart(|| {
        limits::be_patient();
        work()
    })
}
