//! How a run went, as a table for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::books::Books;
use crate::driver::Stage;
use crate::plan::Plan;
use crate::verdict::Tally;
use crate::weather::Trouble;

/// How a run went.
#[derive(Clone, Debug)]
pub struct Scorecard {
    seed: u64,
    took: Duration,
    kills: u32,
    stops: u32,
    met: BTreeMap<Trouble, u32>,
    families: usize,
    generations: usize,
    lines: usize,
    bytes: usize,
    log_streams: usize,
    puts: usize,
    requests: usize,
    peak_rss: u64,
    tally: Option<Tally>,
}

impl Scorecard {
    /// What is known before the oracle has spoken.
    pub fn of(plan: &Plan, stage: &Stage, books: &Books, kills: u32, took: Duration) -> Self {
        let puts = stage.ledger.puts();
        Self {
            seed: plan.seed,
            took,
            kills,
            stops: stage.host.lives - kills,
            met: stage.met(),
            families: books
                .generations
                .keys()
                .map(|id| id.family)
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            generations: books.generations.len(),
            lines: books.lines,
            bytes: books.generations.values().map(|it| it.bytes.len()).sum(),
            log_streams: puts.len(),
            puts: puts.values().map(Vec::len).sum(),
            requests: stage.doors.iter().map(|door| door.requests()).sum(),
            peak_rss: stage.host.peak_rss,
            tally: None,
        }
    }

    /// The oracle has spoken.
    #[must_use]
    pub fn with(self, tally: Tally) -> Self {
        Self { tally: Some(tally), ..self }
    }
}

impl fmt::Display for Scorecard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met: Vec<String> =
            self.met.iter().map(|(trouble, times)| format!("{} {times}", trouble.name())).collect();
        let mut rows = vec![
            ("seed", self.seed.to_string()),
            ("minutes", format!("{:.1}", self.took.as_secs_f64() / 60.0)),
            ("kills, clean stops", format!("{}, {}", self.kills, self.stops)),
            ("trouble", met.join(", ")),
            ("files, generations", format!("{}, {}", self.families, self.generations)),
            ("lines, bytes", format!("{}, {}", self.lines, self.bytes)),
            ("requests", self.requests.to_string()),
            ("puts, log streams", format!("{}, {}", self.puts, self.log_streams)),
            ("peak RSS of the host", format!("{} MiB", self.peak_rss >> 20)),
        ];
        if let Some(tally) = &self.tally {
            rows.extend([
                ("lost", tally.lost.to_string()),
                ("vanished at the source, bytes, all sinks", tally.gone.to_string()),
                ("of these reported, never seen", format!("{}, {}", tally.reported, tally.unseen)),
                (
                    "arrived, repeated (allowed)",
                    format!("{}, {} ({})", tally.arrived, tally.repeated, tally.repeatable),
                ),
                ("out of order", tally.disorder.to_string()),
                (
                    "objects identical, and beginnings of what vanished",
                    format!("{}, {}", tally.identical, tally.beginnings),
                ),
            ]);
        }
        writeln!(f, "| | |\n|---|---|")?;
        for (name, value) in rows {
            writeln!(f, "| {name} | {value} |")?;
        }
        Ok(())
    }
}
