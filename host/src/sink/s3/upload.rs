//! Gets one object's content to S3: one put where it fits into a part, else a multipart upload, a part in memory.
//!
//! What a multipart upload has got so far is written down after each part, so that the next turn, or the next process,
//! goes on with the first part that is missing. Nothing is tried again here: the mirror's next turn does.

use super::client::{Client, Precondition, Written};
use super::content::{Content, Place};
use super::head_object::Found;
use super::limits::{self, MAX_PARTS, MIN_PART_BYTES};
use super::multipart::{Part, Upload, must_begin_anew};
use super::outcome::{Done, News, UploadError, Uploaded};
use super::put_object::Hashed;
use super::reader::Reader;
use super::settings::ObjectSettings;
use super::upload_part_copy::{CopySource, cannot_be_copied, source_changed};
use crate::cursor::{Gain, PartRow, Store, UploadRow};
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::receipt::Begun;
use crate::route::Naming;
use crate::route::standard::Keys;
use crate::sink::service_error::ServiceError;
use crate::transform::Workers;
use bytes::Bytes;
use std::sync::Arc;

/// Key of the object metadata that says which generation of which file an object holds.
pub const GENERATION: &str = "updraft-generation";

/// The same, of an object that has `?` for whatever is not UTF-8.
pub const LEGIBLE: &str = "updraft-legible";

/// Writes the object of one stream.
pub struct Writer<'a> {
    pub client: &'a Client,
    pub workers: &'a Workers,
    pub lanes: &'a Lanes,
    pub lane: &'a Arc<Lane>,
    /// What the object is to be like.
    pub settings: &'a ObjectSettings,
    /// Which events are the sink's, where a router has a say in that.
    pub naming: Option<&'a Arc<Naming<Keys>>>,
    /// What Airflow's reader could not read is replaced.
    pub legible: bool,
    /// Of a file that is copied while it grows, nothing but whole lines.
    pub whole_lines: bool,
}

