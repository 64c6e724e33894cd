//! Runs the normalizer as the host does: batch by batch, what was not used comes again.

use std::path::{Path, PathBuf};
use updraft_guest::testing::{self, Row};
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
        wanted = if batch.consumed_bytes == 0 { wanted + batch_lines } else { batch_lines };
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
