//! Layout `mirror`: an object per generation, brought up to date at most every `refresh_secs` while its file
//! grows and as soon as the host drains.
//!
//! The first write of a generation takes a key that nobody has (`If-None-Match: *`) and says in the object's
//! metadata whose it is; so a host that crashed after the put recognises its own, and nothing that anybody
//! acknowledged is ever overwritten. A key once chosen stays with the cursor.

use super::client::{Client, Precondition};
use super::content::Content;
use super::upload::{Object, UploadError, Uploaded, upload};
use crate::config::{self, Env};
use crate::cursor::CursorRow;
use crate::event::DEFAULT_LABEL;
use crate::lane::Lane;
use crate::lanes::Lanes;
use crate::route;
use crate::route::template::Names;
use crate::sink::complaint::Complaint;
use crate::sink::generation;
use crate::sink::retry::{Backoff, CAP, Verdict};
use crate::transform::Workers;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Objects written at once; each may hold two parts in memory.
const UPLOADS_AT_ONCE: usize = 4;
/// A file that nobody wrote for so long is copied at once; a busy one waits for `refresh_secs`.
const QUIET: Duration = Duration::from_secs(5);
/// Key of the object metadata that says which generation of which file an object holds.
const GENERATION: &str = "updraft-generation";

/// A sink of type `aws_s3`, layout `mirror`.
pub struct Mirror {
    client: Client,
    config: config::S3,
    env: Env,
    lanes: Arc<Lanes>,
    workers: Arc<Workers>,
    /// What is wrong.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    complaint: Complaint,
    backoff: Backoff,
    pause: Option<Pause>,
}

/// The service is left alone for a while.
#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    /// Begun when nothing was waited for any more.
    closing: bool,
}

impl Mirror {
    /// A mirror that is ready to run.
    pub fn new(
        client: Client,
        config: config::S3,
        env: Env,
        lanes: Arc<Lanes>,
        workers: Arc<Workers>,
    ) -> Arc<Self> {
        Arc::new(Self { client, config, env, lanes, workers, state: Mutex::default() })
    }

