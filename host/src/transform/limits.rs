//! What a guest may use, and the store data that counts it.

use super::GuestError;
use super::voice::Voice;
use super::world::World;
use crate::config::{Grants, Limits};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::time::{Duration, Instant};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi::{WasiCtxView, WasiView};

/// How often the engine's epoch advances. A time limit is exact to about this much.
pub const TICK: Duration = Duration::from_millis(10);
/// A guest is stopped after this many times its time limit, even if the machine gave it too little of that.
const WALL_FACTOR: u32 = 10;
/// Things of WASI (streams, timers) that a guest may hold at once.
const MAX_RESOURCES: usize = 1000;

thread_local! {
    /// How many times its time limit a call may last on this thread, by the clock on the wall.
    static WALL: Cell<u32> = const { Cell::new(WALL_FACTOR) };
}

/// From now on, calls on this thread may last so much longer by the clock on the wall: it comes last when processors are
/// given out.
pub fn be_patient() {
    WALL.set(WALL_FACTOR * WALL_FACTOR);
}

/// Whether that was said of this thread.
pub fn is_patient() -> bool {
    WALL.get() > WALL_FACTOR
}

/// The data of a guest's store.
pub struct State {
    world: World,
    table: ResourceTable,
    limits: Limits,
    memory: Quota,
    table_elements: Quota,
    /// The first limit that the guest met in this call: says more than the trap that follows.
    met: Option<GuestError>,
    cpu_start: Duration,
    wall_start: Instant,
    waited: Duration,
    /// What it says, on its way to the host's log.
    pub voice: Voice,
}

impl State {
    /// Of a guest that has not run yet.
    pub fn new(limits: &Limits, grants: Grants, voice: Voice) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self {
            world: World::new(grants, &voice),
            table,
            limits: *limits,
            memory: Quota::of(limits.memory_bytes),
            table_elements: Quota::of(limits.table_elements),
            met: None,
            cpu_start: Duration::ZERO,
            wall_start: Instant::now(),
            waited: Duration::ZERO,
            voice,
        }
    }

    /// To be called right before every call into the guest.
    pub fn begin_call(&mut self) {
        self.met = None;
        self.cpu_start = thread_cpu_time();
        self.wall_start = Instant::now();
        self.waited = Duration::ZERO;
        self.voice.begin_call();
        self.world.begin_call();
    }

    /// The epoch has reached the deadline: has the guest really used up its time, or only the machine's?
    pub fn at_deadline(&mut self) -> UpdateDeadline {
        let left = self.time_left();
        if left.is_zero() {
            self.is_late();
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Continue(ticks(left))
    }

    /// Waits in the guest's stead for what it waits for, but no longer than it has time: no epoch ends a wait in the
    /// host. A wait is the guest's own doing and counts as if it had computed.
    pub fn wait<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut ResourceTable) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<T> {
        let (left, began) = (self.time_left(), Instant::now());
        let answer = in_tokio(async { tokio::time::timeout(left, work(&mut self.table)).await });
        self.waited += began.elapsed();
        answer.unwrap_or_else(|_| {
            self.is_late();
            Err(wasmtime::Error::msg("waited for too long"))
        })
    }

    /// For what needs the table of WASI's resources and no waiting.
    pub fn resources(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// What this call has used: CPU time of its own, and waits.
    pub fn used(&self) -> Duration {
        thread_cpu_time().saturating_sub(self.cpu_start) + self.waited
    }

    /// Memory that it has, in bytes.
    pub fn memory_used(&self) -> u64 {
        self.memory.used
    }

    fn is_late(&mut self) {
        let (millis, used) = (|it: Duration| it.as_millis() as u64, self.used());
        // Stopped by the wall: the machine gave it too little, or it waited elsewhere.
        let used_ms = millis(if used < self.limits.timeout { self.wall_start.elapsed() } else { used });
        let waiting = self.waited * 2 > used;
        self.met.get_or_insert(GuestError::Timeout {
            used_ms,
            limit_ms: millis(self.limits.timeout),
            waiting,
        });
    }

    fn time_left(&self) -> Duration {
        let wall = (self.limits.timeout * WALL.get()).saturating_sub(self.wall_start.elapsed());
        self.limits.timeout.saturating_sub(self.used()).min(wall)
    }

    /// What the limits know about a trap; none where they had no part in it.
    pub fn blame(&self) -> Option<GuestError> {
        self.met.clone()
    }
}

