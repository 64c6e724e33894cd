//! Layout `mirror`: an object per generation, brought up to date at most every `refresh_secs` while its file
//! grows, and at once when its try has ended, when somebody waits for it, and when the host drains.
//!
//! The first write of a generation takes a key that nobody has (`If-None-Match: *`) and says in the object's
//! metadata whose it is; so a host that crashed after the put recognises its own, and nothing that anybody
//! acknowledged is ever overwritten. A key once chosen is with the cursor before the put, and stays there.
//!
//! An object of some size that grew is made anew of a copy that S3 makes of it and of what is new.

mod failures;

use super::client::{Client, Precondition};
use super::content::Place;
use super::head_object::Found;
use super::limits::{MIN_PART_BYTES, PART_BYTES};
use super::outcome::{Done, News, UploadError, Uploaded};
use super::settings::{self, ObjectSettings};
use super::upload::{GENERATION, Writer};
use crate::config::{self, Env};
use crate::cursor::{CursorRow, Gain};
use crate::event::DEFAULT_LABEL;
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::receipt::{Entry, Fate, Outcome};
use crate::route::Naming;
use crate::route::naming::Decided;
use crate::route::standard::Keys;
use crate::route::template::Names;
use crate::sink::complaint::Complaint;
use crate::sink::generation;
use crate::sink::service_error::ServiceError;
use crate::transform::Workers;
use failures::State;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A file that nobody wrote for so long is copied at once; a busy one waits for `refresh_secs`.
const QUIET: Duration = Duration::from_secs(5);
/// A key that is taken when it is written, and free or ours when we look, is tried so often before it is left.
const CLAIM_TRIES: u32 = 3;

/// A sink of type `aws_s3`, layout `mirror`.
pub struct Mirror {
    client: Client,
    config: config::S3,
    layout: config::Mirror,
    env: Env,
    naming: Arc<Naming<Keys>>,
    lanes: Arc<Lanes>,
    workers: Arc<Workers>,
    /// What is wrong.
    state: Mutex<State>,
}

/// Nothing is to be done until then; none: until the file grows.
struct Rest(Option<Instant>);

impl Mirror {
    /// A mirror that is ready to run.
    pub fn new(
        client: Client,
        config: config::S3,
        layout: config::Mirror,
        env: Env,
        naming: Naming<Keys>,
        lanes: Arc<Lanes>,
        workers: Arc<Workers>,
    ) -> Arc<Self> {
        let state = Mutex::new(State::fine(&lanes.counters.troubles));
        let naming = Arc::new(naming);
        Arc::new(Self { client, config, layout, env, naming, lanes, workers, state })
    }

    /// Copies for as long as it is polled.
    pub async fn run(self: Arc<Self>) {
        let lanes = self.lanes.clone();
        lanes
            .give_turns(self.config.aws.concurrency, move |lane| {
                let mirror = self.clone();
                async move { mirror.turn(&lane).await }
            })
            .await;
    }

    async fn turn(&self, lane: &Arc<Lane>) {
        let now = lane.stream.snapshot();
        if lane.committed() >= now.size {
            return;
        }
        if let Some(due) = self.not_before(lane) {
            return self.lanes.schedule.wake_at(lane.stream.id, due);
        }
        self.try_now(lane);
        match self.bring_up_to_date(lane).await {
            Ok(rest) => {
                if self.recovered() {
                    tracing::info!(sink = %self.lanes.sink, "works again");
                }
                match rest {
                    // It may have grown meanwhile.
                    None => self.lanes.schedule.wake(lane.stream.id),
                    Some(Rest(Some(until))) => self.lanes.schedule.wake_at(lane.stream.id, until),
                    Some(Rest(None)) => {}
                }
            }
            Err(UploadError::Source(error)) => self.lanes.unreadable(lane, &error).await,
            Err(error) => self.failed(lane, &error),
        }
    }

