//! One log stream: waits until a put is full or its first event old enough, sends it, and acknowledges it.
//! One put is under way at a time; the next waits until the cursors of the last are written down.

use super::client::LogStreamName;
use super::{CloudWatch, Ticket};
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::sink::batch::{Encoded, Limits, Packer, Put};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;

/// The events that wait for one log stream.
pub struct Outlet {
    name: Arc<LogStreamName>,
    packer: Mutex<Packer<Ticket>>,
    notify: Notify,
}

enum Due {
    Now,
    At(Instant),
    Nothing,
}

impl Outlet {
    /// An empty one.
    pub fn new(name: Arc<LogStreamName>, limits: Limits) -> Self {
        Self { name, packer: Mutex::new(Packer::new(limits)), notify: Notify::new() }
    }

    /// Its log stream.
    pub fn name(&self) -> &LogStreamName {
        &self.name
    }

    /// Queues events of one lane, in order.
    pub fn push(&self, events: Vec<Encoded<Ticket>>, lanes: &Lanes) {
        let mut packer = self.packer();
        for event in events {
            let (ticket, len) = (event.ticket.clone(), event.text.len());
            if let Err(misfit) = packer.push(event) {
                // The encoder keeps to the limits; if it ever does not, the event must not hold up its lane.
                tracing::error!(log_stream = %self.name, path = %ticket.lane.stream.origin.path, bytes = len, "{misfit}");
                lanes.counters.invalid.add(1);
                ticket.lane.acknowledge(ticket.seq, 1);
            }
        }
        drop(packer);
        self.wake();
    }

    /// Something has changed: look again.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// How much waits, as AWS counts it.
    pub fn bytes(&self) -> usize {
        self.packer().bytes()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packer().is_empty()
    }

    /// Sends put after put until nothing is left.
    pub async fn run(self: Arc<Self>, sink: Arc<CloudWatch>) {
        loop {
            match self.due(&sink) {
                Due::Now => self.send(&sink).await,
                Due::At(at) => {
                    let _ = tokio::time::timeout_at(at.into(), self.notify.notified()).await;
                }
                Due::Nothing if sink.retire(&self) => return,
                Due::Nothing => {}
            }
        }
    }

    fn due(&self, sink: &CloudWatch) -> Due {
        let packer = self.packer();
        let Some(oldest) = packer.oldest() else { return Due::Nothing };
        let at = oldest.arrived + sink.config.timeout;
        if packer.is_full() || at <= Instant::now() || sink.flush.load(Ordering::Acquire) {
            Due::Now
        } else {
            Due::At(at)
        }
    }

    async fn send(&self, sink: &CloudWatch) {
        // While a place is waited for, the put goes on filling.
        let Ok(_place) = sink.puts.acquire().await else { return };
        let Some(put) = self.packer().take() else { return };
        sink.wake_waiting();
        let lanes = acknowledgements(&put);
        sink.deliver(&self.name, put).await;
        for (seq_lane, events) in &lanes {
            seq_lane.lane.acknowledge(seq_lane.seq, *events);
        }
        let lanes = distinct(lanes);
        sink.lanes.commit(&lanes).await;
        sink.wake_waiting();
    }

    fn packer(&self) -> MutexGuard<'_, Packer<Ticket>> {
        self.packer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many events of each batch the put holds.
fn acknowledgements(put: &Put<Ticket>) -> Vec<(Ticket, usize)> {
    let mut counts = HashMap::new();
    for event in &put.events {
        let ticket = &event.ticket;
        let entry = counts.entry((ticket.lane.stream.id, ticket.seq)).or_insert_with(|| (ticket.clone(), 0));
        entry.1 += 1;
    }
    counts.into_values().collect()
}

fn distinct(acknowledged: Vec<(Ticket, usize)>) -> Vec<Arc<Lane>> {
    let lanes: HashMap<i64, Arc<Lane>> =
        acknowledged.into_iter().map(|(ticket, _)| (ticket.lane.stream.id, ticket.lane)).collect();
    lanes.into_values().collect()
}
