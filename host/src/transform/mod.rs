//! Runs the guests: lines become events, events become other events, within limits.
//!
//! `engine` compiles components and knows what they export; `instance` is one living guest, whose every trap
//! becomes a named error; `bindings` is the only file that names WIT types; `check` trusts nothing that comes
//! back; `clock` gives every event a time it can keep; `chain` runs a batch through all stages of a branch.

mod bindings;
mod chain;
mod check;
mod clock;
mod engine;
mod instance;
mod limits;
mod native;
mod workers;

pub use chain::{Chain, Step};
pub use engine::{Component, Engine, LoadError};
pub use workers::{WorkerGone, Workers};

/// Why a guest failed on a batch. The instance is thrown away; the same batch is tried once more on a fresh
/// one; if that fails too, `on_error` of the component decides.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GuestError {
    /// It trapped: unreachable, stack overflow, out of bounds…
    #[error("trapped: {0}")]
    Trap(String),
    /// Too much time: CPU time of its own, or waiting. (Wall time counts only at ten times the limit.)
    #[error("used more than its {limit_ms} ms for one call, computing or waiting (limits.timeout_ms)")]
    Timeout {
        /// The limit.
        limit_ms: u64,
    },
    /// Asked for more memory than it may have.
    #[error("wanted {wanted} bytes of memory and may have {limit} (limits.memory_mib)")]
    Memory {
        /// What it wanted to grow to.
        wanted: u64,
        /// The limit.
        limit: u64,
    },
    /// Returned `err(…)`.
    #[error("said: {0}")]
    Refused(String),
    /// What it returned breaks the contract.
    #[error("returned something that the WIT forbids: {0}")]
    Contract(String),
}
