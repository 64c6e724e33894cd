//! Layout `batch`: events of many streams in one object, a folder each kind of them, for data lakes and pipelines.
//!
//! `gather` says when an object is done; then `deliver` writes down what it will hold, compresses it, puts it, and
//! acknowledges it; `repeat` does the same after a restart for what was written down and perhaps not put; `shape` is
//! what an object looks like, `place` where it goes.

mod deliver;
mod gather;
mod place;
mod repeat;
mod shape;

pub use place::{Place, on_disk};

use super::complaint::Complaint;
use super::waiting::Waiting;
use super::{EventSink, Flush, NamesOf, joined};
use crate::config::{Codec, ObjectBatch};
use crate::cursor::{ChunkRow, Store};
use crate::event::{Batch, EventRef};
use crate::lane::{Lane, Seq};
use crate::lanes::{Lanes, Plan, Taken};
use crate::receipt::{Fate, Tally};
use crate::route::partition::Folder;
use crate::route::standard::Folders;
use crate::route::{Named, Naming};
use crate::transform::Workers;
use gather::{CHUNK_WEIGHT, Gather, Gathered, Limits};
use repeat::Before;
use shape::Shape;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// Text that waits or is under way, per sink, unless one object needs more.
const SINK_BYTES: usize = 64 << 20;
/// At the end of a run a lane may be kept from going on (a guest that halts the stream, a file that cannot be read).
/// When nothing came and nothing was under way for so long, what others brought waits no more.
const IDLE: Duration = Duration::from_secs(1);
/// As good as for ever.
const LONG: Duration = Duration::from_hours(24);

/// A sink that makes objects of many events.
pub struct Objects {
    layout: ObjectBatch,
    shape: Shape,
    place: Place,
    naming: Naming<Folders>,
    lanes: Arc<Lanes>,
    store: Store,
    workers: Arc<Workers>,
    gather: Mutex<Gather<Chunk>>,
    /// Text of objects that are done and not put yet.
    under_way: AtomicUsize,
    most: usize,
    /// What a restart found.
    before: Before,
    waiting: Waiting,
    puts: Semaphore,
    complaint: Mutex<Complaint>,
    /// Events came.
    came: Notify,
    /// None: stopped.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// When the store last forgot what all cursors are past.
    swept: Mutex<Instant>,
    runtime: tokio::runtime::Handle,
}

/// A batch's events of one folder, on their way.
struct Chunk {
    lane: Arc<Lane>,
    seq: Seq,
    row: ChunkRow,
    events: u64,
}

/// The events of one batch and folder.
struct Part {
    folder: String,
    text: Vec<u8>,
    events: u64,
    /// Bytes of the file that they came from.
    bytes: u64,
    /// Which ones: see [`ChunkRow::events`].
    which: u64,
}

impl Part {
    fn of(folder: String) -> Self {
        Self { folder, text: Vec::new(), events: 0, bytes: 0, which: FNV_OFFSET }
    }

    /// Whether it is that folder's, and the very same events, as far as anybody can tell.
    fn is(&self, folder: &str, which: u64) -> bool {
        self.folder == folder && self.which == which
    }

    fn add(&mut self, event: EventRef<'_>, codec: Codec) {
        joined::line(event, codec, &mut self.text);
        self.events += 1;
        let source = event.source();
        self.bytes += source.end - source.start;
        for number in [event.index() as u64, source.start, source.end] {
            self.which = (self.which ^ number).wrapping_mul(FNV_PRIME);
        }
    }
}

/// FNV-1a, but for numbers. <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv-17.html>
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// What a sink of this layout is made of.
pub struct Options {
    /// The layout.
    pub layout: ObjectBatch,
    /// Where to.
    pub place: Place,
    /// Puts that may be under way at once.
    pub concurrency: usize,
    /// Names of folders.
    pub naming: Naming<Folders>,
    /// Ids of the sources that it takes from.
    pub sources: Vec<String>,
}

