//! One log stream: waits until a put is full or its first event old enough, sends it, and acknowledges it.
//! One put is under way at a time; the next waits until the cursors of the last are written down.
//!
//! A log stream that is held up keeps its events, unless those that are held up together have more than their share:
//! then it lets go of them, rests, and asks for one batch when it is time to try again. The files are the queue.

use super::client::LogStreamName;
use super::deliver::Hardship;
use super::refused::Refused;
use super::room::{OUTLET_BYTES, Room, Share};
use super::ticket::holds;
use super::{CloudWatch, Ticket};
use crate::cursor::StreamId;
use crate::lane::{Lane, Seq};
use crate::lanes::Lanes;
use crate::receipt::{Fate, Outcome};
use crate::sink::batch::{Limits, Misfit, Packer, Put};
use crate::sink::piece::{Piece, Pieces};
use crate::sink::waiting::Waiting;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// When the host drains, no put waits longer than this to get full, whatever the config says.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(1);
/// So much goes early rather than the largest, where no more is there for it: thousands of small files may wait.
const WORTH_A_PUT: usize = 64 << 10;
/// How long a log stream that is to be tried again waits for a batch to be read.
const PROBE_WAIT: Duration = Duration::from_mins(1);

/// The events that wait for one log stream.
pub struct Outlet {
    name: Arc<LogStreamName>,
    /// What becomes of events here, as a rule.
    delivered: Fate,
    state: Mutex<State>,
    /// Somebody waits for what is here.
    pressed: AtomicBool,
    notify: Notify,
    /// Others of its group go through again.
    revived: Notify,
    /// Lanes that wait until it has rested.
    pub waiting: Waiting,
}

struct State {
    packer: Packer<Ticket>,
    /// Memory that the events in the packer hold.
    held: usize,
    /// Of the put under way: its bytes, and the memory that it holds.
    under_way: (usize, usize),
    standing: Standing,
    /// It goes to make room for others.
    hurried: bool,
    /// What the sink's room knows of.
    counted: Share,
}

/// How a log stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known against it.
    Fine,
    /// Its put cannot go just now.
    HeldUp,
    /// The same, and it let go of its events.
    Resting,
    /// It has rested: one batch shall show how it is.
    Trying,
}

enum Due {
    Now,
    At(Instant),
    Nothing,
}

impl State {
    fn queue(&mut self, piece: Piece<Ticket>) {
        if !piece.texts().is_empty() {
            self.held += holds(&piece);
            self.packer.add(piece);
        }
    }

    /// It could go, and waits for more.
    fn is_idle(&self) -> bool {
        self.standing == Standing::Fine && !self.hurried && self.under_way.0 == 0 && !self.packer.is_empty()
    }

    /// Bytes as AWS counts them, or what is held of them where that is more: escapes, or originals for dead letters.
    fn bytes(&self) -> usize {
        (self.packer.bytes() + self.under_way.0).max(self.held + self.under_way.1)
    }
}

impl Outlet {
    /// An empty one.
    pub fn new(name: Arc<LogStreamName>, limits: Limits) -> Self {
        Self {
            delivered: Fate::delivered(name.target()),
            name,
            state: Mutex::new(State {
                packer: Packer::new(limits),
                held: 0,
                under_way: (0, 0),
                standing: Standing::Fine,
                hurried: false,
                counted: Share::default(),
            }),
            pressed: AtomicBool::new(false),
            notify: Notify::new(),
            revived: Notify::new(),
            waiting: Waiting::default(),
        }
    }

    /// Its log stream.
    pub fn name(&self) -> &LogStreamName {
        &self.name
    }

    /// Queues events of one lane, in order.
    pub fn push(&self, events: Vec<Piece<Ticket>>, room: &Room, lanes: &Lanes) {
        self.change(room, |state| {
            for mut piece in events {
                while let Some((at, misfit)) = misfit(&state.packer, &piece) {
                    let mut rest = piece.split_off(at);
                    let after = rest.split_off(1);
                    self.leave_out(&rest, misfit, lanes);
                    state.queue(piece);
                    piece = after;
                }
                state.queue(piece);
            }
        });
        self.wake();
    }

    /// The encoder keeps to the limits; if it ever does not, the event must not hold up its lane.
    fn leave_out(&self, piece: &Piece<Ticket>, misfit: Misfit, lanes: &Lanes) {
        let of = &piece.ticket().of;
        let fate = Fate { outcome: Outcome::Malformed, target: "".into() };
        for text in piece.texts() {
            tracing::error!(log_stream = %self.name, path = %of.lane.stream.origin.path, bytes = text.len, "{misfit}");
            lanes.counters.invalid.add(1);
            of.lane.acknowledge_each(of.seq, [(text.event as usize, 1, &fate)]);
        }
    }

