//! Seals receipts: when a file has come to its end and every sink has all of it, the hash of its bytes is written down. They
//! were hashed while they passed; what did not pass in this run is read again.

use super::Forgetting;
use super::passing::{Begun, Passing};
use crate::cursor::{Seal, Store, StreamId};
use crate::source::tail::read_full;
use crate::source::{End, OpenFiles, Stream, fence};
use sha2::Digest;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often to look which files have come to their ends.
const LOOK: Duration = Duration::from_secs(1);
/// How often the oldest receipts are forgotten.
const SWEEP: Duration = Duration::from_mins(10);
/// So many are hashed by one task, and written down in one transaction…
const AT_ONCE: usize = 64;
/// …unless they have so many bytes: the end of a run does not wait for more.
const AT_ONCE_BYTES: u64 = 8 << 20;
/// How many bytes are read at a time to be hashed: they are still in the processor's cache then.
const CHUNK: usize = 64 << 10;

/// Seals the receipts of a pipeline.
pub struct Notary {
    store: Store,
    files: Arc<OpenFiles>,
    limits: Forgetting,
    begun: Instant,
    /// Streams that some sink has all of. Bounded by the number of streams.
    waiting: Mutex<HashMap<StreamId, Waiting>>,
    passing: Passing,
}

/// A stream whose end is to come.
struct Waiting {
    stream: Arc<Stream>,
    /// Before that nothing can be said of it that is not said now: in seconds since the notary began.
    again: u32,
}

impl Notary {
    /// Of a pipeline whose receipts are in that store.
    pub fn new(store: Store, files: Arc<OpenFiles>, limits: Forgetting) -> Arc<Self> {
        let (begun, waiting, passing) = (Instant::now(), Mutex::default(), Passing::default());
        Arc::new(Self { store, files, limits, begun, waiting, passing })
    }

    /// These bytes of a file pass, which begin at `offset`. On a thread that has time.
    pub fn pass(&self, stream: StreamId, offset: u64, bytes: &[u8]) {
        if self.limits.sha256 {
            self.passing.pass(stream, offset, bytes);
        }
    }

    /// Somebody hashed the beginning of a file as it passed.
    pub fn passed(&self, stream: StreamId, begun: Begun) {
        if self.limits.sha256 {
            self.passing.keep(stream, begun);
        }
    }

    /// A sink has all that there is of a stream.
    pub fn consider(&self, stream: &Arc<Stream>) {
        if self.limits.sha256 {
            self.waiting().insert(stream.id, Waiting { stream: stream.clone(), again: 0 });
        }
    }

    /// There is more of a stream, or nothing more will come.
    pub fn changed(&self, stream: StreamId) {
        if let Some(waiting) = self.waiting().get_mut(&stream) {
            waiting.again = 0;
        }
    }

    /// Whether a stream is still to be looked at: its file is needed.
    pub fn holds(&self, stream: StreamId) -> bool {
        self.waiting().contains_key(&stream)
    }

