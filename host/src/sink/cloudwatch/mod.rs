//! CloudWatch Logs: events of many files, packed into full puts, one under way per log stream.
//!
//! `mod` gives each event to the outlet of its log stream; `outlet` waits until a put is full or old enough, sends it, and
//! acknowledges; `deliver` sends one put for as long as it takes, `body` is what is sent; `groups` looks after the log groups
//! that it made, `turns` and `budget` say when a log stream may be made; `room` keeps dead log streams from filling the sink,
//! `relief` sees to it that others find some, `trouble` keeps them from filling the log; `refused` sees to what CloudWatch does
//! not take; `ticket` is what an event is acknowledged by. One file per AWS operation.

mod body;
mod budget;
mod canary;
pub mod client;
mod create_log_group;
mod create_log_stream;
mod deliver;
mod describe_log_streams;
mod groups;
pub mod limits;
mod outlet;
mod put_log_events;
mod put_retention_policy;
mod refused;
mod relief;
mod room;
mod ticket;
mod trouble;
pub mod turns;
#[cfg(test)]
mod verdict_tests;

use crate::config::{self, Codec};
use crate::cursor::StreamId;
use crate::dead_letter::DeadLetters;
use crate::event::{Batch, DEFAULT_LABEL, EventRef, NotHere};
use crate::lane::Lane;
use crate::lanes::{Lanes, Taken};
use crate::receipt::Tally;
use crate::route::Naming;
use crate::route::standard::LogStreams;
use crate::sink::batch::Limits;
use crate::sink::complaint::Complaint;
use crate::sink::piece::{Piece, Written};
use crate::sink::waiting::Waiting;
use crate::sink::{EventSink, Flush, NamesOf, encode};
pub use canary::Put;
use client::{Client, LogStreamName};
use groups::Groups;
use lru::LruCache;
use outlet::Outlet;
use room::Room;
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use ticket::{Shared, Ticket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trouble::Trouble;
use turns::Turns;

/// So many batches of a file may be acknowledged before what stands in front of them is (another log stream has it, and
/// does not take it): a kill repeats them.
const AHEAD: usize = 64;

/// Streams of which it is known where their events went last.
const WENT_TO: NonZero<usize> = NonZero::new(16_384).unwrap();

/// A sink of type `aws_cloudwatch_logs`.
pub struct CloudWatch {
    client: Client,
    config: config::CloudWatch,
    naming: Naming<LogStreams>,
    limits: Limits,
    lanes: Arc<Lanes>,
    outlets: Mutex<HashMap<Arc<LogStreamName>, Arc<Outlet>>>,
    tasks: Mutex<JoinSet<()>>,
    runtime: tokio::runtime::Handle,
    puts: Semaphore,
    groups: Arc<Groups>,
    new_streams: Arc<Turns>,
    room: Room,
    /// Where the events of a stream went last.
    went_to: Mutex<LruCache<StreamId, Vec<LogStreamName>>>,
    trouble: Trouble,
    /// Where what is refused goes, if it goes anywhere.
    letters: Option<DeadLetters>,
    /// Lanes that found no room in the whole sink to begin a turn…
    waiting: Waiting,
    /// …or to go on with one…
    begun: Waiting,
    /// …and those that have to wait for what is under way of them.
    stuck: Waiting,
    /// …and those that go to several log streams, while such have their half of the room.
    several: Waiting,
    /// How many puts go before they are full, to make room.
    relieving: AtomicUsize,
    /// All lanes are read to their ends: nothing will make a put any fuller.
    flush: AtomicBool,
}

impl CloudWatch {
    /// A sink that is ready to take events.
    pub fn new(
        client: Client,
        new_streams: Arc<Turns>,
        config: config::CloudWatch,
        naming: Naming<LogStreams>,
        lanes: Arc<Lanes>,
        letters: Option<DeadLetters>,
    ) -> Arc<Self> {
        let limits = limits::of_put(config.max_events, config.max_bytes);
        let client = client.compressing(config.gzip);
        Arc::new(Self {
            groups: Groups::new(client.clone(), config.new_groups.clone(), lanes.clone()),
            new_streams,
            room: Room::default(),
            went_to: Mutex::new(LruCache::new(WENT_TO)),
            trouble: Trouble::default(),
            puts: Semaphore::new(config.aws.concurrency),
            client,
            config,
            naming,
            limits,
            lanes,
            letters,
            outlets: Mutex::default(),
            tasks: Mutex::default(),
            runtime: tokio::runtime::Handle::current(),
            waiting: Waiting::default(),
            begun: Waiting::default(),
            stuck: Waiting::default(),
            several: Waiting::default(),
            relieving: AtomicUsize::new(0),
            flush: AtomicBool::new(false),
        })
    }

    /// Nothing more is coming: send what is there without waiting for more.
    pub fn flush(&self) {
        self.flush.store(true, Ordering::Release);
        self.begun.wake(&self.lanes.schedule);
        self.waiting.wake(&self.lanes.schedule);
        self.several.wake(&self.lanes.schedule);
        for outlet in self.outlets.lock().unwrap_or_else(PoisonError::into_inner).values() {
            outlet.wake();
        }
    }

    /// What somebody waits for goes without waiting for more.
    pub fn press(&self) {
        for outlet in self.outlets.lock().unwrap_or_else(PoisonError::into_inner).values() {
            outlet.press();
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

    /// The log streams that events of a lane go to: those of its last batch. Nobody is asked.
    fn goes_to(&self, lane: &Lane) -> Vec<LogStreamName> {
        if let Some(names) = self.went_to().get(&lane.stream.id) {
            return names.clone();
        }
        let own = || (!self.naming.is_routed()).then(|| self.naming.own_name(lane, DEFAULT_LABEL));
        own().into_iter().collect()
    }

    fn went_to(&self) -> MutexGuard<'_, LruCache<StreamId, Vec<LogStreamName>>> {
        self.went_to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands events to the outlet of their log stream, which is made if there is none.
    fn push(self: &Arc<Self>, name: LogStreamName, events: Vec<Piece<Ticket>>) {
        let mut outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outlet) = outlets.get(&name) {
            return outlet.push(events, &self.room, &self.lanes);
        }
        let name = Arc::new(name);
        let outlet = Arc::new(Outlet::new(name.clone(), self.limits));
        outlet.push(events, &self.room, &self.lanes);
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
            outlet.waiting.wake(&self.lanes.schedule);
        }
        idle
    }

    /// Whether the log streams of a lane have room, the sink having it.
    fn has_room_besides(&self, lane: &Lane) -> bool {
        let outlets: Vec<_> = self.goes_to(lane).iter().filter_map(|name| self.outlet(name)).collect();
        let outlet = outlets.iter().find(|outlet| !outlet.is_shut());
        if let (Some(shut), None) = (outlets.first(), outlet) {
            lane.set_of_turn(0);
            return shut.waiting.has_room(lane, || !shut.is_shut());
        }
        if self.goes_several_ways(lane) && !self.several.has_room(lane, || !self.room.mixed.is_enough()) {
            // It may be long until it goes on: nobody waits for it to fill what it began.
            lane.set_of_turn(0);
            // What it waits for may itself wait for more.
            self.relieve(false);
            return false;
        }
        self.stuck.has_room(lane, || !self.is_stuck(lane))
            && outlet.is_none_or(|it| it.waiting.has_room(lane, || it.has_space(&self.room)))
    }

    /// Of a file that goes to several log streams, one may be dead: then nothing of it can be let go of.
    fn is_stuck(&self, lane: &Lane) -> bool {
        let ahead = lane.ahead();
        ahead >= AHEAD || (ahead > 0 && self.room.is_crowded())
    }

    /// Whether its last batch did.
    fn goes_several_ways(&self, lane: &Lane) -> bool {
        self.went_to().get(&lane.stream.id).is_some_and(|names| names.len() > 1)
    }

    /// Those log streams of a group that are held up try again.
    fn revive(&self, group: &str) {
        let outlets = self.outlets.lock().unwrap_or_else(PoisonError::into_inner);
        outlets.values().filter(|outlet| outlet.name().group == group).for_each(|outlet| outlet.revive());
    }

    fn outlet(&self, name: &LogStreamName) -> Option<Arc<Outlet>> {
        self.outlets.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl Flush for CloudWatch {
    fn flush(self: Arc<Self>) {
        Self::flush(&self);
    }

    fn press(self: Arc<Self>) {
        Self::press(&self);
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
    type Standard = LogStreams;

    fn naming(&self) -> &Naming<LogStreams> {
        &self.0.naming
    }

    fn has_room(&self, lane: &Arc<Lane>) -> bool {
        let sink = &self.0;
        let begins = lane.of_turn() == 0;
        let waiting = if begins { &sink.waiting } else { &sink.begun };
        if !waiting.has_room(lane, || sink.room.has_space(begins)) {
            sink.relieve(begins);
            return false;
        }
        let has_room = sink.has_room_besides(lane);
        if !has_room {
            // The room that there is may be for others.
            sink.wake_for_room();
        }
        has_room
    }

    fn turn_over(&self, lane: &Lane) {
        let sink = &self.0;
        if !sink.room.has_space(false) {
            return;
        }
        sink.wake_for_room();
        if !sink.room.mixed.is_enough() {
            sink.wake_some(&sink.several);
        }
        for outlet in sink.goes_to(lane).iter().filter_map(|name| sink.outlet(name)) {
            if !outlet.is_shut() && outlet.has_space(&sink.room) {
                sink.wake_some(&outlet.waiting);
            }
        }
    }

    fn take(&self, lane: &Arc<Lane>, batch: &Batch, names: &NamesOf<Self>) -> std::io::Result<Taken> {
        let (sink, not_here) = (&self.0, &names.not_here);
        let mut goes_to: Vec<LogStreamName> = names.all().cloned().collect();
        goes_to.dedup();
        let several = goes_to.len() > 1;
        if !goes_to.is_empty() {
            sink.went_to().put(lane.stream.id, goes_to);
        }
        // Known only now. It comes again when `has_room` says so.
        if several && sink.room.mixed.is_enough() {
            return Ok(Taken::Stale);
        }
        let (codec, max_event) = (sink.config.codec, limits::max_event_bytes(&sink.limits));
        let stamp = |event: EventRef<'_>| {
            let timestamp = match codec {
                Codec::Airflow => encode::airflow_stamp(event),
                Codec::Json | Codec::Text | Codec::Raw => event.timestamp(),
            };
            // The service takes no time before the epoch; that old it refuses anyway.
            timestamp.div_euclid(1_000_000).max(0)
        };
        let mut all: Vec<(usize, Written)> = Vec::new();
        encode::wire(batch, not_here, codec, max_event, stamp, |label, written| all.push((label, written)));
        if codec == Codec::Airflow {
            self.count_replaced(lane, batch, not_here);
        }
        if all.is_empty() {
            return Ok(Taken::Done { events: 0, tally: Tally::of_left_out(batch, not_here), target: None });
        }
        let mut parts_of: Vec<u32> = vec![0; batch.events.len()];
        for text in all.iter().flat_map(|(_, written)| written.texts()) {
            parts_of[text.event as usize] += 1;
        }
        let Some(seq) = lane.begin_events(batch, &parts_of, not_here) else { return Ok(Taken::Stale) };
        let of = Arc::new(Shared { lane: lane.clone(), seq, arrived: Instant::now() });
        let mixed = several.then_some(&sink.room.mixed);
        let mut by_label: Vec<Vec<Piece<Ticket>>> =
            batch.events.label_names.iter().map(|_| Vec::new()).collect();
        for (label, written) in all {
            let ticket = Ticket::of(&of, batch, &written, sink.letters.as_ref(), mixed);
            by_label[label].extend(Piece::of(lane.stream.id.cast_unsigned(), written, ticket));
        }
        for (label, events) in (0..).zip(by_label).filter(|(_, events)| !events.is_empty()) {
            if let Some(name) = names.of(label) {
                sink.push(name.clone(), events);
            }
        }
        Ok(Taken::UnderWay)
    }
}

impl Handle {
    /// Counts bytes that are not UTF-8, of events that never left before.
    fn count_replaced(&self, lane: &Lane, batch: &Batch, not_here: &NotHere) {
        let lanes = &self.0.lanes;
        let counted = lane.count_up_to(0);
        let new = batch.going(not_here).filter(|event| event.source().end > counted);
        let bytes = new.map(encode::airflow_replaced).sum();
        lanes.counters.replaced.add(bytes);
        if bytes > 0 && lane.first_time(Complaint::REPLACED) {
            tracing::warn!(sink = %lanes.sink, path = %lane.stream.origin.path, bytes,
                "bytes of the file are not UTF-8: U+FFFD stands for them; more of them in this file are only counted");
        }
    }
}
