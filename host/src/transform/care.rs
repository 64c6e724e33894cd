//! What becomes of a batch that a component fails on. It is run again on a fresh instance; if that fails too, less and
//! less of it is given, until what spoils it is alone. That goes the way of `on_error`; all else is done as ever.
//!
//! Nothing of this is remembered but where bad lines are: a batch ends before one, and the next begins with it. So the
//! same batches come again whenever they are asked for.

mod way;

use super::capsule::{Capsules, Case};
use super::instance::Instance;
use super::isolate::first_bad;
use super::marks::Mark;
use super::stage::{Build, Stage};
use super::unit::Unit;
use super::witness::Witness;
use super::{GuestError, Halted, check, limits, native};
use crate::config::{OnError, Role};
use crate::event::{DROPPED, Events};
use crate::source::Stream;
use std::io;
use std::time::{Duration, Instant};

/// A failure that took less is looked into where it happened; that takes some twenty calls more…
const QUICK: Duration = Duration::from_millis(5);
/// …and if they were as quick, nothing else is to be done elsewhere.
const QUICK_CALLS: u32 = 20;
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
    /// It was made before, and delivered.
    pub again: bool,
    /// Where failures are kept, to be looked at.
    pub capsules: Option<&'a Capsules>,
    /// Who is told instead of all others, and which place of the way this is.
    pub witness: Option<(&'a dyn Witness, usize)>,
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
        while let Some((at, mark)) = self.known(bytes) {
            let before = ends.partition_point(|&end| self.offset + u64::from(end) <= at);
            if before > 0 {
                ends = &ends[..before];
                break;
            }
            let first = &ends[..1];
            let mut alone = bytes[..first[0] as usize].to_vec();
            if self.takes_it_now(true, at, &mark, || self.lines(&mut alone, first, true, false).map(drop))? {
                continue;
            }
            bytes.truncate(first[0] as usize);
            let events =
                self.give_way(bytes, native::lines_as_they_stand(bytes, first), true, &mark.error)?;
            self.stage.stats().lines_in.add(1);
            self.made(0, 0, &events);
            return Ok((1, events));
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
            Err(error) => self.look_into(began, bytes, ends, last, error)?,
        };
        self.stage.stats().lines_in.add(u64::from(consumed));
        self.made(0, 0, &events);
        Ok((consumed, events))
    }

    /// Events → events; `bytes` are cut to what those that were done came from, which is at one of the `borders`.
    pub fn transform(&self, bytes: &mut Vec<u8>, all: &Events, borders: &[u32]) -> Result<Events, Stop> {
        if let Some(until) = self.stage.aside_until() {
            return self.pass_by(bytes, all.clone(), false, until);
        }
        let mut some: Option<Events> = None;
        while let Some((at, mark)) = self.known(bytes) {
            let units = Unit::all(bytes, all, borders);
            let before = units.partition_point(|unit| self.offset + u64::from(unit.end) <= at);
            let Some(last) = units.get(before.max(1) - 1) else { break };
            let part = all.slice(bytes, 0..last.events.end, 0..last.end);
            if before > 0 {
                bytes.truncate(last.end as usize);
                some = Some(part);
                break;
            }
            let alone = &bytes[..last.end as usize];
            if self.takes_it_now(false, at, &mark, || self.events(alone, &part, false).map(drop))? {
                continue;
            }
            bytes.truncate(last.end as usize);
            let (given, dropped) = (part.len(), dropped(&part));
            let events = self.give_way(bytes, part, false, &mark.error)?;
            self.made(given, dropped, &events);
            return Ok(events);
        }
        let given = some.as_ref().unwrap_or(all);
        let began = Instant::now();
        let events = match self.events(bytes, given, false) {
            Ok(events) => {
                self.stage.succeeded();
                self.stage.trial().events(&self.stream.origin, bytes, given);
                events
            }
            Err(error) => {
                self.here(began)?;
                self.timed(|| self.isolate_events(bytes, given, borders, error))?
            }
        };
        let done = given.source_ends.partition_point(|&end| end as usize <= bytes.len());
        let dropped = given.labels[..done].iter().filter(|&&label| label == DROPPED).count();
        self.made(done, dropped, &events);
        Ok(events)
    }

    /// Whether a component takes a line by now that it is known to fail on. Only asked where its stream waits for that, and
    /// less and less often.
    fn takes_it_now(
        &self,
        normalizer: bool,
        at: u64,
        mark: &Mark,
        run: impl FnOnce() -> Result<(), GuestError>,
    ) -> Result<bool, Stop> {
        if self.build.on_error(normalizer) != OnError::Halt {
            return Ok(false);
        }
        if mark.again_at > Instant::now() {
            return Err(Stop::Halt(Halted {
                transform: self.stage.id().to_owned(),
                role: Role::Transform,
                why: mark.error.to_string(),
                until: Some(mark.again_at),
            }));
        }
        let takes = self.timed(run).is_ok();
        if takes {
            self.stage.unmark(self.stream.id, at);
        } else {
            self.stage.failed_again(self.stream.id, at);
        }
        Ok(takes)
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
    fn known(&self, bytes: &[u8]) -> Option<(u64, Mark)> {
        self.stage.first_mark(self.build, self.stream.id, &(self.offset..self.offset + bytes.len() as u64))
    }

    /// These lines are all that it gets before a bad one.
    fn only_these(&self, bytes: &mut Vec<u8>, ends: &[u32]) -> Result<(u32, Events), Stop> {
        let began = Instant::now();
        let done = self.lines(bytes, ends, true, false);
        done.or_else(|error| self.look_into(began, bytes, ends, true, error))
    }

    /// Finds out what spoils the lines, if this is the thread for it.
    fn look_into(
        &self,
        began: Instant,
        bytes: &mut Vec<u8>,
        ends: &[u32],
        last: bool,
        error: GuestError,
    ) -> Result<(u32, Events), Stop> {
        self.here(began)?;
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

    fn isolate_events(
        &self,
        bytes: &mut Vec<u8>,
        given: &Events,
        borders: &[u32],
        error: GuestError,
    ) -> Result<Events, Stop> {
        let units = Unit::all(bytes, given, borders);
        let found = first_bad(units.len(), error, |count| {
            let Unit { events, end, .. } = &units[count - 1];
            let part = given.slice(bytes, 0..events.end, 0..*end);
            self.events(&bytes[..*end as usize], &part, true)
        });
        let Some((count, events)) = found.good else {
            let (end, given) = match units.first() {
                Some(Unit { events, end, .. }) => (*end, given.slice(bytes, 0..events.end, 0..*end)),
                None => (bytes.len() as u32, given.clone()),
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
        let took = began.elapsed();
        if took >= QUICK * QUICK_CALLS {
            self.stage.suffered(took, Duration::ZERO);
        }
        answer
    }
}

fn dropped(events: &Events) -> usize {
    events.labels.iter().filter(|&&label| label == DROPPED).count()
}
