//! Takes the lines of a real file through all ways that lead from its source, and makes an account of it.

use super::account::{Account, Copied, KeptBack, Lines, Made, Passage, Put, PutEvent, Reading, Stage};
use super::file::{Found, LineEnds, find};
use super::pass::{Failure, PassError, Scene};
use super::place::{Places, names};
use super::{Rehearsal, shown};
use crate::config::{Config, Layout, Sink, SinkKind};
use crate::error::StartError;
use crate::event::{Batch, DEFAULT_LABEL, EventRef, Origin};
use crate::source::alone;
use crate::transform::patiently;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Events that are shown of each reading, unless there is only one line to show.
const SHOWN: usize = 100;

/// Why there is no account of a file.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such file.
    #[error("there is no file {}, neither from here nor below {folders}", file.display())]
    NoFile {
        /// As it was named.
        file: PathBuf,
        /// The log folders.
        folders: String,
    },
    /// No source has it.
    #[error("{} is not below the log folder of any source: {folders}", file.display())]
    Elsewhere {
        /// As it was named.
        file: PathBuf,
        /// The log folders.
        folders: String,
    },
    /// A source has it, and does not read it.
    #[error("{}: {why}", file.display())]
    Refused {
        /// As it was named.
        file: PathBuf,
        /// Which source, and why.
        why: String,
    },
    /// It ends before.
    #[error("{} has {there} lines, and no line {asked}", file.display())]
    NoLine {
        /// The file.
        file: PathBuf,
        /// The first line that was asked for.
        asked: u64,
        /// How many there are.
        there: u64,
    },
    /// It cannot be read.
    #[error("{} {why}", file.display())]
    Pass {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        why: PassError,
    },
    /// A component cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// What each stage makes of the lines of a file, and where they would go: an account for each source that reads it.
/// `lines`: which, from 1; none: all. Nothing is sent or written. Blocks; not for a thread of an async runtime.
pub fn explain(
    config: &Config,
    file: &Path,
    lines: Option<&Range<u64>>,
) -> Result<Vec<Account>, ExplainError> {
    let found = find(config, file)?;
    let rehearsal = Rehearsal::new(config)?;
    patiently(|| found.into_iter().map(|found| account(&rehearsal, found, lines)).collect())
}

/// A way, by its transforms, and the sinks that take it.
type Way<'c> = (&'c [usize], Vec<&'c Sink>);

