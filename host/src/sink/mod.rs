//! Where events go. Sinks know nothing of WebAssembly: they get batches and say what was acknowledged.
//!
//! `batch` packs and `retry` decides, both pure; `encode` writes events; each service has a folder of its own.

pub mod batch;
pub mod cloudwatch;
pub mod complaint;
pub mod console;
pub mod encode;
pub mod file;
pub mod generation;
pub mod joined;
pub mod retry;
pub mod s3;
pub mod service_error;

use crate::event::Batch;
use crate::lane::Lane;
use crate::lanes::Taken;
use std::sync::Arc;

/// A sink that takes events, batch by batch. (The S3 mirror takes whole files and is driven by itself.)
pub trait EventSink: Send + Sync + 'static {
    /// Whether there is room for another batch of this lane. If not, the sink wakes the lane when there is.
    fn has_room(&self, lane: &Arc<Lane>) -> bool;

    /// Takes a batch; called on a worker thread, may block for a local disk, never for the network.
    /// An error leaves the lane where it is: the same batch comes again.
    fn take(&self, lane: &Arc<Lane>, batch: &Batch) -> std::io::Result<Taken>;
}
