//! What becomes of a batch that a component fails on. It is run again on a fresh instance; if that fails too, less and
//! less of it is given, until what spoils it is alone. That goes the way of `on_error`; all else is done as ever.
//!
//! Nothing of this is remembered but where bad lines are: a batch ends before one, and the next begins with it. So the
//! same batches come again whenever they are asked for.

use super::breaker::Verdict;
use super::capsule::{Capsules, Case};
use super::error::Failure;
use super::instance::Instance;
use super::isolate::first_bad;
use super::stage::{Build, Stage};
use super::{GuestError, Halted, check, limits, native};
use crate::config::OnError;
use crate::event::{DROPPED, Events};
use crate::source::Stream;
use std::io;
use std::time::{Duration, Instant};

/// A failure that took less is looked into where it happened; that takes some twenty calls more.
const QUICK: Duration = Duration::from_millis(5);
/// Others are looked into elsewhere: so long the work of the component goes there, at least.
const TIME_TO_GO: Duration = Duration::from_secs(1);

/// One component at one batch.
pub struct Care<'a> {
    /// Its place.
    pub stage: &'a Stage,
    /// What works there.
    pub build: &'a Build,
    /// Whose batch it is.
    pub stream: &'a Stream,
    /// Where the batch begins.
    pub offset: u64,
    /// Where failures are kept, to be looked at.
    pub capsules: Option<&'a Capsules>,
}

/// Why there is no batch where there are lines.
#[derive(Debug)]
pub enum Stop {
    /// The branch waits.
    Halt(Halted),
    /// It fails, and this is no thread to find out on what.
    Elsewhere,
    /// The dead letters of a component that failed are not safe on disk.
    NotKept(io::Error),
}

/// What came of lines: how many were consumed, their bytes, their events.
type Consumed = (u32, Vec<u8>, Events);

