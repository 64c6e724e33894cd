//! One service is away while the other is served: at which rate, in how much memory, and whether the first catches up.
//!
//! Files grow at a steady rate through three windows of the same length: before, during and after. What counts is what a
//! service has acknowledged: events to CloudWatch, writes of objects to S3.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::books::{Books, Id, marker};
use crate::corpus::Corpus;
use crate::driver::{Failure, Stage, keep};
use crate::host::End;
use crate::oracle::compare;
use crate::plan::Plan;
use crate::weather::{Service, Trouble};

/// Files that grow.
const FILES: u32 = 20;
/// How often each of them grows.
const STEP: Duration = Duration::from_millis(100);
/// By how many lines.
const LINES: usize = 2;
/// Until everything is at its pace.
const WARM_UP: Duration = Duration::from_secs(5);
/// How long the service that was away has to catch up after the last line.
const CATCHES_UP: Duration = Duration::from_mins(1);
/// The rate of the service that is there may fall to this part of what it was.
const WITHIN: f64 = 0.9;
/// More memory than before that an outage may take, for a bound that does not hang on its length: events and parts of
/// one sink (`ARCHITECTURE.md`, queues and bounds).
const MORE_MEMORY: u64 = 64 << 20;

/// What was measured in one window.
#[derive(Clone, Copy, Debug)]
struct Window {
    name: &'static str,
    length: Duration,
    events: usize,
    writes: usize,
    /// The most at any look, in bytes.
    memory: u64,
}