    /// If somebody waits for what is here, it goes without waiting for more.
    pub fn press(&self) {
        if !self.pressed.load(Ordering::Acquire) && self.holds_pressing() {
            self.pressed.store(true, Ordering::Release);
            self.wake();
        }
    }

    fn holds_pressing(&self) -> bool {
        self.state().packer.queued().any(|piece| piece.ticket().of.lane.pressing())
    }

    /// Something has changed: look again.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// Others of its group go through again: it need not wait any longer.
    pub fn revive(&self) {
        if matches!(self.state().standing, Standing::HeldUp | Standing::Resting) {
            self.revived.notify_one();
        }
    }

    /// Sleeps, but wakes when others of its group go through, or when nothing is waited for any more.
    pub async fn pause(&self, lanes: &Lanes, length: Duration) {
        tokio::select! {
            () = lanes.pause(length) => {}
            () = self.revived.notified() => {}
        }
    }

    /// Whether it takes another batch, if the sink does.
    pub fn has_space(&self, room: &Room) -> bool {
        let state = self.state();
        match state.standing {
            Standing::Fine => state.bytes() < OUTLET_BYTES,
            Standing::HeldUp => state.bytes() < OUTLET_BYTES && !room.is_crowded(),
            Standing::Resting => false,
            Standing::Trying => state.bytes() == 0,
        }
    }

    /// What would be won if what waits here for more went at once, to be compared: rather that of a file which has no more
    /// for now, if it is worth a put, then the most bytes. None: nothing waits, or (`not_begun`) it will be filled by a lane
    /// that is in the middle of its turn.
    pub fn holds_back(&self, not_begun: bool) -> Option<(bool, usize)> {
        let state = self.state();
        let lane = &state.packer.newest().filter(|_| state.is_idle())?.of.lane;
        if not_begun && lane.of_turn() > 0 {
            return None;
        }
        let bytes = state.packer.bytes();
        Some((bytes >= WORTH_A_PUT && lane.all_read(), bytes))
    }

    /// What is here goes without waiting for more, if it waits; that is [`CloudWatch::relieved`] when it is through.
    pub fn hurry(&self) -> bool {
        let mut state = self.state();
        if !state.is_idle() {
            return false;
        }
        state.hurried = true;
        drop(state);
        self.wake();
        true
    }

    /// Whether it takes nothing until it is known how it is.
    pub fn is_shut(&self) -> bool {
        let state = self.state();
        match state.standing {
            Standing::Fine | Standing::HeldUp => false,
            Standing::Resting => true,
            Standing::Trying => state.bytes() > 0,
        }
    }

    /// From now on it stands like this.
    pub fn stand(&self, standing: Standing, sink: &CloudWatch) {
        let (before, hurried) = self.change(&sink.room, |state| {
            let hurried = standing == Standing::HeldUp && std::mem::replace(&mut state.hurried, false);
            (std::mem::replace(&mut state.standing, standing), hurried)
        });
        // It may be long until it goes; others can make room meanwhile.
        if hurried {
            sink.relieved();
        }
        if before != standing {
            self.waiting.wake(&sink.lanes.schedule);
        }
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.state().packer.is_empty()
    }

    /// Lets go of all that can be read again, of the put under way too; what cannot be stays.
    pub fn let_go(&self, put: Pieces<Ticket>, room: &Room) -> Pieces<Ticket> {
        self.change(room, |state| {
            let mut held: HashMap<StreamId, (Arc<Lane>, usize)> = HashMap::new();
            for piece in put.iter().chain(state.packer.queued()) {
                let lane = &piece.ticket().of.lane;
                held.entry(lane.stream.id).or_insert_with(|| (lane.clone(), 0)).1 += piece.texts().len();
            }
            let rewound: HashSet<StreamId> =
                held.into_iter().filter(|(_, (lane, held))| lane.rewind(*held)).map(|(id, _)| id).collect();
            for lane in &rewound {
                self.waiting.add(*lane);
            }
            let stays = |piece: &Piece<Ticket>| !rewound.contains(&piece.ticket().of.lane.stream.id);
            state.packer.retain(stays);
            state.held = state.packer.queued().map(holds).sum();
            let put: Pieces<Ticket> = put.into_iter().filter(stays).collect();
            let weights = put.iter().map(|piece| state.packer.weight(piece));
            state.under_way = (weights.sum(), put.iter().map(holds).sum());
            put
        })
    }

