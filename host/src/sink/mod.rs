//! Where events go. Sinks know nothing of WebAssembly: they get batches and say what was acknowledged.
//!
//! `batch` packs and `retry` decides, both pure; `encode` writes events; each service has a folder of its own.

pub mod batch;
pub mod blackhole;
#[cfg(test)]
mod canned;
pub mod cloudwatch;
pub mod complaint;
pub mod console;
pub mod encode;
pub mod file;
pub mod generation;
pub mod healthcheck;
pub mod joined;
pub mod objects;
pub mod piece;
pub mod retry;
pub mod s3;
pub mod service_error;
pub mod waiting;

use crate::event::Batch;
use crate::lane::Lane;
use crate::lanes::{Plan, Taken};
use crate::route::standard::Standard;
use crate::route::{Named, Naming};
use std::sync::Arc;

/// Where the events of a batch go in a sink.
pub type NamesOf<S> = Named<<<S as EventSink>::Standard as Standard>::Name>;

/// A sink that takes events, batch by batch. (The S3 mirror takes whole files and is driven by itself.)
pub trait EventSink: Send + Sync + 'static {
    /// How it names what it writes to.
    type Standard: Standard;

    /// Its names.
    fn naming(&self) -> &Naming<Self::Standard>;

    /// Whether there is room for another batch of this lane. If not, the sink wakes the lane when there is.
    fn has_room(&self, lane: &Arc<Lane>) -> bool;

    /// A turn of this lane is over which found room, whether or not it took any: there may be some for others.
    fn turn_over(&self, _lane: &Lane) {}

    /// Whether a batch that is taken a second time, after a kill, is there once all the same. Then cursors are written down
    /// when a turn is over or has taken a while, else after each batch.
    fn takes_again(&self) -> bool {
        false
    }

    /// What the batch at this offset has to be. (Only a sink that decides more than cursors can tell has a say.)
    fn plan(&self, _lane: &Lane, _offset: u64) -> Plan {
        Plan::Free
    }

    /// The batch that was planned at this offset cannot be made any more.
    fn give_up_plan(&self, _lane: &Lane, _offset: u64) {}

    /// Takes a batch, whose events go to these names; called on a worker thread, may block for a local disk, never for the
    /// network. An error leaves the lane where it is: the same batch comes again.
    fn take(&self, lane: &Arc<Lane>, batch: &Batch, names: &NamesOf<Self>) -> std::io::Result<Taken>;
}

/// A sink that holds events back until they are many.
pub trait Flush: Send + Sync + 'static {
    /// Nothing more is coming: send what is there without waiting for more.
    fn flush(self: Arc<Self>);

    /// Sends at once what it holds of lanes that are [`Lane::pressing`], and nothing else that can wait.
    fn press(self: Arc<Self>);

    /// Stops at once: what is under way and not acknowledged comes again at the next start.
    fn stop(&self);

    /// Nothing is left but what goes on for as long as the sink runs.
    fn settled(&self) -> bool {
        true
    }
}