    /// None: it is due now.
    fn not_before(&self, lane: &Lane) -> Option<Instant> {
        let now = lane.stream.snapshot();
        let asked = self.lanes.asked();
        let pause = self.state().pause.and_then(|pause| pause.holds(asked));
        let pause = pause.max(self.refused_until(lane));
        if pause.is_some() || self.lanes.closing() || now.gone || lane.urgent() {
            return pause;
        }
        // Who pays for each version would rather wait than trust the log's own words.
        if let Some(quiet) = self.layout.write_once {
            let due = now.grew + quiet;
            return (due > Instant::now()).then_some(due);
        }
        if lane.stream.ended() {
            return None;
        }
        // The first object waits for a pause in the file, but not for longer than any other.
        let due = match lane.written_at() {
            Some(written) => written + self.layout.refresh,
            None => (now.grew + QUIET.min(self.layout.refresh)).min(lane.seen_at() + self.layout.refresh),
        };
        (due > Instant::now()).then_some(due)
    }

    /// None: there may be more to do.
    async fn bring_up_to_date(&self, lane: &Arc<Lane>) -> Result<Option<Rest>, UploadError> {
        // What has an object goes on into that.
        if self.naming.is_routed()
            && lane.cursor().written == 0
            && let Some(rest) = self.pass_by(lane).await?
        {
            return Ok(rest);
        }
        let before = lane.cursor();
        let done = match self.write(lane).await {
            // What stood in the way is forgotten.
            Err(UploadError::Anew(why)) => {
                tracing::debug!(sink = %self.lanes.sink, path = %lane.stream.origin.path, "{}", UploadError::Anew(why));
                self.write(lane).await?
            }
            done => done?,
        };
        let Uploaded { key, place, length, gain } = match done {
            Done::Stored(uploaded) => uploaded,
            Done::Nothing { until } => return Ok(Some(Rest(until))),
        };
        lane.set_written_at(Instant::now());
        // To a mirror each line is an event as it stands.
        self.lanes.counters.lines.add(gain.lines);
        self.lanes.counters.delivered.add(gain.lines);
        let cursor = lane.cursor();
        // Under another key than before, or under one that was not written yet, it is another object, and holds all.
        let same = before.written > 0 && before.target.as_ref() == Some(&key);
        let (from, there) = if same { (before.offset, before.written) } else { (0, 0) };
        let range = from..place.offset.max(cursor.offset);
        let fate = Fate::delivered(format!("s3://{}/{key}", self.client.bucket()));
        let replaced = self.replaced(lane, gain.replaced, &fate, range.clone());
        let bytes = length.saturating_sub(there);
        let entries =
            [Entry { fate, range, events: gain.lines, bytes }].into_iter().chain(replaced).collect();
        let row = CursorRow {
            offset: place.offset.max(cursor.offset),
            clock: if place.offset > cursor.offset { place.clock } else { cursor.clock },
            target: Some(key),
            written: length,
        };
        self.lanes.commit_cursor(lane, row, entries).await;
        Ok(None)
    }

