//! The progress bar of `run --once`, where stderr is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;
use updraft::{Meter as Gauge, Pipeline};

/// How often it is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Draws until it is finished or dropped.
pub struct Meter {
    bar: ProgressBar,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Meter {
    /// Begins to draw, where there is somebody to look at it.
    pub fn start(pipeline: &Pipeline) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), task: None };
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let (gauge, drawn) = (pipeline.meter(), bar.clone());
        let task = tokio::spawn(async move {
            loop {
                draw(&drawn, &gauge);
                tokio::time::sleep(REDRAW).await;
            }
        });
        Self { bar, task: Some(task) }
    }

    /// Makes room for the summary.
    pub fn finish(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.bar.finish_and_clear();
    }
}

fn draw(bar: &ProgressBar, gauge: &Arc<Gauge>) {
    let sinks = gauge.read();
    let (done, behind) =
        sinks.iter().fold((0, 0), |(done, behind), it| (done + it.bytes, behind + it.behind));
    let files = sinks.iter().map(|it| it.files).max().unwrap_or(0);
    let lines = sinks.iter().map(|it| it.lines).max().unwrap_or(0);
    bar.set_length(done + behind);
    bar.set_position(done);
    bar.set_message(format!("{files} files, {lines} lines"));
}
