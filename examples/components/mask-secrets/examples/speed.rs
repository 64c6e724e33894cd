//! How long masking takes, natively, on lines that real Airflow wrote:
//! `cargo run --release -p updraft-example-mask-secrets --example speed`.

use std::path::Path;
use std::time::{Duration, Instant};
use updraft_example_mask_secrets::MaskSecrets;
use updraft_guest::testing::{self, Batch};
use updraft_guest::{EventSet, LogStream, Transformer};
use updraft_guest_airflow::Airflow;

/// As many bytes as the host puts into a batch.
const BATCH: usize = 512 * 1024;

/// What a transform costs that does nothing: what crosses the border natively.
struct Nothing;

impl Transformer for Nothing {
    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn transform(&mut self, _: &LogStream, _: &EventSet) -> Result<(), String> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let user = r#"{"words": ["hunter2", "correct horse"], "patterns": ["customer-\\d{8}", "(?i)pin=\\d+"]}"#;
    println!("{:24}{:>12}{:>12}{:>16}", "", "bytes", "built in", "and 2+2 of ours");
    for version in ["airflow2", "airflow3"] {
        let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/logs").join(version);
        let mut lines = Vec::new();
        read(&logs, &mut lines)?;
        let batches: Vec<Batch> = lines
            .chunks(BATCH)
            .map(|chunk| testing::normalize(&mut Airflow, &testing::origin(), chunk, true))
            .collect::<Result<_, _>>()?;
        let base = time(&mut Nothing, &batches)?;
        let cost = |config: &str| -> Result<f64, String> {
            let spent = time(&mut MaskSecrets::configure(config)?, &batches)?;
            Ok(spent.saturating_sub(base).as_nanos() as f64 / lines.len() as f64)
        };
        println!("{version:24}{:>12}{:>7.2} ns/B{:>11.2} ns/B", lines.len(), cost("{}")?, cost(user)?);
    }
    Ok(())
}

/// The best of ten times over all batches.
fn time<T: Transformer>(transformer: &mut T, batches: &[Batch]) -> Result<Duration, String> {
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        for batch in batches {
            testing::transform(transformer, &testing::origin(), batch)?;
        }
        best = best.min(start.elapsed());
    }
    Ok(best)
}

/// Every log of tasks below the folder.
fn read(folder: &Path, into: &mut Vec<u8>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        if entry.path().is_dir() {
            read(&entry.path(), into)?;
        } else {
            into.append(&mut std::fs::read(entry.path())?);
        }
    }
    Ok(())
}