impl Window {
    fn rate(&self, of: Service) -> f64 {
        let done = match of {
            Service::Logs => self.events,
            Service::S3 => self.writes,
        };
        done as f64 / self.length.as_secs_f64()
    }
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Measured {
    away: Service,
    served: Service,
    windows: [Window; 3],
    lines: usize,
    caught_up: Duration,
    repeated: usize,
}

/// Which service a scenario takes away.
pub fn named(name: &str) -> Option<Service> {
    match name {
        "s3-down" => Some(Service::S3),
        "cloudwatch-down" => Some(Service::Logs),
        _ => None,
    }
}

/// Takes that service away for a third of the plan's length.
pub fn run(plan: &Plan, away: Service, binary: &Path) -> Result<Measured, Failure> {
    let folder = tempfile::tempdir().expect("the temp folder can be written");
    measure(plan, away, binary, folder.path()).map_err(|what| keep(plan, folder, what))
}

fn measure(plan: &Plan, away: Service, binary: &Path, folder: &Path) -> Result<Measured, String> {
    let mut stage = Stage::set(plan, binary, folder);
    let over = Arc::<AtomicBool>::default();
    let writer = {
        let (root, over) = (stage.places.logs.clone(), Arc::clone(&over));
        thread::spawn(move || write_steadily(&root, &over))
    };
    stage.host.start(CATCHES_UP);
    stage.host.live(WARM_UP)?;
    let third = plan.length / 3;
    let door = Arc::clone(&stage.doors[usize::from(away == Service::S3)]);
    let before = watch(&mut stage, "before", third)?;
    door.turn(Some(Trouble::Away));
    let during = watch(&mut stage, "during", third)?;
    door.turn(None);
    let after = watch(&mut stage, "after", third)?;
    over.store(true, Ordering::Release);
    let books = writer.join().expect("the writer does not panic");
    let last_line = Instant::now();
    if stage.end(End::Terminate)? != Some(0) {
        return Err(format!("not all was delivered {CATCHES_UP:?} after the last line"));
    }
    let caught_up = last_line.elapsed();
    let tally = compare(&books, &stage.arrived(plan)?).map_err(|difference| difference.to_string())?;
    let served = if away == Service::S3 { Service::Logs } else { Service::S3 };
    let windows = [before, during, after];
    let measured =
        Measured { away, served, windows, lines: books.lines, caught_up, repeated: tally.repeated };
    measured.judge().map_err(|what| format!("{what}\n\n{measured}"))?;
    Ok(measured)
}

impl Measured {
    fn judge(&self) -> Result<(), String> {
        let [before, during, _] = &self.windows;
        let ratio = during.rate(self.served) / before.rate(self.served);
        if ratio < WITHIN {
            return Err(format!("{:?} was served at {ratio:.2} of the rate before", self.served));
        }
        if self.repeated > 0 {
            return Err(format!("CloudWatch got {} lines twice", self.repeated));
        }
        if during.memory > before.memory + MORE_MEMORY {
            return Err(format!(
                "the host took {} MiB while {:?} was away, {} MiB before",
                during.memory >> 20,
                self.away,
                before.memory >> 20
            ));
        }
        Ok(())
    }
}

/// Looks on for a while.
fn watch(stage: &mut Stage, name: &'static str, length: Duration) -> Result<Window, String> {
    let done = |stage: &Stage| [0, 1].map(|door: usize| stage.doors[door].done());
    let (begun, first, mut memory) = (Instant::now(), done(stage), 0);
    while begun.elapsed() < length {
        stage.host.live(Duration::from_millis(200))?;
        memory = memory.max(stage.host.memory().map_or(0, |(_, now)| now));
    }
    let last = done(stage);
    Ok(Window {
        name,
        length: begun.elapsed(),
        events: last[0] - first[0],
        writes: last[1] - first[1],
        memory,
    })
}

/// The same number of lines for each file at each step, each of them an event.
fn write_steadily(root: &Path, over: &AtomicBool) -> Books {
    let (corpus, mut books, mut rng) = (Corpus::load(), Books::default(), fastrand::Rng::with_seed(1));
    let records = corpus.records();
    let mut files: Vec<_> = (0..FILES)
        .map(|family| {
            let name = format!("dag_id=steady/run_id=r/task_id=t{family}/attempt=1.log");
            let path = root.join(&name);
            std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
                .expect("folders can be made");
            books.begin(Id { family, generation: 0 }, &name);
            OpenOptions::new().append(true).create_new(true).open(path).expect("the file can be made")
        })
        .collect();
    let (begun, mut step) = (Instant::now(), 0);
    while !over.load(Ordering::Acquire) {
        for (family, file) in (0..).zip(&mut files) {
            let id = Id { family, generation: 0 };
            for line in 0..LINES {
                let record = records[(step * LINES + line + family as usize * 7) % records.len()];
                // All of one day; a millisecond more with each line.
                let time = 9 * 86_400_000 + (step * LINES + line) as u64;
                let book = books.of(id);
                let piece = record.written(&[marker(id, book.pieces.len())], Some(time), &mut rng).concat();
                book.pieces.push(book.bytes.len());
                book.bytes.extend_from_slice(&piece);
                file.write_all(&piece).expect("the disk has room");
                book.sizes.push((Instant::now(), book.bytes.len()));
                books.lines += 1;
            }
        }
        step += 1;
        thread::sleep((STEP * step as u32).saturating_sub(begun.elapsed()));
    }
    books
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} away for the second window; {FILES} files, {} lines\n", self.away, self.lines)?;
        writeln!(f, "| | seconds | CloudWatch, events/s | S3, writes/s | RSS, MiB |\n|---|---|---|---|---|")?;
        for it in &self.windows {
            writeln!(
                f,
                "| {} | {:.0} | {:.1} | {:.1} | {} |",
                it.name,
                it.length.as_secs_f64(),
                it.rate(Service::Logs),
                it.rate(Service::S3),
                it.memory >> 20
            )?;
        }
        let [before, during, after] = self.windows.each_ref().map(|it| it.rate(self.served));
        writeln!(
            f,
            "\n{:?}: during/before {:.3}, after/before {:.3}",
            self.served,
            during / before,
            after / before
        )?;
        writeln!(
            f,
            "complete {:.1} s after the last line; CloudWatch got {} lines twice",
            self.caught_up.as_secs_f64(),
            self.repeated
        )
    }
}
