//! Where a sink puts an event, and why: its templates, the rules of its service, its router.

use super::Rehearsal;
use crate::config::{Layout, Sink, SinkKind};
use crate::event::{DEFAULT_LABEL, Origin};
use crate::route::naming::Answer;
use crate::route::partition::Folder;
use crate::route::standard::{Any, Part};
use crate::route::template::Names;
use crate::route::{Question, Target, object_key};
use crate::sink::{generation, objects::on_disk};
use std::collections::HashMap;
use std::sync::Arc;

/// Where the events of one label go in a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// What the sink's own templates say, option by option.
    pub parts: Vec<Part>,
    /// What its router says.
    pub answer: Answer,
    /// Id of the router.
    pub router: Option<String>,
    /// Where they go in the end; none: not to this sink.
    pub target: Option<Target>,
    /// One name serves all labels, so it is that of the default one.
    pub for_all_labels: bool,
}

/// The names that a sink gives to the events of one file.
pub struct Places<'r> {
    sink: &'r Sink,
    rehearsal: &'r Rehearsal<'r>,
    origin: Arc<Origin>,
    known: HashMap<String, Arc<Where>>,
}

impl<'r> Places<'r> {
    /// None asked for yet.
    pub fn new(rehearsal: &'r Rehearsal<'r>, sink: &'r Sink, origin: Arc<Origin>) -> Self {
        Self { sink, rehearsal, origin, known: HashMap::new() }
    }

    /// Where events of a label go. Blocks; on a thread that may call guests.
    pub fn of(&mut self, label: &str) -> Arc<Where> {
        if let Some(known) = self.known.get(label) {
            return known.clone();
        }
        let place = Arc::new(self.decide(label));
        self.known.insert(label.to_owned(), place.clone());
        place
    }

    fn decide(&self, label: &str) -> Where {
        let place = self.ask(label);
        // A mirror has one object for all labels, named by that which nearly all events have; what of it is not to go there
        // is asked for each.
        let for_all_labels = matches!(self.sink.kind.layout(), Some(Layout::Mirror(_)));
        if !for_all_labels || label == DEFAULT_LABEL || place.target.is_none() {
            return Where { for_all_labels, ..place };
        }
        let named = self.ask(DEFAULT_LABEL);
        let (own, _) = self.own(DEFAULT_LABEL);
        Where { target: Some(named.target.unwrap_or(own)), for_all_labels, ..named }
    }

    fn ask(&self, label: &str) -> Where {
        let (standard, parts) = self.own(label);
        let router = self.sink.route.and_then(|at| self.rehearsal.routers.get(at));
        let question = Question {
            label: label.to_owned(),
            sink: self.sink.id.clone(),
            kind: self.sink.kind.as_str(),
            standard: standard.clone(),
            rules: Any::of(&self.sink.kind).rules(),
        };
        let answer = Answer::of(router.map(|router| &**router), &self.origin, &question);
        let target = answer.target(&standard).cloned();
        let router = router.map(|router| router.id().to_owned());
        Where { parts, answer, router, target, for_all_labels: false }
    }

    fn own(&self, label: &str) -> (Target, Vec<Part>) {
        let names = Names { origin: &self.origin, label, env: &self.rehearsal.config.env };
        Any::of(&self.sink.kind).name(&names)
    }
}

/// The names under which an event of that time is found in a sink: `group` and `stream`, or `key`; none where a sink has no
/// names.
pub fn names(sink: &SinkKind, target: &Target, timestamp: i64) -> Vec<(&'static str, String)> {
    let key = match target {
        Target::LogStream(name) => return vec![("group", name.group.clone()), ("stream", name.name.clone())],
        Target::Object(key) => key,
    };
    let prefix = match sink {
        SinkKind::S3(options) => options.key_prefix.as_str(),
        _ => "",
    };
    match sink.layout() {
        Some(Layout::Mirror(_)) => {
            let key = object_key(prefix, key);
            vec![("key", if matches!(sink, SinkKind::File(_)) { generation::file_name(&key) } else { key })]
        }
        // The rest of the name is made when the object is done.
        Some(Layout::Batch(_)) => {
            let folder = Folder::of_written(key).map(|folder| folder.at(timestamp));
            let folder = folder.unwrap_or_else(|_| key.clone());
            let key = match sink {
                SinkKind::File(_) => generation::file_name(&object_key("", &on_disk(&folder))),
                _ => object_key(prefix, &folder),
            };
            vec![("key", format!("{key}/"))]
        }
        None => Vec::new(),
    }
}
