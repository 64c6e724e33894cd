//! An account of some lines: what each stage made of them, and where each sink would put them. As data, and as JSON.

use super::place::Where;
use crate::config::OnError;
use crate::route::naming::Answer;
use crate::route::standard::Part;
use serde_json::{Map, Value, json};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// An account of the lines of one file, as one source reads it.
#[derive(Debug)]
pub struct Account {
    /// The file.
    pub file: PathBuf,
    /// Its path below the log folder.
    pub path: String,
    /// Id of the source.
    pub source: String,
    /// What the path says: `dag_id` and so on.
    pub says: Map<String, Value>,
    /// The lines.
    pub lines: Lines,
    /// Sinks that copy the file as it is, whatever is in it.
    pub copied: Vec<Copied>,
    /// What becomes of it else; one for each stage that makes events of its lines.
    pub readings: Vec<Reading>,
}

/// Which lines, from 1, and how many there are.
#[derive(Debug, Clone)]
pub struct Lines {
    /// Those that were asked for; none: all.
    pub asked: Option<Range<u64>>,
    /// How many the file has.
    pub there: u64,
}

/// A sink that copies the file as it is.
#[derive(Debug)]
pub struct Copied {
    /// Id of the sink.
    pub sink: String,
    /// Its `type`.
    pub kind: &'static str,
    /// To where.
    pub place: Arc<Where>,
    /// The names there.
    pub names: Vec<(&'static str, String)>,
    /// Bytes that are not UTF-8 are `?` there.
    pub legible: bool,
}

/// What becomes of the lines when one stage has made events of them.
#[derive(Debug)]
pub struct Reading {
    /// Id of the transform that makes events; none: each line is one, as it stands.
    pub by: Option<String>,
    /// The events, in the order of the file.
    pub passages: Vec<Passage>,
    /// How many more there are.
    pub more: u64,
    /// Where it waits for a component, with the line, and the sinks that get nothing from there on.
    pub waits: Vec<(super::Halt, u64, Vec<String>)>,
}

/// One event as it was read, and what became of it.
#[derive(Debug)]
pub struct Passage {
    /// Its lines, from 1.
    pub lines: Range<u64>,
    /// Its bytes in the file.
    pub bytes: Range<u64>,
    /// What they say.
    pub text: String,
    /// The stages that it passed, each after those that it takes from.
    pub stages: Vec<Stage>,
    /// The sinks.
    pub puts: Vec<Put>,
}

/// What a stage made of it.
#[derive(Debug)]
pub struct Stage {
    /// Index of the transform in the config; none: the host itself.
    pub(super) index: Option<usize>,
    /// Id of the transform, and its component.
    pub transform: Option<(String, String)>,
    /// Id of the transform before it.
    pub after: Option<String>,
    /// What was there before it; none for the first.
    pub before: Option<Vec<Made>>,
    /// What is there after it.
    pub events: Vec<Made>,
    /// It failed on this.
    pub failed: Option<(OnError, String)>,
}

/// An event after a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// It is dropped here, or was before.
    pub dropped: bool,
    /// As a config would have it.
    pub event: Map<String, Value>,
}

/// What a sink would do with it.
#[derive(Debug)]
pub struct Put {
    /// Id of the sink.
    pub sink: String,
    /// Its `type`.
    pub kind: &'static str,
    /// What becomes of each event that comes there; dropped ones do not.
    pub events: Vec<PutEvent>,
    /// Id of the transform that dropped some, or that it waits for.
    pub kept_back: Option<(KeptBack, String)>,
}

/// Why something does not come to a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptBack {
    /// A transform dropped it.
    Dropped,
    /// A transform failed, and it waits.
    Waits,
}

/// An event in a sink.
#[derive(Debug)]
pub struct PutEvent {
    /// Its label.
    pub label: String,
    /// Where, and why.
    pub place: Arc<Where>,
    /// The names there.
    pub names: Vec<(&'static str, String)>,
    /// What is written; several texts where it is too large for one.
    pub written: Vec<String>,
}

/// What changed, member by member; members of `fields` by themselves.
pub fn changes(before: &Made, after: &Made) -> Vec<(String, Option<Value>, Option<Value>)> {
    let (before, after) = (flat(&before.event), flat(&after.event));
    let gone = before.iter().filter(|(name, _)| !after.contains_key(*name));
    let gone = gone.map(|(name, value)| (name.clone(), Some(value.clone()), None));
    let other = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let other = other.map(|(name, value)| (name.clone(), before.get(name).cloned(), Some(value.clone())));
    gone.chain(other).collect()
}

fn flat(event: &Map<String, Value>) -> Map<String, Value> {
    let mut flat = Map::new();
    for (name, value) in event {
        match value {
            Value::Object(fields) if name == "fields" => {
                flat.extend(fields.iter().map(|(key, value)| (format!("fields.{key}"), value.clone())));
            }
            _ => drop(flat.insert(name.clone(), value.clone())),
        }
    }
    flat
}

/// What of a name was replaced so that the service takes it, in words.
pub fn replaced(part: &Part) -> Vec<String> {
    let (printed, name) = (&part.printed, &part.name);
    let what = match part.field {
        "group_name" => "CloudWatch allows A-Z a-z 0-9 . - _ / # in names of log groups",
        "stream_name" => "CloudWatch allows none in names of log streams",
        _ => {
            let short = name.len() < printed.len() && !name.ends_with(printed.as_str());
            let said = short.then(|| {
                if printed.contains("//") || printed.starts_with('/') || printed.ends_with('/') {
                    "empty parts between slashes were left out".to_owned()
                } else {
                    "cut to the longest that a key may be, with a hash of the whole at its end".to_owned()
                }
            });
            return said.into_iter().collect();
        }
    };
    let mut said = Vec::new();
    for (from, to) in printed.chars().zip(name.chars()).filter(|(from, to)| from != to && *to == '_') {
        let words = format!("`{from}` became `{to}` ({what})");
        if !said.contains(&words) {
            said.push(words);
        }
    }
    if name.chars().count() < printed.chars().count() {
        said.push("cut to the longest that a name may be, with a hash of the whole at its end".to_owned());
    }
    said
}

/// By its name in the config.
pub fn on_error(on_error: OnError) -> &'static str {
    match on_error {
        OnError::Pass => "pass",
        OnError::Drop => "drop",
        OnError::Halt => "halt",
        OnError::DeadLetter => "dead_letter",
    }
}

