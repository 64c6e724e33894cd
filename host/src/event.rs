//! The one thing that flows: a batch of events in columns, and who it came from. Imports nothing of ours.

use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// "No time found", as the WIT writes it.
pub const NO_TIMESTAMP: i64 = i64::MIN;
/// Key of the field that keeps the time that a record claimed and that is not believed.
pub const CLAIMED: &str = "claimed_timestamp";
/// Label index of an event that a transform dropped.
pub const DROPPED: u16 = u16::MAX;
/// The label of an event that nothing labelled.
pub const DEFAULT_LABEL: &str = "default";

/// What kind of log a stream is, as far as its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// One try of one task instance.
    Task,
    /// What the triggerer wrote while the task was deferred.
    Trigger,
    /// The scheduler's own logs.
    Scheduler,
    /// Logs of DAG file processing.
    DagProcessor,
    /// What this host itself kept of events that nobody took: each line a record as it stands.
    DeadLetter,
    /// Anything else, custom file name templates included.
    Other,
}

impl StreamKind {
    /// The word that templates and normalized events use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Trigger => "trigger",
            Self::Scheduler => "scheduler",
            Self::DagProcessor => "dag_processor",
            Self::DeadLetter => "dead_letter",
            Self::Other => "other",
        }
    }
}

/// One attempt of one task instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskTry {
    /// DAG.
    pub dag_id: String,
    /// Run of that DAG.
    pub run_id: String,
    /// Task of that DAG.
    pub task_id: String,
    /// Only for mapped tasks.
    pub map_index: Option<u32>,
    /// Counts from 1.
    pub try_number: u32,
}

/// Ids that the platform injects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Deployment {
    /// `ASTRO_CLUSTER_ID`
    pub cluster_id: Option<String>,
    /// `ASTRO_WORKSPACE_ID`
    pub workspace_id: Option<String>,
    /// `ASTRO_DEPLOYMENT_ID`
    pub deployment_id: Option<String>,
}

/// Who a stream is; the same for all its batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Id of the source in the config.
    pub source: String,
    /// Path relative to the source's root, with `/`.
    pub path: String,
    /// Name of this machine.
    pub host: String,
    /// What kind of log it is.
    pub kind: StreamKind,
    /// The try that wrote it, where the path says so.
    pub task: Option<TaskTry>,
    /// Where this host runs.
    pub deployment: Deployment,
}

/// Events in columns. Every span is in `bytes ++ arena` of the [`Batch`] they belong to; all columns up to
/// `labels` have the same length. Checked once where they enter the host, trusted everywhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Bytes that components made. Whoever writes columns down writes them as bytes are written there.
    #[serde(skip)]
    pub arena: Vec<u8>,
    /// Nanoseconds since the epoch, UTC; [`NO_TIMESTAMP`] where none was found.
    pub timestamps: Vec<i64>,
    /// OpenTelemetry `SeverityNumber`; 0: none.
    pub severities: Vec<u8>,
    /// Where event i's source bytes end, in the batch's bytes.
    pub source_ends: Vec<u32>,
    /// What codec `raw` ships.
    pub raw_starts: Vec<u32>,
    /// End of it.
    pub raw_ends: Vec<u32>,
    /// The message.
    pub message_starts: Vec<u32>,
    /// End of it.
    pub message_ends: Vec<u32>,
    /// Index into `label_names`, or [`DROPPED`].
    pub labels: Vec<u16>,
    /// The labels that occur.
    pub label_names: Vec<String>,
    /// Which event each attribute belongs to; never decreases.
    pub attribute_events: Vec<u32>,
    /// Index into `key_names`.
    pub attribute_keys: Vec<u16>,
    /// The attribute keys that occur.
    pub key_names: Vec<String>,
    /// The attribute's value.
    pub attribute_starts: Vec<u32>,
    /// End of it.
    pub attribute_ends: Vec<u32>,
    /// A JSON value, or the text of a string.
    pub attribute_json: Vec<bool>,
}

