//! The border: WIT types in, our own types out. The only file that names what `bindgen!` makes.

use super::limits::State;
use crate::event::{Events, Origin, StreamKind};
use crate::route::{LogStreamName, Question, Target};
use wasmtime::component::{HasSelf, InstancePre, Linker, Resource};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::io::poll as async_poll;
use wasmtime_wasi::p2::bindings::sync::io::poll;

#[allow(missing_docs, clippy::pedantic)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/v0.1",
        world: "plugin",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

use generated::exports::updraft::pipeline::{lifecycle, normalize, route, transform};
use generated::updraft::pipeline::{host, types};

impl host::Host for State {
    fn log(&mut self, severity: u8, message: String) {
        self.voice.say(severity, &message);
    }

    fn count(&mut self, name: String, by: u64) {
        self.voice.count(&name, by);
    }
}

/// WASI's own, but with no wait longer than the guest's time. Nothing else of WASI blocks as it is given here:
/// stdin is empty, stdout and stderr take all at once, files and sockets there are none.
impl poll::Host for State {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.wait(async |resources| async_poll::Host::poll(resources, pollables).await)
    }
}

impl poll::HostPollable for State {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.resources(), pollable)
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.wait(async |resources| async_poll::HostPollable::block(resources, pollable).await)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.resources(), pollable)
    }
}

/// Gives components what they may import: `host`, and WASI with nothing in it.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_sync(linker)?;
    linker.allow_shadowing(true);
    poll::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    host::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

/// What a component exports, looked up once.
pub struct Exports {
    lifecycle: lifecycle::GuestIndices,
    normalize: Option<normalize::GuestIndices>,
    transform: Option<transform::GuestIndices>,
    route: Option<route::GuestIndices>,
}

impl Exports {
    /// Looks at what a component exports; fails where it is no component of ours at all.
    pub fn of(component: &InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(component)?,
            normalize: normalize::GuestIndices::new(component).ok(),
            transform: transform::GuestIndices::new(component).ok(),
            route: route::GuestIndices::new(component).ok(),
        })
    }

    /// It turns lines into events.
    pub fn normalizes(&self) -> bool {
        self.normalize.is_some()
    }

    /// It changes events.
    pub fn transforms(&self) -> bool {
        self.transform.is_some()
    }

    /// It names log streams and objects.
    pub fn routes(&self) -> bool {
        self.route.is_some()
    }

    /// The functions of one instance.
    pub fn load(
        &self,
        mut store: impl wasmtime::AsContextMut<Data = State>,
        instance: &wasmtime::component::Instance,
    ) -> wasmtime::Result<Calls> {
        Ok(Calls {
            lifecycle: self.lifecycle.load(&mut store, instance)?,
            normalize: self.normalize.as_ref().map(|it| it.load(&mut store, instance)).transpose()?,
            transform: self.transform.as_ref().map(|it| it.load(&mut store, instance)).transpose()?,
            route: self.route.as_ref().map(|it| it.load(&mut store, instance)).transpose()?,
        })
    }
}

/// The functions of one instance.
pub struct Calls {
    lifecycle: lifecycle::Guest,
    normalize: Option<normalize::Guest>,
    transform: Option<transform::Guest>,
    route: Option<route::Guest>,
}

/// Outer error: the call trapped. Inner: the guest said no.
pub type Answer<T> = wasmtime::Result<Result<T, String>>;

impl Calls {
    /// `lifecycle.configure`
    pub fn configure(&self, store: impl wasmtime::AsContextMut<Data = State>, json: &str) -> Answer<()> {
        self.lifecycle.call_configure(store, json)
    }

    /// `normalize.process`: how many lines it consumed, and what became of them.
    pub fn normalize(
        &self,
        store: impl wasmtime::AsContextMut<Data = State>,
        origin: &Origin,
        bytes: &[u8],
        ends: &[u32],
        last: bool,
    ) -> Answer<(u32, Events)> {
        let Some(normalize) = &self.normalize else {
            return Ok(Err("the component does not export normalize".into()));
        };
        let lines = normalize::Lines { bytes, ends, last };
        let answer = normalize.call_process(store, origin_param(origin), lines)?;
        Ok(answer.map(|it| (it.consumed, events_result(it.events))))
    }