    /// Seals, and forgets what is old, for as long as it is polled. `delivered`: every sink has all of a stream.
    pub async fn run(self: Arc<Self>, delivered: impl Fn(StreamId) -> bool) {
        let mut swept: Option<Instant> = None;
        loop {
            if swept.is_none_or(|at| at.elapsed() >= SWEEP) {
                swept = Some(Instant::now());
                if let Err(error) = self.store.forget_receipts(self.limits.age, self.limits.most).await {
                    // It costs space in the store, and the next sweep tries again.
                    tracing::debug!("{error}");
                }
            }
            let now = self.begun.elapsed().as_secs() as u32;
            for streams in in_groups(&self.due(now, &delivered)) {
                self.seal(streams).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The run is over: seals what can be sealed, until `over` says that there is no time left.
    pub async fn finish(&self, delivered: impl Fn(StreamId) -> bool, mut over: impl FnMut() -> bool) {
        // All are looked at: nobody comes back for those whose second is not over.
        for streams in in_groups(&self.due(u32::MAX, &delivered)) {
            if over() {
                return;
            }
            self.seal(streams).await;
        }
    }

    /// The streams whose time has come by then, in seconds since the notary began.
    fn due(&self, now: u32, delivered: &impl Fn(StreamId) -> bool) -> Vec<Arc<Stream>> {
        // One that is gone has ended, but whoever holds it open may still write.
        let is_quiet = |stream: &Stream| stream.snapshot().grew.elapsed() >= fence::SETTLED;
        let mut ended = Vec::new();
        for Waiting { stream, again } in self.waiting().values_mut().filter(|it| it.again <= now) {
            match stream.end() {
                End::Ended if is_quiet(stream) => ended.push(stream.clone()),
                End::Ended | End::Unheard => {}
                // Very many may be open for minutes.
                End::Open(until) => *again = until.duration_since(self.begun).as_secs() as u32 + 1,
            }
        }
        ended.retain(|stream| delivered(stream.id));
        ended
    }

    async fn seal(&self, streams: &[Arc<Stream>]) {
        let sizes: Vec<u64> = streams.iter().map(|stream| stream.snapshot().size).collect();
        if let Err(error) = self.try_to_seal(streams, &sizes).await {
            // A receipt without a hash is one all the same.
            tracing::debug!(streams = streams.len(), "receipts stay without a hash: {error}");
        }
        let mut waiting = self.waiting();
        for (stream, size) in streams.iter().zip(sizes) {
            // It may have grown meanwhile; then its end is still to come.
            if stream.snapshot().size == size {
                waiting.remove(&stream.id);
                self.passing.forget(stream.id);
            }
        }
        // Once all of very many are sealed, the room for them is not needed again.
        if waiting.is_empty() {
            waiting.shrink_to_fit();
        }
    }

    async fn try_to_seal(
        &self,
        streams: &[Arc<Stream>],
        sizes: &[u64],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let asked = streams.iter().zip(sizes).map(|(stream, size)| (stream.id, *size)).collect();
        let lacking = self.store.lack_seals(asked).await?;
        if lacking.is_empty() {
            return Ok(());
        }
        let of_them = streams.iter().zip(sizes).filter(|(stream, _)| lacking.contains(&stream.id));
        let begun = |stream: &Stream| self.passing.begun(stream.id).unwrap_or_default();
        let of_them: Vec<_> = of_them.map(|(stream, size)| (stream.clone(), *size, begun(stream))).collect();
        let files = self.files.clone();
        let hashed = tokio::task::spawn_blocking(move || {
            let mut seals = Vec::new();
            for (stream, size, begun) in of_them {
                match sealed(&files, &stream, size, begun) {
                    Ok(seal) => seals.push((stream.id, seal)),
                    Err(error) => {
                        tracing::debug!(path = %stream.origin.path, "the receipt stays without a hash: {error}");
                    }
                }
            }
            seals
        });
        Ok(self.store.seal_receipts(hashed.await?).await?)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<StreamId, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that are sealed at once, one group after the other.
fn in_groups(streams: &[Arc<Stream>]) -> impl Iterator<Item = &[Arc<Stream>]> {
    let (mut count, mut bytes) = (0, 0);
    streams.chunk_by(move |stream, _| {
        (count, bytes) = (count + 1, bytes + stream.snapshot().size);
        let has_room = count < AT_ONCE && bytes < AT_ONCE_BYTES;
        if !has_room {
            (count, bytes) = (0, 0);
        }
        has_room
    })
}

/// What the bytes of a stream hash to. Blocks.
fn sealed(files: &OpenFiles, stream: &Stream, size: u64, begun: Begun) -> std::io::Result<Seal> {
    if begun.upto == size {
        return Ok(Seal { size, sha256: begun.hasher.finalize().into() });
    }
    let file = files.get(stream)?;
    let sha256 = hash_on(if begun.upto < size { begun } else { Begun::default() }, &file, size)?;
    stream.still_is(&file)?;
    Ok(Seal { size, sha256 })
}

/// SHA-256 of a file's first bytes; an error if it has not so many. Blocks.
pub fn hash(file: &File, size: u64) -> std::io::Result<[u8; 32]> {
    hash_on(Begun::default(), file, size)
}

fn hash_on(begun: Begun, file: &File, size: u64) -> std::io::Result<[u8; 32]> {
    let (Begun { mut hasher, upto: mut offset }, mut buffer) = (begun, vec![0; CHUNK]);
    while offset < size {
        let chunk = (size - offset).min(CHUNK as u64) as usize;
        let read = read_full(file, &mut buffer[..chunk], offset)?;
        if read < chunk {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&buffer[..chunk]);
        offset += read as u64;
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha256;

    #[test]
    fn so_many_bytes_are_hashed_and_no_more() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("a.log");
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(2 * CHUNK + 5).collect();
        std::fs::write(&path, &bytes).expect("file");
        let file = File::open(&path).expect("file");
        for size in [0, 1, CHUNK, CHUNK + 1, bytes.len()] {
            let expected: [u8; 32] = Sha256::digest(&bytes[..size]).into();
            assert_eq!(hash(&file, size as u64).expect("hash"), expected, "{size}");
            let upto = size / 2;
            let begun = Begun { hasher: Sha256::new_with_prefix(&bytes[..upto]), upto: upto as u64 };
            assert_eq!(hash_on(begun, &file, size as u64).expect("hash"), expected, "{size} from {upto} on");
        }
        assert!(hash(&file, bytes.len() as u64 + 1).is_err());
    }
}
