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
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// How often the engine's epoch advances. A time limit is exact to about this much.
pub const TICK: Duration = Duration::from_millis(10);
/// A guest that waits instead of computing is stopped after this many times its CPU limit.
const WALL_FACTOR: u32 = 10;
/// Tables of a guest may not hold more elements than this.
const MAX_TABLE_ELEMENTS: usize = 100_000;
/// A component is a few core instances (adapter and shims included), not hundreds.
const MAX_INSTANCES: usize = 64;
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
    memory_limit: u64,
    /// Set when the guest was refused memory: says more than the trap that follows.
    pub refused_memory: Option<u64>,
    /// Set when the guest was stopped for time.
    pub timed_out: bool,
    timeout: Duration,
    cpu_start: Duration,
    wall_start: Instant,
    /// What it says, on its way to the host's log.
    pub voice: Voice,
}

impl State {
    /// An empty WASI world: no files, no network, no environment, no arguments; stdout and stderr are logged.
    pub fn new(component: &str, counts: Arc<Mutex<Counts>>, memory_limit: u64, timeout: Duration) -> Self {
        let voice = Voice::new(component, counts);
        let mut wasi = WasiCtx::builder();
        wasi.allow_blocking_current_thread(true).stdout(voice.clone()).stderr(voice.clone());
        Self {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            memory_limit,
            refused_memory: None,
            timed_out: false,
            timeout,
            cpu_start: Duration::ZERO,
            wall_start: Instant::now(),
            voice,
        }
    }

    /// To be called right before every call into the guest.
    pub fn begin_call(&mut self) {
        self.refused_memory = None;
        self.timed_out = false;
        self.cpu_start = thread_cpu_time();
        self.wall_start = Instant::now();
        self.voice.begin_call();
    }

    /// The epoch has reached the deadline: has the guest really used up its time, or only the machine's?
    pub fn at_deadline(&mut self) -> UpdateDeadline {
        let used = thread_cpu_time().saturating_sub(self.cpu_start);
        if used >= self.timeout || self.wall_start.elapsed() >= self.timeout * WALL_FACTOR {
            self.timed_out = true;
            return UpdateDeadline::Interrupt;
        }
        UpdateDeadline::Continue(ticks(self.timeout.saturating_sub(used)))
    }

    /// What the limits know about a trap; none where they had no part in it.
    pub fn blame(&self) -> Option<GuestError> {
        if self.timed_out {
            return Some(GuestError::Timeout { limit_ms: self.timeout.as_millis() as u64 });
        }
        self.refused_memory.map(|wanted| GuestError::Memory { wanted, limit: self.memory_limit })
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

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired as u64 <= self.memory_limit;
        if !fits {
            self.refused_memory = Some(desired as u64);
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
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