impl Writer<'_> {
    /// Whether an object is this generation's.
    pub fn owns(&self, found: &Found) -> bool {
        found.metadata.get(GENERATION) == Some(&self.lane.stream.generation)
    }

    /// Where the cursor stands.
    fn cursor_place(&self) -> Place {
        let cursor = self.lane.cursor();
        Place { offset: cursor.offset, clock: cursor.clock }
    }

    /// How much of an object of ours is surely what it should be. A copy is a beginning of its file however it came to
    /// be, and may be longer than the cursor says: an answer was lost, or we were killed. None: unusable.
    pub fn trusted(&self, found: &Found) -> Option<u64> {
        // The config said otherwise when it was written.
        if found.metadata.contains_key(LEGIBLE) != self.legible {
            return None;
        }
        let written = self.lane.cursor().written;
        let copies = self.lane.chain.is_none() && found.length <= self.lane.stream.snapshot().size;
        (found.length == written || (found.length > written && copies)).then_some(found.length)
    }

    /// The place in the file that an object of so many bytes goes up to.
    fn place_of(&self, length: u64) -> Place {
        match self.lane.chain {
            Some(_) => self.cursor_place(),
            None => Place { offset: length, ..Place::START },
        }
    }

    /// What a chain has to add at the cursor.
    pub async fn news(&self) -> Result<News, UploadError> {
        let cursor = self.cursor_place();
        let mut reader = self.reader(cursor, MAX_PARTS)?;
        if reader.peek(self.workers).await? {
            return Ok(News::Bytes);
        }
        let place = reader.place();
        if place.offset > cursor.offset {
            return Ok(News::Dropped(place));
        }
        Ok(News::None { until: reader.waits_until() })
    }

    /// Sends all of it.
    pub async fn whole(&self, key: &str, precondition: Precondition) -> Result<Done, UploadError> {
        let mut reader = self.reader(Place::START, MAX_PARTS)?;
        reader.known = self.lane.cursor().written;
        let (first, gain) = reader.next(self.workers).await?;
        if reader.place().offset == 0 {
            return Ok(Done::Nothing { until: reader.waits_until() });
        }
        if !reader.is_part(&first) {
            if self.is_behind(&reader) {
                return Ok(Done::Nothing { until: reader.waits_until() });
            }
            let length = first.len() as u64;
            let body = Hashed::from(first);
            let hasher = body.hasher().clone();
            return match self.client.put_object(key, body, self.settings, precondition).await? {
                Written::Taken => Err(UploadError::Taken),
                Written::Stored { .. } => {
                    self.lanes.counters.uploaded.add(length);
                    self.note_hash(Begun { hasher, upto: length }, reader.place(), gain);
                    Ok(Done::Stored(Uploaded { key: key.to_owned(), place: reader.place(), length, gain }))
                }
            };
        }
        let upload = self.begin(key, precondition, 0).await?;
        self.send(upload, reader, (first, gain)).await
    }

    /// What was hashed to be sent need not be hashed again for the receipt, if it is the file's bytes up to that place.
    fn note_hash(&self, sent: Begun, upto: Place, gain: Gain) {
        // Of what was sent before, it is not known whether it was made legible.
        let is_as_read = !self.legible || (self.lane.cursor().written == 0 && gain.replaced == 0);
        if self.lane.chain.is_none() && is_as_read && upto.offset == sent.upto {
            self.lanes.notary().passed(self.lane.stream.id, sent);
        }
    }

    /// Copies what an object of ours holds, of which so many bytes are [`trusted`](Self::trusted), and sends only
    /// what is new.
    pub async fn append(&self, key: &str, found: &Found, trusted: u64) -> Result<Done, UploadError> {
        let cursor = self.lane.cursor();
        let room = MAX_PARTS - limits::copy_ranges(trusted).len() as u64;
        let from = match self.lane.chain {
            Some(_) => self.cursor_place(),
            // What is there and was never counted is not sent, but counted now.
            None => Place { offset: cursor.written, ..Place::START },
        };
        let mut reader = self.reader(from, room)?;
        let counted = reader.pass_over(self.workers, trusted - cursor.written).await?;
        let first = reader.next(self.workers).await?;
        let place = reader.place();
        if first.0.is_empty() {
            if (place.offset, trusted) == (cursor.offset, cursor.written) {
                return Ok(Done::Nothing { until: reader.waits_until() });
            }
            let key = key.to_owned();
            return Ok(Done::Stored(Uploaded { key, place, length: trusted, gain: counted }));
        }
        let mut upload = self.begin(key, Precondition::None, trusted).await?;
        self.copy(&mut upload, found, counted).await?;
        self.send(upload, reader, first).await
    }

    /// Goes on with an upload that a turn, or a process, before this one began.
    pub async fn resume(&self, mut upload: UploadRow) -> Result<Done, UploadError> {
        if upload.checksum != self.kind_of_parts() {
            return self.anew("its parts are of another kind than the config says now").await;
        }
        let last = upload.parts.last().map(|part| part.length);
        // S3 takes nothing after a small part.
        if upload.sealed || last.is_some_and(|length| length < MIN_PART_BYTES) {
            return self.complete(upload).await;
        }
        if upload.length() < upload.copied {
            match self.client.head_object(&upload.key).await {
                Ok(Some(found)) if self.owns(&found) && self.trusted(&found) == Some(upload.copied) => {
                    self.copy(&mut upload, &found, Gain::default()).await?;
                }
                Ok(_) => return self.anew("the object that it copied from is no more").await,
                Err(failure) if failure.status == Some(403) => return self.anew(&failure.to_string()).await,
                Err(failure) => return Err(failure.into()),
            }
        }
        let place =
            upload.parts.last().map_or(Place::START, |part| Place { offset: part.offset, clock: part.clock });
        let mut reader = self.reader(place, MAX_PARTS - upload.parts.len() as u64)?;
        reader.known = self.lane.cursor().written.saturating_sub(upload.length());
        let first = reader.next(self.workers).await?;
        if first.0.is_empty() && upload.length() == upload.copied {
            return self.anew("there is nothing to add any more").await;
        }
        self.send(upload, reader, first).await
    }

    async fn begin(
        &self,
        key: &str,
        precondition: Precondition,
        copied: u64,
    ) -> Result<UploadRow, UploadError> {
        let Upload { key, id } = self.client.create_upload(key, self.settings).await?;
        let row = UploadRow {
            key,
            id,
            checksum: self.kind_of_parts(),
            key_is_new: precondition == Precondition::Absent,
            copied,
            sealed: false,
            parts: Vec::new(),
        };
        self.store().begin_upload(self.lane.stream.id, &self.lanes.sink, row.clone()).await?;
        Ok(row)
    }

    /// Copies what is still missing of the object before it. `gain`: of that, what was never counted.
    async fn copy(&self, upload: &mut UploadRow, found: &Found, gain: Gain) -> Result<(), UploadError> {
        let ranges = limits::copy_ranges(upload.copied);
        let whole = ranges.len() == 1;
        let place = self.place_of(upload.copied);
        for (at, range) in ranges.into_iter().enumerate().skip(upload.parts.len()) {
            let length = range.end - range.start;
            let range = (!whole).then_some(range);
            let key = upload.key.clone();
            let source = CopySource { key: &key, etag: found.etag.as_deref(), range };
            let number = u16::try_from(at + 1).map_err(|_| UploadError::TooLarge(upload.copied))?;
            match self.client.upload_part_copy(&handle(upload), number, &source).await {
                Ok(part) => {
                    let gain = if at == 0 { gain } else { Gain::default() };
                    self.keep(upload, part, length, gain, place).await?;
                }
                Err(failure) if source_changed(&failure) => return self.anew(&failure.to_string()).await,
                Err(failure) if cannot_be_copied(&failure) => {
                    self.forget().await?;
                    return Err(UploadError::NotCopied(failure));
                }
                Err(failure) => {
                    self.gone_or(upload, failure).await?;
                    return self.anew("it was completed before all was copied").await;
                }
            }
        }
        Ok(())
    }

    /// Sends what the reader has, and completes the upload.
    async fn send(
        &self,
        mut upload: UploadRow,
        mut reader: Reader,
        (mut bytes, mut gain): (Bytes, Gain),
    ) -> Result<Done, UploadError> {
        loop {
            // More may follow all parts but this one.
            if !reader.is_part(&bytes) && self.is_behind(&reader) {
                return Ok(Done::Nothing { until: reader.waits_until() });
            }
            if bytes.is_empty() {
                return self.complete(upload).await;
            }
            let length = bytes.len() as u64;
            let number = upload.parts.len() as u64 + 1;
            let number = u16::try_from(number)
                .ok()
                .filter(|&number| u64::from(number) <= MAX_PARTS)
                .ok_or(UploadError::TooLarge(upload.length() + length))?;
            match self.client.upload_part(&handle(&upload), number, bytes).await {
                Ok(part) => self.keep(&mut upload, part, length, gain, reader.place()).await?,
                Err(failure) => return self.gone_or(&upload, failure).await.map(Done::Stored),
            }
            self.lanes.counters.uploaded.add(length);
            (bytes, gain) = reader.next(self.workers).await?;
        }
    }

    /// The object would lack something that is acknowledged: a component that took over leaves lines for later which the
    /// one before it had taken.
    fn is_behind(&self, reader: &Reader) -> bool {
        self.lane.chain.is_some() && reader.place().offset < self.lane.cursor().offset
    }

    async fn complete(&self, mut upload: UploadRow) -> Result<Done, UploadError> {
        // Should the answer be late or lost, no part may be added: S3 may be at work on these.
        if !upload.sealed {
            self.store().seal_upload(self.lane.stream.id, &self.lanes.sink).await?;
            upload.sealed = true;
        }
        let precondition = if upload.key_is_new { Precondition::Absent } else { Precondition::None };
        match self.try_to_complete(&upload, precondition).await {
            Ok(Written::Stored { .. }) => return Ok(Done::Stored(uploaded(&upload))),
            Ok(Written::Taken) => {}
            Err(failure) => return self.gone_or(&upload, failure).await.map(Done::Stored),
        }
        match self.client.head_object(&upload.key).await? {
            Some(found) if self.owns(&found) && found.length == upload.length() => {
                Ok(Done::Stored(uploaded(&upload)))
            }
            // An earlier write of ours whose answer was lost.
            Some(found) if self.owns(&found) => {
                match self.try_to_complete(&upload, Precondition::None).await {
                    Ok(_) => Ok(Done::Stored(uploaded(&upload))),
                    Err(failure) => self.gone_or(&upload, failure).await.map(Done::Stored),
                }
            }
            Some(_) => {
                self.forget().await?;
                Err(UploadError::Taken)
            }
            None => self.anew("the key was taken and is free again").await,
        }
    }

    async fn try_to_complete(
        &self,
        upload: &UploadRow,
        precondition: Precondition,
    ) -> Result<Written, Box<ServiceError>> {
        let parts = upload.parts.iter().map(|part| Part {
            number: i32::from(part.number),
            etag: part.etag.clone(),
            checksum: part.checksum.clone(),
        });
        self.client.complete_upload(&handle(upload), parts.collect(), precondition).await
    }

    /// The upload is no more: it was completed and the answer lost, or it has to be begun anew. Or it is there, and
    /// the failure is only that.
    async fn gone_or(&self, upload: &UploadRow, failure: Box<ServiceError>) -> Result<Uploaded, UploadError> {
        if !must_begin_anew(&failure) {
            return Err(failure.into());
        }
        if failure.code.as_deref() == Some("NoSuchUpload") {
            match self.client.head_object(&upload.key).await {
                Ok(Some(found)) if self.owns(&found) && found.length == upload.length() => {
                    return Ok(uploaded(upload));
                }
                Err(failure) if failure.status != Some(403) => return Err(failure.into()),
                _ => {}
            }
        }
        self.anew(&failure.to_string()).await
    }

    async fn keep(
        &self,
        upload: &mut UploadRow,
        part: Part,
        length: u64,
        gain: Gain,
        place: Place,
    ) -> Result<(), UploadError> {
        let row = PartRow {
            number: part.number as u16,
            etag: part.etag,
            checksum: part.checksum,
            length,
            gain,
            offset: place.offset,
            clock: place.clock,
        };
        self.store().add_part(self.lane.stream.id, &self.lanes.sink, row.clone()).await?;
        upload.parts.push(row);
        Ok(())
    }

    async fn anew<T>(&self, why: &str) -> Result<T, UploadError> {
        self.forget().await?;
        Err(UploadError::Anew(why.to_owned()))
    }

    async fn forget(&self) -> Result<(), UploadError> {
        Ok(self.store().drop_upload(self.lane.stream.id, &self.lanes.sink).await?)
    }

    /// What parts of one upload have in common.
    fn kind_of_parts(&self) -> String {
        format!("{}{}", self.client.checksum_name(), if self.legible { " legible" } else { "" })
    }

    fn store(&self) -> &Store {
        self.lanes.store()
    }

    /// Reads from some place on, in parts of which an upload may have so many.
    fn reader(&self, from: Place, parts: u64) -> Result<Reader, UploadError> {
        let left = self.lane.stream.snapshot().size.saturating_sub(from.offset);
        let part_size = limits::part_size_for(left, parts).and_then(|size| usize::try_from(size).ok());
        let part_size = part_size.ok_or(UploadError::TooLarge(left))?;
        let (lane, files) = (self.lane.clone(), self.lanes.files().clone());
        let routed = (self.naming.cloned(), self.lanes.counters.not_here.clone());
        let content = Content::new(lane, files, routed, self.lanes.closing(), from);
        let content = if self.whole_lines { content.of_whole_lines() } else { content };
        Ok(Reader::new(content, part_size, self.legible))
    }
}

fn handle(upload: &UploadRow) -> Upload {
    Upload { key: upload.key.clone(), id: upload.id.clone() }
}

fn uploaded(upload: &UploadRow) -> Uploaded {
    let place =
        upload.parts.last().map_or(Place::START, |part| Place { offset: part.offset, clock: part.clock });
    let gain = upload.parts.iter().map(|part| part.gain).sum();
    Uploaded { key: upload.key.clone(), place, length: upload.length(), gain }
}
