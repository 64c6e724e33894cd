//! What a guest may use, and the store data that counts it.

use super::GuestError;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// How often the engine's epoch advances. A time limit is exact to about this much.
pub const TICK: Duration = Duration::from_millis(10);
/// A guest is stopped after this many times its time limit, even if the machine gave it too little of that.
const WALL_FACTOR: u32 = 10;
/// All tables of a guest may not hold more elements than this.
const MAX_TABLE_ELEMENTS: u64 = 100_000;
/// A component is a few core instances (adapter and shims included), not hundreds.
const MAX_INSTANCES: usize = 64;
/// Things of WASI (streams, timers) that a guest may hold at once.
const MAX_RESOURCES: usize = 1000;
/// Random bytes that a guest may ask for at once; browsers give as many.
/// Source: <https://www.w3.org/TR/webcrypto/#Crypto-method-getRandomValues>
const MAX_RANDOM: u64 = 65_536;
/// Lines a guest may log in one call; the rest is counted.
const MAX_LOG_LINES: u32 = 20;
/// A guest's log line is cut after this many bytes.
const MAX_LOG_LINE: usize = 1024;
/// Counters a component may make.
const MAX_COUNTERS: usize = 100;
/// Bytes of a counter's name.
const MAX_COUNTER_NAME: usize = 100;

/// The data of a guest's store.
pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    memory: Quota,
    table_elements: Quota,
    /// Set when the guest was refused memory: says more than the trap that follows.
    pub refused_memory: Option<u64>,
    /// Set when the guest was stopped for time.
    pub timed_out: bool,
    timeout: Duration,
    cpu_start: Duration,
    wall_start: Instant,
    waited: Duration,
    /// What it says, on its way to the host's log.
    pub voice: Voice,
}

impl State {
    /// An empty WASI world: no files, no network, no environment, no arguments; stdout and stderr are logged.
    pub fn new(component: &str, counts: Arc<Mutex<Counts>>, memory_limit: u64, timeout: Duration) -> Self {
        let voice = Voice::new(component, counts);
        let mut wasi = WasiCtx::builder();
        wasi.allow_blocking_current_thread(true).stdout(voice.clone()).stderr(voice.clone());
        wasi.max_random_size(MAX_RANDOM);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self {
            wasi: wasi.build(),
            table,
            memory: Quota::of(memory_limit),
            table_elements: Quota::of(MAX_TABLE_ELEMENTS),
            refused_memory: None,
            timed_out: false,
            timeout,
            cpu_start: Duration::ZERO,
            wall_start: Instant::now(),
            waited: Duration::ZERO,
            voice,
        }
    }

    /// To be called right before every call into the guest.
    pub fn begin_call(&mut self) {
        self.refused_memory = None;
        self.timed_out = false;
        self.cpu_start = thread_cpu_time();
        self.wall_start = Instant::now();
        self.waited = Duration::ZERO;
        self.voice.begin_call();
    }

    /// The epoch has reached the deadline: has the guest really used up its time, or only the machine's?
    pub fn at_deadline(&mut self) -> UpdateDeadline {
        let left = self.time_left();
        if left.is_zero() {
            self.timed_out = true;
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
            self.timed_out = true;
            Err(wasmtime::Error::msg("waited for too long"))
        })
    }

    /// For what needs the table of WASI's resources and no waiting.
    pub fn resources(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    fn time_left(&self) -> Duration {
        let used = thread_cpu_time().saturating_sub(self.cpu_start) + self.waited;
        let wall = (self.timeout * WALL_FACTOR).saturating_sub(self.wall_start.elapsed());
        self.timeout.saturating_sub(used).min(wall)
    }

    /// What the limits know about a trap; none where they had no part in it.
    pub fn blame(&self) -> Option<GuestError> {
        if self.timed_out {
            return Some(GuestError::Timeout { limit_ms: self.timeout.as_millis() as u64 });
        }
        self.refused_memory.map(|wanted| GuestError::Memory { wanted, limit: self.memory.limit })
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
        let grown = self.memory.grow(current, desired);
        self.refused_memory = grown.err().or(self.refused_memory);
        Ok(grown.is_ok())
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.table_elements.grow(current, desired).is_ok())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_INSTANCES
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// What a guest says (host.log, stdout, stderr): cut, limited per call, never more than a log line of ours.
#[derive(Clone)]
pub struct Voice {
    component: Arc<str>,
    said: Arc<Mutex<Said>>,
    counts: Arc<Mutex<Counts>>,
}

/// Counters of a component's own making, by name.
pub type Counts = BTreeMap<String, u64>;

#[derive(Default)]
struct Said {
    lines: u32,
    unfinished: Vec<u8>,
}

impl Voice {
    fn new(component: &str, counts: Arc<Mutex<Counts>>) -> Self {
        Self { component: component.into(), said: Arc::default(), counts }
    }

    /// Adds to a counter of the component's.
    pub fn count(&self, name: &str, by: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(name) {
            *count = count.saturating_add(by);
        } else if counts.len() < MAX_COUNTERS && name.len() <= MAX_COUNTER_NAME {
            counts.insert(name.to_owned(), by);
        }
    }

    fn begin_call(&self) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.lines > MAX_LOG_LINES {
            let more = said.lines - MAX_LOG_LINES;
            tracing::warn!(component = %self.component, "guest said {more} lines more in one call than it may");
        }
        said.lines = 0;
    }

    /// One line from the guest, with an OpenTelemetry severity.
    pub fn say(&self, severity: u8, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.lines = said.lines.saturating_add(1);
        if said.lines > MAX_LOG_LINES {
            return;
        }
        let cut = text.floor_char_boundary(MAX_LOG_LINE);
        let text = text[..cut].trim_end();
        match severity {
            17.. => tracing::error!(component = %self.component, "{text}"),
            13..17 => tracing::warn!(component = %self.component, "{text}"),
            9..13 => tracing::info!(component = %self.component, "{text}"),
            _ => tracing::debug!(component = %self.component, "{text}"),
        }
    }

    fn write(&self, bytes: &[u8]) {
        let mut lines = Vec::new();
        {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            for &byte in bytes {
                if byte == b'\n' {
                    lines.push(String::from_utf8_lossy(&std::mem::take(&mut said.unfinished)).into_owned());
                } else if said.unfinished.len() < MAX_LOG_LINE {
                    said.unfinished.push(byte);
                }
            }
        }
        for line in lines {
            self.say(9, &line);
        }
    }
}

impl IsTerminal for Voice {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Voice {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Voice {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(50);

    fn state() -> State {
        let mut state = State::new("guest", Arc::default(), 100, LIMIT);
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
        let half = MAX_TABLE_ELEMENTS as usize / 2;
        assert!(state.table_growing(0, half, None).unwrap());
        assert!(state.table_growing(0, half, None).unwrap());
        assert!(!state.table_growing(half, half + 1, None).unwrap());
    }

    #[test]
    fn a_wait_ends_when_the_guests_time_does() {
        let mut state = state();
        assert_eq!(state.wait(async |_| Ok(7)).unwrap(), 7);
        assert!(state.blame().is_none());
        assert!(state.wait(async |_| std::future::pending::<wasmtime::Result<()>>().await).is_err());
        assert!(matches!(state.blame(), Some(GuestError::Timeout { limit_ms: 50 })));
        assert!(matches!(state.at_deadline(), UpdateDeadline::Interrupt), "what it waited counts");
        state.begin_call();
        assert!(state.blame().is_none(), "the next call has its own time");
    }
}