impl Events {
    /// How many events.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Some of them, as if there were no others: `bytes` are the batch's, `part` those that the chosen events came from.
    /// Spans that lie elsewhere in the batch's bytes take what they show along.
    #[must_use]
    pub fn slice(&self, bytes: &[u8], events: Range<usize>, part: Range<u32>) -> Self {
        let (old_border, new_border) = (bytes.len() as u32, part.end - part.start);
        let mut arena = self.arena.clone();
        let mut cut = |starts: &[u32], ends: &[u32]| -> (Vec<u32>, Vec<u32>) {
            let moved = starts.iter().zip(ends).map(|(&start, &end)| {
                if start >= part.start && end <= part.end {
                    return (start - part.start, end - part.start);
                }
                if start >= old_border {
                    return (start - old_border + new_border, end - old_border + new_border);
                }
                let at = new_border + arena.len() as u32;
                arena.extend_from_slice(self.span(bytes, start, end));
                (at, at + (end - start))
            });
            moved.unzip()
        };
        let at = events.clone();
        let (raw_starts, raw_ends) = cut(&self.raw_starts[at.clone()], &self.raw_ends[at.clone()]);
        let (message_starts, message_ends) =
            cut(&self.message_starts[at.clone()], &self.message_ends[at.clone()]);
        let place = |event: usize| self.attribute_events.partition_point(|&it| (it as usize) < event);
        let attributes = place(at.start)..place(at.end);
        let (attribute_starts, attribute_ends) =
            cut(&self.attribute_starts[attributes.clone()], &self.attribute_ends[attributes.clone()]);
        let first = events.start as u32;
        Self {
            timestamps: self.timestamps[at.clone()].to_vec(),
            severities: self.severities[at.clone()].to_vec(),
            source_ends: self.source_ends[at.clone()].iter().map(|end| end - part.start).collect(),
            raw_starts,
            raw_ends,
            message_starts,
            message_ends,
            labels: self.labels[at].to_vec(),
            label_names: self.label_names.clone(),
            attribute_events: self.attribute_events[attributes.clone()].iter().map(|it| it - first).collect(),
            attribute_keys: self.attribute_keys[attributes.clone()].to_vec(),
            key_names: self.key_names.clone(),
            attribute_starts,
            attribute_ends,
            attribute_json: self.attribute_json[attributes].to_vec(),
            arena,
        }
    }

    /// The bytes of a span in `bytes ++ arena`; `bytes` are the batch's.
    pub fn span<'a>(&'a self, bytes: &'a [u8], start: u32, end: u32) -> &'a [u8] {
        let (start, end, border) = (start as usize, end as usize, bytes.len());
        if start >= border && border < end {
            &self.arena[start - border..end - border]
        } else {
            &bytes[start..end]
        }
    }
}

/// Consecutive lines of one stream and what became of them. Immutable once made; lanes that are in step share it.
#[derive(Debug)]
pub struct Batch {
    /// Who it came from.
    pub origin: Arc<Origin>,
    /// Which bytes of the file it covers: exactly the consumed lines.
    pub range: Range<u64>,
    /// Those bytes.
    pub bytes: Vec<u8>,
    /// What the last stage made of them.
    pub events: Events,
    /// How many lines it covers.
    pub lines: u32,
    /// The stream's clock after this batch: what an event without a time of its own would get next.
    pub clock: i64,
    /// How to make it again.
    pub recipe: Recipe,
    /// Its events are as the lines were put together: no transform has split one.
    pub divisible: bool,
}

/// What a batch is made from, besides the file and the components. As a file only grows, and guests are pure functions,
/// the same recipe makes the same batch at any later time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Where it begins in the file.
    pub offset: u64,
    /// The stream's clock there.
    pub clock: i64,
    /// How many bytes the first stage was shown.
    pub shown: u64,
    /// It was told that nothing follows for now.
    pub last: bool,
    /// When the file had last been written, ns since the epoch.
    pub file_time: i64,
    /// What this machine's clock said, ns since the epoch.
    pub made_at: i64,
}

/// One event of a batch, as sinks see it.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    batch: &'a Batch,
    index: usize,
}

/// Which labels of a batch do not go to one sink: its router says so. By their index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotHere(Vec<bool>);

impl NotHere {
    /// The events of this label are none of the sink's.
    pub fn add(&mut self, label: u16) {
        let at = usize::from(label);
        if self.0.len() <= at {
            self.0.resize(at + 1, false);
        }
        self.0[at] = true;
    }

    /// Whether this label's are.
    pub fn has(&self, label: u16) -> bool {
        self.0.get(usize::from(label)).is_some_and(|not_here| *not_here)
    }
}

