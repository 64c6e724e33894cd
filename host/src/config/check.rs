//! From the raw shape of a config file to the checked types: what serde cannot know.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::event::Deployment;
use crate::source::discover;
use crate::source::identify::PathPattern;

use super::error::{Error, Problem, Report, suggest};
use super::graph::{self, Node};
use super::interpolate::interpolate;
use super::parse::{Document, Format, item, member, parse};
use super::section::section;
use super::values::{seconds, within};
use super::{Branch, Codec, Config, Env, ReadFrom, Receipts, Sink, SinkKind, Source, defaults, raw};

/// Quiet before an event is taken as whole, in milliseconds: a minute.
const MAX_JOIN_MS: u64 = 60_000;
/// How long receipts are kept at most: ten years, in days.
const MAX_KEEP_DAYS: f64 = 3653.0;
/// Looking through a folder more often than that is all it would do.
const LEAST_RESCAN: Duration = Duration::from_millis(100);

/// Text of a config file → checked config. `folder` is what relative paths are relative to.
pub(super) fn config(
    text: &str,
    format: Format,
    name: &str,
    folder: &Path,
    env: &Env,
) -> Result<Config, Error> {
    let Document { mut value, lines } = parse(text, format, name)?;
    let mut report = Report::new(name, lines);
    if value.is_null() {
        value = Value::Object(Map::new());
    }
    if !value.is_object() {
        return Err(Error {
            problems: vec![Problem::of_file(name, Some(1), "a config is a mapping with sources and sinks")],
        });
    }
    let as_written =
        ["transforms", "routes"].map(|kind| (kind, value.get(kind).cloned().unwrap_or_default()));
    let as_written = HashMap::from(as_written);
    // What stands in a test is meant as it stands.
    let tests = value.as_object_mut().and_then(|root| root.shift_remove("tests"));
    let from_variables = interpolate(&mut value, env, &mut report);
    if let (Some(root), Some(tests)) = (value.as_object_mut(), tests) {
        root.insert("tests".to_owned(), tests);
    }
    let root: Option<raw::Root> = section(value, "", &from_variables, &mut report);
    let dead_letters = BTreeMap::new();
    let mut check = Check { folder, env, as_written, from_variables, report, dead_letters };
    let config = root.and_then(|root| check.root(root));
    let (mut config, warnings) = check.report.finish(config)?;
    config.warnings = warnings;
    defaults::settle_templates(&mut config, env);
    Ok(config)
}

/// What every check needs at hand.
pub(super) struct Check<'a> {
    pub(super) folder: &'a Path,
    pub(super) env: &'a Env,
    /// Transforms and routes, with variables not replaced.
    pub(super) as_written: HashMap<&'static str, Value>,
    pub(super) from_variables: HashSet<String>,
    pub(super) report: Report,
    /// Names of sinks that others send their dead letters to, with where they are named.
    pub(super) dead_letters: BTreeMap<String, Vec<String>>,
}