/// A duration in epochs, never less than one.
pub fn ticks(duration: Duration) -> u64 {
    (duration.as_nanos() / TICK.as_nanos()).max(1) as u64
}

fn thread_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// So much of something for all of a store together, however many pieces it comes in.
struct Quota {
    limit: u64,
    used: u64,
    /// What was granted last: it comes back when the growth then fails for another reason.
    granted: u64,
}

impl Quota {
    fn of(limit: u64) -> Self {
        Self { limit, used: 0, granted: 0 }
    }

    /// Grants a piece's growth; an error is the total that would be too much.
    fn grow(&mut self, current: usize, desired: usize) -> Result<(), u64> {
        let more = desired.saturating_sub(current) as u64;
        let total = self.used.saturating_add(more);
        (self.used, self.granted) = if total <= self.limit { (total, more) } else { (self.used, 0) };
        if total <= self.limit { Ok(()) } else { Err(total) }
    }

    fn take_back(&mut self) {
        self.used -= std::mem::take(&mut self.granted);
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.limits.memory_bytes;
        let grown = self.memory.grow(current, desired);
        if let Err(wanted) = grown {
            // The last one: it may have lived with those before.
            self.met = Some(GuestError::Memory { wanted, limit });
        }
        Ok(grown.is_ok())
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let limit = self.limits.table_elements;
        let grown = self.table_elements.grow(current, desired);
        if let Err(wanted) = grown {
            self.met = Some(GuestError::Table { wanted, limit });
        }
        Ok(grown.is_ok())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.limits.core_instances
    }

    fn tables(&self) -> usize {
        self.limits.core_instances
    }

    fn memories(&self) -> usize {
        self.limits.core_instances
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.world.wasi(), table: &mut self.table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::transform::voice::Pace;
    use std::sync::Arc;

    const LIMIT: Duration = Duration::from_millis(50);

    fn state() -> State {
        let limits =
            Limits { memory_bytes: 100, timeout: LIMIT, table_elements: 100, ..config::Limits::default() };
        let voice = Voice::new("guest", Pace::new(&limits), Arc::default());
        let mut state = State::new(&limits, Grants::default(), voice);
        state.begin_call();
        state
    }

    #[test]
    fn the_memory_limit_is_one_for_all_memories() {
        let mut state = state();
        assert!(state.memory_growing(0, 60, None).unwrap());
        assert!(state.memory_growing(0, 40, None).unwrap(), "that is exactly the limit");
        assert!(state.blame().is_none());
        assert!(!state.memory_growing(40, 41, None).unwrap());
        assert!(matches!(state.blame(), Some(GuestError::Memory { wanted: 101, limit: 100 })));
    }

    #[test]
    fn growth_that_fails_for_another_reason_is_not_held_against_a_guest() {
        let mut state = state();
        for _ in 0..3 {
            assert!(state.memory_growing(0, 100, Some(10)).unwrap());
            state.memory_grow_failed(wasmtime::Error::msg("beyond its maximum")).unwrap();
        }
        assert!(!state.memory_growing(0, 101, Some(10)).unwrap());
        state.memory_grow_failed(wasmtime::Error::msg("refused")).unwrap();
        assert!(state.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn the_table_limit_is_one_for_all_tables() {
        let mut state = state();
        assert!(state.table_growing(0, 50, None).unwrap());
        assert!(state.table_growing(0, 50, None).unwrap());
        assert!(!state.table_growing(50, 51, None).unwrap());
        assert!(matches!(state.blame(), Some(GuestError::Table { wanted: 101, limit: 100 })));
    }

    #[test]
    fn a_wait_ends_when_the_guests_time_does() {
        let mut state = state();
        assert_eq!(state.wait(async |_| Ok(7)).unwrap(), 7);
        assert!(state.blame().is_none());
        assert!(state.wait(async |_| std::future::pending::<wasmtime::Result<()>>().await).is_err());
        assert!(matches!(state.blame(), Some(GuestError::Timeout { limit_ms: 50, waiting: true, .. })));
        assert!(matches!(state.at_deadline(), UpdateDeadline::Interrupt), "what it waited counts");
        state.begin_call();
        assert!(state.blame().is_none(), "the next call has its own time");
    }
}
