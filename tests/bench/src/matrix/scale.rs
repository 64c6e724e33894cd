//! The same amount of log in one file, in some, and in very many: what a GB costs, and what memory. One log stream for all,
//! as in environment mode: with a log stream for each file it is AWS that wants a request for each.

use super::Figures;
use crate::corpus::Kind;
use crate::setting::{BUSY, MANY, Setting};
use crate::table::{Figure, Goal};

/// The figures of it.
pub fn scale(setting: &Setting) -> Figures {
    let sinks = setting.cloudwatch("json", ", stream_name: all");
    let counts = [1, BUSY, MANY];
    let mut costs: [Vec<f64>; 3] = Default::default();
    let mut peaks = Vec::new();
    for lap in 0..setting.repeats {
        for (count, costs) in counts.into_iter().zip(&mut costs) {
            let corpus = setting.corpus(Kind::Text, count)?;
            let (took, books) = setting.once(&setting.pipeline(&corpus.logs, "", &sinks))?;
            if lap == 0 {
                let (_, wanted) = setting.floor(&corpus, "json")?;
                if (books.events(), books.sum()) != (wanted.events(), wanted.sum()) {
                    let (wanted, got) = (wanted.events(), books.events());
                    return Err(format!("of {wanted} events in {count} files {got} arrived, or others"));
                }
            }
            costs.push(took.cpu / corpus.megabytes() * 1000.0);
            if count == MANY {
                peaks.push(took.peak);
            }
        }
    }
    let ratios = costs[2].iter().zip(&costs[0]).map(|(many, one)| many / one).collect();
    let mut figures: Vec<Option<Figure>> = counts
        .iter()
        .zip(&costs)
        .map(|(count, costs)| {
            Figure::of(format!("a GB of text in {count} files"), costs.clone(), "CPU-s", Goal::None)
        })
        .collect();
    figures.push(Figure::of(format!("cost per GB, {MANY} files beside one"), ratios, "×", Goal::AtMost(1.5)));
    figures.push(Figure::of(format!("peak memory at {MANY} files"), peaks, "MB", Goal::AtMost(150.0)));
    Ok(figures)
}
