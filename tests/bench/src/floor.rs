//! The floor: a program that only reads, finds records, writes each as flat JSON escaped once into the body of a put,
//! hashes that and sends it over one connection. No cursors, no guests, no limits on time or memory, no retries: what is
//! left when everything that Updraft promises is taken away. One thread.

mod escape;
mod event;
mod put;
mod time;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use updraft_guest::{Columns, Lines, LogStream, StreamKind, TaskTry, run_normalizer};
use updraft_guest_airflow::Airflow;

use event::Event;
use put::Outlet;

/// How much is read at a time.
const READ: u64 = 256 << 10;

/// What an event looks like in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// The flat object.
    Json,
    /// The bytes of the file, without the break at their end.
    Raw,
}

/// Delivers the files of a folder to an endpoint; says how many events.
pub fn deliver(logs: &Path, paths: &[String], port: u16, codec: Codec) -> Result<u64, String> {
    let mut outlet = Outlet::to(port)?;
    let mut events = 0;
    for path in paths {
        outlet.open(path)?;
        let origin = origin(path)?;
        normalize(&logs.join(path), &origin, |bytes, columns| {
            events += columns.len() as u64;
            for event in Event::all(bytes, columns, &origin) {
                outlet.push(&event, codec)?;
            }
            Ok(())
        })?;
        outlet.close()?;
    }
    Ok(events)
}

/// Only the first half: reads files and finds lines, and runs the normalizer over them, natively, or not.
pub fn read_all(logs: &Path, paths: &[String], normalize: bool) -> Result<(), String> {
    for path in paths {
        if normalize {
            self::normalize(&logs.join(path), &origin(path)?, |_, columns| {
                std::hint::black_box(columns);
                Ok(())
            })?;
        } else {
            lines(&logs.join(path), |lines| {
                std::hint::black_box(&lines);
                Ok(lines.bytes().len())
            })?;
        }
    }
    Ok(())
}

fn normalize(
    file: &Path,
    origin: &LogStream,
    mut each: impl FnMut(&[u8], &Columns) -> Result<(), String>,
) -> Result<(), String> {
    lines(file, |lines| {
        let (_, columns) = run_normalizer(&mut Airflow, origin, lines)?;
        each(lines.bytes(), &columns)?;
        Ok(columns.source_ends.last().copied().unwrap_or(0) as usize)
    })
}

/// Gives the lines of a file, some at a time; `each` says how many bytes of them it used.
pub fn lines(file: &Path, mut each: impl FnMut(&Lines) -> Result<usize, String>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut opened = File::open(file).map_err(failed)?;
    let mut rest = Vec::new();
    loop {
        let read = (&mut opened).take(READ).read_to_end(&mut rest).map_err(failed)?;
        let last = read == 0;
        if last && rest.is_empty() {
            return Ok(());
        }
        let whole = if last { rest.len() } else { memchr::memrchr(b'\n', &rest).map_or(0, |at| at + 1) };
        let after = rest.split_off(whole);
        let mut ends: Vec<u32> = memchr::memchr_iter(b'\n', &rest).map(|at| at as u32 + 1).collect();
        if ends.last().copied().unwrap_or(0) as usize != rest.len() {
            ends.push(rest.len() as u32);
        }
        let lines = Lines::new(rest, ends, last);
        let used = each(&lines)?;
        rest = [&lines.bytes()[used..], &after].concat();
    }
}

/// As the path says it.
pub fn origin(path: &str) -> Result<LogStream, String> {
    let part = |name: &str| {
        let found = path.split('/').find_map(|part| part.strip_prefix(name));
        found.map(str::to_owned).ok_or_else(|| format!("{path} has no {name}"))
    };
    let attempt = part("attempt=")?;
    let try_number = attempt.trim_end_matches(".log").parse().map_err(|_| format!("{path}: which try?"))?;
    let task = TaskTry {
        dag_id: part("dag_id=")?,
        run_id: part("run_id=")?,
        task_id: part("task_id=")?,
        map_index: None,
        try_number,
    };
    let (source, host) = ("airflow".to_owned(), String::new());
    let deployment = updraft_guest::Deployment::default();
    Ok(LogStream {
        source,
        path: path.to_owned(),
        host,
        kind: StreamKind::Task,
        task: Some(task),
        deployment,
    })
}
