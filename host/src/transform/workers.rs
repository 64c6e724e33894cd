//! Threads of their own for reading and guests, so that neither ever holds up the I/O.

use super::limits;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// How much later than others the thread for failing work gets a processor: it has a tenth of what one of them has.
/// <https://man7.org/linux/man-pages/man7/sched.7.html>
const INFIRMARY_NICE: i32 = 10;

/// A fixed number of worker threads, and one for work that fails. How much waits for them is bounded by the lanes, which
/// wait themselves.
#[derive(Debug)]
pub struct Workers {
    jobs: mpsc::Sender<Job>,
    infirmary: mpsc::Sender<Job>,
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
            std::thread::Builder::new()
                .name(format!("updraft-worker-{number}"))
                .spawn(move || work_through(&inbox))?;
        }
        let (infirmary, inbox) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("updraft-infirmary".into()).spawn(move || {
            // Where it may not be nice, it is as good as the others.
            let _ = rustix::process::setpriority_process(None, INFIRMARY_NICE);
            limits::be_patient();
            work_through(&Mutex::new(inbox));
        })?;
        Ok(Self { jobs, infirmary })
    }

    /// Runs `work` where work is run of which something fails just now, or where other work is.
    pub async fn run_apart<T: Send + 'static>(
        &self,
        sick: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkerGone> {
        run_on(if sick { &self.infirmary } else { &self.jobs }, work).await
    }

    /// Runs `work` on a worker thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkerGone> {
        run_on(&self.jobs, work).await
    }
}

async fn run_on<T: Send + 'static>(
    jobs: &mpsc::Sender<Job>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, WorkerGone> {
    let (reply, answer) = oneshot::channel();
    let job: Job = Box::new(move || {
        let _ = reply.send(work());
    });
    jobs.send(job).map_err(|_| WorkerGone)?;
    answer.await.map_err(|_| WorkerGone)
}

fn work_through(inbox: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        let next = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // A panic is a bug of ours; it must cost one batch's attempt, not a worker for ever.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}