fn account(
    rehearsal: &Rehearsal<'_>,
    found: Found,
    asked: Option<&Range<u64>>,
) -> Result<Account, ExplainError> {
    let Found { source, file, path } = found;
    let failed = |why: PassError| ExplainError::Pass { file: file.clone(), why };
    let open = || File::open(&file).map_err(|error| failed(error.into()));
    let ends = LineEnds::of(&open()?).map_err(|error| failed(error.into()))?;
    let there = ends.count();
    if let Some(asked) = asked.filter(|asked| asked.start > there) {
        return Err(ExplainError::NoLine { file: file.clone(), asked: asked.start, there });
    }
    let wanted = ends.bytes(&asked.cloned().unwrap_or(1..there + 1));
    let origin = Arc::new(rehearsal.origin(source, &path));
    let mut copied = Vec::new();
    // By the stage that makes events, in the order of the config: the ways, each with its sinks.
    let mut readings: Vec<(Option<usize>, Vec<Way<'_>>)> = Vec::new();
    for sink in &rehearsal.config.sinks {
        let Some(way) = sink.branches.iter().find(|way| way.source == source) else { continue };
        if copies(sink, &way.transforms) {
            copied.push(copy(rehearsal, sink, &origin));
            continue;
        }
        let first = way.transforms.first().copied();
        let by = first.filter(|&at| rehearsal.stages[at].build().component.normalizes());
        let at = readings.iter().position(|(it, _)| *it == by).unwrap_or_else(|| {
            readings.push((by, Vec::new()));
            readings.len() - 1
        });
        let ways = &mut readings[at].1;
        match ways.iter_mut().find(|(it, _)| *it == way.transforms) {
            Some((_, sinks)) => sinks.push(sink),
            None => ways.push((&way.transforms, vec![sink])),
        }
    }
    let mut account = Account {
        says: shown::of_the_path(&origin),
        lines: Lines { asked: asked.cloned(), there },
        source: origin.source.clone(),
        readings: Vec::new(),
        file: file.clone(),
        copied,
        path,
    };
    for (by, ways) in readings {
        let id = by.map(|at| rehearsal.config.transforms[at].id.clone());
        let mut reader =
            Reader { rehearsal, ends: &ends, wanted: &wanted, passages: BTreeMap::new(), seen: 0 };
        let mut waits = Vec::new();
        for (way, sinks) in ways {
            let stream = alone(source, (*origin).clone(), open()?, file.clone(), None);
            let stream = stream.map_err(|error| failed(error.into()))?;
            let mut places: Vec<_> =
                sinks.iter().map(|sink| (*sink, Places::new(rehearsal, sink, origin.clone()))).collect();
            let mut seen = 0;
            let halt = rehearsal
                .pass(way, stream, &wanted, false, |scene| seen += reader.scene(way, &scene, &mut places))
                .map_err(failed)?;
            reader.seen = reader.seen.max(seen);
            if let Some(halt) = halt {
                let line = ends.lines(&(halt.at..halt.at + 1)).start;
                waits.push((halt, line, sinks.iter().map(|sink| sink.id.clone()).collect()));
            }
        }
        let more = reader.seen - reader.passages.len() as u64;
        account.readings.push(Reading {
            by: id,
            passages: reader.passages.into_values().collect(),
            more,
            waits,
        });
    }
    Ok(account)
}

/// Whether a sink copies a source's bytes without a look at lines.
pub fn copies(sink: &Sink, way: &[usize]) -> bool {
    way.is_empty()
        && matches!(&sink.kind, SinkKind::S3(options) if matches!(options.layout, Layout::Mirror(_)))
}

fn copy(rehearsal: &Rehearsal<'_>, sink: &Sink, origin: &Arc<Origin>) -> Copied {
    let place = Places::new(rehearsal, sink, origin.clone()).of(DEFAULT_LABEL);
    let names = place.target.as_ref().map(|target| names(&sink.kind, target, 0)).unwrap_or_default();
    let legible = matches!(sink.kind.layout(), Some(Layout::Mirror(mirror)) if mirror.legible);
    Copied { sink: sink.id.clone(), kind: sink.kind.as_str(), place, names, legible }
}

/// Puts together what the ways of one reading have to say.
struct Reader<'r> {
    rehearsal: &'r Rehearsal<'r>,
    ends: &'r LineEnds,
    wanted: &'r Range<u64>,
    /// By where they begin.
    passages: BTreeMap<u64, Passage>,
    /// How many there were, on the way that had most.
    seen: u64,
}

