//! What becomes of streams: one begins, grows, moves, is gone, is forgotten.

use super::{Airflow, Known};
use crate::config;
use crate::cursor::{
    CursorRow, Identity, Loss, LossReason, Lost, NewStream, StoreError, StreamId, StreamRow,
};
use crate::event::{Origin, StreamKind};
use crate::source::Stream;
use crate::source::discover::Found;
use crate::source::identify::identify;
use crate::source::sight::{Seen, ns};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

impl Airflow {
    /// A stream's file is there, perhaps under another name; with `seen` where there may be more of it.
    pub(super) async fn there(
        &mut self,
        id: StreamId,
        found: &Found,
        seen: Option<Seen>,
    ) -> Result<(), StoreError> {
        if let Some(it) = self.remembered.remove(&id) {
            self.resume(it.row, found, seen.as_ref());
        } else if let Some(back) = self.gone.remove(&id) {
            // What was read of it meanwhile came from a file that is no longer held.
            self.files.close(id);
            self.known.insert(id, back);
        }
        let Some(known) = self.known.get_mut(&id) else { return Ok(()) };
        known.absent = 0;
        if *known.rel != *found.rel || known.stream.snapshot().gone {
            tracing::info!(source = %self.config.id, path = %known.stream.origin.path,
                "is `{}` by now, and goes on", found.rel);
            known.rel = found.rel.as_str().into();
            known.stream.move_to(found.abs.as_path().into());
        }
        self.at.insert(known.rel.clone(), id);
        match seen {
            Some(seen) => self.grew(id, seen).await,
            None => Ok(()),
        }
    }

    /// Its file is where it was and as it was, or could not be looked at.
    pub(super) fn stays(&mut self, id: StreamId) {
        if let Some(known) = self.known.get_mut(&id) {
            known.absent = 0;
            self.at.insert(known.rel.clone(), id);
        }
    }

    /// There may be more of a stream.
    pub(super) async fn grew(&mut self, id: StreamId, seen: Seen) -> Result<(), StoreError> {
        let Some(Known { stream, .. }) = self.known.get(&id) else { return Ok(()) };
        let Seen { identity, size, stamp } = seen;
        let before = stream.identity();
        if identity != before {
            if identity.device != before.device {
                // Mounted anew: what is open belongs to what was mounted before.
                self.files.reopen(id);
            }
            stream.set_identity(identity.clone());
            self.store.identify(id, identity).await?;
        }
        stream.grow(size, stamp);
        if !self.listener.delivered(id) {
            self.files.hold(stream);
            self.listener.changed(stream);
        }
        Ok(())
    }

    /// A stream's file was truncated or replaced after a copy was made of it: the stream goes on there.
    pub(super) async fn copied(&mut self, id: StreamId, found: Found, seen: Seen) -> Result<(), StoreError> {
        let known = self.known.get(&id).or_else(|| self.gone.get(&id)).map(|it| it.stream.snapshot().size);
        let size = known.or_else(|| self.remembered.get(&id).map(|it| it.row.size)).unwrap_or(0);
        let missing = seen.size..size.max(seen.size);
        let lost = self.sinks.iter().map(|sink| Lost {
            stream: id,
            sink: sink.clone(),
            range: missing.clone(),
            reason: LossReason::CopyIncomplete,
        });
        let (lost, doubts) = self.part(lost);
        let losses = self.store.copied(id, seen.identity.clone(), seen.size, lost).await?;
        self.say_lost(&losses);
        self.doubts.extend(doubts);
        if let Some(it) = self.remembered.get_mut(&id) {
            (it.row.identity, it.row.size) = (seen.identity.clone(), seen.size);
        } else if let Some(known) = self.known.get(&id).or_else(|| self.gone.get(&id)) {
            let stream = &known.stream;
            stream.become_copy(found.abs.as_path().into(), seen.identity.clone(), seen.size);
            self.files.close(id);
        }
        self.there(id, &found, Some(seen)).await
    }

    /// A stream that the store remembers goes on.
    fn resume(&mut self, row: StreamRow, found: &Found, seen: Option<&Seen>) {
        let StreamRow { id, path, generation, first_seen, identity, cursors, .. } = row;
        let stream = self.stream(id, &path, found.abs.as_path().into(), generation, first_seen, identity);
        if let Some(seen) = seen {
            stream.grow(seen.size, seen.stamp);
            settle(&stream, seen.stamp.modified);
        }
        self.listener.began(&stream, &cursors);
        stream.noted(stream.snapshot().size);
        self.known.insert(id, Known { stream, rel: found.rel.as_str().into(), absent: 0 });
    }