    /// Says that an object has other bytes than its file; none: it has not.
    fn replaced(&self, lane: &Lane, bytes: u64, there: &Fate, range: Range<u64>) -> Option<Entry> {
        if bytes == 0 {
            return None;
        }
        self.lanes.counters.replaced.add(bytes);
        if lane.first_time(Complaint::REPLACED) {
            tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path, bytes,
                "bytes of the file are not UTF-8: the object has `?` in their place, since Airflow would show nothing of it \
                 (`for: airflow-ui`); more of them in this file are only counted");
        }
        let fate = Fate { outcome: Outcome::Replaced, target: there.target.clone() };
        Some(Entry { fate, range, events: 0, bytes })
    }

    /// Moves the cursor past what does not go to this sink, as long as it has no object. None: something does. Else what
    /// there is to wait for; the inner none: there may be more.
    async fn pass_by(&self, lane: &Arc<Lane>) -> Result<Option<Option<Rest>>, UploadError> {
        let (cursor, size) = (lane.cursor(), lane.stream.snapshot().size);
        let place = if lane.chain.is_some() {
            let settings = self.settings(lane);
            match self.writer(lane, &settings).news().await? {
                News::Bytes => return Ok(None),
                News::None { until } => return Ok(Some(Some(Rest(until)))),
                News::Dropped(place) => place,
            }
        } else {
            let Decided { name, unanswered_until } = self.name(lane).await?;
            match (name, unanswered_until) {
                // What was passed by so far is not to come after all because a router fails.
                (Some(_), Some(until)) if cursor.offset > 0 && cursor.target.is_none() => {
                    return Ok(Some(Some(Rest(Some(until)))));
                }
                (Some(_), _) => return Ok(None),
                (None, _) => Place { offset: size, clock: cursor.clock },
            }
        };
        // What became of single events a mirror does not tell; of what was dropped neither.
        let bytes = place.offset.saturating_sub(cursor.offset);
        let entry = Entry { fate: Fate::not_here(), range: cursor.offset..place.offset, events: 0, bytes };
        let row = CursorRow { offset: place.offset, clock: place.clock, ..cursor };
        self.lanes.commit_cursor(lane, row, vec![entry]).await;
        Ok(Some(None))
    }

    fn writer<'w>(&'w self, lane: &'w Arc<Lane>, settings: &'w ObjectSettings) -> Writer<'w> {
        let (client, workers, lanes) = (&self.client, &self.workers, &self.lanes);
        let naming = self.naming.is_routed().then_some(&self.naming);
        let legible = self.layout.legible;
        Writer { client, workers, lanes, lane, settings, naming, legible }
    }

    async fn write(&self, lane: &Arc<Lane>) -> Result<Done, UploadError> {
        let settings = self.settings(lane);
        let writer = self.writer(lane, &settings);
        if let Some(upload) = self.lanes.store().upload(lane.stream.id, &self.lanes.sink).await? {
            match writer.resume(upload).await {
                // The key was free when it was begun.
                Err(UploadError::Taken) => {}
                done => return done,
            }
        }
        match lane.cursor() {
            CursorRow { target: Some(key), written: 1.., .. } => self.grow(&writer, &key).await,
            // Nothing is there, or nobody heard of it.
            _ => self.first_write(&writer).await,
        }
    }

    /// Brings an object up to date that was written before.
    async fn grow(&self, writer: &Writer<'_>, key: &str) -> Result<Done, UploadError> {
        let cursor = writer.lane.cursor();
        if writer.lane.chain.is_some() || writer.legible {
            match writer.news().await? {
                News::Bytes => {}
                News::Dropped(place) => {
                    let key = key.to_owned();
                    return Ok(Done::Stored(Uploaded {
                        key,
                        place,
                        length: cursor.written,
                        gain: Gain::default(),
                    }));
                }
                News::None { until } => return Ok(Done::Nothing { until }),
            }
        }
        if self.layout.write_once.is_some() && writer.lane.first_time(Complaint::WROTE_AGAIN) {
            tracing::warn!(sink = %self.lanes.sink, path = %writer.lane.stream.origin.path, key,
                "the file grew after its object was written (`write_once`): it is written again, as a new version \
                 where the bucket keeps versions; a longer `quiet_secs` avoids that");
        }
        if cursor.written < MIN_PART_BYTES {
            return writer.whole(key, Precondition::None).await;
        }
        let path = &writer.lane.stream.origin.path;
        match self.look(key).await {
            Ok(Some(found)) if writer.owns(&found) => self.renew(writer, key, &found).await,
            Ok(Some(_)) => {
                tracing::warn!(sink = %self.lanes.sink, path = %path, key,
                    "the object was replaced by somebody: it is left alone, and the file gets another one");
                self.first_write(writer).await
            }
            Ok(None) => {
                if writer.lane.first_time(Complaint::OBJECT_GONE) {
                    tracing::warn!(sink = %self.lanes.sink, path = %path, key,
                        "the object was deleted while its file still grows: it is written again");
                }
                match writer.whole(key, Precondition::Absent).await {
                    Err(UploadError::Taken) => self.first_write(writer).await,
                    done => done,
                }
            }
            Err(failure) if failure.status == Some(403) => {
                self.cannot_copy(writer, &failure);
                writer.whole(key, Precondition::None).await
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Brings an object of ours that was found there up to date, at the cost of what is new if that can be.
    async fn renew(&self, writer: &Writer<'_>, key: &str, found: &Found) -> Result<Done, UploadError> {
        let done = match writer.trusted(found) {
            Some(trusted) if trusted >= MIN_PART_BYTES => writer.append(key, found, trusted).await,
            _ => return writer.whole(key, Precondition::None).await,
        };
        match done {
            Err(UploadError::NotCopied(failure)) => {
                self.cannot_copy(writer, &failure);
                writer.whole(key, Precondition::None).await
            }
            done => done,
        }
    }

    fn cannot_copy(&self, writer: &Writer<'_>, failure: &ServiceError) {
        if writer.lane.first_time(Complaint::NOT_COPIED) {
            tracing::warn!(sink = %self.lanes.sink, path = %writer.lane.stream.origin.path,
                "what the object holds cannot be copied, so all of it is uploaded again each time: {failure}");
        }
    }

    async fn look(&self, key: &str) -> Result<Option<Found>, Box<ServiceError>> {
        self.client.head_object(key).await
    }

    /// Finds a key that nobody else has. Each is written down before it is asked for: whoever comes after a kill asks for
    /// the same one, though the config may give the file another name by then.
    async fn first_write(&self, writer: &Writer<'_>) -> Result<Done, UploadError> {
        let (lane, stream) = (writer.lane, &writer.lane.stream);
        let cursor = lane.cursor();
        let key = self.key(lane).await?;
        let others = [generation::key(&key, stream), generation::unique_key(&key, stream)];
        let asked_for = cursor.target.filter(|_| cursor.written == 0);
        for key in asked_for.into_iter().chain([key]).chain(others) {
            self.lanes.commit_target(lane, key.clone()).await;
            match self.claim(writer, &key).await {
                Err(UploadError::Taken) => {}
                done => return done,
            }
        }
        Err(UploadError::Taken)
    }

    async fn claim(&self, writer: &Writer<'_>, key: &str) -> Result<Done, UploadError> {
        // That a key is taken shows when all of a large file is there: better to look before.
        let mut look = writer.lane.stream.snapshot().size >= PART_BYTES;
        for tries in 0..CLAIM_TRIES {
            if look {
                match self.look(key).await {
                    Ok(Some(found)) if writer.owns(&found) => return self.renew(writer, key, &found).await,
                    Ok(Some(_)) => return Err(UploadError::Taken),
                    // Deleted since, perhaps: then it may be anybody's again.
                    Ok(None) => {}
                    // It need not be there, and then we need not look.
                    Err(failure) if failure.status == Some(403) && tries == 0 => {}
                    Err(failure) => return Err(failure.into()),
                }
            }
            match writer.whole(key, Precondition::Absent).await {
                Err(UploadError::Taken) => look = true,
                done => return done,
            }
        }
        Err(UploadError::Taken)
    }

    /// What the object of a stream is to be like.
    fn settings(&self, lane: &Lane) -> ObjectSettings {
        let (stream, objects) = (&lane.stream, self.client.objects());
        let mut settings =
            ObjectSettings::new(objects, settings::LOG, None).noting(GENERATION, &stream.generation);
        let names = Names { origin: &stream.origin, label: DEFAULT_LABEL, env: &self.env };
        let left_out = settings.describe(objects, &names);
        if !left_out.is_empty() && lane.first_time(Complaint::LEFT_OUT) {
            tracing::warn!(sink = %self.lanes.sink, path = %stream.origin.path,
                "{} left out: the stream lacks what they name, or S3 has no room for them", left_out.join(", "));
        }
        settings
    }

    /// The key of a stream's object. There is one for all labels, so it is that of the label that nearly all events have.
    async fn key(&self, lane: &Arc<Lane>) -> Result<String, UploadError> {
        let named = self.name(lane).await?.name;
        Ok(named.unwrap_or_else(|| self.naming.own_name(lane, DEFAULT_LABEL)))
    }

    /// What its router, or its own template, says.
    async fn name(&self, lane: &Arc<Lane>) -> Result<Decided<String>, UploadError> {
        if let Some(known) = self.naming.known_name(lane, DEFAULT_LABEL) {
            return Ok(known);
        }
        let (naming, lane) = (self.naming.clone(), lane.clone());
        let sick = naming.is_sick();
        Ok(self.workers.run_apart(sick, move || naming.name(&lane, DEFAULT_LABEL)).await?)
    }
}