impl Reader<'_> {
    /// How many events of the first stage it has that are wanted.
    fn scene(&mut self, way: &[usize], scene: &Scene, places: &mut [(&Sink, Places<'_>)]) -> u64 {
        let Some(first) = scene.layers.first() else { return 0 };
        let length = (scene.range.end - scene.range.start) as u32;
        let (mut start, mut seen) = (0, 0);
        let mut ends = first.batch.events.source_ends.clone();
        ends.dedup();
        for end in ends.into_iter().filter(|&end| end <= length && end > 0) {
            let unit = start..end;
            let bytes = scene.range.start + u64::from(start)..scene.range.start + u64::from(end);
            start = end;
            if bytes.end <= self.wanted.start || bytes.start >= self.wanted.end {
                continue;
            }
            seen += 1;
            if self.passages.len() < SHOWN || self.passages.contains_key(&bytes.start) {
                self.unit(way, scene, places, &unit, bytes);
            }
        }
        seen
    }

    fn unit(
        &mut self,
        way: &[usize],
        scene: &Scene,
        places: &mut [(&Sink, Places<'_>)],
        unit: &Range<u32>,
        bytes: Range<u64>,
    ) {
        let text = || {
            let first = &scene.layers[0].batch.bytes[unit.start as usize..unit.end as usize];
            String::from_utf8_lossy(first).into_owned()
        };
        let lines = self.ends.lines(&bytes);
        let passage = self.passages.entry(bytes.start).or_insert_with(|| Passage {
            lines,
            text: text(),
            bytes: bytes.clone(),
            stages: Vec::new(),
            puts: Vec::new(),
        });
        let mut dropped_by = None;
        let mut before: Option<(Option<usize>, Vec<Made>)> = None;
        for layer in &scene.layers {
            let events: Vec<Made> = events_of(&layer.batch, unit).map(made).collect();
            let was_dropped = |at: usize| {
                before.as_ref().is_some_and(|(_, them)| them.get(at).is_some_and(|it| it.dropped))
            };
            if let Some(by) = layer.by
                && dropped_by.is_none()
                && events.iter().enumerate().any(|(at, it)| it.dropped && !was_dropped(at))
            {
                dropped_by = Some(self.rehearsal.config.transforms[by].id.clone());
            }
            if !passage.stages.iter().any(|stage| stage.index == layer.by) {
                let id = |at: usize| self.rehearsal.config.transforms[at].id.clone();
                let failed = scene.failures.iter().find(|failure| failed_on(failure, layer.by, &bytes));
                passage.stages.push(Stage {
                    index: layer.by,
                    transform: layer
                        .by
                        .map(|at| (id(at), self.rehearsal.config.transforms[at].component.to_string())),
                    after: before.as_ref().and_then(|(by, _)| *by).map(id),
                    before: before.as_ref().map(|(_, events)| events.clone()),
                    events: events.clone(),
                    failed: failed.map(|it| (it.on_error, it.error.clone())),
                });
            }
            before = Some((layer.by, events));
        }
        let came_through = scene.layers.last().is_some_and(|last| last.by == way.last().copied());
        for (sink, places) in places {
            let mut put =
                Put { sink: sink.id.clone(), kind: sink.kind.as_str(), events: Vec::new(), kept_back: None };
            if let (Some(halt), false) = (&scene.halt, came_through) {
                put.kept_back = Some((KeptBack::Waits, halt.transform.clone()));
            } else if let Some(last) = scene.layers.last() {
                put.kept_back = dropped_by.clone().map(|transform| (KeptBack::Dropped, transform));
                let events = events_of(&last.batch, unit);
                put.events = events.filter_map(|event| put_event(sink, event, &mut *places)).collect();
            }
            passage.puts.push(put);
        }
    }
}

fn failed_on(failure: &Failure, by: Option<usize>, bytes: &Range<u64>) -> bool {
    Some(failure.transform) == by && failure.part.start < bytes.end && bytes.start < failure.part.end
}

/// The events that came from a part of the batch.
fn events_of<'b>(batch: &'b Batch, unit: &Range<u32>) -> impl Iterator<Item = EventRef<'b>> {
    let ends = &batch.events.source_ends;
    let first = if unit.start == 0 { 0 } else { ends.partition_point(|&end| end <= unit.start) };
    let last = ends.partition_point(|&end| end <= unit.end);
    batch.iter().skip(first).take(last - first)
}

fn made(event: EventRef<'_>) -> Made {
    Made { dropped: event.label().is_none(), event: shown::event(event) }
}

fn put_event(sink: &Sink, event: EventRef<'_>, places: &mut Places<'_>) -> Option<PutEvent> {
    let label = event.label()?.to_owned();
    let place = places.of(&label);
    let names = place.target.as_ref().map(|target| names(&sink.kind, target, event.timestamp()));
    let written = if place.target.is_some() { shown::written(&sink.kind, event) } else { Vec::new() };
    Some(PutEvent { label, names: names.unwrap_or_default(), place, written })
}
