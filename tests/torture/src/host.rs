//! The host under torture: its config, its lives, and what it said in each of them.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use updraft_tests::{Finished, REGION, Running, Updraft};

use crate::oracle::{CLOUDWATCH, LAKE, MIRROR};
use crate::plan::Plan;

/// The log group.
pub const GROUP: &str = "airflow";
/// The bucket of the mirror.
pub const MIRROR_BUCKET: &str = "mirror";
/// The bucket of layout `batch`.
pub const LAKE_BUCKET: &str = "lake";
/// The one log stream, where there is one for all.
pub const ONE: &str = "all";

/// How the host was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL.
    Kill,
    /// SIGTERM, and some seconds to drain in.
    Terminate,
}

/// The host, life after life.
pub struct Host {
    binary: PathBuf,
    config: String,
    said: PathBuf,
    living: Option<Living>,
    /// From when to when it looked at files, in each life.
    pub ups: Vec<(Instant, Instant)>,
    data: PathBuf,
    /// The most memory that any life of it took, in bytes.
    pub peak_rss: u64,
    /// Lives so far.
    pub lives: u32,
}

struct Living {
    running: Running,
    ready: Option<Instant>,
}

/// Where a run keeps its things.
#[derive(Clone, Debug)]
pub struct Places {
    /// Airflow's log folder.
    pub logs: PathBuf,
    /// The host's data dir.
    pub data: PathBuf,
    /// All that it said.
    pub said: PathBuf,
}

impl Host {
    /// One that has never lived. `endpoints`: of CloudWatch and S3.
    pub fn new(binary: &Path, plan: &Plan, places: &Places, endpoints: [&str; 2]) -> Self {
        Self {
            binary: binary.to_owned(),
            config: config(plan, places, endpoints),
            said: places.said.clone(),
            living: None,
            ups: Vec::new(),
            data: places.data.clone(),
            peak_rss: 0,
            lives: 0,
        }
    }

    fn updraft(&self, arguments: &[&str]) -> Updraft {
        let updraft = Updraft::at(&self.binary).as_anyone().env("AWS_REGION", REGION);
        let updraft = updraft.arg("run").arg("--log-format").arg("json");
        arguments.iter().fold(updraft, Updraft::arg).config("torture.yaml", &self.config)
    }

    /// Starts it. `drain`: how long it has after SIGTERM.
    pub fn start(&mut self, drain: Duration) {
        let drain = format!("{}ms", drain.as_millis());
        let running = self.updraft(&["--drain-timeout", &drain]).spawn();
        self.lives += 1;
        self.living = Some(Living { running, ready: None });
    }

    /// Looks after it for a while; an error if it ended by itself.
    pub fn live(&mut self, length: Duration) -> Result<(), String> {
        let until = Instant::now() + length;
        loop {
            let living = self.living.as_mut().expect("it was started");
            if living.ready.is_none() && living.running.stderr().contains("running; SIGTERM") {
                living.ready = Some(Instant::now());
            }
            if living.running.has_ended() {
                let done = self.living.take().expect("it was started").running.wait();
                let status = done.status;
                self.hear(&done)?;
                return Err(format!(
                    "the host ended by itself: {status}; the end of what it said:\n{}",
                    tail(&done.stderr)
                ));
            }
            if Instant::now() >= until {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20).min(length));
        }
    }

    /// Most of its memory so far in this life, and now; in bytes.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let id = self.living.as_ref()?.running.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().split(' ').next()?.parse::<u64>().ok()
        };
        Some((kib("VmHWM:")? * 1024, kib("VmRSS:")? * 1024))
    }

    /// Ends it; its exit code, none when a signal ended it.
    pub fn end(&mut self, how: End) -> Result<Option<i32>, String> {
        self.peak_rss = self.peak_rss.max(self.memory().map_or(0, |(peak, _)| peak));
        let Living { running, ready } = self.living.take().expect("it was started");
        let ended = Instant::now();
        let done = match how {
            End::Kill => running.kill(),
            End::Terminate => {
                running.terminate();
                running.wait()
            }
        };
        if let Some(ready) = ready {
            self.ups.push((ready, ended));
        }
        self.hear(&done)?;
        match (how, done.code()) {
            (End::Kill, _) | (End::Terminate, Some(0 | 1)) => Ok(done.code()),
            (End::Terminate, _) => {
                Err(format!("SIGTERM ended the host with {}:\n{}", done.status, tail(&done.stderr)))
            }
        }
    }

    /// `run --once`; its exit code.
    pub fn once(&mut self) -> Result<Option<i32>, String> {
        self.lives += 1;
        let done = self.updraft(&["--once", "--give-up", "90s"]).run();
        self.hear(&done)?;
        Ok(done.code())
    }

    /// Bytes that it has written down as lost at the source, by sink and path.
    pub fn reports(&self) -> rusqlite::Result<BTreeMap<(String, String), u64>> {
        let store = self.data.join("cursors.sqlite");
        let db = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut losses = db.prepare("SELECT sink, path, sum(bytes) FROM losses GROUP BY sink, path")?;
        let rows =
            losses.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)? as u64)))?;
        rows.collect()
    }

    /// Takes what it said: nothing may be in it that must never be said.
    fn hear(&mut self, done: &Finished) -> Result<(), String> {
        let kept = OpenOptions::new().append(true).create(true).open(&self.said).and_then(|mut file| {
            writeln!(file, "--- life {}: {}", self.lives, done.status)?;
            file.write_all(done.stderr.as_bytes())
        });
        kept.map_err(|error| format!("{}: {error}", self.said.display()))?;
        for line in done.stderr.lines() {
            if line.contains("panicked at") || line.contains("a worker failed") {
                return Err(format!("the host panicked: {line}"));
            }
        }
        Ok(())
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

fn config(plan: &Plan, places: &Places, [logs, s3]: [&str; 2]) -> String {
    let mut rng = plan.rng("config");
    let stream = if plan.one_log_stream() { ONE } else { "{{ path }}" };
    let max_events = [10_000, 1_000, 100][rng.usize(..3)];
    let request = format!("request: {{timeout_secs: {}, connect_timeout_secs: 1}}", plan.timeout_secs);
    let mut config = format!(
        "data_dir: '{data}'
sources:
  airflow:
    type: airflow
    base_log_folder: '{folder}'
    exclude: ['**/.*', '.*/**']
    join_ms: 100
    partial_line_secs: 0.7
    rescan_secs: 1
transforms:
  lines: {{type: wasm, inputs: [airflow], component: 'builtin:airflow'}}
sinks:
  {CLOUDWATCH}:
    type: aws_cloudwatch_logs
    inputs: [lines]
    endpoint: {logs}
    group_name: {GROUP}
    stream_name: '{stream}'
    encoding: {{codec: raw}}
    batch: {{timeout_secs: 0.3, max_events: {max_events}}}
    {request}
  {MIRROR}:
    type: aws_s3
    inputs: [airflow]
    endpoint: {s3}
    bucket: {MIRROR_BUCKET}
    refresh_secs: 1
    {request}
",
        data = places.data.display(),
        folder = places.logs.display(),
    );
    if plan.with_lake() {
        let lake = format!(
            "  {LAKE}:
    type: aws_s3
    inputs: [lines]
    endpoint: {s3}
    bucket: {LAKE_BUCKET}
    layout: batch
    encoding: {{codec: raw}}
    compression: none
    batch: {{max_bytes: 300000, timeout_secs: 1, min_bytes: 20000, max_wait_secs: 3}}
    {request}
"
        );
        config.push_str(&lake);
    }
    config
}