    /// `transform.process`: the events as they are now; their arena holds only what this stage adds.
    pub fn transform(
        &self,
        store: impl wasmtime::AsContextMut<Data = State>,
        origin: &Origin,
        bytes: &[u8],
        events: &Events,
    ) -> Answer<Events> {
        let Some(transform) = &self.transform else {
            return Ok(Err("the component does not export transform".into()));
        };
        let names: Vec<&str> = events.label_names.iter().map(String::as_str).collect();
        let keys: Vec<&str> = events.key_names.iter().map(String::as_str).collect();
        let columns = transform::EventsParam {
            arena: &events.arena,
            timestamps: &events.timestamps,
            severities: &events.severities,
            source_ends: &events.source_ends,
            raw_starts: &events.raw_starts,
            raw_ends: &events.raw_ends,
            message_starts: &events.message_starts,
            message_ends: &events.message_ends,
            labels: &events.labels,
            label_names: &names,
            attribute_events: &events.attribute_events,
            attribute_keys: &events.attribute_keys,
            key_names: &keys,
            attribute_starts: &events.attribute_starts,
            attribute_ends: &events.attribute_ends,
            attribute_json: &events.attribute_json,
        };
        let answer = transform.call_process(store, origin_param(origin), bytes, columns)?;
        Ok(answer.map(events_result))
    }
}

impl Calls {
    /// `route.route`: where events go; none: not to that sink. Not yet checked.
    pub fn route(
        &self,
        store: impl wasmtime::AsContextMut<Data = State>,
        origin: &Origin,
        question: &Question,
    ) -> Answer<Option<Target>> {
        let Some(route) = &self.route else {
            return Ok(Err("the component does not export route".into()));
        };
        let standard = match &question.standard {
            Target::LogStream(LogStreamName { group, name }) => {
                route::TargetParam::LogStream(route::LogStreamNameParam { group, name })
            }
            Target::Object(key) => route::TargetParam::ObjectKey(key),
        };
        let sink = route::Sink { id: &question.sink, kind: question.kind };
        let answer = route.call_route(store, origin_param(origin), &question.label, sink, standard)?;
        Ok(answer.map(|target| target.map(target_result)))
    }
}

fn target_result(target: route::TargetResult) -> Target {
    match target {
        route::TargetResult::LogStream(route::LogStreamNameResult { group, name }) => {
            Target::LogStream(LogStreamName { group, name })
        }
        route::TargetResult::ObjectKey(key) => Target::Object(key),
    }
}

fn origin_param(origin: &Origin) -> types::LogStream<'_> {
    types::LogStream {
        source: &origin.source,
        path: &origin.path,
        host: &origin.host,
        kind: match origin.kind {
            StreamKind::Task => types::StreamKind::Task,
            StreamKind::Trigger => types::StreamKind::Trigger,
            StreamKind::Scheduler => types::StreamKind::Scheduler,
            StreamKind::DagProcessor => types::StreamKind::DagProcessor,
            StreamKind::DeadLetter | StreamKind::Other => types::StreamKind::Other,
        },
        task: origin.task.as_ref().map(|task| types::TaskTry {
            dag_id: &task.dag_id,
            run_id: &task.run_id,
            task_id: &task.task_id,
            map_index: task.map_index,
            try_number: task.try_number,
        }),
        deployment: types::Deployment {
            cluster_id: origin.deployment.cluster_id.as_deref(),
            workspace_id: origin.deployment.workspace_id.as_deref(),
            deployment_id: origin.deployment.deployment_id.as_deref(),
        },
    }
}

fn events_result(events: types::EventsResult) -> Events {
    Events {
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
    }
}
