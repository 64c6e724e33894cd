//! The clock that ends calls of guests. It stands still while none runs: a hundred wake-ups a second were 7 % of what an idle
//! host took.

use super::limits::TICK;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};

/// So many ticks without a call pass before it stops: calls that follow each other closely need not start it again.
const QUIET: u32 = 100;

/// A thread that ticks while there are calls, and ends when this is dropped.
pub struct Epochs {
    state: Arc<State>,
    thread: Thread,
}

#[derive(Default)]
struct State {
    /// Calls that run.
    calls: AtomicUsize,
    /// It stands still, or is about to: whoever begins a call after that wakes it.
    resting: AtomicBool,
    over: AtomicBool,
}

/// A call; over when dropped.
pub struct Call<'a>(&'a State);

impl Epochs {
    /// Starts the thread. It calls `tick`.
    pub fn start(tick: impl Fn() + Send + 'static) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let shared = state.clone();
        let thread =
            thread::Builder::new().name("updraft-epochs".into()).spawn(move || run(&shared, tick))?;
        Ok(Self { state, thread: thread.thread().clone() })
    }

    /// Ticks at least until the call is over.
    pub fn call(&self) -> Call<'_> {
        // In this order, and there in the other one: one of the two sees what the other did.
        self.state.calls.fetch_add(1, Ordering::SeqCst);
        if self.state.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Call(&self.state)
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

fn run(state: &State, tick: impl Fn()) {
    let mut quiet = 0;
    while !state.over.load(Ordering::SeqCst) {
        quiet = if state.calls.load(Ordering::SeqCst) > 0 { 0 } else { quiet + 1 };
        if quiet <= QUIET {
            thread::sleep(TICK);
            tick();
            continue;
        }
        state.resting.store(true, Ordering::SeqCst);
        while state.calls.load(Ordering::SeqCst) == 0 && !state.over.load(Ordering::SeqCst) {
            thread::park();
        }
        state.resting.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn it_ticks_during_calls_and_stands_still_between_them_and_ends() {
        let ticks = Arc::new(AtomicUsize::new(0));
        let counted = ticks.clone();
        let epochs = Epochs::start(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        })
        .expect("thread");
        let until = |is_so: &dyn Fn() -> bool| {
            let begun = Instant::now();
            while !is_so() {
                assert!(begun.elapsed() < Duration::from_mins(1));
                thread::sleep(TICK);
            }
        };
        for _ in 0..2 {
            until(&|| epochs.state.resting.load(Ordering::SeqCst));
            let before = ticks.load(Ordering::SeqCst);
            let call = epochs.call();
            until(&|| ticks.load(Ordering::SeqCst) > before + 2 * QUIET as usize);
            drop(call);
        }
        drop(epochs);
        until(&|| Arc::strong_count(&ticks) == 1);
    }
}
