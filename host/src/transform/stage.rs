//! A transform's place in the pipeline: which build of its component works there now, and how it fares. Builds come and
//! go; what is counted, known and kept stays.

use super::GuestError;
use super::breaker::{Breaker, Verdict};
use super::component::Component;
use super::marks::{Mark, Marks};
use super::stats::Stats;
use super::trial::Trial;
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

/// Held while builds that belong together take over from others: no batch is made by some of each. It is held for as long
/// as it takes to copy pointers, so one for all pipelines of a process is enough.
static TAKING_OVER: RwLock<()> = RwLock::new(());

/// A transform's place in the pipeline.
pub struct Stage {
    id: String,
    build: RwLock<Arc<Build>>,
    generation: AtomicU64,
    stats: Arc<Stats>,
    marks: Mutex<Marks>,
    breaker: Mutex<Breaker>,
    sick_until: Mutex<Option<Instant>>,
    trial: Trial,
}

/// What works at a stage: a component, and what is to be done where it fails.
pub struct Build {
    /// The component.
    pub component: Component,
    /// None: what its kind does.
    pub on_error: Option<config::OnError>,
    /// Where what it fails on goes, if it goes anywhere.
    pub failures: Option<Arc<Failures>>,
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
            trial: Trial::default(),
        }
    }

    /// Its id in the config.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What works there now.
    pub fn build(&self) -> Arc<Build> {
        self.build.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What works at these stages now: a batch is made by these builds from its beginning to its end.
    pub fn builds(stages: &[Arc<Self>]) -> Vec<Arc<Build>> {
        let _together = TAKING_OVER.read().unwrap_or_else(PoisonError::into_inner);
        stages.iter().map(|stage| stage.build()).collect()
    }

    /// Other builds take over, all of them with the next batch of each stream; what the old ones failed on is tried again.
    /// Returns the old ones: letting go of their instances takes a while.
    pub fn exchange(others: Vec<(&Self, Build)>) -> Vec<Arc<Build>> {
        let _together = TAKING_OVER.write().unwrap_or_else(PoisonError::into_inner);
        let exchange = |(stage, build): (&Self, Build)| {
            let mut there = stage.build.write().unwrap_or_else(PoisonError::into_inner);
            let old = std::mem::replace(&mut *there, Arc::new(build));
            // Whoever sees the new build sees its number as well.
            stage.generation.fetch_add(1, Ordering::AcqRel);
            drop(there);
            stage.marks().clear();
            lock(&stage.breaker).reset();
            *lock(&stage.sick_until) = None;
            stage.stats.exchanged.add(1);
            old
        };
        others.into_iter().map(exchange).collect()
    }

    /// Whether this build works there still: a batch that it began may end after another took over.
    fn is_now(&self, build: &Build) -> bool {
        std::ptr::eq(Arc::as_ptr(&self.build()), build)
    }

    /// What is kept to try others on.
    pub fn trial(&self) -> &Trial {
        &self.trial
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

    /// A build fails on the line at this place, even if that is all it is given. True: that is new. Of one that works there
    /// no more nothing is remembered: the present one may do better.
    pub(super) fn mark(&self, build: &Build, stream: StreamId, at: u64, error: &GuestError) -> bool {
        let mut marks = self.marks();
        !self.is_now(build) || marks.add(stream, at, error.clone(), Instant::now())
    }

    /// It was tried again there, and failed.
    pub(super) fn failed_again(&self, stream: StreamId, at: u64) {
        self.marks().failed_again(stream, at, Instant::now());
    }

    /// What it is given may be other than it was.
    pub fn forget_marks(&self) {
        self.marks().clear();
    }

    /// It does not, any more.
    pub(super) fn unmark(&self, stream: StreamId, at: u64) {
        self.marks().remove(stream, at);
    }

    /// The first line within these bytes that a build is known to fail on.
    pub(super) fn first_mark(
        &self,
        build: &Build,
        stream: StreamId,
        bytes: &Range<u64>,
    ) -> Option<(u64, Mark)> {
        let marks = self.marks();
        let known = marks.first_in(stream, bytes).filter(|_| self.is_now(build));
        known.map(|(at, mark)| (at, mark.clone()))
    }

    /// A build failed on something that it had not failed on before.
    pub(super) fn failed_anew(&self, build: &Build) -> Verdict {
        if !self.is_now(build) {
            return Verdict::GoesOn;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Engine;

    fn build() -> Build {
        let transform = config::Transform::bare("normalize", config::Component::Builtin("airflow".into()));
        let component = Engine::new(None).unwrap().load(&transform, &Arc::default()).unwrap();
        Build { component, on_error: None, failures: None }
    }

    #[test]
    fn what_an_old_build_fails_on_after_another_took_over_is_not_held_against_that_one() {
        let stage = Stage::new(build());
        let old = stage.build();
        assert!(stage.mark(&old, 1, 10, &GuestError::StackOverflow { limit: 1 }));
        assert!(stage.first_mark(&old, 1, &(0..20)).is_some());

        assert_eq!(Stage::exchange(vec![(&stage, build())]).len(), 1);
        let new = stage.build();
        assert!(stage.first_mark(&new, 1, &(0..20)).is_none(), "it is tried again");
        stage.mark(&old, 1, 10, &GuestError::StackOverflow { limit: 1 });
        assert!(stage.first_mark(&new, 1, &(0..20)).is_none());
        for _ in 0..1_000 {
            assert_eq!(stage.failed_anew(&old), Verdict::GoesOn);
        }
        assert_eq!((stage.aside_until(), stage.generation(), stage.stats().exchanged.get()), (None, 1, 1));
    }
}