    /// Sends put after put until nothing is left.
    pub async fn run(self: Arc<Self>, sink: Arc<CloudWatch>) {
        let mut hardship = Hardship::none(&sink.lanes.counters.troubles);
        loop {
            match self.due(&sink) {
                Due::Now => {
                    if let Some(rest) = self.send(&sink, &mut hardship).await {
                        self.stand(Standing::Resting, &sink);
                        sink.wake_waiting();
                        self.pause(&sink.lanes, rest).await;
                        self.stand(Standing::Trying, &sink);
                    }
                }
                Due::At(at) => {
                    let _ = tokio::time::timeout_at(at.into(), self.notify.notified()).await;
                }
                Due::Nothing if self.state().standing == Standing::Trying => {
                    if tokio::time::timeout(PROBE_WAIT, self.notify.notified()).await.is_err() {
                        self.stand(Standing::Fine, &sink);
                    }
                }
                Due::Nothing if sink.retire(&self) => return,
                Due::Nothing => {}
            }
        }
    }

    fn due(&self, sink: &CloudWatch) -> Due {
        let state = self.state();
        let Some(oldest) = state.packer.oldest() else { return Due::Nothing };
        let timeout =
            if sink.lanes.closing() { sink.config.timeout.min(CLOSING_TIMEOUT) } else { sink.config.timeout };
        let at = oldest.of.arrived + timeout;
        let at_once =
            state.hurried || sink.flush.load(Ordering::Acquire) || self.pressed.load(Ordering::Acquire);
        if state.packer.is_full() || at <= Instant::now() || at_once { Due::Now } else { Due::At(at) }
    }

    /// How long to leave the log stream alone, where it let go of what was to be sent.
    async fn send(&self, sink: &CloudWatch, hardship: &mut Hardship) -> Option<Duration> {
        let put = self.change(&sink.room, |state| {
            let put = state.packer.take()?;
            state.under_way = (put.bytes, put.pieces.iter().map(holds).sum());
            // Parts of one event may be on both sides of the cut, and what is held for it counts for both.
            state.held = state.packer.queued().map(holds).sum();
            Some(put)
        })?;
        let batches = acknowledgements(&put);
        let mut refused = Refused::new();
        let rest = sink.deliver(self, put.pieces, hardship, &mut refused).await;
        if rest.is_none() {
            let mut lanes = HashMap::new();
            for (lane, seq, events) in batches {
                let fate = |event| refused.get(&(lane.stream.id, seq, event)).unwrap_or(&self.delivered);
                let count = |(event, parts)| (event as usize, parts as usize, fate(event as usize));
                let events = events.into_iter().map(count);
                // Of a lane that was rewound meanwhile, it acknowledges nothing.
                lane.acknowledge_each(seq, events);
                lanes.insert(lane.stream.id, lane);
            }
            let lanes: Vec<Arc<Lane>> = lanes.into_values().collect();
            sink.lanes.commit(&lanes).await;
        }
        let hurried = self.change(&sink.room, |state| {
            state.under_way = (0, 0);
            std::mem::replace(&mut state.hurried, false)
        });
        if hurried {
            sink.relieved();
        }
        if self.pressed.load(Ordering::Acquire) {
            // Perhaps not all of it was in that put.
            self.pressed.store(self.holds_pressing(), Ordering::Release);
        }
        sink.wake_some(&self.waiting);
        sink.wake_waiting();
        rest
    }

    /// Changes its state, and tells the sink's room what it has now.
    fn change<T>(&self, room: &Room, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let done = change(&mut state);
        let held_up = matches!(state.standing, Standing::HeldUp | Standing::Resting);
        let now = Share { bytes: state.bytes(), held_up };
        room.change(std::mem::replace(&mut state.counted, now), now);
        done
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first event of a piece that no put can hold.
fn misfit(packer: &Packer<Ticket>, piece: &Piece<Ticket>) -> Option<(usize, Misfit)> {
    piece.texts().iter().enumerate().find_map(|(at, text)| Some((at, packer.fits(text).err()?)))
}

/// Of one batch: its lane, where it stands there, and the events (by place, and how many parts) that a put holds.
type OfBatch = (Arc<Lane>, Seq, Vec<(u32, u32)>);

/// What a put holds, by lane and batch.
fn acknowledgements(put: &Put<Ticket>) -> Vec<OfBatch> {
    let (mut batches, mut places) = (Vec::<OfBatch>::new(), HashMap::new());
    for piece in put.pieces.iter() {
        let of = &piece.ticket().of;
        let at = *places.entry((of.lane.stream.id, of.seq)).or_insert_with(|| {
            batches.push((of.lane.clone(), of.seq, Vec::new()));
            batches.len() - 1
        });
        let Some((.., events)) = batches.get_mut(at) else { continue };
        for text in piece.texts() {
            match events.last_mut() {
                Some((same, parts)) if *same == text.event => *parts += 1,
                _ => events.push((text.event, 1)),
            }
        }
    }
    batches
}
