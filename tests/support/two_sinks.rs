//! What the tests of rotation and replacement share: a data dir, and sinks of type `file` that can be blocked.

use std::collections::BTreeMap;
use std::fs;

use crate::{LogFolder, Updraft, eventually, files_in};

/// The data dir (`DATA`) and the folder above the sinks' own (`OUT`) of a pipeline.
#[derive(Debug)]
pub struct TwoSinks {
    /// The data dir.
    pub data: LogFolder,
    /// Each sink's folder has the sink's name.
    pub out: LogFolder,
}

impl TwoSinks {
    /// Both are empty.
    #[allow(clippy::new_without_default, reason = "it makes folders")]
    pub fn new() -> Self {
        Self { data: LogFolder::empty(), out: LogFolder::empty() }
    }

    /// With this pipeline, which names `DATA` and `OUT`.
    pub fn pipeline(&self, updraft: Updraft, pipeline: &str) -> Updraft {
        updraft.env("DATA", self.data.path()).env("OUT", self.out.path()).config("pipeline.yaml", pipeline)
    }

    /// The sink writes nothing from now on: a file is in its folder's place.
    pub fn block(&self, sink: &str) {
        fs::write(self.out.path().join(sink), "").expect("it can be written");
    }

    /// It may write again.
    pub fn unblock(&self, sink: &str) {
        fs::remove_file(self.out.path().join(sink)).expect("it is there");
    }

    /// What a sink has written, by name.
    pub fn delivered(&self, sink: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.out.path().join(sink);
        if folder.is_dir() { files_in(&folder) } else { BTreeMap::new() }
    }

    /// Waits until so many bytes of all files are acknowledged by a sink, and that is written down.
    pub fn wait_for_cursors(&self, sink: &str, bytes: usize) {
        let store = self.data.path().join("cursors.sqlite");
        let sum = "SELECT COALESCE(SUM(offset), 0) FROM cursors WHERE sink = ?1";
        eventually("the cursors", || {
            let db = rusqlite::Connection::open(&store).ok()?;
            let so_far: i64 = db.query_row(sum, [sink], |row| row.get(0)).ok()?;
            (so_far == bytes as i64).then_some(())
        });
    }
}
