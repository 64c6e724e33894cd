//! Runs the normalizer as the host does: batch by batch, what was not used comes again.

use std::path::{Path, PathBuf};
use updraft_guest::testing::{self, Batch, Row};
use updraft_guest_airflow::Airflow;

/// The folder of real logs.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/logs")
}

/// The bytes of one real log.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All events of a file that is read in batches of so many lines.
pub fn events_in_batches(bytes: &[u8], batch_lines: usize) -> Vec<Row> {
    let (mut rows, mut at, mut wanted) = (Vec::new(), 0, batch_lines);
    loop {
        let end =
            bytes[at..].split_inclusive(|byte| *byte == b'\n').take(wanted).map(<[u8]>::len).sum::<usize>()
                + at;
        let last = end == bytes.len();
        let batch = testing::normalize(&mut Airflow, &testing::origin(), &bytes[at..end], last).unwrap();
        rows.extend(batch.rows());
        at += batch.consumed_bytes;
        wanted = if batch.consumed_bytes == 0 { wanted.saturating_add(batch_lines) } else { batch_lines };
        if last {
            return rows;
        }
    }
}

/// All events of a file that is read at once.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub fn events(bytes: &[u8]) -> Vec<Row> {
    events_in_batches(bytes, usize::MAX)
}

/// A record of Airflow 2.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub const RECORD: &str = "[2026-11-21T16:12:07.756-0330] {etl.py:7} INFO - hello\n";

/// A record of Airflow 3, without its line break.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub const JSON: &str = r#"{"timestamp":"2026-11-21T19:42:07.756123Z","level":"info","event":"hello"}"#;

/// All events of a task's first try.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub fn of(folder: &str, task: &str) -> Vec<Row> {
    events(&fixture(&format!("{folder}/task_id={task}/attempt=1.log")))
}

/// The event whose message begins so.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub fn find<'a>(rows: &'a [Row], begins: &str) -> &'a Row {
    rows.iter()
        .find(|row| row.text().starts_with(begins))
        .unwrap_or_else(|| panic!("no event begins with {begins:?}"))
}

/// What is made of one batch.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub fn batch(bytes: impl Into<Vec<u8>>, last: bool) -> Batch {
    testing::normalize(&mut Airflow, &testing::origin(), bytes, last).unwrap()
}

/// The only event of a text.
#[allow(dead_code, reason = "each test binary uses some of these")]
pub fn one(text: &str) -> Row {
    let rows = events(text.as_bytes());
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}
