//! One generation of a file: who it is, how long it is, and an open file to read it by.

use super::sight::Stamp;
use super::{fence, fingerprint, tail};
use crate::cursor::{Identity, LossReason, StreamId};
use crate::event::{Origin, StreamKind};
use lru::LruCache;
use std::collections::HashMap;
use std::fs::File;
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One generation of a file in Airflow's log folder.
#[derive(Debug)]
pub struct Stream {
    /// Its number in the store.
    pub id: StreamId,
    /// Index of its source in the config.
    pub source: usize,
    /// Who it is.
    pub origin: Arc<Origin>,
    /// Unique name of this generation.
    pub generation: String,
    /// When it was first seen, ms since the epoch.
    pub first_seen: i64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Where the file is by now, as long as it is this generation's.
    place: Arc<Path>,
    identity: Identity,
    size: u64,
    stamp: Stamp,
    grew: Instant,
    /// No path leads here any more: deleted, truncated or replaced.
    gone: Option<LossReason>,
    /// The size that is written down.
    noted: u64,
    /// At which size its last words were looked at, and whether they say that it has ended.
    words: Option<(u64, bool)>,
}

/// What is known of a stream's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It has ended.
    Ended,
    /// It may have: its last words are to be looked at.
    Unheard,
    /// It has not; if it does not grow, there is more to say at that time.
    Open(Instant),
}

/// How a stream stands right now.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    /// Bytes that are there to be read.
    pub size: u64,
    /// When the file was last written, ns since the epoch.
    pub modified: i64,
    /// When growth was last seen.
    pub grew: Instant,
    /// Nothing will be added any more.
    pub gone: bool,
}

impl Stream {
    /// A stream of which nothing was seen yet.
    pub(super) fn new(
        id: StreamId,
        source: usize,
        origin: Origin,
        generation: String,
        first_seen: i64,
        place: Arc<Path>,
        identity: Identity,
    ) -> Self {
        let (stamp, grew) = (Stamp::default(), Instant::now());
        let state = State { place, identity, size: 0, stamp, grew, gone: None, noted: 0, words: None };
        Self { id, source, origin: Arc::new(origin), generation, first_seen, state: Mutex::new(state) }
    }

