//! One living guest: every call starts with a deadline, every trap becomes a named error.

use super::GuestError;
use super::bindings::{Answer, Calls};
use super::component::Component;
use super::engine::MAX_WASM_STACK;
use super::epochs::Epochs;
use super::limits::{State, ticks};
use super::stats::Stats;
use super::voice::{Voice, plain};
use crate::event::{Events, Origin};
use crate::route::{Question, Target};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::{Store, Trap};

/// Bytes of an error in a guest's own words; the rest is cut.
const MAX_SAID: usize = 1024;

/// An instance and its store. After an error from a call it is dead: drop it.
pub struct Instance {
    store: Store<State>,
    calls: Calls,
    timeout: Duration,
    max_result: usize,
    epochs: Arc<Epochs>,
    life: Life,
}

/// Counted from its making to its end.
struct Life(Arc<Stats>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.gone.add(1);
    }
}

impl Instance {
    /// Instantiates and configures; both count as calls.
    pub fn new(component: &Component) -> Result<Self, GuestError> {
        let mut instance = Self::unconfigured(component)?;
        instance.configure(component)?;
        Ok(instance)
    }

    /// Instantiates it and no more.
    pub fn unconfigured(component: &Component) -> Result<Self, GuestError> {
        let (limits, stats) = (component.limits(), component.stats().clone());
        let voice = Voice::new(component.id(), component.pace().clone(), stats.clone());
        let mut store = component.store(State::new(limits, component.grants(), voice));
        stats.made.add(1);
        let life = Life(stats);
        store.limiter(|state| state);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().at_deadline()));
        store.data_mut().begin_call();
        store.set_epoch_deadline(ticks(limits.timeout));
        let max_result = usize::try_from(limits.result_bytes).unwrap_or(usize::MAX);
        store.set_hostcall_fuel(max_result);
        let epochs = component.epochs().clone();
        let instantiated = {
            let _running = epochs.call();
            component.instantiate(&mut store)
        };
        match instantiated {
            Ok(calls) => Ok(Self { store, calls, timeout: limits.timeout, max_result, epochs, life }),
            Err(error) => Err(blame(store.data(), &error, max_result)),
        }
    }

    /// Gives it its config.
    pub fn configure(&mut self, component: &Component) -> Result<(), GuestError> {
        self.call(|calls, store| calls.configure(store, component.config_json()))
    }

    /// Memory that it has, in bytes.
    pub fn memory_used(&self) -> u64 {
        self.store.data().memory_used()
    }

    /// Lines → events: how many lines it consumed, and what became of them. Not yet checked.
    pub fn normalize(
        &mut self,
        origin: &Origin,
        bytes: &[u8],
        ends: &[u32],
        last: bool,
    ) -> Result<(u32, Events), GuestError> {
        self.work(|calls, store| calls.normalize(store, origin, bytes, ends, last))
    }

    /// Events → events; the arena holds only what this stage adds. Not yet checked.
    pub fn transform(
        &mut self,
        origin: &Origin,
        bytes: &[u8],
        events: &Events,
    ) -> Result<Events, GuestError> {
        self.work(|calls, store| calls.transform(store, origin, bytes, events))
    }

    /// Where events go; none: not to that sink. Not yet checked.
    pub fn route(&mut self, origin: &Origin, question: &Question) -> Result<Option<Target>, GuestError> {
        self.work(|calls, store| calls.route(store, origin, question))
    }

    fn work<T>(
        &mut self,
        work: impl FnOnce(&Calls, &mut Store<State>) -> Answer<T>,
    ) -> Result<T, GuestError> {
        let answer = self.call(work);
        self.life.0.called(self.store.data().used());
        answer
    }

    fn call<T>(
        &mut self,
        work: impl FnOnce(&Calls, &mut Store<State>) -> Answer<T>,
    ) -> Result<T, GuestError> {
        self.store.data_mut().begin_call();
        self.store.set_epoch_deadline(ticks(self.timeout));
        self.store.set_hostcall_fuel(self.max_result);
        let _running = self.epochs.call();
        let answer = work(&self.calls, &mut self.store);
        self.life.0.grew(self.store.data().memory_used());
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(said)) => Err(GuestError::Refused(plain(&said, MAX_SAID))),
            Err(trap) => Err(blame(self.store.data(), &trap, self.max_result)),
        }
    }
}

/// The limit that was hit, where one was; else the trap in its own words.
fn blame(state: &State, trap: &wasmtime::Error, max_result: usize) -> GuestError {
    if let Some(met) = state.blame() {
        return met;
    }
    match trap.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => {
            let words = state.voice.last_words().unwrap_or_else(|| "none".to_owned());
            return GuestError::Unreachable { words };
        }
        Some(Trap::StackOverflow) => return GuestError::StackOverflow { limit: MAX_WASM_STACK },
        _ => {}
    }
    // The backtrace of the wasm stack is long; its cause is what an author needs first.
    let cause = trap.root_cause().to_string();
    // wasmtime keeps the types of these errors to itself.
    if cause.contains("resource limit exceeded") {
        return GuestError::Parts { said: plain(&cause, MAX_SAID) };
    }
    if cause.contains("fuel allocated for hostcalls") {
        return GuestError::TooMuch { limit: max_result };
    }
    GuestError::Trap(plain(&cause, MAX_SAID))
}
