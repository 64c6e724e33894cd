//! Threads of their own for reading and guests, so that neither ever holds up the I/O.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of worker threads. How much waits for them is bounded by the lanes, which wait themselves.
#[derive(Debug)]
pub struct Workers {
    jobs: mpsc::Sender<Job>,
}

/// The workers are gone: the host is stopping, or the work itself panicked.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a worker thread ended before its work was done")]
pub struct WorkerGone;

impl Workers {
    /// One thread per core.
    pub fn start() -> std::io::Result<Self> {
        Self::start_with(std::thread::available_parallelism().map_or(2, NonZero::get))
    }

    /// So many threads: for a sink that may block (a disk, a pipe), so that it blocks nobody else.
    pub fn start_with(count: usize) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let inbox = Arc::new(Mutex::new(inbox));
        for number in 0..count {
            let inbox = inbox.clone();
            std::thread::Builder::new().name(format!("updraft-worker-{number}")).spawn(move || {
                loop {
                    let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = next else { return };
                    // A panic is a bug of ours; it must cost one batch's attempt, not a worker for ever.
                    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Self { jobs })
    }

    /// Runs `work` on a worker thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkerGone> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _ = reply.send(work());
        });
        self.jobs.send(job).map_err(|_| WorkerGone)?;
        answer.await.map_err(|_| WorkerGone)
    }
}
