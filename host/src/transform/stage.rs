//! A transform's place in the pipeline: which build of its component works there now, and how it fares. Builds come and
//! go; what is counted, known and kept stays.

use super::GuestError;
use super::breaker::{Breaker, Verdict};
use super::component::Component;
use super::marks::Marks;
use super::stats::Stats;
use crate::config;
use crate::cursor::StreamId;
use crate::dead_letter::Failures;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Of the threads that all share, failing calls get no more than one part in so many: for so many times the time that a
/// failure took, the work of the component is done on the thread for those that fail.
const SHARE: u32 = 10;
/// …but never for longer than this.
const LONGEST_SICK: Duration = Duration::from_secs(30);

/// A transform's place in the pipeline.
pub struct Stage {
    id: String,
    build: RwLock<Arc<Build>>,
    generation: AtomicU64,
    stats: Arc<Stats>,
    marks: Mutex<Marks>,
    breaker: Mutex<Breaker>,
    sick_until: Mutex<Option<Instant>>,
}

/// What works at a stage: a component, and what is to be done where it fails.
pub struct Build {
    /// The component.
    pub component: Component,
    /// None: what its kind does.
    pub on_error: Option<config::OnError>,
    /// Where what it fails on goes, if it goes anywhere.
    pub failures: Option<Failures>,
}

impl Build {
    /// What to do with what it fails on. Unless the config says so: a normalizer's raw lines go on; a transform halts, so
    /// that nothing leaks past a mask that failed.
    pub fn on_error(&self, as_normalizer: bool) -> config::OnError {
        self.on_error.unwrap_or(if as_normalizer { config::OnError::Pass } else { config::OnError::Halt })
    }
}

impl Stage {
    /// With its first build.
    pub fn new(build: Build) -> Self {
        Self {
            id: build.component.id().to_owned(),
            generation: AtomicU64::new(0),
            stats: build.component.stats().clone(),
            build: RwLock::new(Arc::new(build)),
            marks: Mutex::default(),
            breaker: Mutex::default(),
            sick_until: Mutex::default(),
        }
    }

    /// Its id in the config.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What works there now. A batch is made by one build from its beginning to its end.
    pub fn build(&self) -> Arc<Build> {
        self.build.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another build takes over, with the next batch of each stream; what the old one failed on is tried again.
    pub fn exchange(&self, build: Build) {
        *self.build.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(build);
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.marks().clear();
        lock(&self.breaker).reset();
        *lock(&self.sick_until) = None;
        self.stats.exchanged.add(1);
    }

    /// How often the build was exchanged: batches of another number may be others.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What it has done and what it took.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// It failed of late, and its work is not for the threads that all share.
    pub fn is_sick(&self) -> bool {
        lock(&self.sick_until).is_some_and(|until| until > Instant::now())
    }

    /// When it may work again; none: it may now.
    pub fn aside_until(&self) -> Option<Instant> {
        lock(&self.breaker).aside_until(Instant::now())
    }

    /// A failure has taken so long. `least`: how long its work is to be done elsewhere, at least.
    pub(super) fn suffered(&self, took: Duration, least: Duration) {
        let until = Instant::now() + (took * SHARE).clamp(least, LONGEST_SICK);
        let mut sick = lock(&self.sick_until);
        *sick = Some(sick.map_or(until, |before| before.max(until)));
    }

    /// It fails on the line at this place, even if that is all it is given. True: that is new.
    pub(super) fn mark(&self, stream: StreamId, at: u64, error: &GuestError) -> bool {
        self.marks().add(stream, at, error.clone())
    }

    /// It does not, any more.
    pub(super) fn unmark(&self, stream: StreamId, at: u64) {
        self.marks().remove(stream, at);
    }

    /// The first line within these bytes that it is known to fail on.
    pub(super) fn first_mark(&self, stream: StreamId, bytes: &Range<u64>) -> Option<(u64, GuestError)> {
        self.marks().first_in(stream, bytes).map(|(at, error)| (at, error.clone()))
    }

    /// It failed on something that it had not failed on before.
    pub(super) fn failed_anew(&self) -> Verdict {
        let verdict = lock(&self.breaker).failed(Instant::now());
        if let Verdict::Aside(_) = verdict {
            self.stats.put_aside.add(1);
        }
        verdict
    }

    /// It did a whole batch.
    pub(super) fn succeeded(&self) {
        if lock(&self.breaker).succeeded(Instant::now()) {
            tracing::info!(transform = %self.id, "works again");
        }
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        lock(&self.marks)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
