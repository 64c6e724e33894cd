//! Tests of a pipeline: files that are there, and what is to come of them at some place of it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::source::discover::{Discovery, Refusal};

use super::check::Check;
use super::error::suggest;
use super::parse::{item, member};
use super::{Config, SinkKind, Source, raw};

/// Members of an expected event, wherever it is.
const MEMBERS: [&str; 14] = [
    "timestamp",
    "level",
    "message",
    "logger",
    "source",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
    "kind",
    "exception",
    "fields",
    "label",
];
/// …and those that need not be among them.
const BYTES: &str = "raw";
const WRITTEN: &str = "written";

/// A test of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What it shows.
    pub name: String,
    /// Files that are there.
    pub inputs: Vec<TestInput>,
    /// What is to come of them.
    pub outputs: Vec<TestOutput>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct TestInput {
    /// Index into [`Config::sources`].
    pub source: usize,
    /// Below the log folder.
    pub path: String,
    /// What is in it.
    pub content: TestContent,
}

/// What is in a file that is there.
#[derive(Debug, Clone, PartialEq)]
pub enum TestContent {
    /// This.
    Text(String),
    /// What is in that one; perhaps it is not there.
    File(PathBuf),
}

/// What is to come at one place of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct TestOutput {
    /// The place.
    pub from: Place,
    /// Its name.
    pub id: String,
    /// The events there; none: nobody has said.
    pub events: Option<Vec<Map<String, Value>>>,
}

/// A place of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Behind a transform: an index into [`Config::transforms`].
    Transform(usize),
    /// In a sink: an index into [`Config::sinks`].
    Sink(usize),
}

