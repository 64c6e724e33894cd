//! One log stream: waits until a put is full or its first event old enough, sends it, and acknowledges it.
//! One put is under way at a time; the next waits until the cursors of the last are written down.

use super::client::LogStreamName;
use super::{CloudWatch, Ticket};
use crate::cursor::StreamId;
use crate::lane::{Lane, Seq};
use crate::lanes::Lanes;
use crate::sink::batch::{Encoded, Limits, Packer, Put};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// When the host drains, no put waits longer than this to get full, whatever the config says.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(1);

/// The events that wait for one log stream.
pub struct Outlet {
    name: Arc<LogStreamName>,
    packer: Mutex<Packer<Ticket>>,
    /// Bytes of the put under way.
    under_way: AtomicUsize,
    /// Bytes that all these events hold for dead letters.
    originals: AtomicUsize,
    /// Somebody waits for what is here.
    pressed: AtomicBool,
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
        Self {
            name,
            packer: Mutex::new(Packer::new(limits)),
            under_way: AtomicUsize::new(0),
            originals: AtomicUsize::new(0),
            pressed: AtomicBool::new(false),
            notify: Notify::new(),
        }
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
                ticket.lane.acknowledge_each(ticket.seq, [(ticket.event, 1)]);
            } else {
                self.originals.fetch_add(ticket.holds, Ordering::Relaxed);
            }
        }
        drop(packer);
        self.wake();
    }

    /// If somebody waits for what is here, it goes without waiting for more.
    pub fn press(&self) {
        if !self.pressed.load(Ordering::Acquire) && self.holds_pressing() {
            self.pressed.store(true, Ordering::Release);
            self.wake();
        }
    }

    fn holds_pressing(&self) -> bool {
        self.packer().tickets().any(|ticket| ticket.lane.pressing())
    }

    /// Something has changed: look again.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// How much waits or is under way, as AWS counts it, or what is held of it for dead letters where that is more.
    pub fn bytes(&self) -> usize {
        let sent = self.packer().bytes() + self.under_way.load(Ordering::Relaxed);
        sent.max(self.originals.load(Ordering::Relaxed))
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
        let timeout =
            if sink.lanes.closing() { sink.config.timeout.min(CLOSING_TIMEOUT) } else { sink.config.timeout };
        let at = oldest.arrived + timeout;
        let at_once = sink.flush.load(Ordering::Acquire) || self.pressed.load(Ordering::Acquire);
        if packer.is_full() || at <= Instant::now() || at_once { Due::Now } else { Due::At(at) }
    }

    async fn send(&self, sink: &CloudWatch) {
        let Some(put) = self.packer().take() else { return };
        self.under_way.store(put.bytes, Ordering::Relaxed);
        sink.wake_waiting();
        let batches = acknowledgements(&put);
        let held: usize = put.events.iter().map(|event| event.ticket.holds).sum();
        sink.deliver(&self.name, put).await;
        self.originals.fetch_sub(held, Ordering::Relaxed);
        let mut lanes = HashMap::new();
        for (lane, seq, events) in batches.into_values() {
            lane.acknowledge_each(seq, events);
            lanes.insert(lane.stream.id, lane);
        }
        let lanes: Vec<Arc<Lane>> = lanes.into_values().collect();
        sink.lanes.commit(&lanes).await;
        self.under_way.store(0, Ordering::Relaxed);
        if self.pressed.load(Ordering::Acquire) {
            // Perhaps not all of it was in that put.
            self.pressed.store(self.holds_pressing(), Ordering::Release);
        }
        sink.wake_waiting();
    }

    fn packer(&self) -> MutexGuard<'_, Packer<Ticket>> {
        self.packer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one batch: its lane, where it stands there, and the events (by number, and how many parts) that a put holds.
type OfBatch = (Arc<Lane>, Seq, Vec<(usize, usize)>);

/// What a put holds, by lane and batch.
fn acknowledgements(put: &Put<Ticket>) -> HashMap<(StreamId, Seq), OfBatch> {
    let mut batches: HashMap<(StreamId, Seq), OfBatch> = HashMap::new();
    for Ticket { lane, seq, event, .. } in put.events.iter().map(|event| &event.ticket) {
        let batch = batches.entry((lane.stream.id, *seq)).or_insert_with(|| (lane.clone(), *seq, Vec::new()));
        match batch.2.last_mut() {
            Some((same, parts)) if same == event => *parts += 1,
            _ => batch.2.push((*event, 1)),
        }
    }
    batches
}