    pub(super) async fn begin(&mut self, begin: Vec<(Found, Seen)>) -> Result<(), StoreError> {
        if begin.is_empty() {
            return Ok(());
        }
        let first_seen = ns(SystemTime::now()) / 1_000_000;
        let skip = self.first_scan && self.config.read_from == config::ReadFrom::End;
        let rows: Vec<NewStream> = begin
            .iter()
            .map(|(found, seen)| NewStream {
                source: self.config.id.clone(),
                path: found.rel.clone(),
                generation: uuid::Uuid::new_v4().to_string(),
                first_seen,
                identity: seen.identity.clone(),
                size: seen.size,
                skip_to: skip.then(|| (seen.size, self.sinks.clone())),
            })
            .collect();
        let ids = self.store.begin(rows.clone()).await?;
        for ((id, row), (found, seen)) in ids.into_iter().zip(rows).zip(begin) {
            let stream =
                self.stream(id, &found.rel, found.abs.into(), row.generation, first_seen, seen.identity);
            stream.grow(seen.size, seen.stamp);
            stream.noted(seen.size);
            settle(&stream, seen.stamp.modified);
            self.files.hold(&stream);
            let cursors: Vec<_> = row
                .skip_to
                .iter()
                .flat_map(|(offset, sinks)| sinks.iter().map(|sink| (sink.clone(), *offset)))
                .map(|(sink, offset)| (sink, CursorRow { offset, ..CursorRow::default() }))
                .collect();
            self.listener.began(&stream, &cursors);
            let rel: Arc<str> = found.rel.into();
            self.at.insert(rel.clone(), id);
            self.known.insert(id, Known { stream, rel, absent: 0 });
        }
        Ok(())
    }

    fn stream(
        &self,
        id: StreamId,
        path: &str,
        place: Arc<Path>,
        generation: String,
        first_seen: i64,
        identity: Identity,
    ) -> Arc<Stream> {
        let ((kind, task), path) = match &self.letters {
            Some(letters) => ((StreamKind::DeadLetter, None), letters.path(path)),
            None => (identify(path, &self.config.path_patterns), path.to_owned()),
        };
        let origin = Origin {
            source: self.config.id.clone(),
            path,
            host: self.host.clone(),
            kind,
            task,
            deployment: self.deployment.clone(),
        };
        Arc::new(Stream::new(id, self.index, origin, generation, first_seen, place, identity))
    }

    /// Nobody will find a stream's file again.
    pub(super) async fn vanished(&mut self, id: StreamId, why: LossReason) -> Result<(), StoreError> {
        if let Some(it) = self.remembered.get(&id) {
            let why = if why == LossReason::Repeated { why } else { LossReason::WhileStopped };
            let lost = self.not_acknowledged(&it.row, why);
            let losses = self.store.forget_lost(id, lost).await?;
            self.remembered.remove(&id);
            self.say_lost(&losses);
        }
        let Some(known) = self.known.remove(&id) else { return Ok(()) };
        let stream = known.stream.clone();
        stream.set_gone(why);
        if why == LossReason::Deleted {
            self.files.orphan(id);
        } else {
            // The open file shows the new content: what was not read of the old is nowhere any more.
            self.files.close(id);
        }
        self.gone.insert(id, known);
        self.listener.changed(&stream);
        let size = stream.snapshot().size;
        let sizes = if stream.is_news(size) { vec![(id, size)] } else { Vec::new() };
        self.write_sizes(sizes).await
    }

    /// What the sinks of a stream lack that only the store remembers.
    fn not_acknowledged(&self, row: &StreamRow, reason: LossReason) -> Vec<Lost> {
        let lost = self.sinks.iter().map(|sink| {
            let cursor = row.cursors.iter().find(|(id, _)| id == sink);
            let from = cursor.map_or(0, |(_, cursor)| cursor.offset);
            let range = from..row.size.max(from);
            Lost { stream: row.id, sink: sink.clone(), range, reason }
        });
        lost.collect()
    }

    pub(super) fn say_lost(&self, losses: &[Loss]) {
        for loss in losses {
            self.listener.lost(loss);
        }
    }

    /// Forgets streams that are gone and that every sink has.
    pub(super) async fn bury(&mut self) -> Result<(), StoreError> {
        let done: Vec<StreamId> = self
            .gone
            .keys()
            .copied()
            .filter(|&id| self.listener.delivered(id) && !self.is_in_doubt(id))
            .collect();
        let mut result = Ok(());
        for id in done {
            self.gone.remove(&id);
            self.listener.ended(id);
            self.files.close(id);
            // If the store fails now, the next start forgets it.
            result = result.and(self.store.forget(id).await);
        }
        result
    }
}

/// A file that was last written long ago need not be waited for.
fn settle(stream: &Stream, modified: i64) {
    let quiet_for = ns(SystemTime::now()).saturating_sub(modified);
    stream.settle(Duration::from_nanos(u64::try_from(quiet_for).unwrap_or(0)));
}
