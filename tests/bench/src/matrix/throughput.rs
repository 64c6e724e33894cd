//! MB of log for each second of a processor: runs over files that are there, from beginning to end. Each run is checked:
//! what the endpoint got must be what the floor sent, event by event, or the files byte by byte.

use std::fs;

use super::Figures;
use crate::corpus::{Corpus, Kind};
use crate::endpoint::{Books, LIMIT_BYTES, LIMIT_EVENTS};
use crate::process::Took;
use crate::setting::{BUSY, Setting, own};
use crate::sum::sum;
use crate::table::{Figure, Goal};

const RATE: &str = "MB/CPU-s";

/// Runs of a pipeline, and of the floor by turns, so that whatever else the machine does meets both.
struct Laps {
    megabytes: f64,
    ours: Vec<Took>,
    floor: Vec<Took>,
    fill: Vec<f64>,
}

impl Laps {
    fn rate(&self, what: &str, goal: f64) -> Option<Figure> {
        let rates = self.ours.iter().map(|it| self.megabytes / it.cpu).collect();
        Figure::of(what, rates, RATE, Goal::AtLeast(goal))
    }

    fn wall(&self, what: &str, goal: Goal) -> Option<Figure> {
        let rates = self.ours.iter().map(|it| self.megabytes / it.wall).collect();
        Figure::of(format!("{what}, wall"), rates, "MB/s", goal)
    }

    fn peak(&self, what: &str, goal: Goal) -> Option<Figure> {
        Figure::of(format!("{what}, peak memory"), self.ours.iter().map(|it| it.peak).collect(), "MB", goal)
    }

    fn of_floor(&self, what: &str) -> [Option<Figure>; 2] {
        let floors = self.floor.iter().map(|it| self.megabytes / it.cpu).collect();
        let shares = self.ours.iter().zip(&self.floor).map(|(ours, floor)| 100.0 * floor.cpu / ours.cpu);
        [
            Figure::of(format!("{what}, the floor"), floors, RATE, Goal::None),
            Figure::of(format!("{what}, of the floor's speed"), shares.collect(), "%", Goal::AtLeast(60.0)),
        ]
    }
}

/// By turns with the floor, which says what should arrive.
fn beside_the_floor(setting: &Setting, corpus: &Corpus, codec: &str, sinks: &str) -> Result<Laps, String> {
    let pipeline = setting.pipeline(&corpus.logs, "", sinks);
    let mut laps =
        Laps { megabytes: corpus.megabytes(), ours: Vec::new(), floor: Vec::new(), fill: Vec::new() };
    for _ in 0..setting.repeats {
        let (took, wanted) = setting.floor(corpus, codec)?;
        laps.floor.push(took);
        let (took, books) = setting.once(&pipeline)?;
        same_events(&wanted, &books)?;
        if books.count("PutObject") > 0 {
            same_objects(corpus, &books)?;
        }
        laps.ours.push(took);
        laps.fill.extend(books.fill(LIMIT_BYTES, LIMIT_EVENTS).map(|fill| 100.0 * fill));
    }
    Ok(laps)
}

fn same_events(wanted: &Books, got: &Books) -> Result<(), String> {
    let (events, should) = (got.events(), wanted.events());
    if (events, got.sum()) == (should, wanted.sum()) {
        return Ok(());
    }
    let other =
        got.streams.iter().find(|(name, it)| wanted.streams.get(*name).is_none_or(|that| that.sum != it.sum));
    Err(format!(
        "the floor sent {should} events and {events} arrived, or others; first in {:?}",
        other.map(|it| it.0)
    ))
}

fn same_objects(corpus: &Corpus, books: &Books) -> Result<(), String> {
    if books.objects.len() != corpus.made.files {
        return Err(format!("{} objects of {} files", books.objects.len(), corpus.made.files));
    }
    for path in corpus.paths() {
        let bytes = fs::read(corpus.logs.join(&path)).map_err(|error| format!("{path}: {error}"))?;
        // The key as it stands in a URL.
        let key = format!("/bench/{}", path.replace('=', "%3D"));
        let object = books.objects.get(&key).or_else(|| books.objects.get(&format!("/bench/{path}")));
        if object != Some(&(bytes.len() as u64, sum(&bytes))) {
            return Err(format!("the object of {path} is not the file: {object:?}"));
        }
    }
    Ok(())
}

/// Text, codec `json`.
pub fn text(setting: &Setting) -> Figures {
    let corpus = setting.corpus(Kind::Text, BUSY)?;
    let laps = beside_the_floor(setting, &corpus, "json", &setting.cloudwatch("json", ""))?;
    let what = "text → CloudWatch `json`";
    let mut figures = vec![
        laps.rate(what, 150.0),
        laps.wall(what, Goal::AtLeast(200.0)),
        laps.peak(&format!("{what}, {BUSY} busy files"), Goal::AtMost(64.0)),
    ];
    figures.extend(laps.of_floor(what));
    let fill = format!("{what}, a log stream for each file, fill of puts");
    figures.push(Figure::of(fill, laps.fill.clone(), "%", Goal::AtLeast(95.0)));
    Ok(figures)
}

