//! The way of `on_error`, and what is said of it.

use super::{Care, Stop, dropped};
use crate::config::{OnError, Role};
use crate::event::Events;
use crate::transform::breaker::Verdict;
use crate::transform::capsule::Case;
use crate::transform::error::Failure;
use crate::transform::{GuestError, Halted, native};
use std::time::Instant;

impl Care<'_> {
    /// It fails on this, even if that is all it is given.
    pub(super) fn spoilt(&self, case: &Case<'_>, start: u64, end: u64, normalizer: bool, error: &GuestError) {
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
    pub(super) fn spoilt_together(&self, case: &Case<'_>, end: u64, units: usize, error: &GuestError) {
        self.report(case, 0, end, units, error, "it is given less at once");
    }

    fn report(&self, case: &Case<'_>, start: u64, end: u64, units: usize, error: &GuestError, outcome: &str) {
        if self.witness.is_some() {
            return;
        }
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
    pub(super) fn pass_by(
        &self,
        bytes: &[u8],
        events: Events,
        normalizer: bool,
        until: Instant,
    ) -> Result<Events, Stop> {
        self.stage.stats().passed_by.add(events.len() as u64);
        let why = "the component is put aside, since it failed too often";
        if self.again {
            // It was delivered as the component made it, or as it was then: no reason to change that now.
            let (transform, why) = (self.stage.id().to_owned(), why.to_owned());
            return Err(Stop::Halt(Halted { transform, role: Role::Transform, why, until: Some(until) }));
        }
        self.on_error(bytes, events, normalizer, why, Some(until))
    }

    /// It failed on these.
    pub(super) fn give_way(
        &self,
        bytes: &[u8],
        events: Events,
        normalizer: bool,
        error: &GuestError,
    ) -> Result<Events, Stop> {
        let count = events.len() as u64;
        if let Some((witness, at)) = self.witness {
            let part = self.offset..self.offset + bytes.len() as u64;
            witness.gave_way(at, part, self.build.on_error(normalizer), &error.to_string());
        }
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
                return Err(Stop::Halt(Halted { transform, role: Role::Transform, why, until }));
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

    pub(super) fn made(&self, given: usize, dropped_before: usize, events: &Events) {
        let stats = self.stage.stats();
        stats.events_in.add(given as u64);
        stats.events_out.add(events.len() as u64);
        stats.dropped.add(dropped(events).saturating_sub(dropped_before) as u64);
    }
}
