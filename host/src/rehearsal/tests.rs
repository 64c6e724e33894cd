//! Runs the tests of a config: their lines through its pipeline, and what comes out beside what is expected.

use super::compare::{all_match, difference};
use super::explain::copies;
use super::pass::{PassError, Scene};
use super::place::{Places, names};
use super::{Rehearsal, shown};
use crate::config::{Config, Event, Format, Place, Test, TestContent, TestInput, TestOutput};
use crate::error::StartError;
use crate::event::Origin;
use crate::route::naming::Answer;
use crate::source::alone;
use crate::transform::patiently;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// When the files of tests were last written, ns since the epoch: what an event without any time gets.
const WRITTEN: i64 = 0;

/// What came of a test.
#[derive(Debug)]
pub struct Tested {
    /// Its name.
    pub name: String,
    /// Its outputs, in order.
    pub outputs: Vec<Outcome>,
    /// What a component failed on, with what became of that.
    pub failures: Vec<String>,
    /// A component failed and its `on_error` is `halt`: nothing comes of the rest.
    pub halted: bool,
    /// A router failed: where events go nobody knows.
    pub unanswered: bool,
}

/// What came of one output of a test.
#[derive(Debug)]
pub struct Outcome {
    /// Transform or sink.
    pub from: String,
    /// What is expected; none: nobody has said.
    pub expected: Option<Vec<Event>>,
    /// What came, as far as one would write it down.
    pub got: Vec<Event>,
    /// It is what is expected.
    pub good: bool,
    /// The difference, in the syntax of the config; empty where there is none, or nothing is expected.
    pub difference: String,
}

/// Why tests cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// A file with lines.
    #[error("test `{test}`: cannot read {}: {error}", file.display())]
    Lines {
        /// The test.
        test: String,
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// The lines do not come through.
    #[error("test `{test}`: {path} {why}")]
    Pass {
        /// The test.
        test: String,
        /// The input.
        path: String,
        /// Why.
        #[source]
        why: PassError,
    },
    /// A component cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Tested {
    /// All is as expected.
    pub fn good(&self) -> bool {
        !self.halted && !self.unanswered && self.outputs.iter().all(|output| output.good)
    }
}

/// Runs the tests of a config, in order. `format`: how differences are written. Nothing is sent, and nothing is written but
/// to files without a name. Blocks; not for a thread of an async runtime.
pub fn run_tests(config: &Config, format: Format) -> Result<Vec<Tested>, TestError> {
    let rehearsal = Rehearsal::new(config)?;
    patiently(|| {
        config.tests.iter().map(|test| Runner { rehearsal: &rehearsal, test, format }.run()).collect()
    })
}

/// One test.
struct Runner<'r> {
    rehearsal: &'r Rehearsal<'r>,
    test: &'r Test,
    format: Format,
}

/// An event that came, with what the path of its file says.
type Came = (Event, Arc<Event>);

