//! The lanes of one sink, and whose turn it is. `turn` is what a turn does, `commit` writes down what was acknowledged,
//! `demand` is what somebody asks of the sink besides.
//!
//! Each sink has its own lanes, places and pauses, so that one sink's trouble takes none of another's.

mod commit;
mod demand;
mod turn;

use crate::counters::Counters;
use crate::cursor::{CursorRow, Store, StreamId};
use crate::event::Recipe;
use crate::lane::Lane;
use crate::receipt::{Notary, Tally};
use crate::schedule::Schedule;
use crate::sink::EventSink;
use crate::sink::complaint::Complaint;
use crate::source::{OpenFiles, Stream};
use crate::transform::{Chain, Workers};
use demand::Asked;
use futures::FutureExt;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, watch};
use tokio::task::JoinSet;

/// Turns of one sink that may be under way at once.
const TURNS_AT_ONCE: usize = 8;
/// Of those, turns of chains whose components failed of late: they wait for each other, and shall not wait in all places.
const SICK_TURNS: usize = 2;
/// The lanes of one sink.
pub struct Lanes {
    /// Id of the sink.
    pub sink: String,
    /// Whose turn it is.
    pub schedule: Schedule,
    /// What was done.
    pub counters: Counters,
    /// What is to be delivered now.
    asked: watch::Sender<Asked>,
    /// When somebody last made it try again.
    hurried: Mutex<Option<Instant>>,
    /// What keeps the sink from delivering, as far as it is known.
    trouble: Mutex<Option<String>>,
    /// The sink can never take anything again (nobody reads its output any more).
    broken: AtomicBool,
    by_stream: RwLock<HashMap<StreamId, Arc<Lane>>>,
    /// How lines of each source become events for this sink; none where the sink copies bytes.
    chains: HashMap<usize, Option<Arc<Chain>>>,
    sick_places: Semaphore,
    store: Store,
    committing: AsyncMutex<()>,
    files: Arc<OpenFiles>,
    /// Cursors were written down.
    progress: Arc<Notify>,
    /// They cannot be.
    store_trouble: Mutex<Complaint>,
    /// Who seals the receipts of streams that are delivered.
    notary: Arc<Notary>,
}

/// A turn under way; over when dropped, even by a panic.
struct Turn<'a> {
    lanes: &'a Lanes,
    stream: StreamId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.lanes.schedule.done(self.stream);
    }
}

/// What a lane's next batch has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Whatever is there.
    Free,
    /// A batch that was made before a restart.
    Again(Recipe),
    /// What is there before this offset: a batch that was made before begins there.
    UpTo(u64),
}

/// What a sink did with a batch.
pub enum Taken {
    /// All of it is acknowledged.
    Done {
        /// How many events that were.
        events: u64,
        /// What became of the batch's events.
        tally: Tally,
        /// Under which name the sink keeps the stream, and how long that is now, where it does.
        target: Option<(String, u64)>,
    },
    /// The sink has begun it ([`Lane::begin`]) and acknowledges it later.
    UnderWay,
    /// None of it: it is not the batch whose turn it is any more.
    Stale,
}

impl Lanes {
    /// No lanes yet.
    pub fn new(
        sink: String,
        chains: HashMap<usize, Option<Arc<Chain>>>,
        store: Store,
        files: Arc<OpenFiles>,
        progress: Arc<Notify>,
        notary: Arc<Notary>,
    ) -> Self {
        Self {
            sink,
            schedule: Schedule::default(),
            counters: Counters::default(),
            asked: watch::Sender::default(),
            hurried: Mutex::default(),
            trouble: Mutex::default(),
            broken: AtomicBool::new(false),
            by_stream: RwLock::default(),
            chains,
            store,
            sick_places: Semaphore::new(SICK_TURNS),
            committing: AsyncMutex::new(()),
            files,
            progress,
            store_trouble: Mutex::default(),
            notary,
        }
    }