    /// How it stands right now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let State { size, stamp, grew, .. } = &*state;
        Snapshot { size: *size, modified: stamp.modified, grew: *grew, gone: state.gone.is_some() }
    }

    /// Where its file is by now.
    pub fn place(&self) -> Arc<Path> {
        self.state().place.clone()
    }

    /// Why nobody can read it again, once that is so.
    pub fn why_gone(&self) -> Option<LossReason> {
        self.state().gone
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.state().stamp
    }

    /// Its file has another name, or was found again.
    pub(super) fn move_to(&self, place: Arc<Path>) {
        let mut state = self.state();
        state.place = place;
        state.gone = None;
    }

    /// It goes on in a copy of its file, and ends where that ends.
    pub(super) fn become_copy(&self, place: Arc<Path>, identity: Identity, size: u64) {
        let mut state = self.state();
        if size > state.size {
            state.grew = Instant::now();
        }
        (state.place, state.identity, state.size, state.noted) = (place, identity, size, size);
        state.stamp = Stamp::default();
        state.gone = None;
    }

    /// Whether that size is more than is written down.
    pub(super) fn is_news(&self, size: u64) -> bool {
        size > self.state().noted
    }

    /// That size is written down.
    pub(super) fn noted(&self, size: u64) {
        let mut state = self.state();
        state.noted = state.noted.max(size);
    }

    pub(super) fn identity(&self) -> Identity {
        self.state().identity.clone()
    }

    pub(super) fn set_identity(&self, identity: Identity) {
        self.state().identity = identity;
    }

    /// Takes note of a size; true if there is more than before.
    pub(super) fn grow(&self, size: u64, stamp: Stamp) -> bool {
        let mut state = self.state();
        let grown = size > state.size;
        state.stamp = stamp;
        if grown {
            state.size = size;
            state.grew = Instant::now();
        }
        grown
    }

    /// Its growth is an old story: the file was last written before we looked.
    pub(super) fn settle(&self, quiet_for: Duration) {
        let mut state = self.state();
        if let Some(then) = Instant::now().checked_sub(quiet_for) {
            state.grew = then;
        }
    }

    /// Whether nothing more is expected: see [`fence`]. Cheap; it may grow again all the same, and is open then.
    pub fn ended(&self) -> bool {
        self.end() == End::Ended
    }

    /// What is known of its end.
    pub fn end(&self) -> End {
        let state = self.state();
        // We write dead letters ourselves, and show only what is whole.
        if state.gone.is_some() || self.origin.kind == StreamKind::DeadLetter {
            return End::Ended;
        }
        let (settled, silent) = (state.grew + fence::SETTLED, state.grew + fence::SILENT);
        let now = Instant::now();
        match state.words {
            _ if now >= silent => End::Ended,
            _ if now < settled => End::Open(settled),
            Some((size, true)) if size == state.size => End::Ended,
            Some((size, false)) if size == state.size => End::Open(silent),
            _ => End::Unheard,
        }
    }

    /// Looks at its last words. Blocks. None: there is more in the file than anybody has seen, or it cannot be read.
    pub fn hear(&self, files: &OpenFiles) -> Option<bool> {
        let size = self.snapshot().size;
        let file = files.peek(self).ok()?;
        if file.metadata().ok()?.len() != size {
            return None;
        }
        let start = size.saturating_sub(fence::TAIL);
        let mut words = vec![0; (size - start) as usize];
        let read = tail::read_full(&file, &mut words, start).ok()?;
        self.still_is(&file).ok()?;
        let ended = read == words.len() && fence::says_ended(&words, start == 0, self.origin.kind);
        self.state().words = Some((size, ended));
        Some(ended)
    }

    /// Whether an open file still holds this generation. Asked after a read, it vouches for what was read: Airflow
    /// truncates and rewrites files in place, and the source may not have noticed yet.
    pub fn still_is(&self, file: &File) -> std::io::Result<()> {
        let (identity, size) = {
            let state = self.state();
            (state.identity.clone(), state.size)
        };
        let metadata = file.metadata()?;
        if metadata.len() >= size && fingerprint::matches(&identity, file, &metadata)? {
            return Ok(());
        }
        Err(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "the file was truncated, rewritten or replaced before it was read",
        ))
    }

    pub(super) fn set_gone(&self, why: LossReason) {
        self.state().gone = Some(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many files are held open, at most, while they are where they belong…
const OPEN_FILES: NonZero<usize> = NonZero::new(256).unwrap();
/// …and after they were deleted or replaced, until every sink has them.
const OPEN_ORPHANS: usize = 256;

/// Open files, so that one that is deleted can still be read to its end. Bounded.
#[derive(Debug)]
pub struct OpenFiles {
    state: Mutex<Open>,
}

/// Those that are where they belong, and those that are gone.
type Open = (LruCache<StreamId, Arc<File>>, HashMap<StreamId, Arc<File>>);

impl Default for OpenFiles {
    fn default() -> Self {
        Self { state: Mutex::new((LruCache::new(OPEN_FILES), HashMap::new())) }
    }
}

impl OpenFiles {
    /// The stream's file. Fails where the path leads to another file by now.
    pub fn get(&self, stream: &Stream) -> std::io::Result<Arc<File>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (live, orphans) = &mut *state;
        if let Some(file) = orphans.get(&stream.id).or_else(|| live.get(&stream.id)) {
            return Ok(file.clone());
        }
        if stream.snapshot().gone {
            return Err(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "the file was deleted before it was read",
            ));
        }
        let file = Arc::new(File::open(stream.place())?);
        stream.still_is(&file)?;
        live.put(stream.id, file.clone());
        Ok(file)
    }

    /// That is the stream's file.
    pub(super) fn put(&self, stream: &Stream, file: File) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.put(stream.id, Arc::new(file));
    }

    /// The same for one look: takes no other file's place.
    fn peek(&self, stream: &Stream) -> std::io::Result<Arc<File>> {
        let open = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0.peek(&stream.id).cloned()
        };
        open.map_or_else(|| File::open(stream.place()).map(Arc::new), Ok)
    }

    /// Opens the stream's file while it is there, if that takes no other's place: it may be deleted before its turn.
    pub fn hold(&self, stream: &Stream) {
        let has_room = self.state.lock().unwrap_or_else(PoisonError::into_inner).0.len() < OPEN_FILES.get();
        if has_room {
            // If that fails, the read that follows says why.
            let _ = self.get(stream);
        }
    }

    /// The file is where nobody will find it again: hold on to it if it is open and there is room.
    pub fn orphan(&self, stream: StreamId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = state.0.pop(&stream)
            && state.1.len() < OPEN_ORPHANS
        {
            state.1.insert(stream, file);
        }
    }

    /// What it was opened by leads nowhere: opened anew the next time, if it is where it belongs.
    pub fn reopen(&self, stream: StreamId) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.pop(&stream);
    }

    /// The file of a stream that is gone, if it is held.
    pub(super) fn orphaned(&self, stream: StreamId) -> Option<Arc<File>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.get(&stream).cloned()
    }

    /// Nobody needs it any more.
    pub fn close(&self, stream: StreamId) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.pop(&stream);
        state.1.remove(&stream);
    }
}

