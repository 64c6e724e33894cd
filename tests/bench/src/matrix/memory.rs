//! What a stream costs that is known and quiet: a second start over many files that are delivered, beside one over few.

use std::time::Duration;

use super::Figures;
use crate::corpus::{Corpus, Kind};
use crate::process::Running;
use crate::setting::Setting;
use crate::table::{Figure, Goal};

const KNOWN: usize = 100_000;
const FEW: usize = 1;
/// Until memory no longer changes.
const SETTLE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_mins(2);

/// The figure of it.
pub fn memory(setting: &Setting) -> Figures {
    let of = |files: usize| -> Result<f64, String> {
        let corpus = Corpus::of(&setting.place, Kind::Text, files, 1)?;
        let pipeline = setting.pipeline(&corpus.logs, "", &setting.cloudwatch("json", ", stream_name: all"));
        setting.once(&pipeline)?;
        let running = Running::start(setting.updraft_again(&pipeline, &[])?)?;
        settled(&running)
    };
    let mut each = Vec::new();
    for _ in 0..setting.repeats.min(2) {
        each.push((of(KNOWN)? - of(FEW)?) * 1e6 / (KNOWN - FEW) as f64 / 1024.0);
    }
    Ok(vec![Figure::of(format!("an idle known stream, of {KNOWN}"), each, "KiB", Goal::AtMost(2.0))])
}

/// Memory once it uses no more processor than one does that waits.
pub fn settled(running: &Running) -> Result<f64, String> {
    let mut before = 0.0;
    crate::process::until("a start to be over", PATIENCE, || {
        std::thread::sleep(SETTLE);
        let (cpu, quiet) = (running.cpu()?, SETTLE.as_secs_f64() / 4.0);
        let done = cpu - before < quiet;
        before = cpu;
        Ok(done)
    })?;
    running.memory()
}
