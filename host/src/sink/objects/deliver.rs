//! Sees one object through: writes down what it holds, puts it, however long that takes, and acknowledges it.

use super::gather::Gathered;
use super::{Chunk, Objects};
use crate::counters::Trouble;
use crate::cursor::{ChunkRow, ObjectId};
use crate::event::Origin;
use crate::lane::Lane;
use crate::receipt::{Entry, Fate};
use crate::sink::retry::{Backoff, CAP, Verdict};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often the store looks for what all cursors are past: it looks at all that it has of the sink.
const SWEEP: Duration = Duration::from_secs(10);
/// How long to wait for memory or a thread.
const PAUSE: Duration = Duration::from_millis(500);

impl Objects {
    /// Returns when the object is there and all its cursors are written down.
    pub(super) async fn deliver(self: Arc<Self>, done: Gathered<Chunk>) {
        let Gathered { folder, text, chunks, weight } = done;
        let Some(origin) = chunks.first().map(|chunk| chunk.lane.stream.origin.clone()) else { return };
        let place = self.puts.acquire().await;
        let key = self.place.key(&folder, &self.shape.name(jiff::Timestamp::now()));
        let rows: Vec<ChunkRow> = chunks.iter().map(|chunk| chunk.row.clone()).collect();
        let shape = self.shape.id();
        let seal = || self.store.seal(&self.lanes.sink, &folder, &key, &shape, rows.clone());
        let object = self.lanes.persist(seal).await;
        self.put(&key, text, &origin).await;
        drop(place);
        self.lanes.counters.delivered.add(chunks.iter().map(|chunk| chunk.events).sum());
        self.acknowledge(object, &key, chunks).await;
        self.under_way.fetch_sub(weight, Ordering::AcqRel);
        self.waiting.wake(&self.lanes.schedule);
    }

    /// Compresses and puts, however long that takes. False: the object was there already, from before a kill.
    pub(super) async fn put(&self, key: &str, text: Vec<u8>, origin: &Origin) -> bool {
        let mut backoff = Backoff::default();
        let bytes = self.compress(text).await;
        let mut asked = false;
        let mut trouble = Trouble::none(&self.lanes.counters.troubles);
        loop {
            trouble.try_now();
            let error = match self.place.put(key, bytes.clone(), &self.shape, origin).await {
                Ok(new) => {
                    self.lanes.out_of_trouble();
                    if self.complaint.lock().unwrap_or_else(PoisonError::into_inner).settle() {
                        tracing::info!(sink = %self.lanes.sink, "works again");
                    }
                    self.lanes.counters.uploaded.add(bytes.len() as u64);
                    // After an answer that was an error, or lost, it may be what we just put.
                    return new || asked;
                }
                Err(error) => error,
            };
            asked = true;
            trouble.raise(error.fault());
            self.lanes.in_trouble(&error.to_string());
            let say = error.verdict() != Verdict::Renewed && {
                let mut complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
                complaint.raise(&error.gist(), Instant::now())
            };
            if say {
                tracing::warn!(sink = %self.lanes.sink, key, "{error}");
            }
            if self.lanes.closing() {
                backoff.limit_slow(CAP);
            }
            let wait = backoff.after(error.verdict(), fastrand::f64()).unwrap_or(CAP);
            self.lanes.pause(wait).await;
        }
    }

    async fn compress(&self, text: Vec<u8>) -> Bytes {
        let plain = Bytes::from(text);
        loop {
            let (shape, text) = (self.shape.clone(), plain.clone());
            match self.workers.run(move || shape.bytes(&text)).await {
                Ok(Ok(bytes)) => return bytes,
                Ok(Err(error)) => {
                    tracing::error!(sink = %self.lanes.sink, "cannot compress: {error}; will try again");
                }
                Err(gone) => tracing::error!(sink = %self.lanes.sink, "{gone}; will try again"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// First that the object is there, then the cursors: after a kill in between nothing of it is put again.
    async fn acknowledge(&self, object: ObjectId, key: &str, chunks: Vec<Chunk>) {
        self.lanes.persist(|| self.store.stored(object)).await;
        let mut lanes: HashMap<i64, Arc<Lane>> = HashMap::new();
        let fate = Fate::delivered(self.place.target(key));
        for chunk in chunks {
            let (range, events, bytes) =
                (chunk.row.recipe.offset..chunk.row.end, chunk.events, chunk.row.bytes);
            chunk.lane.acknowledge(chunk.seq, Entry { fate: fate.clone(), range, events, bytes });
            lanes.insert(chunk.lane.stream.id, chunk.lane);
        }
        let lanes: Vec<Arc<Lane>> = lanes.into_values().collect();
        self.lanes.commit(&lanes).await;
        self.forget_passed().await;
    }

    /// What all cursors are past needs no memory: now and then it is forgotten, and at each start.
    pub(super) async fn forget_passed(&self) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.elapsed() < SWEEP {
                return;
            }
            *swept = Instant::now();
        }
        if let Err(error) = self.store.forget_passed(&self.lanes.sink).await {
            // It costs space in the store, and the next time tries again.
            tracing::debug!(sink = %self.lanes.sink, "{error}");
        }
    }
}
