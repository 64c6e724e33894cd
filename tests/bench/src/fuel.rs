//! What the built-in component takes, as it is embedded: WebAssembly's own instructions, which wasmtime counts as fuel. The
//! same on every machine, and in every run.

use std::path::Path;

use updraft_guest::{Lines, LogStream};
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
            floor::lines(&corpus.logs.join(&path), |lines| self.call(&origin, lines))?;
        }
        Ok(before - self.fuel()?)
    }

    fn fuel(&self) -> Result<u64, String> {
        self.store.get_fuel().map_err(|error| error.to_string())
    }

    /// How many bytes of them it used.
    fn call(&mut self, origin: &LogStream, lines: &Lines) -> Result<usize, String> {
        let add = |end: &mut u32, line: updraft_guest::Line<'_>| {
            *end += line.bytes().len() as u32;
            Some(*end)
        };
        let ends: Vec<u32> = lines.iter().scan(0, add).collect();
        let given = normalize::Lines { bytes: lines.bytes(), ends: &ends, last: lines.is_last() };
        let answer = self.normalize.call_process(&mut self.store, who(origin), given);
        let made = answer.map_err(|error| format!("{error:#}"))??;
        Ok(made.events.source_ends.last().copied().unwrap_or(0) as usize)
    }
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
