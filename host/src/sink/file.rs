//! Each stream a file of its own below a folder: the same layout as the S3 mirror, on local disk.
//!
//! The cursor keeps which file it is and how long it was when the cursor was written. Whatever a crash left
//! beyond that length is cut off and written again, so every byte is there exactly once.

use super::{EventSink, generation, joined};
use crate::config::{self, Codec, Env};
use crate::cursor::{CursorMove, Store};
use crate::event::{Batch, DEFAULT_LABEL};
use crate::lane::Lane;
use crate::lanes::Taken;
use crate::route;
use crate::route::template::Names;
use std::fs::File as Handle;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use tokio::runtime;

/// A sink of type `file`.
pub struct File {
    id: String,
    config: config::File,
    env: Env,
    store: Store,
    runtime: runtime::Handle,
}

impl File {
    /// Writes below the folder that the config names; makes it when it is needed.
    pub fn new(id: &str, config: config::File, env: Env, store: Store, runtime: runtime::Handle) -> Self {
        Self { id: id.to_owned(), config, env, store, runtime }
    }

    /// Chooses a name that nothing has yet, and writes the choice down before the file is there: after a
    /// crash in between, the file is still known as ours.
    fn claim(&self, lane: &Lane) -> std::io::Result<String> {
        let stream = &lane.stream;
        let names = Names { origin: &stream.origin, label: DEFAULT_LABEL, env: &self.env };
        let rendered = self.config.key.render(&names).map_err(std::io::Error::other)?;
        let name = route::object_key("", &rendered.text);
        let name = if self.path(&name)?.exists() {
 generation::key(&name, stream) } else { name };
        let mut row = lane.cursor();
        row.target = Some(name.clone());
        let claim = CursorMove { stream: stream.id, sink: self.id.clone(), size: 0, row };
        self.runtime.block_on(self.store.commit(vec![claim])).map_err(std::io::Error::other)?;
        lane.set_target(name.clone(), 0);
        Ok(name)
    }

    /// Where a name leads; never out of the folder.
    fn path(&self, name: &str) -> std::io::Result<PathBuf> {
        let below = Path::new(name);
        if below.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Ok(self.config.path.join(below));
        }
        Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!("the name {name:?} leads out of {}", self.config.path.display()),
        ))
    }

    fn open(&self, name: &str, len: u64) -> std::io::Result<Handle> {
        let path = self.path(name)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = Handle::options().create(true).truncate(false).write(true).open(path)?;
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        Ok(file)
    }
}

impl EventSink for File {
    fn has_room(&self, _: &Arc<Lane>) -> bool {
        true
    }

    fn take(&self, lane: &Arc<Lane>, batch: &Batch) -> std::io::Result<Taken> {
        let row = lane.cursor();
        let name = match row.target {
            Some(name) => name,
            None => self.claim(lane)?,
        };
        let mut text = Vec::with_capacity(batch.bytes.len() * 2);
        let events = match self.config.codec {
            Codec::Raw => joined::raw(batch, &mut text),
            codec => joined::lines(batch, codec, &mut text),
        };
        let mut file = self.open(&name, row.written)?;
        file.write_all(&text)?;
        file.sync_data()?;
        Ok(Taken::Done { events, target: Some((name, row.written + text.len() as u64)) })
    }
}

