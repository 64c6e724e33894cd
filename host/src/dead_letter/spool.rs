//! Dead letters on disk: lines in segments. A segment is hidden while it is written; then it gets its name, is never
//! written again, and its sink's source finds it. So a source never sees half a record, whatever happens.

use crate::sink::generation;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes in a segment, unless what was refused at once is more.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// A segment is handed over after this, however little it holds: letters are few and not urgent, and each segment is an
/// object in a mirror.
pub const SEGMENT_AGE: Duration = Duration::from_mins(1);
/// What a segment is called.
const ENDING: &str = "ndjson";
/// What follows that while it is written.
const HIDDEN: &str = "part";

/// Dead letters hold log lines, and of a mask that failed what it did not get to mask: nobody else may read them.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The segments for one sink. One process has it: the data dir is locked.
pub struct Spool {
    folder: PathBuf,
    host: String,
    open: Option<Segment>,
}

struct Segment {
    file: File,
    hidden: PathBuf,
    named: PathBuf,
    /// Bytes of whole records, safe on disk.
    len: u64,
    begun: Instant,
    /// There may be bytes beyond `len`, of a write that failed.
    torn: bool,
}

impl Spool {
    /// Makes the folder, and hands over what the last process left hidden.
    pub fn open(folder: &Path, host: &str) -> io::Result<Self> {
        make(folder)?;
        for entry in fs::read_dir(folder)? {
            let hidden = entry?.path();
            if hidden.extension().is_some_and(|ending| ending == HIDDEN) {
                mend(&hidden)?;
            }
        }
        sync(folder)?;
        Ok(Self { folder: folder.to_owned(), host: generation::host_name(host), open: None })
    }

    /// Appends whole lines; when it returns they are safe on disk, or, with an error, not there at all.
    pub fn append(&mut self, lines: &[u8], now: Instant) -> io::Result<()> {
        let more = lines.len() as u64;
        if self.open.as_ref().is_some_and(|segment| segment.len > 0 && segment.len + more > SEGMENT_BYTES) {
            self.close()?;
        }
        let segment = match &mut self.open {
            Some(segment) => segment,
            none => none.insert(Segment::begin(&self.folder, &self.host, now)?),
        };
        segment.append(lines)
    }

    /// Whether the open segment is full or has been open for long enough.
    pub fn is_due(&self, now: Instant) -> bool {
        let due = |it: &Segment| it.len >= SEGMENT_BYTES || now.duration_since(it.begun) >= SEGMENT_AGE;
        self.open.as_ref().is_some_and(due)
    }

    /// Hands over the open segment, if there is one. The folder is there afterwards, whoever removed it.
    pub fn close(&mut self) -> io::Result<()> {
        make(&self.folder)?;
        let Some(mut segment) = self.open.take() else { return Ok(()) };
        let closed = segment.close();
        match &closed {
            Ok(()) => sync(&self.folder)?,
            // Somebody deleted it: there is nothing left to try again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => self.open = Some(segment),
        }
        closed
    }
}

impl Segment {
    /// `<UTC, sortable>-<host>-<random>.ndjson`: no name comes twice, whatever becomes of the clock.
    fn begin(folder: &Path, host: &str, now: Instant) -> io::Result<Self> {
        make(folder)?;
        let at = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ");
        let random = uuid::Uuid::new_v4().simple().to_string();
        let named = folder.join(format!("{at}-{host}-{}.{ENDING}", &random[..8]));
        let hidden = named.with_extension(format!("{ENDING}.{HIDDEN}"));
        let file = File::options().write(true).create_new(true).mode(FILE_MODE).open(&hidden)?;
        sync(folder)?;
        Ok(Self { file, hidden, named, len: 0, begun: now, torn: false })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.trim()?;
        self.torn = true;
        let written = self.file.write_all_at(lines, self.len).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Room for others, if it was for want of it; else the next try does it.
            let _ = self.trim();
            return Err(error);
        }
        self.len += lines.len() as u64;
        self.torn = false;
        Ok(())
    }

    fn trim(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.len)?;
            self.torn = false;
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.trim()?;
        if self.len == 0 { fs::remove_file(&self.hidden) } else { fs::rename(&self.hidden, &self.named) }
    }
}

/// Makes the folder, and the one of all spools, closed to others.
fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)
}

/// A segment that its process did not close: what follows its last whole line was never acknowledged, and comes again.
fn mend(hidden: &Path) -> io::Result<()> {
    let bytes = fs::read(hidden)?;
    let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
    if whole == 0 {
        return fs::remove_file(hidden);
    }
    let file = File::options().write(true).open(hidden)?;
    file.set_len(whole as u64)?;
    file.sync_all()?;
    fs::rename(hidden, hidden.with_extension(""))
}

/// How many segments of a spool wait, those included that are still hidden. Where there is no spool: none.
pub fn waiting(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}

/// Makes names in a folder outlive a power cut, where the file system can.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Ok(())
        }
        done => done,
    }
}
