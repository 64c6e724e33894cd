//! Updraft lifts Apache Airflow's logs into the cloud: files → WebAssembly components → CloudWatch Logs and S3.
//!
//! The binary is a thin user of this library; an agent of your own can be another. In the order to read them:
//!
//! 1. [`config::load`], [`config::from_str`] or [`config::from_environment`] make a checked [`config::Config`];
//! 2. [`Pipeline::start`] runs it on your tokio runtime;
//! 3. [`Pipeline::progress`] and [`Pipeline::acknowledged`] say how far each sink is, [`Pipeline::metrics`] all numbers;
//!    [`monitor::Server`] shows them to Prometheus, and answers the probes of Kubernetes;
//! 4. [`Pipeline::drainer`] delivers chosen files now, [`Pipeline::reload`] exchanges components;
//!    [`control::Control`] lets `updraft drain` and `updraft reload` ask for that;
//! 5. [`Pipeline::drain`] delivers what is there and stops;
//! 6. [`replay`] runs again what a component failed on, out of its capsule, and [`Inspector`] says what a component is
//!    before you let it in;
//! 7. [`rehearsal::explain`] says what becomes of the lines of a file and why, and [`rehearsal::run_tests`] runs the tests
//!    of a config;
//! 8. [`losses`] says, at any time, what of the logs vanished before a sink had it, and [`prove`] what went where.
//!
//! ```no_run
//! # async fn agent() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! let config = updraft::config::load("pipeline.yaml".as_ref(), &updraft::config::process_env())?;
//! let pipeline = updraft::Pipeline::start(&config).await?;
//! // … until your agent is told to stop, and then:
//! let report = pipeline.drain(updraft::Patience::For(Duration::from_secs(25))).await;
//! assert!(report.all_acknowledged);
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here is global: no signal handler, no exit, no logger (events go to `tracing`).

mod aws;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
pub mod check;
pub mod config;
pub mod control;
mod counters;
mod cursor;
mod dead_letter;
mod error;
pub mod event;
#[cfg(fuzzing)]
pub mod fuzzing;
mod lane;
mod lanes;
pub mod monitor;
mod pipeline;
mod progress;
mod receipt;
pub mod rehearsal;
pub mod route;
mod schedule;
mod sink;
mod source;
mod transform;

pub use cursor::{Loss, StoreError, losses};
pub use error::StartError;
pub use pipeline::{
    Drained, Drainer, Exchange, Lacking, Pipeline, ReloadError, Reloaded, Reloader, Reread, try_components,
};
pub use progress::{Meter, Patience, Report, SinkProgress};
pub use receipt::{Entry, Fate, Local, Outcome, Proof, ProveError, SinkProof, TargetProof, Verdict, prove};
pub use source::{Pattern, Which};
pub use transform::{Broken, GuestError, LoadError, Made, Replay, ReplayError, Unfit, replay};
pub use transform::{Import, Inspection, Inspector, Supply};
