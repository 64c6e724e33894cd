//! Lines as real Airflows wrote them, each with a place for a marker and, where it has one, for another time.

use std::ops::Range;
use std::path::Path;

use updraft_tests::files_in;

/// Sets of fixtures whose lines are taken.
const SETS: [&str; 4] =
    ["airflow2/default_utc", "airflow2/es_json_format", "airflow3/default_utc", "airflow3/custom_template"];
/// Lines up to this are usual…
const USUAL: usize = 16 << 10;
/// …and none is longer: with all that follows it, it must fit one event of CloudWatch.
const LONGEST: usize = 300_000;

/// A line, without its break.
#[derive(Clone, Debug)]
pub struct Line {
    bytes: Vec<u8>,
    /// Where the marker goes.
    at: usize,
    /// `YYYY-MM-DDTHH:MM:SS.mmm`
    time: Option<Range<usize>>,
    /// Blank lines that followed it.
    blank: usize,
    /// It may be cut nowhere but at its marker, or it would no longer be JSON.
    json: bool,
}

/// Every usable line of the fixtures, file by file in the order in which they stand there.
#[derive(Debug)]
pub struct Corpus {
    files: Vec<Vec<Line>>,
    long: Vec<Line>,
}

impl Corpus {
    /// Reads the fixtures.
    pub fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/logs");
        let (mut files, mut long) = (Vec::new(), Vec::new());
        for set in SETS {
            for bytes in files_in(&root.join(set)).into_values() {
                let (usual, longer): (Vec<_>, Vec<_>) =
                    lines(&bytes).into_iter().partition(|line| line.bytes.len() <= USUAL);
                long.extend(longer);
                // A log's first line has a time: without one it would get that of its file, which is today's.
                let timed = usual.iter().position(|line| line.time.is_some());
                if let Some(first) = timed.filter(|_| usual.len() > 3) {
                    files.push(usual[first..].to_vec());
                }
            }
        }
        assert!(files.len() > 50 && !long.is_empty(), "the fixtures are not where they were");
        Self { files, long }
    }

    /// A file to take lines from.
    pub fn any_file(&self, rng: &mut fastrand::Rng) -> usize {
        rng.usize(..self.files.len())
    }

    /// A line of a file, from its beginning again after its end.
    pub fn line(&self, file: usize, number: usize) -> &Line {
        let lines = &self.files[file];
        &lines[number % lines.len()]
    }

    /// Every line that is an event by itself and can be given a time.
    pub fn records(&self) -> Vec<&Line> {
        self.files.iter().flatten().filter(|line| line.time.is_some()).collect()
    }

    /// One of those that are hundreds of kilobytes long.
    pub fn long_line(&self, rng: &mut fastrand::Rng) -> &Line {
        &self.long[rng.usize(..self.long.len())]
    }
}

impl Line {
    /// The line with its break, in one or two pieces: each has a marker of its own, and the writer may pause between
    /// them. `time`: milliseconds since the beginning of 2026-11-12, instead of its own.
    pub fn written(&self, markers: &[String], time: Option<u64>, rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        if let (Some(ms), Some(range)) = (time, &self.time) {
            bytes[range.clone()].copy_from_slice(clock(ms).as_bytes());
        }
        let (before, after) = bytes.split_at(self.at);
        let mut first = [before, markers[0].as_bytes()].concat();
        let mut rest = after.to_vec();
        rest.extend(std::iter::repeat_n(b'\n', 1 + self.blank));
        let Some(second) = markers.get(1) else {
            first.append(&mut rest);
            return vec![first];
        };
        // At any byte: also within a character, which then is none any more.
        let cut = if self.json { 0 } else { rng.usize(..=after.len()) };
        first.extend_from_slice(&rest[..cut]);
        vec![first, [second.as_bytes(), &rest[cut..]].concat()]
    }
}

/// A time of the days from 2026-11-12 to 2026-11-21.
fn clock(ms: u64) -> String {
    let (second, ms) = (ms / 1_000, ms % 1_000);
    let (day, second) = (12 + second / 86_400, second % 86_400);
    assert!(day < 22, "the writer's clock has left the days that moto takes");
    format!("2026-11-{day:02}T{:02}:{:02}:{:02}.{ms:03}", second / 3_600, second / 60 % 60, second % 60)
}

fn lines(file: &[u8]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for bytes in file.split(|&byte| byte == b'\n') {
        match (Line::of(bytes), lines.last_mut()) {
            (Some(line), _) => lines.push(line),
            (None, Some(last)) if bytes.is_empty() && last.blank < 3 => last.blank += 1,
            _ => {}
        }
    }
    lines
}

impl Line {
    /// None for a line that has no place for a marker.
    fn of(bytes: &[u8]) -> Option<Self> {
        let bytes = &bytes[..bytes.len().min(LONGEST)];
        if bytes.trim_ascii().is_empty() {
            return None;
        }
        let json = bytes.starts_with(b"{") && bytes.ends_with(b"}");
        let after = |what: &str| find(bytes, what.as_bytes()).map(|at| at + what.len());
        let (at, time) = if json {
            let at = ["\"event\":\"", "\"event\": \"", "\"message\":\"", "\"message\": \""]
                .iter()
                .find_map(|key| after(key))?;
            (at, after("{\"timestamp\":\"").map(|start| start..start + 23))
        } else if bytes.starts_with(b"[2026-11-") {
            // Behind what makes it a record, so that it stays one.
            (after(" - ")?, Some(1..24))
        } else {
            (bytes.len(), None)
        };
        let time = time.filter(|range| {
            bytes.get(range.clone()).is_some_and(|time| time.starts_with(b"2026-11-") && time[19] == b'.')
        });
        Some(Self { bytes: bytes.to_vec(), at, time, blank: 0, json })
    }
}

/// Where `what` first is.
pub fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|there| there == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_either_airflow_keeps_its_form_with_a_marker_and_another_time() {
        let mut rng = fastrand::Rng::with_seed(1);
        let text = Line::of(b"[2026-11-21T19:34:30.972+0000] {a.py:1} INFO - hello").expect("a record");
        let written = text.written(&["<u:0.0.0>".into()], Some(1_001), &mut rng);
        assert_eq!(written, [b"[2026-11-12T00:00:01.001+0000] {a.py:1} INFO - <u:0.0.0>hello\n".to_vec()]);
        let json = br#"{"timestamp":"2026-11-21T19:27:09.801258Z","level":"info","event":"hello","a":1}"#;
        let json = Line::of(json).expect("a record");
        let written = json.written(&["<u:0.0.0>".into(), "<u:0.0.1>".into()], None, &mut rng);
        assert!(written[0].ends_with(b"\"event\":\"<u:0.0.0>"));
        assert!(serde_json::from_slice::<serde_json::Value>(&written.concat()).is_ok());
    }

    #[test]
    fn the_fixtures_hold_records_of_both_forms_tracebacks_and_long_lines() {
        let corpus = Corpus::load();
        let all: Vec<&Line> = corpus.files.iter().flatten().collect();
        assert!(all.iter().filter(|line| line.json && line.time.is_some()).count() > 300);
        assert!(all.iter().filter(|line| !line.json && line.time.is_some()).count() > 300);
        assert!(all.iter().any(|line| line.bytes.starts_with(b"Traceback (most recent call last)")));
        assert!(corpus.long.iter().any(|line| line.bytes.len() > 100_000));
    }
}