impl Care<'_> {
    /// Lines → events; `bytes` are cut to the lines that were consumed. None consumed: show more of them.
    pub fn normalize(&self, bytes: &mut Vec<u8>, ends: &[u32], last: bool) -> Result<(u32, Events), Stop> {
        if let Some(until) = self.stage.aside_until() {
            let events = native::lines_as_they_stand(bytes, ends);
            return Ok((ends.len() as u32, self.pass_by(bytes, events, true, until)?));
        }
        let mut ends = ends;
        while let Some((at, error)) = self.known(bytes) {
            let before = ends.partition_point(|&end| self.offset + u64::from(end) <= at);
            if before > 0 {
                ends = &ends[..before];
                break;
            }
            let mut alone = bytes[..ends[0] as usize].to_vec();
            if self.build.on_error(true) == OnError::Halt
                && self.timed(|| self.lines(&mut alone, &ends[..1], true, false)).is_ok()
            {
                self.stage.unmark(self.stream.id, at);
                continue;
            }
            bytes.truncate(ends[0] as usize);
            let events = native::lines_as_they_stand(bytes, &ends[..1]);
            return Ok((1, self.give_way(bytes, events, true, &error)?));
        }
        let cut = ends.last().is_none_or(|&end| (end as usize) < bytes.len());
        bytes.truncate(ends.last().map_or(0, |&end| end as usize));
        let began = Instant::now();
        let (consumed, events) = match self.lines(bytes, ends, last, false) {
            // It waits for what follows; that is a line of which it gets nothing.
            Ok((0, _)) if cut => self.only_these(bytes, ends)?,
            Ok(done) => {
                self.stage.succeeded();
                self.stage.trial().lines(&self.stream.origin, bytes, &ends[..done.0 as usize]);
                done
            }
            Err(error) => {
                self.here(began)?;
                self.timed_isolation(bytes, ends, last, error)?
            }
        };
        self.stage.stats().lines_in.add(u64::from(consumed));
        self.made(0, 0, &events);
        Ok((consumed, events))
    }

    /// Events → events; `bytes` are cut to what those that were done came from.
    pub fn transform(&self, bytes: &mut Vec<u8>, mut given: Events) -> Result<Events, Stop> {
        if let Some(until) = self.stage.aside_until() {
            return self.pass_by(bytes, given, false, until);
        }
        while let Some((at, error)) = self.known(bytes) {
            let units = Unit::all(bytes, &given);
            let before = units.partition_point(|unit| self.offset + u64::from(unit.end) <= at);
            let Some(last) = units.get(before.max(1) - 1) else { break };
            let some = given.slice(bytes, 0..last.events.end, 0..last.end);
            if before > 0 {
                bytes.truncate(last.end as usize);
                given = some;
                break;
            }
            let alone = &bytes[..last.end as usize];
            if self.build.on_error(false) == OnError::Halt
                && self.timed(|| self.events(alone, &some, false)).is_ok()
            {
                self.stage.unmark(self.stream.id, at);
                continue;
            }
            bytes.truncate(last.end as usize);
            return self.give_way(bytes, some, false, &error);
        }
        let (before, dropped) = (given.len(), dropped(&given));
        let began = Instant::now();
        let events = match self.events(bytes, &given, false) {
            Ok(events) => {
                self.stage.succeeded();
                self.stage.trial().events(&self.stream.origin, bytes, &given);
                events
            }
            Err(error) => {
                self.here(began)?;
                self.timed(|| self.isolate_events(bytes, given, error))?
            }
        };
        self.made(before, dropped, &events);
        Ok(events)
    }

    /// Whether a failure that began then may be looked into on this thread, which others may need.
    fn here(&self, began: Instant) -> Result<(), Stop> {
        let took = began.elapsed();
        if limits::is_patient() || took < QUICK {
            return Ok(());
        }
        self.stage.suffered(took, TIME_TO_GO);
        Err(Stop::Elsewhere)
    }

    /// The first line of the batch's that it is known to fail on.
    fn known(&self, bytes: &[u8]) -> Option<(u64, GuestError)> {
        self.stage.first_mark(self.build, self.stream.id, &(self.offset..self.offset + bytes.len() as u64))
    }

    /// These lines are all that it gets before a bad one.
    fn only_these(&self, bytes: &mut Vec<u8>, ends: &[u32]) -> Result<(u32, Events), Stop> {
        let began = Instant::now();
        match self.lines(bytes, ends, true, false) {
            Ok(done) => Ok(done),
            Err(error) => {
                self.here(began)?;
                self.timed_isolation(bytes, ends, true, error)
            }
        }
    }

    fn timed_isolation(
        &self,
        bytes: &mut Vec<u8>,
        ends: &[u32],
        last: bool,
        error: GuestError,
    ) -> Result<(u32, Events), Stop> {
        self.timed(|| self.isolate_lines(bytes, ends, last, error))
    }

    fn isolate_lines(
        &self,
        bytes: &mut Vec<u8>,
        ends: &[u32],
        last: bool,
        error: GuestError,
    ) -> Result<(u32, Events), Stop> {
        let found = first_bad(ends.len(), error, |count| self.prefix(bytes, &ends[..count], last));
        let Some((count, (consumed, part, events))) = found.good else {
            let (first, end) = (&ends[..1], ends[0]);
            bytes.truncate(end as usize);
            self.spoilt(&Case::lines(bytes, first, last), 0, u64::from(end), true, &found.error);
            let events = native::lines_as_they_stand(bytes, first);
            return Ok((1, self.give_way(bytes, events, true, &found.error)?));
        };
        let (start, end) = (ends[count - 1], ends[count]);
        let mut alone = bytes[start as usize..end as usize].to_vec();
        let length = [end - start];
        if let Err(error) = self.lines(&mut alone, &length, true, true) {
            let case = Case::lines(&alone, &length, true);
            self.spoilt(&case, u64::from(start), u64::from(end), true, &error);
        } else {
            let case = Case::lines(&bytes[..end as usize], &ends[..=count], last);
            self.spoilt_together(&case, u64::from(end), count + 1, &found.error);
        }
        if consumed > 0 {
            *bytes = part;
            return Ok((consumed, events));
        }
        bytes.truncate(start as usize);
        match self.lines(bytes, &ends[..count], true, true) {
            Ok(done) => Ok(done),
            Err(error) => self.isolate_lines(bytes, &ends[..count], true, error),
        }
    }

    fn isolate_events(&self, bytes: &mut Vec<u8>, given: Events, error: GuestError) -> Result<Events, Stop> {
        let units = Unit::all(bytes, &given);
        let found = first_bad(units.len(), error, |count| {
            let Unit { events, end, .. } = &units[count - 1];
            let part = given.slice(bytes, 0..events.end, 0..*end);
            self.events(&bytes[..*end as usize], &part, true)
        });
        let Some((count, events)) = found.good else {
            let (end, given) = match units.first() {
                Some(Unit { events, end, .. }) => (*end, given.slice(bytes, 0..events.end, 0..*end)),
                None => (bytes.len() as u32, given),
            };
            bytes.truncate(end as usize);
            self.spoilt(&Case::events(bytes, &given), 0, u64::from(end), false, &found.error);
            return self.give_way(bytes, given, false, &found.error);
        };
        let Unit { events: places, start, end } = &units[count];
        let alone = &bytes[*start as usize..*end as usize];
        let its_events = given.slice(bytes, places.clone(), *start..*end);
        if let Err(error) = self.events(alone, &its_events, true) {
            let case = Case::events(alone, &its_events);
            self.spoilt(&case, u64::from(*start), u64::from(*end), false, &error);
        } else {
            let all = given.slice(bytes, 0..places.end, 0..*end);
            let case = Case::events(&bytes[..*end as usize], &all);
            self.spoilt_together(&case, u64::from(*end), all.len(), &found.error);
        }
        bytes.truncate(*start as usize);
        Ok(events)
    }

    fn prefix(&self, bytes: &[u8], ends: &[u32], last: bool) -> Result<Consumed, GuestError> {
        let mut part = bytes[..ends.last().map_or(0, |&end| end as usize)].to_vec();
        let (consumed, events) = self.lines(&mut part, ends, last, true)?;
        Ok((consumed, part, events))
    }

    /// Checked, and `bytes` cut to what was consumed.
    fn lines(
        &self,
        bytes: &mut Vec<u8>,
        ends: &[u32],
        last: bool,
        fresh: bool,
    ) -> Result<(u32, Events), GuestError> {
        self.run(fresh, |instance| {
            let (consumed, mut events) = instance.normalize(&self.stream.origin, bytes, ends, last)?;
            check::normalized(bytes, ends, last, consumed, &mut events, self.most())?;
            Ok((consumed, events))
        })
    }

    /// Checked.
    fn events(&self, bytes: &[u8], given: &Events, fresh: bool) -> Result<Events, GuestError> {
        self.run(fresh, |instance| {
            let mut events = instance.transform(&self.stream.origin, bytes, given)?;
            check::transformed(bytes, given, &mut events, self.most())?;
            Ok(events)
        })
    }

    fn most(&self) -> u64 {
        self.build.component.limits().result_bytes
    }

    fn run<T>(
        &self,
        fresh: bool,
        work: impl FnMut(&mut Instance) -> Result<T, GuestError>,
    ) -> Result<T, GuestError> {
        let component = &self.build.component;
        if fresh {
            component.run_fresh(work)
        } else {
            component.run(work, |took| limits::is_patient() || took < QUICK)
        }
    }

    /// Time that goes by because something failed.
    fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let answer = work();
        self.stage.suffered(began.elapsed(), Duration::ZERO);
        answer
    }

    /// It fails on this, even if that is all it is given.
    fn spoilt(&self, case: &Case<'_>, start: u64, end: u64, normalizer: bool, error: &GuestError) {
        if !self.stage.mark(self.build, self.stream.id, self.offset + start, error) {
            return;
        }
        let letters = self.build.failures.as_ref().map_or("", |failures| failures.sink());
        let outcome = match self.build.on_error(normalizer) {
            OnError::Pass if normalizer => "it goes on as it stands".to_owned(),
            OnError::Pass => "its event goes on unchanged".to_owned(),
            OnError::Drop => "it is dropped".to_owned(),
            OnError::Halt => {
                "its stream waits (`on_error: halt`), and it is tried again and again".to_owned()
            }
            OnError::DeadLetter => format!("it goes to sink `{letters}`"),
        };
        self.report(case, start, end, 1, error, &outcome);
    }

    /// It fails on these, but not on the last of them alone.
    fn spoilt_together(&self, case: &Case<'_>, end: u64, units: usize, error: &GuestError) {
        self.report(case, 0, end, units, error, "it is given less at once");
    }

    fn report(&self, case: &Case<'_>, start: u64, end: u64, units: usize, error: &GuestError, outcome: &str) {
        let component = &self.build.component;
        let failure = Failure {
            transform: self.stage.id().to_owned(),
            hash: component.hash().to_owned(),
            path: self.stream.origin.path.clone(),
            bytes: self.offset + start..self.offset + end,
            units,
            error: error.clone(),
        };
        let kept =
            self.capsules.and_then(|capsules| capsules.keep(case, component, &self.stream.origin, &failure));
        if let Some(capsule) = kept {
            tracing::error!("{failure}; {outcome}. To see it again: updraft replay {}", capsule.display());
        } else {
            tracing::error!("{failure}; {outcome}");
        }
        if let Verdict::Aside(pause) = self.stage.failed_anew(self.build) {
            tracing::warn!(
                transform = self.stage.id(),
                "fails too often: it is put aside for {pause:?}, and what it would be given goes the way of its on_error"
            );
        }
    }

    /// It is put aside, and nothing is shown to it.
    fn pass_by(
        &self,
        bytes: &[u8],
        events: Events,
        normalizer: bool,
        until: Instant,
    ) -> Result<Events, Stop> {
        self.stage.stats().passed_by.add(events.len() as u64);
        let why = "the component is put aside, since it failed too often";
        self.on_error(bytes, events, normalizer, why, Some(until))
    }

    /// It failed on these.
    fn give_way(
        &self,
        bytes: &[u8],
        events: Events,
        normalizer: bool,
        error: &GuestError,
    ) -> Result<Events, Stop> {
        let count = events.len() as u64;
        let events = self.on_error(bytes, events, normalizer, &error.to_string(), None)?;
        self.stage.stats().gave_way.add(count);
        Ok(events)
    }

    fn on_error(
        &self,
        bytes: &[u8],
        mut events: Events,
        normalizer: bool,
        why: &str,
        until: Option<Instant>,
    ) -> Result<Events, Stop> {
        match self.build.on_error(normalizer) {
            OnError::Pass => return Ok(events),
            OnError::Halt => {
                let (transform, why) = (self.stage.id().to_owned(), why.to_owned());
                return Err(Stop::Halt(Halted { transform, why, until }));
            }
            OnError::Drop => {}
            // Nothing of it goes on before it is safe there.
            OnError::DeadLetter => {
                if let Some(failures) = &self.build.failures {
                    failures.keep(why, self.stream, self.offset, bytes, &events).map_err(Stop::NotKept)?;
                }
            }
        }
        native::drop_all(&mut events);
        Ok(events)
    }

    fn made(&self, given: usize, dropped_before: usize, events: &Events) {
        let stats = self.stage.stats();
        stats.events_in.add(given as u64);
        stats.events_out.add(events.len() as u64);
        stats.dropped.add(dropped(events).saturating_sub(dropped_before) as u64);
    }
}

fn dropped(events: &Events) -> usize {
    events.labels.iter().filter(|&&label| label == DROPPED).count()
}

/// Events that can stand alone: all those of some whole lines.
struct Unit {
    events: std::ops::Range<usize>,
    /// Where those lines begin in the batch's bytes.
    start: u32,
    /// Where they end.
    end: u32,
}

impl Unit {
    /// Of a batch. Reading can begin after each of them: it ends where a line does.
    fn all(bytes: &[u8], events: &Events) -> Vec<Self> {
        let ends = &events.source_ends;
        let mut units: Vec<Self> = Vec::new();
        for (at, &end) in ends.iter().enumerate() {
            let ends_a_line =
                end as usize == bytes.len() || (end > 0 && bytes.get(end as usize - 1) == Some(&b'\n'));
            if ends_a_line && ends.get(at + 1).is_none_or(|&after| after > end) {
                let (first, start) = units.last().map_or((0, 0), |before| (before.events.end, before.end));
                units.push(Self { events: first..at + 1, start, end });
            }
        }
        units
    }
}
