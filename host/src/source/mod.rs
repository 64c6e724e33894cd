//! Where lines come from: files in Airflow's log folder, each generation of one a stream.
//!
//! `airflow` watches the folder and keeps the streams; `discover` finds files, `identify` reads a path,
//! `fingerprint` tells generations apart, `stream` is one of them, `tail` cuts lines from it.

pub mod airflow;
pub mod discover;
mod fingerprint;
pub mod identify;
mod stream;
pub mod tail;

pub use airflow::Airflow;
pub use stream::{OpenFiles, Stream};
