//! Talks to a running host: a Unix socket in its data dir, for `updraft drain`, `updraft reload` and whatever
//! else is asked of it.
//!
//! One connection is one question: a line of JSON in ([`Request`]), lines of JSON out, the last of which is the result
//! ([`Answer`]). Only our own user and root are answered. An embedder who does not call [`Control::start`] has no socket.
//!
//! - `protocol` what is said · `address` where the socket is · `server` answers, `client` asks.
//! - A new verb is a variant of [`Verb`], its result one of [`Answer`]; `server` and `client` then miss an arm each.

mod address;
mod client;
mod protocol;
mod server;

pub use client::{AskError, ask};
pub use protocol::{Answer, Request, VERSION, Verb};
pub use server::Control;
