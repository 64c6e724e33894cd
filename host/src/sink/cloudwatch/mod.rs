//! CloudWatch Logs: events of many files, packed into full puts, one under way per log stream.
//!
//! `mod` gives each event to the outlet of its log stream; `outlet` waits until a put is full or old enough,
//! sends it, and acknowledges; `deliver` sends one put for as long as it takes. One file per AWS operation.

pub mod client;
mod create_log_group;
mod create_log_stream;
mod deliver;
pub mod limits;
mod outlet;
mod put_log_events;

use crate::config::{self, Env};
use crate::event::{Batch, DEFAULT_LABEL};
use crate::lane::{Lane, Seq};
use crate::lanes::{Lanes, Taken};
use crate::route;
use crate::route::template::{Names, Template};
use crate::sink::batch::{Encoded, Limits};
use crate::sink::complaint::Complaint;
use crate::sink::{EventSink, encode};
use client::{Client, LogStreamName};
use outlet::Outlet;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Puts of one sink that may be under way at once, each to another log stream.
const PUTS_AT_ONCE: usize = 8;
/// Events waiting for one log stream, counted as AWS counts them: one put under way and one being filled…
const OUTLET_BYTES: usize = 2 * limits::MAX_PUT_BYTES;
/// …and for all log streams of a sink together.
const SINK_BYTES: usize = 16 * limits::MAX_PUT_BYTES;

/// A sink of type `aws_cloudwatch_logs`.
pub struct CloudWatch {
    client: Client,
    config: config::CloudWatch,
    env: Env,
    limits: Limits,
    lanes: Arc<Lanes>,
    outlets: Mutex<HashMap<Arc<LogStreamName>, Arc<Outlet>>>,
    tasks: Mutex<JoinSet<()>>,
    runtime: tokio::runtime::Handle,
    puts: Semaphore,
    /// Lanes that found no room.
    waiting: Mutex<HashSet<i64>>,
    /// All lanes are read to their ends: nothing will make a put any fuller.
    flush: AtomicBool,
}

/// What an event is acknowledged by.
#[derive(Clone)]
pub struct Ticket {
    lane: Arc<Lane>,
    seq: Seq,
    arrived: Instant,
}

impl CloudWatch {
    /// A sink that is ready to take events.
    pub fn new(client: Client, config: config::CloudWatch, env: Env, lanes: Arc<Lanes>) -> Arc<Self> {
        let limits = limits::of_put(config.max_events, config.max_bytes);
        Arc::new(Self {
            client,
            config,
            env,
            limits,
            lanes,
            outlets: Mutex::default(),
            tasks: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
            puts: Semaphore::new(PUTS_AT_ONCE),
            waiting: Mutex::default(),
            flush: AtomicBool::new(false),
        })
    }

    /// Nothing more is coming: send what is there without waiting for more.
    pub fn flush(&self) {
        self.flush.store(true, Ordering::Release);
        for outlet in self.outlets.lock().unwrap_or_else(PoisonError::into_inner).values() {
            outlet.wake();
        }
    }

    /// Stops at once: what is under way and not acknowledged comes again at the next start.
    pub fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    /// Where events of this stream and label go.
    fn name(&self, lane: &Lane, label: &str) -> LogStreamName {
        let names = Names { origin: &lane.stream.origin, label, env: &self.env };
        let render = |template: &Template, what: &str| {
            let rendered = template.render(&names);
            match rendered {
                Ok(rendered) => {
                    if rendered.fell_back && lane.first_time(Complaint::FELL_BACK) {
                        tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path,
                            "{what} `{}` names what this stream lacks; its path is used instead", template.source());
                    }
                    rendered.text
                }
                Err(error) => {
                    if lane.first_time(Complaint::FELL_BACK) {
                        tracing::error!(sink = %self.lanes.sink, path = %lane.stream.origin.path, "{what}: {error}; the path is used instead");
                    }
                    lane.stream.origin.path.clone()
                }
            }
        };
        LogStreamName {
            group: route::log_group_name(&render(&self.config.group_name, "group_name")),
            name: route::log_stream_name(&render(&self.config.stream_name, "stream_name")),
        }
    }

    /// Hands events to the outlet of their log stream, which is made if there is none.
    fn push(self: &Arc<Self>, name: LogStreamName, events: Vec<Encoded<Ticket>>) {
        let mut outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outlet) = outlets.get(&name) {
            return outlet.push(events, &self.lanes);
        }
        let name = Arc::new(name);
        let outlet = Arc::new(Outlet::new(name.clone(), self.limits));
        outlet.push(events, &self.lanes);
        outlets.insert(name, outlet.clone());
        drop(outlets);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(outlet.run(self.clone()), &self.runtime);
    }

    /// Forgets an outlet that has nothing to do; false if it has something after all.
    fn retire(&self, outlet: &Outlet) -> bool {
        let mut outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = outlet.is_empty();
        if idle {
            outlets.remove(outlet.name());
        }
        idle
    }

    /// There may be room again.
    fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for stream in waiting {
            self.lanes.schedule.wake(stream);
        }
    }

    fn has_space(&self, name: &LogStreamName) -> bool {
        let outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        outlets.get(name).is_none_or(|outlet| outlet.bytes() < OUTLET_BYTES)
            && outlets.values().map(|outlet| outlet.bytes()).sum::<usize>() < SINK_BYTES
    }
}

/// The sink as its lanes see it.
pub struct Handle(pub Arc<CloudWatch>);

impl EventSink for Handle {
    fn has_room(&self, lane: &Arc<Lane>) -> bool {
        let sink = &self.0;
        let name = sink.name(lane, DEFAULT_LABEL);
        if sink.has_space(&name) {
            return true;
        }
        let stream = lane.stream.id;
        sink.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(stream);
        // It may have become free in between, and then nobody wakes us.
        let free = sink.has_space(&name);
        if free {
            sink.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&stream);
        }
        free
    }

    fn take(&self, lane: &Arc<Lane>, batch: &Batch) -> std::io::Result<Taken> {
        let sink = &self.0;
        let labels = &batch.events.label_names;
        let max_event = limits::max_event_bytes(&sink.limits);
        let mut parts: Vec<(usize, i64, String)> = Vec::with_capacity(batch.events.len());
        for event in batch.iter().filter(|event| event.label().is_some()) {
            let label = usize::from(event.label_index());
            // The service takes no time before the epoch; that old it refuses anyway.
            let timestamp_ms = event.timestamp().div_euclid(1_000_000).max(0);
            encode::texts(sink.config.codec, event, max_event, |text| {
                parts.push((label, timestamp_ms, not_empty(text)));
            });
        }
        if parts.is_empty() {
            return Ok(Taken::Done { events: 0, target: None });
        }
        let seq = lane.begin(batch, parts.len());
        let ticket = Ticket { lane: lane.clone(), seq, arrived: Instant::now() };
        let mut by_label: Vec<Vec<Encoded<Ticket>>> = labels.iter().map(|_| Vec::new()).collect();
        for (label, timestamp_ms, text) in parts {
            let lane = lane.stream.id.cast_unsigned();
            by_label[label].push(Encoded { lane, timestamp_ms, text, ticket: ticket.clone() });
        }
        for (label, events) in labels.iter().zip(by_label).filter(|(_, events)| !events.is_empty()) {
            sink.push(sink.name(lane, label), events);
        }
        Ok(Taken::UnderWay)
    }
}

/// CloudWatch takes no empty message; a blank line (codecs `raw` and `text`) goes as one space.
fn not_empty(text: String) -> String {
    if text.is_empty() { " ".to_owned() } else { text }
}