/// An attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A JSON value, as it stands.
    Json(&'a [u8]),
    /// The text of a string, not quoted; perhaps not UTF-8.
    Text(&'a [u8]),
}

impl Batch {
    /// Of nobody's log, for what is tested by itself.
    #[cfg(any(test, fuzzing))]
    pub fn of_nobody(bytes: Vec<u8>, events: Events) -> Self {
        let origin = Origin {
            source: String::new(),
            path: String::new(),
            host: String::new(),
            kind: StreamKind::Other,
            task: None,
            deployment: Deployment::default(),
        };
        let range = 0..bytes.len() as u64;
        let (lines, clock, recipe, divisible) = (0, 0, Recipe::default(), true);
        Self { origin: Arc::new(origin), range, bytes, events, lines, clock, recipe, divisible }
    }

    /// The events in order, dropped ones included (see [`EventRef::label`]).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EventRef<'_>> {
        (0..self.events.len()).map(|index| EventRef { batch: self, index })
    }

    /// The event at that place.
    pub fn event(&self, index: usize) -> EventRef<'_> {
        EventRef { batch: self, index }
    }

    /// The events that go to a sink: no transform dropped them, and no router keeps them from it.
    pub fn going<'a>(&'a self, not_here: &'a NotHere) -> impl Iterator<Item = EventRef<'a>> {
        self.iter().filter(|event| event.label().is_some() && !not_here.has(event.label_index()))
    }

    /// The bytes of a span in `bytes ++ arena`.
    pub fn span(&self, start: u32, end: u32) -> &[u8] {
        self.events.span(&self.bytes, start, end)
    }

    /// How much memory it holds, in bytes, roughly.
    pub fn weight(&self) -> usize {
        self.bytes.capacity()
            + self.events.arena.capacity()
            + self.events.len() * 48
            + self.events.attribute_events.len() * 16
            + 512
    }
}

impl<'a> EventRef<'a> {
    /// Its place in the batch.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Nanoseconds since the epoch, UTC.
    pub fn timestamp(&self) -> i64 {
        self.batch.events.timestamps[self.index]
    }

    /// OpenTelemetry `SeverityNumber`; 0: none.
    pub fn severity(&self) -> u8 {
        self.batch.events.severities[self.index]
    }

    /// Its label; none when a transform dropped it.
    pub fn label(&self) -> Option<&'a str> {
        match self.batch.events.labels[self.index] {
            DROPPED => None,
            at => Some(&self.batch.events.label_names[at as usize]),
        }
    }

    /// Index of its label in the batch's `label_names`, or [`DROPPED`].
    pub fn label_index(&self) -> u16 {
        self.batch.events.labels[self.index]
    }

    /// What it says; perhaps not UTF-8.
    pub fn message(&self) -> &'a [u8] {
        let e = &self.batch.events;
        self.batch.span(e.message_starts[self.index], e.message_ends[self.index])
    }

    /// The bytes of the file it stands for, line breaks included, unless a transform replaced them.
    pub fn raw(&self) -> &'a [u8] {
        let e = &self.batch.events;
        self.batch.span(e.raw_starts[self.index], e.raw_ends[self.index])
    }

    /// Which bytes of the file it came from.
    pub fn source(&self) -> Range<u64> {
        let ends = &self.batch.events.source_ends;
        let start = if self.index == 0 { 0 } else { ends[self.index - 1] };
        self.batch.range.start + u64::from(start)..self.batch.range.start + u64::from(ends[self.index])
    }

    /// When the file had last been written, as far as was known when the event was read; ns since the epoch.
    pub fn file_time(&self) -> i64 {
        self.batch.recipe.file_time
    }

    /// Its attributes, in the order the component gave them.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let batch = self.batch;
        let e = &batch.events;
        let first = e.attribute_events.partition_point(|&at| (at as usize) < self.index);
        let index = self.index;
        (first..e.attribute_events.len()).take_while(move |&at| e.attribute_events[at] as usize == index).map(
            move |at| {
                let bytes = batch.span(e.attribute_starts[at], e.attribute_ends[at]);
                let value = if e.attribute_json[at] { Value::Json(bytes) } else { Value::Text(bytes) };
                (e.key_names[e.attribute_keys[at] as usize].as_str(), value)
            },
        )
    }

    /// Who it came from.
    pub fn origin(&self) -> &'a Origin {
        &self.batch.origin
    }
}

#[cfg(test)]
mod tests;
