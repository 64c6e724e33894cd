//! Torture: a writer that appends, tears, rotates and deletes; a proxy that fails in every way that services do; a
//! driver that kills the host at random; and an oracle that compares what was written with what arrived.
//!
//! Begin with [`driver`], which is one run from top to bottom. [`plan`] says what a run is like and [`weather`] what
//! troubles the services; [`writer`] keeps [`books`] of lines from the [`corpus`]; [`proxy`] keeps a [`ledger`] of what
//! the host was not told; [`scenario`] measures an outage. [`oracle`] and [`accounts`] are the promises of `docs/delivery.md`.

pub mod accounts;
pub mod books;
pub mod corpus;
pub mod driver;
pub mod evidence;
pub mod host;
mod http;
pub mod ledger;
pub mod oracle;
pub mod plan;
pub mod proxy;
pub mod scenario;
pub mod scorecard;
pub mod texts;
pub mod verdict;
pub mod weather;
pub mod writer;

pub use driver::{Failure, run};
pub use plan::{Disturbance, Plan};
pub use scorecard::Scorecard;