impl Check<'_> {
    /// Checks the tests against the pipeline that they are of.
    pub(super) fn tests(&mut self, tests: Vec<Value>, config: &mut Config) {
        for (index, value) in tests.into_iter().enumerate() {
            let field = item("tests", index);
            let Some(raw) = self.section::<raw::Test>(value, &field) else { continue };
            let inputs = self.each(raw.inputs, &member(&field, "inputs"), |check, value, field| {
                check.input(value, field, config)
            });
            let outputs = self.each(raw.outputs, &member(&field, "outputs"), |check, value, field| {
                check.output(value, field, config)
            });
            config.tests.push(Test { name: raw.name, inputs, outputs });
        }
    }

    /// Each of a list, which must not be empty.
    fn each<T>(
        &mut self,
        values: Vec<Value>,
        field: &str,
        check: impl Fn(&mut Self, Value, &str) -> Option<T>,
    ) -> Vec<T> {
        if values.is_empty() && !self.report.has(field) {
            self.report.add(field, "there is none: a test has at least one");
        }
        let values = values.into_iter().enumerate();
        values.filter_map(|(index, value)| check(self, value, &item(field, index))).collect()
    }

    fn input(&mut self, value: Value, field: &str, config: &Config) -> Option<TestInput> {
        let raw: raw::Input = self.section(value, field)?;
        let content = match (raw.lines, raw.file) {
            (Some(lines), None) => self.lines(lines, &member(field, "lines")),
            (None, Some(file)) => Some(TestContent::File(self.folder.join(file))),
            _ => {
                self.report.add(field, "either `lines` or `file` says what is in it");
                None
            }
        };
        let source = self.source_of(raw.source.as_deref(), field, config)?;
        if raw.path.is_empty() || raw.path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let what = format!("`{}` is no path below the log folder", raw.path);
            self.report.add_with_help(&member(field, "path"), what, "write it as dag_id=…/…/attempt=1.log");
            return None;
        }
        let read = &config.sources[source];
        if let Some(why) = refusal(read, &raw.path) {
            let what = format!("source `{}` does not read such a file: {why}", read.id);
            self.report.add(&member(field, "path"), what);
        }
        Some(TestInput { source, path: raw.path, content: content? })
    }

    fn lines(&mut self, lines: Value, field: &str) -> Option<TestContent> {
        let text = match lines {
            Value::String(text) => Some(text),
            Value::Array(lines) => {
                lines.iter().map(|line| Some(format!("{}\n", line.as_str()?))).collect::<Option<String>>()
            }
            _ => None,
        };
        if text.is_none() {
            let help = "put quotes around what looks like a number or a mapping";
            self.report.add_with_help(field, "expected a list of texts, or one text", help);
        }
        text.map(TestContent::Text)
    }

    fn source_of(&mut self, named: Option<&str>, field: &str, config: &Config) -> Option<usize> {
        let own = || config.sources.iter().enumerate().filter(|(_, source)| !source.dead_letters);
        let Some(named) = named else {
            let only = own().count() == 1;
            if !only {
                let known: Vec<_> = own().map(|(_, source)| &*source.id).collect();
                let help = format!("one of: {}", known.join(", "));
                self.report.add_with_help(field, "`source` is missing: there are several", help);
            }
            return own().next().map(|(index, _)| index).filter(|_| only);
        };
        let found = own().find(|(_, source)| source.id == named).map(|(index, _)| index);
        if found.is_none() {
            let help = suggest(named, own().map(|(_, source)| &*source.id));
            self.report.add_with_help(
                &member(field, "source"),
                format!("there is no source `{named}`"),
                help,
            );
        }
        found
    }

    fn output(&mut self, value: Value, field: &str, config: &Config) -> Option<TestOutput> {
        let raw: raw::Output = self.section(value, field)?;
        let (at, id) = (member(field, "extract_from"), raw.extract_from);
        let transform = config.transforms.iter().position(|it| it.id == id);
        let sink = config.sinks.iter().position(|it| it.id == id);
        let from = match (transform, sink) {
            (Some(index), None) => Place::Transform(index),
            (None, Some(index)) => Place::Sink(index),
            (Some(_), Some(_)) => {
                let what = format!("both a transform and a sink are named `{id}`");
                self.report.add_with_help(&at, what, "give one of them another name");
                return None;
            }
            (None, None) => {
                let ids = config.transforms.iter().map(|it| &*it.id);
                let known = ids.chain(config.sinks.iter().map(|it| &*it.id));
                let help = suggest(&id, known);
                self.report.add_with_help(&at, format!("there is no transform or sink `{id}`"), help);
                return None;
            }
        };
        let members = members(from, config);
        let field = member(field, "events");
        let events = raw.events.map(|events| {
            let events = events.into_iter().enumerate();
            events.filter_map(|(index, event)| self.event(event, &item(&field, index), &members)).collect()
        });
        Some(TestOutput { from, id, events })
    }

    fn event(&mut self, event: Value, field: &str, members: &[&str]) -> Option<Map<String, Value>> {
        let Value::Object(event) = event else {
            self.report.add(field, "expected a mapping: what of the event is to be compared");
            return None;
        };
        for key in event.keys().filter(|key| !members.contains(&key.as_str())) {
            let help = suggest(key, members.iter().copied());
            let what = format!("an event has no `{key}` here");
            self.report.add_with_help(&member(field, key), what, help);
        }
        Some(event)
    }
}

/// What an expected event may say at a place.
fn members(from: Place, config: &Config) -> Vec<&'static str> {
    let mut members = MEMBERS.to_vec();
    members.push(BYTES);
    if let Place::Sink(index) = from {
        let kind = &config.sinks[index].kind;
        match kind {
            SinkKind::CloudWatch(_) => members.extend(["group", "stream"]),
            _ if kind.layout().is_some() => members.push("key"),
            _ => {}
        }
        members.push(WRITTEN);
    }
    members
}

/// Why a source does not read a file of this path below its folder; none: it does.
pub fn refusal(source: &Source, path: &str) -> Option<String> {
    // A pattern that is none is reported where it stands.
    let discovery = Discovery::new(Path::new(""), &source.include, &source.exclude).ok()?;
    Some(match discovery.refuses(path)? {
        Refusal::Excluded(index) => {
            format!("`{}` in its `exclude`", source.exclude.get(index).map_or("", |pattern| pattern))
        }
        Refusal::NotIncluded => format!("no pattern of its `include` ({})", source.include.join(", ")),
        Refusal::Ours => "it lies in Updraft's own folder".to_owned(),
    })
}
