//! What the built-in component takes, as it is embedded: WebAssembly's own instructions, which wasmtime counts as fuel. The
//! same on every machine, and in every run. And whether it makes of lines what its code makes of them natively, where it
//! looks at bytes in another way.

use std::path::Path;

use updraft_guest::{Columns, Lines, LogStream, run_normalizer};
use updraft_guest_airflow::Airflow;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Store};

use crate::corpus::Corpus;
use crate::floor;

#[allow(missing_docs, clippy::pedantic)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit/v0.1",
        world: "plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use generated::exports::updraft::pipeline::{lifecycle, normalize};
use generated::updraft::pipeline::{host, types};

/// Nobody listens.
struct Host;

impl host::Host for Host {
    fn log(&mut self, _: u8, _: String) {}

    fn count(&mut self, _: String, _: u64) {}
}

/// A component, to be run.
pub struct Guest {
    store: Store<Host>,
    normalize: normalize::Guest,
}

impl Guest {
    /// From a file.
    pub fn load(component: &Path) -> Result<Self, String> {
        start(component).map_err(|error| format!("{}: {error:#}", component.display()))
    }

    /// Instructions for all lines of a corpus.
    pub fn normalize(&mut self, corpus: &Corpus) -> Result<u64, String> {
        let before = self.fuel()?;
        for path in corpus.paths() {
            let origin = floor::origin(&path)?;
            floor::lines(&corpus.logs.join(&path), |lines| Ok(used(&self.call(&origin, lines)?)))?;
        }
        Ok(before - self.fuel()?)
    }

    /// An error where it makes other events of lines than its code does natively: of all lines of a corpus, as they are
    /// and with some bytes that are others.
    pub fn agrees(&mut self, corpus: &Corpus) -> Result<(), String> {
        let mut chance = fastrand::Rng::with_seed(1);
        for path in corpus.paths() {
            let origin = floor::origin(&path)?;
            floor::lines(&corpus.logs.join(&path), |lines| {
                let as_they_are = self.agrees_on(&origin, lines)?;
                self.agrees_on(&origin, &torn(lines, &mut chance))?;
                Ok(used(&as_they_are))
            })?;
        }
        Ok(())
    }

    fn agrees_on(&mut self, origin: &LogStream, lines: &Lines) -> Result<Columns, String> {
        let (_, natively) = run_normalizer(&mut Airflow, origin, lines)?;
        let made = self.call(origin, lines)?;
        if made == natively {
            return Ok(made);
        }
        let file = std::env::temp_dir().join("updraft-lines-that-differ");
        std::fs::write(&file, lines.bytes()).map_err(|error| format!("{}: {error}", file.display()))?;
        Err(format!("the component makes other events than its code does natively, of {}", file.display()))
    }

    fn fuel(&self) -> Result<u64, String> {
        self.store.get_fuel().map_err(|error| error.to_string())
    }

    fn call(&mut self, origin: &LogStream, lines: &Lines) -> Result<Columns, String> {
        let add = |end: &mut u32, line: updraft_guest::Line<'_>| {
            *end += line.bytes().len() as u32;
            Some(*end)
        };
        let ends: Vec<u32> = lines.iter().scan(0, add).collect();
        let given = normalize::Lines { bytes: lines.bytes(), ends: &ends, last: lines.is_last() };
        let answer = self.normalize.call_process(&mut self.store, who(origin), given);
        let events = answer.map_err(|error| format!("{error:#}"))??.events;
        Ok(Columns {
            arena: events.arena,
            timestamps: events.timestamps,
            severities: events.severities,
            source_ends: events.source_ends,
            raw_starts: events.raw_starts,
            raw_ends: events.raw_ends,
            message_starts: events.message_starts,
            message_ends: events.message_ends,
            labels: events.labels,
            label_names: events.label_names,
            attribute_events: events.attribute_events,
            attribute_keys: events.attribute_keys,
            key_names: events.key_names,
            attribute_starts: events.attribute_starts,
            attribute_ends: events.attribute_ends,
            attribute_json: events.attribute_json,
        })
    }
}

/// How many bytes of its lines a batch used.
fn used(columns: &Columns) -> usize {
    columns.source_ends.last().copied().unwrap_or(0) as usize
}

/// The same lines, in each of which some bytes are others.
fn torn(lines: &Lines, chance: &mut fastrand::Rng) -> Lines {
    const OTHERS: &[u8] = b"\"\\{}[]:, \0\x1f\xc3\xa9\xff\t0-9eEu+.TZaz";
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for line in lines {
        let start = bytes.len();
        bytes.extend_from_slice(line.bytes());
        let text = start..bytes.len() - usize::from(line.has_break());
        for _ in 0..chance.usize(0..4) {
            if !text.is_empty() {
                bytes[chance.usize(text.clone())] = OTHERS[chance.usize(0..OTHERS.len())];
            }
        }
        ends.push(bytes.len() as u32);
    }
    Lines::new(bytes, ends, lines.is_last())
}

fn start(component: &Path) -> wasmtime::Result<Guest> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let engine = Engine::new(&config)?;
    let component = Component::from_file(&engine, component)?;
    let mut linker = Linker::new(&engine);
    host::add_to_linker::<Host, HasSelf<Host>>(&mut linker, |host| host)?;
    // Of WASI it imports what Rust's library brings along, and calls none of it.
    linker.define_unknown_imports_as_traps(&component)?;
    let ready = linker.instantiate_pre(&component)?;
    let mut store = Store::new(&engine, Host);
    store.set_fuel(u64::MAX)?;
    let instance = ready.instantiate(&mut store)?;
    let lifecycle = lifecycle::GuestIndices::new(&ready)?.load(&mut store, &instance)?;
    let normalize = normalize::GuestIndices::new(&ready)?.load(&mut store, &instance)?;
    let configured = lifecycle.call_configure(&mut store, "{}")?;
    configured.map_err(wasmtime::Error::msg)?;
    Ok(Guest { store, normalize })
}

fn who(origin: &LogStream) -> types::LogStream<'_> {
    types::LogStream {
        source: &origin.source,
        path: &origin.path,
        host: &origin.host,
        kind: types::StreamKind::Task,
        task: origin.task.as_ref().map(|task| types::TaskTry {
            dag_id: &task.dag_id,
            run_id: &task.run_id,
            task_id: &task.task_id,
            map_index: task.map_index,
            try_number: task.try_number,
        }),
        deployment: types::Deployment { cluster_id: None, workspace_id: None, deployment_id: None },
    }
}