#[cfg(test)]
impl Stream {
    /// A stream that no file stands behind.
    pub fn for_tests(origin: Origin) -> Self {
        Self::numbered_for_tests(1, origin)
    }

    /// Another one.
    pub fn numbered_for_tests(id: StreamId, origin: Origin) -> Self {
        let identity = Identity { device: 0, inode: 0, head_len: 0, head_hash: [0; 32] };
        Self::new(id, 0, origin, "generation".into(), 0, Path::new("").into(), identity)
    }

    /// So many bytes were seen of it.
    pub fn become_long_for_tests(&self, size: u64) {
        self.grow(size, Stamp::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::identify::identify;
    use std::io::Write;

    const EXIT: &[u8] = b"[2026-11-21T19:37:09.331+0000] {local_task_job_runner.py:266} INFO - Task exited with return code 0\n";
    const TRY: &str = "dag_id=d/run_id=r/task_id=t/attempt=1.log";

    fn stream_of(path: &std::path::Path) -> Stream {
        let stream = Stream::for_tests(crate::event::Origin {
            source: "airflow".into(),
            path: TRY.into(),
            host: "h".into(),
            kind: identify(TRY, &[]).0,
            task: None,
            deployment: crate::event::Deployment::default(),
        });
        let file = File::open(path).unwrap();
        stream.move_to(path.into());
        stream.set_identity(fingerprint::take(&file, &file.metadata().unwrap()).unwrap());
        stream
    }

    #[test]
    fn a_try_has_ended_when_it_is_quiet_and_says_so_and_is_open_again_when_it_grows() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(EXIT).unwrap();
        let (stream, files) = (stream_of(file.path()), OpenFiles::default());
        let size = EXIT.len() as u64;
        stream.grow(size, Stamp::default());
        assert!(matches!(stream.end(), End::Open(_)), "not quiet yet");
        stream.settle(fence::SETTLED);
        assert_eq!(stream.end(), End::Unheard);
        assert_eq!(stream.hear(&files), Some(true));
        assert!(stream.ended());

        stream.grow(size + 5, Stamp::default());
        assert!(!stream.ended());
        stream.settle(fence::SETTLED);
        assert_eq!((stream.end(), stream.hear(&files)), (End::Unheard, None), "the file is not that long");
        file.write_all(b"more\n").unwrap();
        assert_eq!(stream.hear(&files), Some(false));
        assert!(matches!(stream.end(), End::Open(_)));
        stream.settle(fence::SILENT);
        assert!(stream.ended(), "whatever it says");
    }

    #[test]
    fn one_look_takes_no_open_files_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (stream, files) = (stream_of(file.path()), OpenFiles::default());
        assert_eq!(stream.hear(&files), Some(false));
        assert_eq!(files.state.lock().unwrap().0.len(), 0);
    }
}
