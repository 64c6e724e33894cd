//! Writes real lines to many files at once, torn where it likes, and does to the files what Airflow and logrotate do.
//!
//! Each actor looks after one family of files: a try's log, or a log that rotates. It has a seed of its own, so what it
//! does in which order does not hang on the others.

mod disturb;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::books::{Books, Id, marker};
use crate::corpus::Corpus;
use crate::plan::{Disturbance, Plan};

/// How often each actor is asked whether it has something to do.
const TICK: Duration = Duration::from_millis(10);
/// Names that a log keeps which rotates: `x.log.1`, `x.log.2`.
const ROTATED: usize = 2;
/// Quiet before a disturbance whose loss is to be counted to the byte; see `oracle`.
pub const SETTLED: Duration = Duration::from_secs(3);
/// A file of the largest kind ends here.
const LARGE: usize = 12 << 20;

/// What a family of files is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Airflow's log of one try.
    Try,
    /// A log of a service, which rotates.
    Service,
    /// A try that says megabytes.
    Large,
}

/// What comes next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Append,
    Rename,
    Copy,
    Truncate { refill: bool },
    Delete,
    Folder,
}

struct Actor {
    family: u32,
    kind: Kind,
    rng: fastrand::Rng,
    name: String,
    /// What the lines come from, and which is next.
    source: (usize, usize),
    /// The time of the next line, where lines are given times; milliseconds as `corpus` takes them.
    clock: Option<u64>,
    generation: u32,
    file: Option<File>,
    /// Pieces that are not written yet.
    pending: VecDeque<Vec<u8>>,
    pieces: usize,
    due: Instant,
    next: Next,
    /// Rotated generations by their place: the first is `x.log.1`. A copy is a file of its own.
    rotated: Vec<Id>,
    /// Lines until this family is done.
    left: usize,
}

/// Writes until it is told to stop.
pub struct Writer {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
    /// What it wrote.
    pub books: Arc<Mutex<Books>>,
}

impl Writer {
    /// Begins.
    pub fn start(plan: &Plan, root: &Path) -> Self {
        let (stop, books) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Books>>::default());
        let mut desk = Desk {
            root: root.to_owned(),
            corpus: Corpus::load(),
            books: Arc::clone(&books),
            plan: plan.clone(),
            families: 0,
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || desk.write_until(&stopped));
        Self { stop, thread, books }
    }

    /// Ends it; every actor finishes what it has begun, some without a line break.
    pub fn stop(self) -> Books {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the writer does not panic");
        Arc::try_unwrap(self.books)
            .expect("nobody else has them")
            .into_inner()
            .expect("the writer did not panic")
    }
}

struct Desk {
    root: PathBuf,
    corpus: Corpus,
    books: Arc<Mutex<Books>>,
    plan: Plan,
    families: u32,
}

impl Desk {
    fn write_until(&mut self, stopped: &AtomicBool) {
        let mut actors: Vec<Actor> = (0..self.plan.actors).map(|_| self.actor()).collect();
        while !stopped.load(Ordering::Acquire) {
            for actor in &mut actors {
                if actor.due <= Instant::now() {
                    actor.act(self);
                    if actor.left == 0 && actor.pending.is_empty() && actor.kind != Kind::Service {
                        *actor = self.actor();
                    }
                }
            }
            thread::sleep(TICK);
        }
        for actor in &mut actors {
            actor.finish(self);
        }
    }

    /// The next family.
    fn actor(&mut self) -> Actor {
        let family = self.families;
        self.families += 1;
        let mut rng = self.plan.rng(&format!("actor {family}"));
        let kind = match family {
            2 if self.plan.length > Duration::from_mins(1) => Kind::Large,
            _ if family < self.plan.actors && family % 4 == 3 => Kind::Service,
            _ => Kind::Try,
        };
        let name = match kind {
            Kind::Service if rng.bool() => format!("scheduler/s{family}.log"),
            Kind::Service => format!("dag_processor/2026-11-21/p{family}.log"),
            _ => format!(
                "dag_id=d{}/run_id=manual__2026-11-21T12:00:00+00:00/task_id=t{family}/attempt={}.log",
                family % 3,
                1 + family / 7
            ),
        };
        // Days apart, so that not all of them fit one put.
        let day = [0, 8, 9][rng.usize(..3)] * 86_400_000;
        let clock = (rng.u8(..) > 60).then(|| day + rng.u64(..40_000_000));
        let mut actor = Actor {
            family,
            kind,
            source: (self.corpus.any_file(&mut rng), 0),
            clock,
            generation: 0,
            file: None,
            pending: VecDeque::new(),
            pieces: 0,
            due: Instant::now() + Duration::from_millis(rng.u64(..500)),
            next: Next::Append,
            rotated: Vec::new(),
            left: if kind == Kind::Large { usize::MAX } else { rng.usize(60..1_500) },
            name,
            rng,
        };
        actor.open(self);
        actor
    }
}

impl Actor {
    fn id(&self) -> Id {
        Id { family: self.family, generation: self.generation }
    }