impl Runner<'_> {
    fn run(self) -> Result<Tested, TestError> {
        let inputs = self.test.inputs.iter().map(|input| Ok((input, self.content(input)?)));
        let inputs = inputs.collect::<Result<Vec<_>, TestError>>()?;
        let name = self.test.name.clone();
        let mut tested =
            Tested { name, outputs: Vec::new(), failures: Vec::new(), halted: false, unanswered: false };
        for output in &self.test.outputs {
            let mut came = Vec::new();
            for (input, content) in &inputs {
                self.input(output, input, content, &mut came, &mut tested).map_err(|why| {
                    TestError::Pass { test: self.test.name.clone(), path: input.path.clone(), why }
                })?;
            }
            tested.outputs.push(self.outcome(output, came));
        }
        Ok(tested)
    }

    fn content(&self, input: &TestInput) -> Result<Vec<u8>, TestError> {
        match &input.content {
            TestContent::Text(text) => Ok(text.clone().into_bytes()),
            TestContent::File(file) => std::fs::read(file).map_err(|error| TestError::Lines {
                test: self.test.name.clone(),
                file: file.clone(),
                error,
            }),
        }
    }

    /// The transforms before an output, of the way that leads there from a source; none: there is no way.
    fn way(&self, output: &TestOutput, source: usize) -> Option<Vec<usize>> {
        let config = self.rehearsal.config;
        let ways = |sinks: &'_ [crate::config::Sink]| -> Vec<Vec<usize>> {
            let ways = sinks.iter().flat_map(|sink| &sink.branches).filter(|way| way.source == source);
            ways.map(|way| way.transforms.clone()).collect()
        };
        match output.from {
            Place::Sink(at) => ways(std::slice::from_ref(&config.sinks[at])).pop(),
            Place::Transform(at) => ways(&config.sinks).into_iter().find_map(|mut way| {
                let place = way.iter().position(|it| *it == at)?;
                way.truncate(place + 1);
                Some(way)
            }),
        }
    }

    fn input(
        &self,
        output: &TestOutput,
        input: &TestInput,
        content: &[u8],
        came: &mut Vec<Came>,
        tested: &mut Tested,
    ) -> Result<(), PassError> {
        let Some(way) = self.way(output, input.source) else { return Ok(()) };
        let origin = Arc::new(self.rehearsal.origin(input.source, &input.path));
        let mut file = tempfile::tempfile()?;
        file.write_all(content)?;
        let place = PathBuf::from(&input.path);
        let stream = alone(input.source, (*origin).clone(), file, place, Some(WRITTEN))?;
        let of_the_path = Arc::new(shown::of_the_path(&origin));
        let mut failures = Vec::new();
        let show = |scene: Scene| {
            for failure in &scene.failures {
                let (transform, on_error) = (
                    &self.rehearsal.config.transforms[failure.transform].id,
                    super::account::on_error(failure.on_error),
                );
                failures.push(format!(
                    "transform `{transform}` failed on bytes {}..{} of {} (on_error: {on_error}): {}",
                    failure.part.start, failure.part.end, input.path, failure.error
                ));
            }
            let before = failures.len();
            let events = self.events(output, &way, &scene, &origin, &mut failures);
            tested.unanswered |= failures.len() > before;
            came.extend(events.into_iter().map(|it| (it, of_the_path.clone())));
        };
        let halt = self.rehearsal.pass(&way, stream, &(0..content.len() as u64), true, show)?;
        if let Some(halt) = halt {
            tested.halted = true;
            failures.push(format!(
                "transform `{}` halts at byte {} of {}, and nothing comes of the rest (on_error: halt): {}",
                halt.transform, halt.at, input.path, halt.error
            ));
        }
        for failure in failures {
            if !tested.failures.contains(&failure) {
                tested.failures.push(failure);
            }
        }
        Ok(())
    }

    /// What of a batch comes out there.
    fn events(
        &self,
        output: &TestOutput,
        way: &[usize],
        scene: &Scene,
        origin: &Arc<Origin>,
        failures: &mut Vec<String>,
    ) -> Vec<Event> {
        let Some(last) = scene.layers.last() else { return Vec::new() };
        // Of what is halted nothing comes.
        if scene.halt.is_some() {
            return Vec::new();
        }
        let events = last.batch.iter().filter_map(|event| Some((event, event.label()?)));
        let Place::Sink(at) = output.from else {
            return events.map(|(event, _)| shown::event(event)).collect();
        };
        let sink = &self.rehearsal.config.sinks[at];
        let mut places = Places::new(self.rehearsal, sink, origin.clone());
        let label_of_all = copies(sink, way).then_some(crate::event::DEFAULT_LABEL);
        let events = events.filter_map(|(event, label)| {
            let place = places.of(label_of_all.unwrap_or(label));
            if let (Answer::Failed(why), Some(router)) = (&place.answer, &place.router) {
                failures.push(format!("route `{router}` on label `{label}` of {}: {why}", origin.path));
            }
            let target = place.target.as_ref()?;
            let mut shown = shown::event(event);
            let names = names(&sink.kind, target, event.timestamp()).into_iter();
            shown.extend(names.map(|(name, value)| (name.to_owned(), value.into())));
            let written = shown::written(&sink.kind, event).join("\n");
            shown.insert("written".to_owned(), written.into());
            Some(shown)
        });
        events.collect()
    }

    fn outcome(&self, output: &TestOutput, came: Vec<Came>) -> Outcome {
        let expected = output.events.as_deref();
        let wanted = |name: &str| expected.is_some_and(|it| it.iter().any(|event| event.contains_key(name)));
        let brief = came.iter().map(|(event, path)| shown::without_noise(event.clone(), path, &wanted));
        let brief: Vec<_> = brief.collect();
        let came: Vec<_> = came.into_iter().map(|(event, _)| event).collect();
        let good = expected.is_some_and(|expected| all_match(expected, &came));
        let difference = match expected {
            Some(expected) if !good => difference(self.format, expected, &came, &brief),
            _ => String::new(),
        };
        let from = output.id.clone();
        Outcome { from, expected: output.events.clone(), got: brief, good, difference }
    }
}
