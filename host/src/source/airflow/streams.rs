//! What becomes of streams: one begins, grows, is gone, is forgotten.

use super::Airflow;
use crate::config;
use crate::cursor::{CursorRow, Identity, NewStream, StoreError, StreamId, StreamRow};
use crate::event::{Origin, StreamKind};
use crate::source::Stream;
use crate::source::discover::Found;
use crate::source::identify::identify;
use crate::source::sight::{Sight, ns};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

impl Airflow {
    pub(super) async fn apply(
        &mut self,
        sights: Vec<(Found, std::io::Result<Sight>)>,
    ) -> Result<(), StoreError> {
        let mut begin = Vec::new();
        for (found, sight) in sights {
            match sight {
                Ok(Sight::Same) => {}
                Ok(Sight::Grew { size, modified, identity }) => {
                    self.grew(found, size, modified, identity).await?;
                }
                Ok(Sight::New { identity, size, modified, same_inode }) => {
                    self.vanish(&found.rel, same_inode);
                    if let Some(row) = self.remembered.remove(&found.rel) {
                        self.vanished_unseen(row).await?;
                    }
                    begin.push((found, identity, size, modified));
                }
                // Deleted since it was found: the next scan knows.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.all_seen = false;
                    if self.complained.insert(found.abs.clone()) {
                        tracing::warn!(source = %self.config.id, path = %found.rel,
                            "cannot read it: {error}; will try again, and say no more of it");
                    }
                }
            }
        }
        self.begin(begin).await
    }

    async fn grew(
        &mut self,
        found: Found,
        size: u64,
        modified: i64,
        identity: Option<Identity>,
    ) -> Result<(), StoreError> {
        if let Some(row) = self.remembered.remove(&found.rel) {
            let stream = self.stream(row.id, &found, row.generation, row.first_seen, row.identity);
            stream.grow(size, modified);
            settle(&stream, modified);
            self.listener.began(&stream, &row.cursors);
            self.known.insert(found.rel.clone(), stream);
        }
        let Some(stream) = self.known.get(&found.rel) else { return Ok(()) };
        if let Some(identity) = identity {
            stream.set_identity(identity.clone());
            self.store.identify(stream.id, identity).await?;
        }
        stream.grow(size, modified);
        if !self.listener.delivered(stream.id) {
            self.files.hold(stream);
            self.listener.changed(stream);
        }
        Ok(())
    }

    async fn begin(&mut self, begin: Vec<(Found, Identity, u64, i64)>) -> Result<(), StoreError> {
        if begin.is_empty() {
            return Ok(());
        }
        let first_seen = ns(SystemTime::now()) / 1_000_000;
        let skip = self.first_scan && self.config.read_from == config::ReadFrom::End;
        let rows: Vec<NewStream> = begin
            .iter()
            .map(|(found, identity, size, _)| NewStream {
                source: self.config.id.clone(),
                path: found.rel.clone(),
                generation: uuid::Uuid::new_v4().to_string(),
                first_seen,
                identity: identity.clone(),
                size: *size,
                skip_to: skip.then(|| (*size, self.sinks.clone())),
            })
            .collect();
        let ids = self.store.begin(rows.clone()).await?;
        for ((id, row), (found, identity, size, modified)) in ids.into_iter().zip(rows).zip(begin) {
            let stream = self.stream(id, &found, row.generation, first_seen, identity);
            stream.grow(size, modified);
            settle(&stream, modified);
            self.files.hold(&stream);
            let cursors: Vec<_> = row
                .skip_to
                .iter()
                .flat_map(|(offset, sinks)| sinks.iter().map(|sink| (sink.clone(), *offset)))
                .map(|(sink, offset)| (sink, CursorRow { offset, ..CursorRow::default() }))
                .collect();
            self.listener.began(&stream, &cursors);
            self.known.insert(found.rel, stream);
        }
        Ok(())
    }

    fn stream(
        &self,
        id: StreamId,
        found: &Found,
        generation: String,
        first_seen: i64,
        identity: Identity,
    ) -> Arc<Stream> {
        let ((kind, task), path) = match &self.letters {
            Some(letters) => ((StreamKind::DeadLetter, None), letters.path(&found.rel)),
            None => (identify(&found.rel), found.rel.clone()),
        };
        let origin = Origin {
            source: self.config.id.clone(),
            path,
            host: self.host.clone(),
            kind,
            task,
            deployment: self.deployment.clone(),
        };
        Arc::new(Stream::new(id, self.index, origin, generation, first_seen, found.abs.clone(), identity))
    }

    /// The path no longer leads to the stream that was known by it.
    pub(super) fn vanish(&mut self, rel: &str, rewritten_in_place: bool) {
        let Some(stream) = self.known.remove(rel) else { return };
        stream.set_gone();
        if rewritten_in_place {
            // The open file shows the new content: what was not read of the old is nowhere any more.
            self.files.close(stream.id);
        } else {
            self.files.orphan(stream.id);
        }
        self.listener.changed(&stream);
        self.gone.push(stream);
    }

    /// A stream that the store remembers and that nobody will read again: counts what its sinks did not have.
    pub(super) async fn vanished_unseen(&self, row: StreamRow) -> Result<(), StoreError> {
        for sink in &self.sinks {
            let cursor = row.cursors.iter().find(|(id, _)| id == sink);
            let lost = row.size.saturating_sub(cursor.map_or(0, |(_, cursor)| cursor.offset));
            if lost > 0 {
                self.listener.lost(sink, &row.path, lost);
            }
        }
        self.store.forget(row.id).await
    }

    /// Forgets streams that are gone and that every sink has.
    pub(super) async fn bury(&mut self) -> Result<(), StoreError> {
        let (done, rest) = std::mem::take(&mut self.gone)
            .into_iter()
            .partition::<Vec<_>, _>(|stream| self.listener.delivered(stream.id));
        self.gone = rest;
        let mut result = Ok(());
        for stream in done {
            self.listener.ended(stream.id);
            self.files.close(stream.id);
            // If the store fails now, the next start forgets it.
            result = result.and(self.store.forget(stream.id).await);
        }
        result
    }
}

/// A file that was last written long ago need not be waited for.
fn settle(stream: &Stream, modified: i64) {
    let quiet_for = ns(SystemTime::now()).saturating_sub(modified);
    stream.settle(Duration::from_nanos(u64::try_from(quiet_for).unwrap_or(0)));
}
