//! What a new build of a component is tried on before it takes over: a little of what the present one took last.

use super::component::Component;
use super::{GuestError, check};
use crate::event::{Events, Origin};
use crate::route::Question;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines or events of a sample.
const MOST: usize = 100;
/// Bytes of the file in it.
const MOST_BYTES: usize = 64 << 10;
/// Bytes that components before this one made for its batch: they come along as a whole.
const MOST_MADE: usize = 1 << 20;
/// So often another one is taken: next to a batch, one each second costs nothing.
const OFTEN: Duration = Duration::from_secs(1);

/// The last sample of what a component took.
#[derive(Default)]
pub struct Trial(Mutex<Option<(Instant, Sample)>>);

struct Sample {
    origin: Arc<Origin>,
    given: Given,
}

enum Given {
    Lines { bytes: Vec<u8>, ends: Vec<u32> },
    Events { bytes: Vec<u8>, events: Box<Events> },
    Question(Box<Question>),
}

impl Trial {
    /// These lines were taken, all of them.
    pub fn lines(&self, origin: &Arc<Origin>, bytes: &[u8], ends: &[u32]) {
        self.keep(origin, || {
            let fit = ends.partition_point(|&end| end as usize <= MOST_BYTES).min(MOST);
            let end = *ends[..fit].last()?;
            Some(Given::Lines { bytes: bytes.get(..end as usize)?.to_vec(), ends: ends[..fit].to_vec() })
        });
    }

    /// These events were taken.
    pub fn events(&self, origin: &Arc<Origin>, bytes: &[u8], events: &Events) {
        self.keep(origin, || {
            let ends = &events.source_ends;
            let mut fit = ends.partition_point(|&end| end as usize <= MOST_BYTES).min(MOST);
            // Several that end at the same byte stay together.
            while fit > 0 && fit < ends.len() && ends[fit] == ends[fit - 1] {
                fit -= 1;
            }
            let end = *ends[..fit].last()?;
            if events.arena.len() > MOST_MADE {
                return None;
            }
            let events = Box::new(events.slice(bytes, 0..fit, 0..end));
            Some(Given::Events { bytes: bytes.get(..end as usize)?.to_vec(), events })
        });
    }

    /// This question was answered.
    pub fn question(&self, origin: &Arc<Origin>, question: &Question) {
        self.keep(origin, || Some(Given::Question(Box::new(question.clone()))));
    }

    fn keep(&self, origin: &Arc<Origin>, cut: impl FnOnce() -> Option<Given>) {
        // Another thread has one just now: theirs is as good.
        let Ok(mut last) = self.0.try_lock() else { return };
        if last.as_ref().is_none_or(|(taken, _)| taken.elapsed() >= OFTEN)
            && let Some(given) = cut()
        {
            *last = Some((Instant::now(), Sample { origin: origin.clone(), given }));
        }
    }

    /// Runs a component on the sample, if there is one and if the present component takes it: a sample is cut off a batch,
    /// and may end where no batch did. Blocks; not for a thread of an async runtime.
    pub fn run(&self, component: &Component, present: &Component) -> Result<(), GuestError> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, sample)) = &*last else { return Ok(()) };
        match sample.run(component) {
            Err(error) if sample.run(present).is_ok() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Sample {
    fn run(&self, component: &Component) -> Result<(), GuestError> {
        let Self { origin, given } = self;
        let most = component.limits().result_bytes;
        match given {
            Given::Lines { bytes, ends } if component.normalizes() => component.run_aside(|instance| {
                let (consumed, mut events) = instance.normalize(origin, bytes, ends, true)?;
                check::normalized(&mut bytes.clone(), ends, true, consumed, &mut events, most)?;
                Ok(())
            }),
            Given::Events { bytes, events } if component.transforms() => component.run_aside(|instance| {
                let mut returned = instance.transform(origin, bytes, events)?;
                check::transformed(bytes, events, &mut returned, most)?;
                Ok(())
            }),
            Given::Question(question) if component.routes() => {
                let target = component.run_aside(|instance| instance.route(origin, question))?;
                Ok(target.iter().try_for_each(|target| question.rules.check(target))?)
            }
            // It takes the other kind now; nothing of that is known.
            Given::Lines { .. } | Given::Events { .. } | Given::Question(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Deployment, StreamKind};
    use crate::transform::native;

    fn origin() -> Arc<Origin> {
        Arc::new(Origin {
            source: "airflow".into(),
            path: "a.log".into(),
            host: "host".into(),
            kind: StreamKind::Other,
            task: None,
            deployment: Deployment::default(),
        })
    }

    fn lines(count: usize, len: usize) -> (Vec<u8>, Vec<u32>) {
        let ends = (1..=count).map(|line| (line * len) as u32).collect();
        (vec![b'x'; count * len], ends)
    }

    fn sample(trial: &Trial) -> Option<(usize, usize)> {
        let last = trial.0.lock().unwrap();
        last.as_ref().map(|(_, sample)| match &sample.given {
            Given::Lines { bytes, ends } => (ends.len(), bytes.len()),
            Given::Events { bytes, events } => (events.len(), bytes.len()),
            Given::Question(question) => (1, question.label.len()),
        })
    }

    #[test]
    fn a_sample_has_100_lines_and_64_kib_at_most() {
        let origin = origin();
        for (given, kept) in [
            ((3, 10), Some((3, 30))),
            ((101, 10), Some((100, 1_000))),
            ((2, 32 << 10), Some((2, MOST_BYTES))),
            ((3, 32 << 10), Some((2, MOST_BYTES))),
            ((1, MOST_BYTES + 1), None),
        ] {
            let (bytes, ends) = lines(given.0, given.1);
            let (of_lines, of_events) = (Trial::default(), Trial::default());
            of_lines.lines(&origin, &bytes, &ends);
            of_events.events(&origin, &bytes, &native::lines_as_they_stand(&bytes, &ends));
            assert_eq!((sample(&of_lines), sample(&of_events)), (kept, kept), "{given:?}");
        }
    }

    #[test]
    fn one_is_kept_for_a_second() {
        let (origin, trial) = (origin(), Trial::default());
        for count in [1, 2] {
            let (bytes, ends) = lines(count, 10);
            trial.lines(&origin, &bytes, &ends);
            // Unless the machine hung for as long.
            let last = trial.0.lock().unwrap().as_ref().map(|(taken, _)| taken.elapsed());
            assert!(last.is_some_and(|age| age >= OFTEN) || sample(&trial) == Some((1, 10)));
        }
    }
}