    /// Copies for as long as it is polled.
    pub async fn run(self: Arc<Self>) {
        let lanes = self.lanes.clone();
        lanes
            .give_turns(UPLOADS_AT_ONCE, move |lane| {
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
        match self.bring_up_to_date(lane).await {
            Ok(()) => {
                if self.recovered() {
                    tracing::info!(sink = %self.lanes.sink, "works again");
                }
                // It may have grown meanwhile, or its last event may still wait for its end.
                self.lanes.schedule.wake(lane.stream.id);
            }
            Err(UploadError::Source(error)) => self.lanes.unreadable(lane, &error),
            Err(error) => self.failed(lane, &error),
        }
    }

    /// None: it is due now.
    fn not_before(&self, lane: &Lane) -> Option<Instant> {
        let now = lane.stream.snapshot();
        let closing = self.lanes.closing();
        // A pause that began before the end was near is over now: this is the last chance.
        let pause =
            self.state().pause.filter(|pause| pause.until > Instant::now() && pause.closing == closing);
        if pause.is_some() || closing || now.gone {
            return pause.map(|pause| pause.until);
        }
        // The first object waits for a pause in the file, but not for longer than any other.
        let due = match lane.written_at() {
            Some(written) => written + self.config.refresh,
            None => (now.grew + QUIET.min(self.config.refresh)).min(lane.seen_at() + self.config.refresh),
        };
        (due > Instant::now()).then_some(due)
    }

    async fn bring_up_to_date(&self, lane: &Arc<Lane>) -> Result<(), UploadError> {
        let cursor = lane.cursor();
        let (target, uploaded) = match cursor.target.clone() {
            Some(key) => {
                let uploaded = self.write(lane, &key, Precondition::None).await?;
                (key, uploaded)
            }
            None => self.first_write(lane).await?,
        };
        lane.set_written_at(Instant::now());
        // To a mirror each line is an event as it stands.
        self.lanes.counters.lines.add(uploaded.lines);
        self.lanes.counters.delivered.add(uploaded.lines);
        let row = CursorRow {
            offset: uploaded.covered.max(cursor.offset),
            target: Some(target),
            written: uploaded.length,
            ..cursor
        };
        self.lanes.commit_cursor(lane, row).await;
        Ok(())
    }

    /// Finds a key that nobody else has.
    async fn first_write(&self, lane: &Arc<Lane>) -> Result<(String, Uploaded), UploadError> {
        let key = self.key(lane);
        let others = [generation::key(&key, &lane.stream), generation::unique_key(&key, &lane.stream)];
        for key in std::iter::once(key).chain(others) {
            match self.write(lane, &key, Precondition::Absent).await {
                Err(UploadError::Taken) => {}
                done => return done.map(|uploaded| (key, uploaded)),
            }
            let precondition = match self.client.head_object(&key).await? {
                Some(found) if found.metadata.get(GENERATION) == Some(&lane.stream.generation) => {
                    Precondition::None
                }
                Some(_) => continue,
                // Deleted since: it may be anybody's again.
                None => Precondition::Absent,
            };
            match self.write(lane, &key, precondition).await {
                Err(UploadError::Taken) => {}
                done => return done.map(|uploaded| (key, uploaded)),
            }
        }
        Err(UploadError::Taken)
    }

    async fn write(
        &self,
        lane: &Arc<Lane>,
        key: &str,
        precondition: Precondition,
    ) -> Result<Uploaded, UploadError> {
        self.lanes.counters.requests.add(1);
        let metadata = HashMap::from([(GENERATION.to_owned(), lane.stream.generation.clone())]);
        let content = Content::new(lane.clone(), self.lanes.files().clone(), self.lanes.closing());
        let size = lane.stream.snapshot().size;
        let object = Object { key, metadata, precondition, counted: lane.cursor().written };
        upload(&self.client, &self.workers, &object, size, content, &self.lanes.counters.uploaded).await
    }

    fn key(&self, lane: &Lane) -> String {
        let origin = &lane.stream.origin;
        let names = Names { origin, label: DEFAULT_LABEL, env: &self.env };
        let text = match self.config.key.render(&names) {
            Ok(rendered) => {
                if rendered.fell_back && lane.first_time(Complaint::FELL_BACK) {
                    tracing::warn!(sink = %self.lanes.sink, path = %origin.path,
                        "key `{}` names what this stream lacks; its path is used instead", self.config.key.source());
                }
                rendered.text
            }
            Err(error) => {
                if lane.first_time(Complaint::FELL_BACK) {
                    tracing::error!(sink = %self.lanes.sink, path = %origin.path, "key: {error}; the path is used instead");
                }
                origin.path.clone()
            }
        };
        route::object_key(&self.config.key_prefix, &text)
    }

    fn failed(&self, lane: &Lane, error: &UploadError) {
        let (gist, verdict) = match error {
            UploadError::Service(failure) => {
                (format!("{} {:?}", failure.action, failure.code), failure.verdict)
            }
            other => (other.to_string(), Verdict::RetrySlowly),
        };
        let (say, wait) = {
            let mut state = self.state();
            if self.lanes.closing() {
                state.backoff.limit_slow(CAP);
            }
            // What S3 holds for malformed today it may take tomorrow: nothing is ever given up.
            let verdict = if verdict == Verdict::Reject { Verdict::RetrySlowly } else { verdict };
            let wait = state.backoff.after(verdict, fastrand::f64()).unwrap_or(CAP);
            state.pause = Some(Pause { until: Instant::now() + wait, closing: self.lanes.closing() });
            (state.complaint.raise(&gist, Instant::now()), wait)
        };
        if say {
            tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path, "{error}");
        }
        self.lanes.schedule.wake_at(lane.stream.id, Instant::now() + wait);
    }

    fn recovered(&self) -> bool {
        let mut state = self.state();
        state.backoff.reset();
        state.pause = None;
        state.complaint.settle()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