    /// Makes the file, with its folders; a new generation.
    fn open(&mut self, desk: &Desk) {
        let path = desk.root.join(&self.name);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders can be made");
        // Not truncated: if it were there already, the books would be wrong.
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        self.file = Some(file.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        self.pieces = 0;
        desk.books.lock().expect("nobody panics").begin(self.id(), &self.name);
    }

    fn act(&mut self, desk: &Desk) {
        match self.next {
            Next::Append => {}
            Next::Rename => self.rename(desk),
            Next::Copy => self.copy(desk),
            Next::Truncate { refill } => self.truncate(desk, refill),
            Next::Delete => self.delete(desk),
            Next::Folder => self.remove_folder(desk),
        }
        if self.pending.is_empty() && self.left > 0 {
            let lines = self.burst();
            self.say(desk, lines);
        }
        // Some bursts come in one write, others piece by piece.
        let at_once = if self.rng.u8(..) < 150 { usize::MAX } else { self.rng.usize(1..4) };
        self.write(desk, at_once);
        let rate = u64::from(desk.plan.lines_per_second.max(1));
        let usual = 1_000 * u64::from(desk.plan.actors) * 12 / rate;
        let pause = match self.rng.u8(..) {
            _ if !self.pending.is_empty() => self.rng.u64(..300),
            0..=9 => 2_000 + self.rng.u64(..2_000),
            _ => self.rng.u64(..2 * usual),
        };
        self.due = Instant::now() + Duration::from_millis(pause);
        self.next = Next::Append;
        let is_empty = desk.books.lock().expect("nobody panics").of(self.id()).bytes.is_empty();
        if self.pending.is_empty() && !is_empty && self.rng.u8(..) < 26 {
            self.next = self.disturbance(&desk.plan.disturbances);
            if self.rng.bool() && !matches!(self.next, Next::Append) {
                self.due = Instant::now() + SETTLED + Duration::from_millis(self.rng.u64(..500));
            }
        }
    }

    /// How many lines come next; most bursts are small.
    fn burst(&mut self) -> usize {
        let lines = match (self.kind, self.rng.u8(..)) {
            (Kind::Large, _) => 150,
            (_, 0..=127) => self.rng.usize(1..5),
            (_, 128..=245) => self.rng.usize(1..30),
            _ => self.rng.usize(30..200),
        };
        lines.min(self.left)
    }

    fn disturbance(&mut self, allowed: &[Disturbance]) -> Next {
        let refill = self.rng.bool();
        let truncate = (Disturbance::Truncation, Next::Truncate { refill });
        let mut choices: Vec<(Disturbance, Next)> = match self.kind {
            Kind::Service => {
                vec![(Disturbance::Rename, Next::Rename), (Disturbance::Copy, Next::Copy), truncate]
            }
            Kind::Try => {
                vec![(Disturbance::Deletion, Next::Delete), truncate, (Disturbance::Folder, Next::Folder)]
            }
            Kind::Large => Vec::new(),
        };
        choices.retain(|(it, _)| allowed.contains(it));
        if choices.is_empty() { Next::Append } else { choices[self.rng.usize(..choices.len())].1 }
    }

    /// Puts lines among the pending pieces.
    fn say(&mut self, desk: &Desk, lines: usize) {
        for _ in 0..lines {
            let first = self.pieces == 0;
            let (file, number) = if first { (self.source.0, 0) } else { self.source };
            self.source.1 = number + 1;
            if self.kind != Kind::Large {
                self.left -= 1;
            }
            let long = !first && self.rng.u16(..) < 20;
            let line =
                if long { desk.corpus.long_line(&mut self.rng) } else { desk.corpus.line(file, number) };
            // The first line has a time, and half of one that is JSON would have none.
            let torn = if !first && self.rng.u8(..) < 20 { 2 } else { 1 };
            let markers: Vec<String> =
                (0..torn).map(|piece| marker(self.id(), self.pieces + piece)).collect();
            if let Some(clock) = &mut self.clock {
                *clock += self.rng.u64(..4);
            }
            self.pieces += torn;
            self.pending.extend(line.written(&markers, self.clock, &mut self.rng));
        }
        if self.left == 0
            && self.rng.bool()
            && let Some(last) = self.pending.back_mut()
        {
            // The last line of many logs has no break.
            last.truncate(last.trim_ascii_end().len());
        }
        desk.books.lock().expect("nobody panics").lines += lines;
        if self.kind == Kind::Large
            && desk.books.lock().expect("nobody panics").of(self.id()).bytes.len() > LARGE
        {
            self.left = 0;
        }
    }

    /// Writes pending pieces: whole ones in one go, but a piece without its line break is where a write ends.
    fn write(&mut self, desk: &Desk, pieces: usize) {
        let mut books = desk.books.lock().expect("nobody panics");
        let book = books.of(Id { family: self.family, generation: self.generation });
        let mut bytes = Vec::new();
        for _ in 0..pieces {
            let Some(piece) = self.pending.pop_front() else { break };
            book.pieces.push(book.bytes.len() + bytes.len());
            bytes.extend_from_slice(&piece);
            if !piece.ends_with(b"\n") {
                break;
            }
        }
        let file = self.file.as_mut().expect("it is open");
        file.write_all(&bytes).expect("the disk has room");
        book.bytes.extend_from_slice(&bytes);
        book.sizes.push((Instant::now(), book.bytes.len()));
    }

    fn finish(&mut self, desk: &Desk) {
        // Or not: then a file may end in the middle of a line.
        if self.rng.bool() {
            self.drain(desk);
        }
    }

    fn drain(&mut self, desk: &Desk) {
        while !self.pending.is_empty() {
            self.write(desk, usize::MAX);
        }
    }
}