    /// A stream is there; its lane goes on where the store says.
    pub fn began(&self, stream: &Arc<Stream>, cursors: &[(String, CursorRow)]) {
        let Some(chain) = self.chains.get(&stream.source) else { return };
        let cursor = cursors.iter().find(|(sink, _)| *sink == self.sink).map(|(_, row)| row.clone());
        let lane = Lane::new(stream.clone(), chain.clone(), cursor.unwrap_or_default());
        self.by_stream.write().unwrap_or_else(PoisonError::into_inner).insert(stream.id, Arc::new(lane));
        self.counters.streams.add(1);
        self.schedule.wake(stream.id);
    }

    /// There is more of a stream, or nothing more will come.
    pub fn changed(&self, stream: StreamId) {
        if let Some(lane) = self.get(stream) {
            lane.behind_since();
        }
        self.schedule.wake(stream);
    }

    /// The stream is over, and this sink has all of it.
    pub fn ended(&self, stream: StreamId) {
        self.by_stream.write().unwrap_or_else(PoisonError::into_inner).remove(&stream);
        self.schedule.forget(stream);
    }

    /// The lane of a stream.
    pub fn get(&self, stream: StreamId) -> Option<Arc<Lane>> {
        self.by_stream.read().unwrap_or_else(PoisonError::into_inner).get(&stream).cloned()
    }

    /// All lanes, in no order.
    pub fn all(&self) -> Vec<Arc<Lane>> {
        self.by_stream.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Whether all lanes are like that. Asked often of very many: it ends with the first that is not.
    pub fn are(&self, like_that: impl Fn(&Lane) -> bool) -> bool {
        self.by_stream.read().unwrap_or_else(PoisonError::into_inner).values().all(|lane| like_that(lane))
    }

    /// The sink can never take anything again.
    pub fn broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// This run ends without all that is there.
    pub fn lacks_something(&self) -> bool {
        self.broken() || self.all().iter().any(|lane| lane.is_abandoned())
    }

    /// Gives turns for as long as it is polled, so many at once, never two of one lane at a time.
    pub async fn give_turns<F: Future<Output = ()> + Send + 'static>(
        self: Arc<Self>,
        at_once: usize,
        turn: impl Fn(Arc<Lane>) -> F + Send + Sync + 'static,
    ) {
        let (next, turn) = (Arc::new(AsyncMutex::new(())), Arc::new(turn));
        let mut places = JoinSet::new();
        for _ in 0..at_once {
            let (lanes, next, turn) = (self.clone(), next.clone(), turn.clone());
            // A task for each turn would cost as much as all else that a small file needs here.
            places.spawn(async move { lanes.turn_after_turn(&next, &*turn).await });
        }
        while places.join_next().await.is_some() {}
    }

    /// Of all places one waits for the next turn, and the others for that.
    async fn turn_after_turn<F: Future<Output = ()> + Send>(
        &self,
        next: &AsyncMutex<()>,
        turn: &(impl Fn(Arc<Lane>) -> F + Sync),
    ) {
        loop {
            let stream = {
                let _first = next.lock().await;
                self.schedule.next().await
            };
            let _over = Turn { lanes: self, stream };
            if let Some(lane) = self.get(stream) {
                // A panic is a bug of ours; it must cost one turn, not a place for ever.
                let _ = AssertUnwindSafe(async { turn(lane).await }).catch_unwind().await;
            }
        }
    }

    /// Carries batches to a sink that takes events, for as long as it is polled.
    pub async fn run<S: EventSink>(self: Arc<Self>, sink: Arc<S>, workers: Arc<Workers>) {
        let lanes = self.clone();
        self.give_turns(TURNS_AT_ONCE, move |lane| {
            let (lanes, sink, workers) = (lanes.clone(), sink.clone(), workers.clone());
            async move { lanes.whole_turn(&lane, &sink, &workers).await }
        })
        .await;
    }

    /// Where cursors and uploads are written down.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who seals the receipts of its streams.
    pub fn notary(&self) -> &Notary {
        &self.notary
    }

    /// The open files of the sources.
    pub fn files(&self) -> &Arc<OpenFiles> {
        &self.files
    }
}

#[cfg(test)]
mod tests;
