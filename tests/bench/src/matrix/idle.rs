//! What Updraft takes while very many tries are there, and none grows.

use std::time::{Duration, Instant};

use super::Figures;
use super::memory::settled;
use crate::corpus::Kind;
use crate::process::Running;
use crate::setting::{MANY, Setting};
use crate::table::{Figure, Goal};

const WATCHED: Duration = Duration::from_secs(40);

/// The figure of it.
pub fn idle(setting: &Setting) -> Figures {
    let corpus = setting.corpus(Kind::Text, MANY)?;
    let pipeline = setting.pipeline(&corpus.logs, "", &setting.cloudwatch("json", ", stream_name: all"));
    setting.once(&pipeline)?;
    let running = Running::start(setting.updraft_again(&pipeline, &[])?)?;
    settled(&running)?;
    let mut shares = Vec::new();
    for _ in 0..setting.repeats.min(2) {
        let (before, begun) = (running.cpu()?, Instant::now());
        std::thread::sleep(WATCHED);
        shares.push(100.0 * (running.cpu()? - before) / begun.elapsed().as_secs_f64());
    }
    let what = format!("idle, {MANY} tries, none growing");
    Ok(vec![Figure::of(what, shares, "% of a core", Goal::AtMost(1.0))])
}
