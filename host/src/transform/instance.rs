//! One living guest: every call starts with a deadline, every trap becomes a named error.

use super::GuestError;
use super::bindings::{Answer, Calls};
use super::engine::Component;
use super::limits::{State, ticks};
use crate::event::{Events, Origin};
use std::time::Duration;
use wasmtime::Store;

/// An instance and its store. After an error from a call it is dead: drop it.
pub struct Instance {
    store: Store<State>,
    calls: Calls,
    timeout: Duration,
    max_result: usize,
}

impl Instance {
    /// Instantiates and configures; both count as calls.
    pub fn new(component: &Component) -> Result<Self, GuestError> {
        let limits = component.limits();
        let state = State::new(component.id(), component.counts(), limits.memory_bytes, limits.timeout);
        let mut store = Store::new(component.engine(), state);
        store.limiter(|state| state);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().at_deadline()));
        store.data_mut().begin_call();
        store.set_epoch_deadline(ticks(limits.timeout));
        // Whatever a guest returns was in its memory: no result is larger than that.
        let max_result = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
        store.set_hostcall_fuel(max_result);
        let calls = component.instantiate(&mut store).map_err(|error| blame(store.data(), &error))?;
        let mut instance = Self { store, calls, timeout: limits.timeout, max_result };
        let config = component.config_json();
        instance.call(|calls, store| calls.configure(store, config))?;
        Ok(instance)
    }

    /// Lines → events: how many lines it consumed, and what became of them. Not yet checked.
    pub fn normalize(
        &mut self,
        origin: &Origin,
        bytes: &[u8],
        ends: &[u32],
        last: bool,
    ) -> Result<(u32, Events), GuestError> {
        self.call(|calls, store| calls.normalize(store, origin, bytes, ends, last))
    }

    /// Events → events; the arena holds only what this stage adds. Not yet checked.
    pub fn transform(
        &mut self,
        origin: &Origin,
        bytes: &[u8],
        events: &Events,
    ) -> Result<Events, GuestError> {
        self.call(|calls, store| calls.transform(store, origin, bytes, events))
    }

    fn call<T>(
        &mut self,
        work: impl FnOnce(&Calls, &mut Store<State>) -> Answer<T>,
    ) -> Result<T, GuestError> {
        self.store.data_mut().begin_call();
        self.store.set_epoch_deadline(ticks(self.timeout));
        self.store.set_hostcall_fuel(self.max_result);
        match work(&self.calls, &mut self.store) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(said)) => Err(GuestError::Refused(said)),
            Err(trap) => Err(blame(self.store.data(), &trap)),
        }
    }
}

/// The limit that was hit, where one was; else the trap in its own words.
fn blame(state: &State, trap: &wasmtime::Error) -> GuestError {
    state.blame().unwrap_or_else(|| {
        // The backtrace of the wasm stack is long; its cause is what an author needs first.
        GuestError::Trap(trap.root_cause().to_string())
    })
}
