//! Where lines come from: files in Airflow's log folder, each generation of one a stream.
//!
//! `airflow` watches the folder and keeps the streams; `watcher` says where to look, `discover` finds files,
//! `sight` compares one with what was known, `fingerprint` tells generations apart, `identify` reads a path, `fence`
//! says whether the try has ended;
//! `stream` is a generation of a file, `tail` cuts lines from it; `alone` is a file that no store knows.

pub mod airflow;
mod alone;
pub mod discover;
pub mod fence;
mod fingerprint;
pub mod identify;
mod places;
mod selection;
mod sight;
mod stream;
pub mod tail;
mod watcher;

pub use airflow::Airflow;
pub use alone::alone;
pub use fingerprint::matches as is_generation;
pub use selection::{Pattern, Which};
pub use stream::{End, OpenFiles, Stream};
