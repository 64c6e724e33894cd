//! What the stages are given: lines of real Airflows, from the fixtures, as a chain would cut them.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use updraft::bench::tail::{self, Lines, Want};
use updraft::bench::{BATCH_BYTES, BATCH_LINES};
use updraft::event::{Batch, Deployment, Events, Origin, Recipe, StreamKind, TaskTry};
use updraft_tests::LogFolder;

/// Which Airflow wrote the lines, and in which folder of the fixtures they are.
pub const KINDS: [(&str, &str); 2] = [("text", "airflow2/default_utc"), ("json", "airflow3/default_utc")];
/// Bytes of the file that is read.
const SIZE: usize = 2 << 20;
/// Of each fixture no more: one that is there for its very long lines is to be no more than any other.
const OF_EACH: usize = 16 << 10;

/// As much as a chain asks for.
pub const WANT: Want = Want { lines: BATCH_LINES, bytes: BATCH_BYTES, unfinished: true };

/// A file of whole lines of that kind.
pub struct Log {
    /// Open.
    pub file: File,
    /// Its bytes.
    pub size: u64,
}

impl Log {
    /// The beginnings of all fixtures, again and again.
    pub fn of(fixtures: &str) -> Self {
        let mut all = Vec::new();
        for bytes in LogFolder::of(fixtures).task_files().into_values() {
            let beginning = &bytes[..bytes.len().min(OF_EACH)];
            let whole = beginning.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            all.extend_from_slice(&beginning[..whole]);
        }
        assert!(!all.is_empty(), "no lines in {fixtures}");
        let all = all.repeat(SIZE.div_ceil(all.len()));
        let mut file = tempfile::tempfile().expect("the temp folder can be written");
        file.write_all(&all).expect("the temp folder can be written");
        Self { file, size: all.len() as u64 }
    }

    /// The batch at an offset; none at its end.
    pub fn read(&self, offset: u64) -> Option<Lines> {
        let lines =
            tail::read(Vec::new(), &self.file, offset, self.size, WANT).expect("a file of ours can be read");
        (!lines.ends.is_empty()).then_some(lines)
    }

    /// All its batches.
    pub fn batches(&self) -> Vec<Lines> {
        let mut offset = 0;
        let next = || {
            let lines = self.read(offset)?;
            offset += lines.bytes.len() as u64;
            Some(lines)
        };
        std::iter::from_fn(next).collect()
    }
}

/// Who wrote them.
pub fn origin() -> Origin {
    Origin {
        source: "airflow".to_owned(),
        path: "dag_id=etl/run_id=manual__1/task_id=load/attempt=1.log".to_owned(),
        host: "worker-0".to_owned(),
        kind: StreamKind::Task,
        task: Some(TaskTry {
            dag_id: "etl".to_owned(),
            run_id: "manual__1".to_owned(),
            task_id: "load".to_owned(),
            map_index: None,
            try_number: 1,
        }),
        deployment: Deployment::default(),
    }
}

/// What a normalizer made of lines, as sinks get it.
pub fn batch(origin: &Arc<Origin>, lines: Lines, events: Events) -> Batch {
    Batch {
        origin: origin.clone(),
        range: 0..lines.bytes.len() as u64,
        events,
        lines: lines.ends.len() as u32,
        clock: 0,
        recipe: Recipe::default(),
        divisible: true,
        bytes: lines.bytes,
    }
}