/// JSON, codec `json`.
pub fn json(setting: &Setting) -> Figures {
    let corpus = setting.corpus(Kind::Json, BUSY)?;
    let laps = beside_the_floor(setting, &corpus, "json", &setting.cloudwatch("json", ""))?;
    let what = "JSON → CloudWatch `json`";
    let mut figures = vec![laps.rate(what, 150.0), laps.wall(what, Goal::None)];
    figures.extend(laps.of_floor(what));
    Ok(figures)
}

/// Text, codec `raw`.
pub fn raw(setting: &Setting) -> Figures {
    let corpus = setting.corpus(Kind::Text, BUSY)?;
    let laps = beside_the_floor(setting, &corpus, "raw", &setting.cloudwatch("raw", ""))?;
    let what = "text → CloudWatch `raw`";
    let mut figures = vec![laps.rate(what, 300.0), laps.wall(what, Goal::None)];
    figures.extend(laps.of_floor(what));
    Ok(figures)
}

/// Copies of text and of JSON.
pub fn mirror(setting: &Setting) -> Figures {
    let mut figures = Vec::new();
    for kind in [Kind::Text, Kind::Json] {
        let corpus = setting.corpus(kind, BUSY)?;
        let pipeline = setting.pipeline(&corpus.logs, "", &setting.mirror());
        let mut rates = Vec::new();
        for _ in 0..setting.repeats {
            let (took, books) = setting.once(&pipeline)?;
            same_objects(&corpus, &books)?;
            rates.push(corpus.megabytes() / took.cpu);
        }
        figures.push(Figure::of(format!("{} → S3 `mirror`", kind.name()), rates, RATE, Goal::AtLeast(500.0)));
    }
    Ok(figures)
}

/// CloudWatch and S3 at once.
pub fn both(setting: &Setting) -> Figures {
    let corpus = setting.corpus(Kind::Text, BUSY)?;
    let sinks = setting.cloudwatch("json", "") + &setting.mirror();
    let laps = beside_the_floor(setting, &corpus, "json", &sinks)?;
    let what = "text → CloudWatch `json` and S3 `mirror`";
    Ok(vec![laps.rate(what, 120.0), laps.wall(what, Goal::None), laps.peak(what, Goal::None)])
}

/// All files in one log stream, as in environment mode.
pub fn fill(setting: &Setting) -> Figures {
    let corpus = setting.corpus(Kind::Text, BUSY)?;
    let sinks = setting.cloudwatch("json", ", stream_name: all");
    let laps = beside_the_floor(setting, &corpus, "json", &sinks)?;
    let what = "text → CloudWatch `json`, one log stream";
    let fill = Figure::of(format!("{what}, fill of puts"), laps.fill.clone(), "%", Goal::AtLeast(95.0));
    Ok(vec![laps.rate(what, 150.0), laps.wall(what, Goal::None), fill])
}

/// What the component takes alone, and the same natively.
pub fn parse(setting: &Setting) -> Figures {
    let mut figures = Vec::new();
    for kind in [Kind::Text, Kind::Json] {
        let corpus = setting.corpus(kind, BUSY)?;
        let pipeline = setting.pipeline(&corpus.logs, "", &Setting::nowhere("raw"));
        let native = pipeline.replace("inputs: [normalize]", "inputs: [airflow]");
        let no_hash = format!("receipts: {{ sha256: false }}\n{pipeline}");
        let [mut whole, mut shares, mut unhashed] = [Vec::new(), Vec::new(), Vec::new()];
        let files = corpus.made.files.to_string();
        for _ in 0..setting.repeats {
            let (with, _) = setting.once(&pipeline)?;
            let (without, _) = setting.once(&native)?;
            let [lines, events] =
                ["lines", "normalize"].map(|half| own(&[half, &corpus.logs.to_string_lossy(), &files]));
            whole.push(corpus.megabytes() / with.cpu);
            unhashed.push(corpus.megabytes() / setting.once(&no_hash)?.0.cpu);
            // Without the component each line is an event as it stands, and the rest of the way is the same.
            shares.push((with.cpu - without.cpu) / (events?.cpu - lines?.cpu));
        }
        let what = format!("{} → nowhere, codec `raw`", kind.name());
        figures.push(Figure::of(&what, whole, RATE, Goal::AtLeast(600.0)));
        let name = format!("{what}, `receipts.sha256: false`");
        figures.push(Figure::of(name, unhashed, RATE, Goal::None));
        let what = format!("{what}, CPU of the component beside the native normalizer's");
        figures.push(Figure::of(what, shares, "×", Goal::AtMost(1.6)));
    }
    Ok(figures)
}
