//! Write Updraft components in Rust: a normalizer, a transform or a router is a type with one trait.
//!
//! ```
//! use updraft_guest::{EventSet, LogStream, Transformer};
//!
//! /// Labels what must be kept for seven years.
//! struct Audit;
//!
//! impl Transformer for Audit {
//!     fn configure(_config: &str) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn transform(&mut self, _origin: &LogStream, events: &EventSet) -> Result<(), String> {
//!         for mut event in events {
//!             if event.message().starts_with(b"AUDIT") {
//!                 event.set_label("audit");
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! updraft_guest::export_transformer!(Audit);
//! # fn main() {}
//! ```
//!
//! Build it with `cargo build --target wasm32-wasip2 --release` (`crate-type = ["cdylib"]`): what comes out is
//! a component. The same code runs natively under `cargo test`: see [`testing`].
//!
//! A batch crosses the border as columns (see `wit/v0.1/pipeline.wit`): one blob of bytes and a few integer
//! arrays. Nothing of that shows here. A message or value that is a piece of the batch's bytes goes back as two
//! numbers; anything else is copied once.

mod columns;
mod component;
mod edit;
mod events;
pub mod host;
pub mod json;
mod keys;
mod lines;
mod origin;
mod replace;
mod staged;
mod table;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod timestamp;
mod unescaped;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod bindings;

pub use columns::{Columns, DROPPED, NO_TIMESTAMP};
#[doc(hidden)]
pub use component::{Instance, run_normalizer, run_transformer};
pub use component::{LogStreamName, Normalizer, Router, Sink, Target, Transformer};
pub use edit::{Event, EventSet};
pub use events::{EventBuilder, Events, Key, Severity};
pub use lines::{Line, Lines};
pub use origin::{Deployment, LogStream, StreamKind, TaskTry};
pub use replace::Finder;
pub use table::Table;

/// An attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A JSON value, as it stands.
    Json(&'a [u8]),
    /// The text of a string, not quoted; perhaps not UTF-8.
    Text(&'a [u8]),
}

/// The manual's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/transforms.md")]
struct Manual;
