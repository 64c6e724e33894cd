//! Seals receipts: when a file has come to its end and every sink has all of it, its bytes are hashed, once.
//!
//! Not while they go by: each sink would hash them for itself, and each line would pay for it.

use super::Forgetting;
use crate::cursor::{Seal, Store, StreamId};
use crate::source::tail::read_full;
use crate::source::{OpenFiles, Stream, fence};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often to look which files have come to their ends.
const LOOK: Duration = Duration::from_secs(1);
/// How often the oldest receipts are forgotten.
const SWEEP: Duration = Duration::from_mins(10);
/// How many bytes are read at a time to be hashed: they are still in the processor's cache then.
const CHUNK: usize = 64 << 10;

/// Seals the receipts of a pipeline.
pub struct Notary {
    store: Store,
    files: Arc<OpenFiles>,
    limits: Forgetting,
    /// Streams that some sink has all of. Bounded by the number of streams.
    waiting: Mutex<HashMap<StreamId, Arc<Stream>>>,
}

impl Notary {
    /// Of a pipeline whose receipts are in that store.
    pub fn new(store: Store, files: Arc<OpenFiles>, limits: Forgetting) -> Arc<Self> {
        Arc::new(Self { store, files, limits, waiting: Mutex::default() })
    }

    /// A sink has all that there is of a stream.
    pub fn consider(&self, stream: &Arc<Stream>) {
        if self.limits.sha256 {
            self.waiting().insert(stream.id, stream.clone());
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
            for stream in self.due(&delivered) {
                self.seal(&stream).await;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The run is over: seals what can be sealed, until `over` says that there is no time left.
    pub async fn finish(&self, delivered: impl Fn(StreamId) -> bool, mut over: impl FnMut() -> bool) {
        for stream in self.due(&delivered) {
            if over() {
                return;
            }
            self.seal(&stream).await;
        }
    }

    /// The streams whose time has come.
    fn due(&self, delivered: &impl Fn(StreamId) -> bool) -> Vec<Arc<Stream>> {
        let waiting: Vec<Arc<Stream>> = self.waiting().values().cloned().collect();
        // One that is gone has ended, but whoever holds it open may still write.
        let is_quiet = |stream: &Stream| stream.snapshot().grew.elapsed() >= fence::SETTLED;
        waiting.into_iter().filter(|it| it.ended() && is_quiet(it) && delivered(it.id)).collect()
    }

    async fn seal(&self, stream: &Arc<Stream>) {
        let size = stream.snapshot().size;
        if let Err(error) = self.try_to_seal(stream, size).await {
            // A receipt without a hash is one all the same.
            tracing::debug!(path = %stream.origin.path, "the receipt stays without a hash: {error}");
        }
        let mut waiting = self.waiting();
        // It may have grown meanwhile; then its end is still to come.
        if stream.snapshot().size == size {
            waiting.remove(&stream.id);
        }
    }

    async fn try_to_seal(
        &self,
        stream: &Arc<Stream>,
        size: u64,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if !self.store.lacks_seal(stream.id, size).await? {
            return Ok(());
        }
        let (files, there) = (self.files.clone(), stream.clone());
        let sha256 = tokio::task::spawn_blocking(move || {
            let file = files.get(&there)?;
            let sha256 = hash(&file, size)?;
            there.still_is(&file).map(|()| sha256)
        });
        let seal = Seal { size, sha256: sha256.await?? };
        Ok(self.store.seal_receipt(stream.id, seal).await?)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<StreamId, Arc<Stream>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 of a file's first bytes; an error if it has not so many. Blocks.
pub fn hash(file: &File, size: u64) -> std::io::Result<[u8; 32]> {
    let (mut hasher, mut buffer, mut offset) = (Sha256::new(), vec![0; CHUNK], 0);
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
        }
        assert!(hash(&file, bytes.len() as u64 + 1).is_err());
    }
}
