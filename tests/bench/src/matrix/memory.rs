//! What a stream costs that is known and quiet: a second start over many files that are delivered, beside one over few.

use std::time::Duration;

use super::Figures;
use crate::corpus::{Corpus, Kind};
use crate::process::Running;
use crate::setting::Setting;
use crate::table::{Figure, Goal};

const KNOWN: usize = 100_000;
const FEW: usize = 1;
/// Longer than the least time between two looks through the folder: a lull between them is no rest.
const SETTLE: Duration = Duration::from_secs(10);
/// What goes on for ever takes less of a processor than that.
const BUSY: f64 = 0.5;
/// Two such times take the same where they differ by no more than this of a processor, or by this part of what they take:
/// looks through the folder do not fall into them evenly.
const STEADY: f64 = 0.01;
const STEADY_PART: f64 = 0.25;
const PATIENCE: Duration = Duration::from_mins(5);

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

/// Memory once all is done that comes of a start: twice in a row it takes as much of a processor as the time before, be
/// that little or much. A steady cost is so not waited away.
pub fn settled(running: &Running) -> Result<f64, String> {
    let (mut before, mut last, mut steady) = (0.0, f64::INFINITY, 0);
    crate::process::until("a start to be over", PATIENCE, || {
        std::thread::sleep(SETTLE);
        let cpu = running.cpu()?;
        let share = (cpu - before) / SETTLE.as_secs_f64();
        let same = (share - last).abs() <= STEADY.max(share * STEADY_PART);
        steady = if share < BUSY && same { steady + 1 } else { 0 };
        (before, last) = (cpu, share);
        Ok(steady == 2)
    })?;
    running.memory()
}