impl Objects {
    /// A sink that is ready to take events, and at work on what an earlier run left undone.
    pub async fn start(
        options: Options,
        lanes: Arc<Lanes>,
        store: Store,
        workers: Arc<Workers>,
    ) -> Result<Arc<Self>, crate::cursor::StoreError> {
        let Options { layout, place, concurrency, naming, sources } = options;
        let shape = Shape::new(&layout);
        store.forget_passed(&lanes.sink).await?;
        let found = store.objects(&lanes.sink, sources.clone()).await?;
        let (unfinished, mut decided): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|object| !object.stored);
        // Under the name that they have, bytes of another kind would be worse than events that come again.
        let (unfinished, other): (Vec<_>, Vec<_>) =
            unfinished.into_iter().partition(|object| object.shape == shape.id());
        for object in other {
            store.forget_object(object.id).await?;
        }
        decided.extend(unfinished.iter().cloned());
        let limits = Limits {
            max_bytes: layout.max_bytes,
            timeout: layout.timeout,
            min_bytes: layout.min_bytes,
            max_wait: layout.max_wait,
        };
        let objects = Arc::new(Self {
            shape,
            most: SINK_BYTES.max(2 * layout.max_bytes),
            layout,
            place,
            naming,
            lanes,
            store,
            workers,
            gather: Mutex::new(Gather::new(limits)),
            under_way: AtomicUsize::new(0),
            before: Before::new(&decided),
            waiting: Waiting::default(),
            puts: Semaphore::new(concurrency),
            complaint: Mutex::default(),
            came: Notify::new(),
            tasks: Mutex::new(Some(JoinSet::new())),
            swept: Mutex::new(Instant::now()),
            runtime: tokio::runtime::Handle::current(),
        });
        if !unfinished.is_empty() {
            objects.spawn(objects.clone().repeat(unfinished, sources));
        }
        objects.spawn(objects.clone().watch_the_clock());
        Ok(objects)
    }

    /// Closes objects when they are old enough, for as long as it is polled.
    async fn watch_the_clock(self: Arc<Self>) {
        // Since when nothing came at the end of a run.
        let mut idle = Instant::now();
        loop {
            while let Some(done) = { self.gather().due(Instant::now()) } {
                self.send(done);
            }
            let closing = self.lanes.closing();
            if !closing || self.under_way.load(Ordering::Acquire) > 0 {
                idle = Instant::now();
            } else if idle.elapsed() >= IDLE {
                self.clone().flush();
            }
            let due = self.gather().next_due().map(|due| due.saturating_duration_since(Instant::now()));
            let wait = due.unwrap_or(LONG).min(if closing { IDLE } else { LONG });
            tokio::select! {
                () = self.came.notified() => idle = Instant::now(),
                () = self.lanes.closed(), if !closing => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn send(self: &Arc<Self>, done: Gathered<Chunk>) {
        self.under_way.fetch_add(done.weight, Ordering::AcqRel);
        self.spawn(self.clone().deliver(done));
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tasks) = &mut *tasks else { return };
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
    }

    /// Room for another batch; if there is none, and nothing is under way that will make some, the largest open object
    /// has to go: memory comes before the floor.
    fn has_space(self: &Arc<Self>) -> bool {
        let mut gather = self.gather();
        let under_way = self.under_way.load(Ordering::Acquire);
        if gather.weight() + under_way < self.most {
            return true;
        }
        let largest = if under_way < self.most / 2 { gather.largest() } else { None };
        drop(gather);
        if let Some(largest) = largest {
            self.send(largest);
        }
        false
    }

    /// The events of a batch by folder, in the order of the first event of each.
    fn parts(&self, batch: &Batch, names: &Named<Folder>) -> Vec<Part> {
        let codec = joined::codec_for(batch, self.layout.codec);
        let mut parts: Vec<Part> = Vec::new();
        let mut by_folder: HashMap<String, usize> = HashMap::new();
        let mut by_period: HashMap<(u16, i64), usize> = HashMap::new();
        // Nearly always that of the event before.
        let mut last: Option<((u16, i64), usize)> = None;
        for event in batch.going(&names.not_here) {
            let label = event.label_index();
            let Some(folder) = names.of(label) else { continue };
            let period = (label, folder.period(event.timestamp()));
            let at = match last {
                Some((same, at)) if same == period => at,
                _ => *by_period.entry(period).or_insert_with(|| {
                    *by_folder.entry(folder.at(event.timestamp())).or_insert_with_key(|folder| {
                        parts.push(Part::of(folder.clone()));
                        parts.len() - 1
                    })
                }),
            };
            last = Some((period, at));
            parts[at].add(event, codec);
        }
        parts
    }

    fn gather(&self) -> MutexGuard<'_, Gather<Chunk>> {
        self.gather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flush for Objects {
    fn flush(self: Arc<Self>) {
        while let Some(done) = { self.gather().largest() } {
            self.send(done);
        }
    }

    fn press(self: Arc<Self>) {
        while let Some(done) = { self.gather().find(|chunk| chunk.lane.pressing()) } {
            self.send(done);
        }
    }

    fn stop(&self) {
        // Its tasks end with it, and no more can begin.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The sink as its lanes see it.
pub struct Handle(pub Arc<Objects>);

impl EventSink for Handle {
    type Standard = Folders;

    fn naming(&self) -> &Naming<Folders> {
        &self.0.naming
    }

    fn has_room(&self, lane: &Arc<Lane>) -> bool {
        let sink = &self.0;
        sink.waiting.has_room(lane, || !sink.before.is_undone(lane.stream.id) && sink.has_space())
    }

    fn plan(&self, lane: &Lane, offset: u64) -> Plan {
        self.0.before.plan(lane.stream.id, offset)
    }

    fn give_up_plan(&self, lane: &Lane, offset: u64) {
        self.0.before.take(lane.stream.id, offset);
    }

    fn take(&self, lane: &Arc<Lane>, batch: &Batch, names: &NamesOf<Self>) -> std::io::Result<Taken> {
        let sink = &self.0;
        // Under another name what is there already would not be known again.
        if let Some(until) = names.unanswered_until
            && sink.before.holds(lane.stream.id, batch.range.start)
        {
            return Err(std::io::Error::other(sink.naming.halted(until)));
        }
        let mut parts = sink.parts(batch, names);
        let there = sink.before.take(lane.stream.id, batch.range.start);
        let mut tally = Tally::of_left_out(batch, &names.not_here);
        parts.retain(|part| {
            let held = there.iter().find(|held| held.holds(part));
            if let Some(held) = held {
                let fate = Fate::delivered(sink.place.target(held.key()));
                tally.add(&fate, batch.range.clone(), part.events, part.bytes);
            }
            held.is_none()
        });
        if parts.is_empty() {
            return Ok(Taken::Done { events: 0, tally, target: None });
        }
        let Some(seq) = lane.begin(batch, parts.len(), tally) else { return Ok(Taken::Stale) };
        let (stream, recipe, end) = (lane.stream.id, batch.recipe, batch.range.end);
        let now = Instant::now();
        for Part { folder, text, events, bytes, which } in parts {
            let row = ChunkRow { stream, recipe, end, events: which, bytes };
            let chunk = Chunk { lane: lane.clone(), seq, row, events };
            let done = { sink.gather().push(&folder, text, chunk, now) };
            if let Some(done) = done {
                sink.send(done);
            }
        }
        sink.came.notify_one();
        Ok(Taken::UnderWay)
    }
}

const _: () = assert!(CHUNK_WEIGHT < SINK_BYTES);
