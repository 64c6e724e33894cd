//! Receipts: for every generation of a file, what went where, so that somebody can prove it afterwards.
//!
//! `entry` is what became of some events; lanes hand entries to the store in the transaction that moves the cursor.
//! `notary` seals a receipt with a hash of the file when that has come to its end, as much of which as can be `passing` made
//! while the file was delivered. `prove` reads receipts, and `compare` looks
//! whether what is on disk and in the bucket is what they say.

mod compare;
mod entry;
mod notary;
mod passing;
mod prove;

pub use crate::config::Receipts as Forgetting;
pub use compare::Local;
pub use entry::{Entry, Fate, Outcome, Tally};
pub use notary::Notary;
pub use passing::Begun;
pub use prove::{Proof, ProveError, SinkProof, TargetProof, Verdict, prove};