impl Check<'_> {
    fn root(&mut self, root: raw::Root) -> Option<Config> {
        for (kind, ids) in [
            ("sources", &root.sources),
            ("transforms", &root.transforms),
            ("routes", &root.routes),
            ("sinks", &root.sinks),
        ] {
            let taken = match kind {
                "transforms" => Some(("a source", &root.sources)),
                // Both are components, and counted by their names.
                "routes" => Some(("a transform", &root.transforms)),
                _ => None,
            };
            self.check_ids(kind, ids, taken);
        }
        if root.sources.is_empty() && !self.report.has("sources") {
            self.report.add("sources", "there is no source");
        }
        if root.sinks.is_empty() && !self.report.has("sinks") {
            self.report.add("sinks", "there is no sink: nothing would go anywhere");
        }

        self.dead_letters = dead_letters(&root);
        let source_ids: Vec<String> = root.sources.keys().cloned().collect();
        let mut sources: Vec<_> =
            root.sources.into_iter().filter_map(|(id, value)| self.source(id, value)).collect();
        let (transform_nodes, transforms): (Vec<_>, Vec<_>) =
            root.transforms.into_iter().map(|(id, value)| self.transform(id, value)).unzip();
        let (route_ids, routes): (Vec<_>, Vec<_>) =
            root.routes.into_iter().map(|(id, value)| self.route(id, value)).unzip();
        let (mut sink_nodes, mut kinds, mut used_routes) = (Vec::new(), Vec::new(), Vec::new());
        for (id, value) in root.sinks {
            let (node, kind, route) = self.sink(id, value);
            used_routes.push(route.and_then(|route| self.find_route(&route, &node.field, &route_ids)));
            sink_nodes.push(node);
            kinds.push(kind);
        }
        let branches = graph::branches(&source_ids, &transform_nodes, &sink_nodes, &mut self.report);

        let used = |of: &dyn Fn(&super::Branch) -> bool| branches.iter().flatten().any(of);
        for (index, id) in source_ids.iter().enumerate() {
            if !used(&|branch| branch.source == index) {
                self.report.warnings.push(format!("source `{id}` leads to no sink"));
            }
        }
        for (index, node) in transform_nodes.iter().enumerate() {
            if !used(&|branch| branch.transforms.contains(&index)) {
                self.report.warnings.push(format!("transform `{}` leads to no sink", node.id));
            }
        }

        for (index, id) in route_ids.iter().enumerate() {
            if !used_routes.contains(&Some(index)) {
                self.report.warnings.push(format!("route `{id}` is used by no sink (`route: {id}`)"));
            }
        }

        let data_dir = root.data_dir.map(|path| self.folder.join(path));
        let data_dir =
            data_dir.or_else(|| Some(defaults::data_dir(&sources.first()?.base_log_folder, self.env)))?;
        for source in &mut sources {
            self.keep_apart(source, &data_dir, sink_nodes.iter().zip(&kinds));
        }
        self.keep_out(&data_dir, sink_nodes.iter().zip(&kinds));
        self.dead_letters_have_takers(sink_nodes.iter().zip(&kinds));
        let sinks = sink_nodes.into_iter().zip(kinds).zip(used_routes).zip(branches);
        let mut sinks: Vec<_> = sinks
            .filter_map(|(((node, kind), route), branches)| {
                Some(Sink { id: node.id, branches, route, kind: kind? })
            })
            .collect();
        self.records_are_whole(&sinks);
        self.bring_dead_letters(&data_dir, &mut sources, &mut sinks);
        let mut config = Config {
            data_dir,
            host: defaults::host(),
            deployment: self.deployment(root.deployment),
            receipts: self.receipts(&root.receipts),
            sources,
            transforms: transforms.into_iter().flatten().collect(),
            routes: routes.into_iter().flatten().collect(),
            sinks,
            env: Env::new(),
            tests: Vec::new(),
            warnings: Vec::new(),
        };
        // What a test speaks of may be missing because it is wrong itself.
        if self.report.is_clean() {
            self.tests(root.tests, &mut config);
        }
        Some(config)
    }

    /// The place of the route that a sink names.
    fn find_route(&mut self, route: &str, sink: &str, routes: &[String]) -> Option<usize> {
        let found = routes.iter().position(|id| id == route);
        if found.is_none() {
            let help = suggest(route, routes.iter().map(String::as_str));
            self.report.add_with_help(&member(sink, "route"), format!("there is no route `{route}`"), help);
        }
        found
    }

    fn receipts(&mut self, raw: &raw::Receipts) -> Receipts {
        within(raw.keep_days, 0.0, MAX_KEEP_DAYS, "receipts.keep_days", &mut self.report);
        defaults::receipts(raw)
    }

    /// Each `dead_letter` names a sink that takes them, be its inputs right or wrong.
    fn dead_letters_have_takers<'s>(
        &mut self,
        sinks: impl Iterator<Item = (&'s Node, &'s Option<SinkKind>)>,
    ) {
        let takes = |kind: &Option<SinkKind>| kind.as_ref().is_none_or(|kind| kind.layout().is_some());
        let known: Vec<&str> = sinks.filter(|(_, kind)| takes(kind)).map(|(node, _)| &*node.id).collect();
        for (id, fields) in self.dead_letters.iter().filter(|(id, _)| !known.contains(&id.as_str())) {
            let help = suggest(id, known.iter().copied());
            for field in fields {
                let what = format!("there is no sink `{id}` of type aws_s3 or file");
                self.report.add_with_help(field, what, &help);
            }
        }
    }

    /// Airflow's UI shows an event as a record of its own, with a time before it.
    fn records_are_whole(&mut self, sinks: &[Sink]) {
        for sink in sinks {
            let SinkKind::CloudWatch(options) = &sink.kind else { continue };
            let lines = sink.branches.iter().any(|branch| branch.transforms.is_empty());
            if options.codec == Codec::Airflow && lines {
                self.report.add_with_help(
                    &member(&member("sinks", &sink.id), "inputs"),
                    "a source gives lines, and a record of Airflow's may have several",
                    "name a transform that puts them together (component: builtin:airflow)",
                );
            }
        }
    }

    /// Dead letters wait in the data dir, as files: a sink that takes them has one more way, from there.
    fn bring_dead_letters(&mut self, data_dir: &Path, sources: &mut Vec<Source>, sinks: &mut [Sink]) {
        for id in std::mem::take(&mut self.dead_letters).into_keys() {
            let takes = |sink: &&mut Sink| sink.id == id && sink.kind.layout().is_some();
            if let Some(sink) = sinks.iter_mut().find(takes) {
                sink.branches.push(Branch { source: sources.len(), transforms: Vec::new() });
                sources.push(defaults::dead_letters(data_dir, &id));
            }
        }
    }

    fn deployment(&self, given: raw::Deployment) -> Deployment {
        let default = defaults::deployment(self.env);
        Deployment {
            cluster_id: given.cluster_id.or(default.cluster_id),
            workspace_id: given.workspace_id.or(default.workspace_id),
            deployment_id: given.deployment_id.or(default.deployment_id),
        }
    }

    /// An id goes into paths and messages; and `inputs` must know which of two is meant.
    fn check_ids(
        &mut self,
        kind: &str,
        ids: &Map<String, Value>,
        taken: Option<(&str, &Map<String, Value>)>,
    ) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        for id in ids.keys() {
            let field = member(kind, id);
            if id.is_empty() || !id.chars().all(allowed) {
                self.report
                    .add(&field, format!("the name `{id}` may have letters, digits, `_` and `-` only"));
            }
            if let Some((what, _)) = taken.filter(|(_, taken)| taken.contains_key(id)) {
                self.report.add(&field, format!("{what} is named `{id}` too"));
            }
        }
    }

    /// What the section says under `type`, which is taken out.
    pub(super) fn kind(
        &mut self,
        value: &mut Value,
        field: &str,
        known: &[&'static str],
    ) -> Option<&'static str> {
        let Some(map) = value.as_object_mut() else {
            self.report.add(field, "expected a mapping");
            return None;
        };
        let kind = map.shift_remove("type");
        let Some(Value::String(kind)) = kind else {
            self.report.add_with_help(field, "`type` is missing", format!("known: {}", known.join(", ")));
            return None;
        };
        let found = known.iter().find(|name| **name == kind).copied();
        if found.is_none() {
            let help = suggest(&kind, known.iter().copied());
            self.report.add_with_help(&member(field, "type"), format!("unknown type `{kind}`"), help);
        }
        found
    }

    /// The section at `field`, as its raw type.
    pub(super) fn section<T: serde::de::DeserializeOwned>(&mut self, value: Value, field: &str) -> Option<T> {
        section(value, field, &self.from_variables, &mut self.report)
    }

    /// What a section takes; nothing is a mistake.
    pub(super) fn inputs(&mut self, inputs: Vec<String>, field: &str) -> Vec<String> {
        if inputs.is_empty() {
            self.report.add(&member(field, "inputs"), "there is no input: name a source or transform");
        }
        inputs
    }

    fn source(&mut self, id: String, mut value: Value) -> Option<Source> {
        let field = member("sources", &id);
        self.kind(&mut value, &field, &["airflow"])?;
        let raw: raw::Airflow = self.section(value, &field)?;
        let folder = raw.base_log_folder.map(|path| self.folder.join(path));
        // The system reports what happens in it by the name that it is watched by.
        let folder =
            folder.or_else(|| defaults::base_log_folder(self.env)).map(|path| defaults::absolute(&path));
        if folder.is_none() {
            let help = format!(
                "set base_log_folder here, or {} or {}",
                defaults::BASE_LOG_FOLDER,
                defaults::AIRFLOW_HOME
            );
            self.report.add_with_help(&field, defaults::NO_LOG_FOLDER, help);
        }
        for (name, patterns) in [("include", &raw.include), ("exclude", &raw.exclude)] {
            for (index, pattern) in patterns.iter().enumerate() {
                let at = item(&member(&field, name), index);
                self.report.take(&at, discover::glob(pattern));
            }
        }
        let mut path_patterns = Vec::new();
        for (index, pattern) in raw.path_patterns.iter().enumerate() {
            let at = item(&member(&field, "path_patterns"), index);
            path_patterns.extend(self.report.take(&at, PathPattern::parse(pattern)));
        }
        let report = &mut self.report;
        let join_ms = within(raw.join_ms, 0, MAX_JOIN_MS, &member(&field, "join_ms"), report);
        let partial_line =
            seconds(raw.partial_line_secs, Duration::ZERO, &member(&field, "partial_line_secs"), report);
        let rescan = seconds(raw.rescan_secs, LEAST_RESCAN, &member(&field, "rescan_secs"), report);
        Some(Source {
            id,
            base_log_folder: folder?,
            include: raw.include,
            exclude: raw.exclude,
            path_patterns,
            read_from: match raw.read_from {
                raw::ReadFrom::Beginning => ReadFrom::Beginning,
                raw::ReadFrom::End => ReadFrom::End,
            },
            join: Duration::from_millis(join_ms),
            partial_line,
            rescan,
            watch: raw.watch,
            dead_letters: false,
        })
    }

    /// What we write must not be read as logs.
    fn keep_apart<'s>(
        &mut self,
        source: &mut Source,
        data_dir: &Path,
        sinks: impl Iterator<Item = (&'s Node, &'s Option<SinkKind>)>,
    ) {
        if !defaults::exclude_data_dir(source, data_dir) {
            self.report.add("data_dir", format!("is the log folder of source `{}` itself", source.id));
        }
        let logs = defaults::absolute(&source.base_log_folder);
        for (node, kind) in sinks {
            if let Some(SinkKind::File(file)) = kind
                && defaults::absolute(&file.path).starts_with(&logs)
            {
                let what = format!(
                    "lies in the log folder of source `{}`: what is written would be read again",
                    source.id
                );
                self.report.add(&member(&node.field, "path"), what);
            }
        }
    }

    /// The data dir is ours: dead letters wait in it, as files that are read and deleted.
    fn keep_out<'s>(
        &mut self,
        data_dir: &Path,
        sinks: impl Iterator<Item = (&'s Node, &'s Option<SinkKind>)>,
    ) {
        for (node, kind) in sinks {
            if let Some(SinkKind::File(file)) = kind
                && defaults::absolute(&file.path).starts_with(defaults::absolute(data_dir))
                && !self.report.has(&member(&node.field, "path"))
            {
                let what = format!("lies in the data dir {}", data_dir.display());
                self.report.add_with_help(&member(&node.field, "path"), what, "name a folder elsewhere");
            }
        }
    }
}

/// Names of sinks behind `dead_letter`, with the fields that name them. Looked for in what was not checked yet, since
/// the sinks that are named have to know.
fn dead_letters(root: &raw::Root) -> BTreeMap<String, Vec<String>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (kind, sections) in [("transforms", &root.transforms), ("sinks", &root.sinks)] {
        for (id, section) in sections {
            if let Some(sink) = section.get("dead_letter").and_then(Value::as_str) {
                let field = member(&member(kind, id), "dead_letter");
                named.entry(sink.to_owned()).or_default().push(field);
            }
        }
    }
    named
}