impl Account {
    /// As one JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.file.display().to_string(),
            "path": self.path,
            "source": self.source,
            "stream": self.says,
            "lines_asked": self.lines.asked.as_ref().map(lines),
            "lines_there": self.lines.there,
            "copied_by": self.copied.iter().map(|it| {
                let mut copied = json!({ "sink": it.sink, "type": it.kind, "legible": it.legible });
                add(&mut copied, place(&it.place, &it.names));
                copied
            }).collect::<Vec<_>>(),
            "readings": self.readings.iter().map(reading).collect::<Vec<_>>(),
        })
    }
}

/// First and last.
fn lines(lines: &Range<u64>) -> Value {
    json!([lines.start, lines.end - 1])
}

fn reading(reading: &Reading) -> Value {
    json!({
        "by": reading.by,
        "events": reading.passages.iter().map(passage).collect::<Vec<_>>(),
        "more_events": reading.more,
        "waits": reading.waits.iter().map(|(halt, line, sinks)| json!({
            "transform": halt.transform, "from_line": line, "error": halt.error, "sinks": sinks,
        })).collect::<Vec<_>>(),
    })
}

fn passage(passage: &Passage) -> Value {
    json!({
        "lines": lines(&passage.lines),
        "bytes": [passage.bytes.start, passage.bytes.end],
        "text": passage.text,
        "stages": passage.stages.iter().map(stage).collect::<Vec<_>>(),
        "sinks": passage.puts.iter().map(put).collect::<Vec<_>>(),
    })
}

fn stage(stage: &Stage) -> Value {
    let same_number = stage.before.as_ref().filter(|before| before.len() == stage.events.len());
    let events = stage.events.iter().enumerate().map(|(at, made)| match same_number {
        Some(before) => {
            let changes = changes(&before[at], made).into_iter();
            let changes = changes.map(|(name, from, to)| (name, json!({ "from": from, "to": to })));
            json!({ "dropped": made.dropped, "changes": changes.collect::<Map<_, _>>() })
        }
        None => json!({ "dropped": made.dropped, "event": made.event }),
    });
    json!({
        "transform": stage.transform.as_ref().map(|(id, _)| id),
        "component": stage.transform.as_ref().map(|(_, component)| component),
        "after": stage.after,
        "events": events.collect::<Vec<_>>(),
        "failed": stage.failed.as_ref().map(|(how, error)| json!({ "error": error, "on_error": on_error(*how) })),
    })
}

fn put(put: &Put) -> Value {
    let events = put.events.iter().map(|it| {
        let mut event = json!({ "label": it.label, "written": it.written });
        add(&mut event, place(&it.place, &it.names));
        event
    });
    let kept_back = |which: KeptBack| match &put.kept_back {
        Some((why, transform)) if *why == which => Some(transform),
        _ => None,
    };
    json!({
        "sink": put.sink,
        "type": put.kind,
        "events": events.collect::<Vec<_>>(),
        "dropped_by": kept_back(KeptBack::Dropped),
        "waits_for": kept_back(KeptBack::Waits),
    })
}

fn place(place: &Where, names: &[(&'static str, String)]) -> Value {
    let why = place.parts.iter().map(|part| {
        json!({
            "option": part.field,
            "template": part.template,
            "printed": part.printed,
            "name": part.name,
            "fell_back": part.fell_back.as_ref().map(ToString::to_string),
            "replaced": replaced(part),
        })
    });
    let (answer, error) = match &place.answer {
        Answer::NoRouter => (None, None),
        Answer::Standard => (Some("standard"), None),
        Answer::Changed(_) => (Some("changed"), None),
        Answer::NotHere => (Some("not_here"), None),
        Answer::Failed(error) => (Some("failed"), Some(error)),
    };
    let mut object = json!({
        "here": place.target.is_some(),
        "templates": why.collect::<Vec<_>>(),
        "route": answer.map(|answer| json!({ "id": place.router, "answer": answer, "error": error })),
    });
    add(&mut object, names.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect());
    object
}

fn add(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
