//! From a line in a file to the answer that acknowledges it: numbered lines, written into some files at random moments.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;

use super::Figures;
use crate::corpus::path_of;
use crate::endpoint::PROBE;
use crate::process::{Running, until, write};
use crate::setting::Setting;
use crate::table::{Figure, Goal};

const FILES: usize = 20;
const LINES: u64 = 400;
/// Between lines, at most.
const STEP: Duration = Duration::from_millis(120);
const PATIENCE: Duration = Duration::from_secs(30);

/// With the default config, and with one for those in a hurry.
pub fn latency(setting: &Setting) -> Figures {
    let default = measure(setting, "", "")?;
    let tuned = measure(setting, ", join_ms: 50", ", batch: { timeout_secs: 0.1 }")?;
    Ok(vec![
        share(&default, 50, "a line → CloudWatch, default, p50", 1.2),
        share(&default, 99, "a line → CloudWatch, default, p99", 2.5),
        share(&tuned, 50, "a line → CloudWatch, tuned, p50", f64::INFINITY),
        share(&tuned, 99, "a line → CloudWatch, tuned, p99", 0.5),
    ])
}

fn share(sorted: &[f64], percent: usize, what: &str, goal: f64) -> Option<Figure> {
    let value = *sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))?;
    let goal = if goal.is_finite() { Goal::AtMost(goal) } else { Goal::None };
    Figure::of(what, vec![value], "s", goal)
}

/// Seconds, sorted.
fn measure(setting: &Setting, source: &str, sink: &str) -> Result<Vec<f64>, String> {
    let logs = setting.place.join("latency/logs");
    for file in 0..FILES {
        write(&logs.join(path_of(file)), b"")?;
    }
    setting.endpoint.take_books()?;
    let pipeline = setting.pipeline(&logs, source, &setting.cloudwatch("json", sink));
    let running = Running::start(setting.updraft(&pipeline, &[])?)?;
    let mut chance = Rng::with_seed(1);
    let mut written = HashMap::new();
    // One that is not counted, to know that it runs.
    append(&logs, 0, 0)?;
    arrived(setting, 0)?;
    for number in 1..=LINES {
        append(&logs, chance.usize(0..FILES), number)?;
        written.insert(number, now());
        std::thread::sleep(STEP.mul_f64(chance.f64()));
    }
    let last = Instant::now();
    while setting.endpoint.books()?.probes.len() as u64 <= LINES && last.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(running);
    let seen = setting.endpoint.take_books()?.probes;
    let mut seconds: Vec<f64> = seen
        .iter()
        .filter_map(|probe| Some(probe.ns.saturating_sub(*written.get(&probe.number)?) as f64 / 1e9))
        .collect();
    if seconds.len() as u64 != LINES {
        return Err(format!("of {LINES} lines {} arrived", seconds.len()));
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds)
}

fn arrived(setting: &Setting, number: u64) -> Result<(), String> {
    until("the first line", PATIENCE, || {
        Ok(setting.endpoint.books()?.probes.iter().any(|probe| probe.number == number))
    })
}

fn append(logs: &std::path::Path, file: usize, number: u64) -> Result<(), String> {
    let path = logs.join(path_of(file));
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string();
    let line = format!("[{time}+0000] {{load.py:7}} INFO - {PROBE}{number}\n");
    let opened = OpenOptions::new().append(true).open(&path);
    let done = opened.and_then(|mut file| file.write_all(line.as_bytes()));
    done.map_err(|error| format!("{}: {error}", path.display()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
