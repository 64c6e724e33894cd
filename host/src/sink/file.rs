//! Each stream a file of its own below a folder: the same layout as the S3 mirror, on local disk.
//!
//! The cursor keeps which file it is and how long it was when the cursor was written. Whatever a crash left
//! beyond that length is cut off and written again, so every byte is there exactly once.

use super::{EventSink, NamesOf, generation, joined};
use crate::config::Codec;
use crate::cursor::{CursorMove, CursorRow, Store};
use crate::event::{Batch, DEFAULT_LABEL};
use crate::lane::Lane;
use crate::lanes::Taken;
use crate::receipt::Tally;
use crate::route::Naming;
use crate::route::standard::Keys;
use std::collections::HashSet;
use std::fs::File as Handle;
use std::io::{Error, ErrorKind, Result, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime;

/// So many more names than after the last look into the store may be claimed before those of streams long gone are
/// dropped.
const CLAIMS_MORE: usize = 4096;

/// A sink of type `file`.
pub struct File {
    id: String,
    folder: PathBuf,
    codec: Codec,
    naming: Naming<Keys>,
    store: Store,
    runtime: runtime::Handle,
    claimed: Mutex<Claimed>,
}

/// The names that streams own, whether their files are there or not. Each is in the store first.
#[derive(Default)]
struct Claimed {
    names: HashSet<String>,
    /// At so many names they are read from the store (again).
    enough: usize,
}

impl File {
    /// Writes below that folder; makes it when it is needed.
    pub fn new(
        id: &str,
        folder: PathBuf,
        codec: Codec,
        naming: Naming<Keys>,
        store: Store,
        runtime: runtime::Handle,
    ) -> Self {
        Self { id: id.to_owned(), folder, codec, naming, store, runtime, claimed: Mutex::default() }
    }

    /// The names that are claimed.
    fn claimed(&self) -> Result<MutexGuard<'_, Claimed>> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.names.len() >= claimed.enough {
            let names = self.runtime.block_on(self.store.targets(&self.id)).map_err(Error::other)?;
            *claimed = Claimed { enough: names.len() + CLAIMS_MORE, names };
        }
        Ok(claimed)
    }

    /// Chooses a name that nothing has yet, and writes the choice down before the file is there: after a
    /// crash in between, the file is still known as ours.
    fn claim(&self, lane: &Lane, own: String, claimed: &mut Claimed) -> Result<String> {
        let stream = &lane.stream;
        let (key, unique_key) = (generation::key(&own, stream), generation::unique_key(&own, stream));
        for name in [own, key, unique_key] {
            let name = generation::file_name(&name);
            let path = self.path(&name)?;
            if claimed.names.contains(&name) || path.exists() {
                continue;
            }
            let row = CursorRow { target: Some(name.clone()), ..lane.cursor() };
            let size = stream.snapshot().size;
            let (sink, entries) = (self.id.clone(), Vec::new());
            let claim = CursorMove { stream: stream.id, sink, size, row, entries };
            self.runtime.block_on(self.store.commit(vec![claim])).map_err(Error::other)?;
            claimed.names.insert(name.clone());
            lane.set_target(name.clone(), 0);
            match Handle::create_new(path) {
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created.map(|_| name),
            }
        }
        Err(Error::new(ErrorKind::AlreadyExists, "each name that it could have is another's"))
    }

    /// Where a name leads; never out of the folder. Makes the folders on the way.
    fn path(&self, name: &str) -> Result<PathBuf> {
        let below = Path::new(name);
        if !below.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            let folder = self.folder.display();
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the name {name:?} leads out of {folder}"),
            ));
        }
        let path = self.folder.join(below);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(path)
    }

    /// Opens a file to write where the cursor stands. Returns where that is: earlier than the cursor says if somebody
    /// else deleted or shortened the file, as what was acknowledged cannot be delivered again.
    fn open(&self, lane: &Lane, name: &str, written: u64) -> Result<(Handle, u64)> {
        let path = self.path(name)?;
        let mut file = Handle::options().create(true).truncate(false).write(true).open(&path)?;
        let len = file.metadata()?.len().min(written);
        if len < written {
            tracing::warn!(sink = %self.id, path = %lane.stream.origin.path, file = %path.display(), bytes = written - len,
                "was deleted or shortened by somebody else: what was delivered into it is gone; goes on at its end");
            lane.set_target(name.to_owned(), len);
        }
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        Ok((file, len))
    }
}

impl EventSink for File {
    type Standard = Keys;

    fn naming(&self) -> &Naming<Keys> {
        &self.naming
    }

    fn has_room(&self, _: &Arc<Lane>) -> bool {
        true
    }

    /// It goes on where the cursor says that its file ended.
    fn takes_again(&self) -> bool {
        true
    }

    fn take(&self, lane: &Arc<Lane>, batch: &Batch, names: &NamesOf<Self>) -> Result<Taken> {
        let not_here = &names.not_here;
        if batch.going(not_here).next().is_none() {
            let tally = Tally::of_left_out(batch, not_here);
            return Ok(Taken::Done { events: 0, tally, target: None });
        }
        let row = lane.cursor();
        let (name, written) = if let Some(name) = row.target {
            (name, row.written)
        } else {
            // One file for all labels: of those that do not go there nothing is in it. A router may be asked, which
            // takes its time: not while others wait for the names.
            let own = self.naming.name(lane, DEFAULT_LABEL).name;
            let own = own.unwrap_or_else(|| self.naming.own_name(lane, DEFAULT_LABEL));
            (self.claim(lane, own, &mut *self.claimed()?)?, 0)
        };
        let mut text = Vec::with_capacity(batch.bytes.len() * 2);
        let events = match joined::codec_for(batch, self.codec) {
            Codec::Raw => joined::raw(batch, not_here, &mut text),
            codec => joined::lines(batch, not_here, codec, &mut text),
        };
        let (mut file, start) = self.open(lane, &name, written)?;
        file.write_all(&text)?;
        file.sync_data()?;
        let file = self.folder.join(&name);
        let file = std::path::absolute(&file).unwrap_or(file);
        let tally = Tally::of_batch(batch, not_here, &file.display().to_string());
        Ok(Taken::Done { events, tally, target: Some((name, start + text.len() as u64)) })
    }
}
