//! CloudWatch Logs: events of many files, packed into full puts, one under way per log stream.
//!
//! `mod` gives each event to the outlet of its log stream; `outlet` waits until a put is full or old enough,
//! sends it, and acknowledges; `deliver` sends one put for as long as it takes; `groups` looks after the log groups
//! that it made, `budget` says when a log stream may be made; `refused` sees to what CloudWatch does not take. One file
//! per AWS operation.

mod budget;
mod canary;
pub mod client;
mod create_log_group;
mod create_log_stream;
mod deliver;
mod describe_log_streams;
mod groups;
mod gzip;
pub mod limits;
mod outlet;
mod put_log_events;
mod put_retention_policy;
mod refused;

use crate::config::{self, Env};
use crate::dead_letter::DeadLetters;
use crate::event::{Batch, DEFAULT_LABEL};
use crate::lane::{Lane, Seq};
use crate::lanes::{Lanes, Taken};
use crate::route;
use crate::route::template::{Names, Template};
use crate::sink::batch::{Encoded, Limits};
use crate::sink::complaint::Complaint;
use crate::sink::waiting::Waiting;
use crate::sink::{EventSink, Flush, encode};
use budget::Budget;
pub use canary::Put;
use client::{Client, LogStreamName};
use groups::Groups;
use outlet::Outlet;
use refused::Original;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Events waiting for one log stream, counted as AWS counts them: one put under way and one being filled… (With a sink for
/// dead letters, as much again for their original bytes.)
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
    groups: Arc<Groups>,
    new_streams: Mutex<Budget>,
    /// Where what is refused goes, if it goes anywhere.
    letters: Option<DeadLetters>,
    /// Lanes that found no room.
    waiting: Waiting,
    /// All lanes are read to their ends: nothing will make a put any fuller.
    flush: AtomicBool,
}

/// What an event is acknowledged by.
#[derive(Clone)]
pub struct Ticket {
    lane: Arc<Lane>,
    seq: Seq,
    /// Which event of its batch, of those that were sent.
    event: usize,
    arrived: Instant,
    /// Kept for a dead letter, where there may be one.
    original: Option<Arc<Original>>,
    /// Memory that goes when this one is answered: that of the original, with the last part of its event.
    holds: usize,
}

impl CloudWatch {
    /// A sink that is ready to take events.
    pub fn new(
        client: Client,
        config: config::CloudWatch,
        env: Env,
        lanes: Arc<Lanes>,
        letters: Option<DeadLetters>,
    ) -> Arc<Self> {
        let limits = limits::of_put(config.max_events, config.max_bytes);
        let client = client.compressing(config.gzip);
        Arc::new(Self {
            groups: Groups::new(client.clone(), config.new_groups.clone(), lanes.clone()),
            new_streams: Mutex::new(Budget::new(config.create_stream_rate)),
            puts: Semaphore::new(config.aws.concurrency),
            client,
            config,
            env,
            limits,
            lanes,
            letters,
            outlets: Mutex::default(),
            tasks: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
            waiting: Waiting::default(),
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
        self.groups.stop();
    }

    /// Nothing is left but what goes on for as long as the sink runs.
    pub fn settled(&self) -> bool {
        self.groups.settled()
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
        self.waiting.wake(&self.lanes.schedule);
    }

    fn has_space(&self, name: &LogStreamName) -> bool {
        let outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        outlets.get(name).is_none_or(|outlet| outlet.bytes() < OUTLET_BYTES)
            && outlets.values().map(|outlet| outlet.bytes()).sum::<usize>() < SINK_BYTES
    }
}

impl Flush for CloudWatch {
    fn flush(self: Arc<Self>) {
        Self::flush(&self);
    }

    fn stop(&self) {
        Self::stop(self);
    }

    fn settled(&self) -> bool {
        Self::settled(self)
    }
}

/// The sink as its lanes see it.
pub struct Handle(pub Arc<CloudWatch>);

impl EventSink for Handle {
    fn has_room(&self, lane: &Arc<Lane>) -> bool {
        let sink = &self.0;
        let name = sink.name(lane, DEFAULT_LABEL);
        sink.waiting.has_room(lane, || sink.has_space(&name))
    }

    fn take(&self, lane: &Arc<Lane>, batch: &Batch) -> std::io::Result<Taken> {
        let sink = &self.0;
        let labels = &batch.events.label_names;
        let max_event = limits::max_event_bytes(&sink.limits);
        let mut parts: Vec<Part> = Vec::with_capacity(batch.events.len());
        let mut sent: Vec<(usize, u32)> = Vec::with_capacity(batch.events.len());
        for event in batch.iter().filter(|event| event.label().is_some()) {
            let label = usize::from(event.label_index());
            // The service takes no time before the epoch; that old it refuses anyway.
            let timestamp_ms = event.timestamp().div_euclid(1_000_000).max(0);
            let original = sink.letters.as_ref().map(|_| Arc::new(Original::of(event)));
            let (number, before) = (sent.len(), parts.len());
            encode::texts(sink.config.codec, event, max_event, |text| {
                let (text, original) = (not_empty(text), original.clone());
                parts.push(Part { event: number, label, timestamp_ms, text, original, holds: 0 });
            });
            sent.push((event.index(), u32::try_from(parts.len() - before).unwrap_or(u32::MAX)));
            if let (Some(last), Some(original)) = (parts.last_mut(), original) {
                last.holds = original.weight();
            }
        }
        if parts.is_empty() {
            return Ok(Taken::Done { events: 0, target: None });
        }
        let seq = lane.begin_events(batch, &sent);
        let arrived = Instant::now();
        let mut by_label: Vec<Vec<Encoded<Ticket>>> = labels.iter().map(|_| Vec::new()).collect();
        for Part { event, label, timestamp_ms, text, original, holds } in parts {
            let ticket = Ticket { lane: lane.clone(), seq, event, arrived, original, holds };
            let lane = lane.stream.id.cast_unsigned();
            by_label[label].push(Encoded { lane, timestamp_ms, text, ticket });
        }
        for (label, events) in labels.iter().zip(by_label).filter(|(_, events)| !events.is_empty()) {
            sink.push(sink.name(lane, label), events);
        }
        Ok(Taken::UnderWay)
    }
}

/// An event, or a part of one, before it is under way.
struct Part {
    event: usize,
    label: usize,
    timestamp_ms: i64,
    text: String,
    original: Option<Arc<Original>>,
    holds: usize,
}

/// CloudWatch takes no empty message; a blank line (codecs `raw` and `text`) goes as one space.
fn not_empty(text: String) -> String {
    if text.is_empty() { " ".to_owned() } else { text }
}
