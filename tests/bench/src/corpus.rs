//! Log folders made of records that real Airflows wrote, by seed: their times moved to now. Each is picked at random from a
//! file that was, so that a fixture that is there for its very many lines of one sort is no more than any other.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use updraft_guest::{NO_TIMESTAMP, testing};
use updraft_guest_airflow::Airflow;
use updraft_tests::LogFolder;

use crate::process::write;

/// What is left to chance follows from it.
const SEED: u64 = 20_261_121;
/// A record larger than this is none of the usual ones: a handful of such fixtures would be most of the corpus.
const MAX_RECORD: usize = 8 << 10;
/// Milliseconds between records of a file, at most.
const MAX_STEP: i64 = 40;
/// Records have more bytes than that on average.
const LEAST: usize = 64;
/// CloudWatch takes what is 14 days old; a corpus is made anew long before.
const GOOD_FOR: Duration = Duration::from_hours(72);
/// Written last, so that a corpus whose making was interrupted is made again.
const MADE: &str = "made.json";

/// Which Airflow wrote the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Airflow 2: text.
    Text,
    /// Airflow 3: JSON.
    Json,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }

    fn fixtures(self) -> &'static str {
        match self {
            Self::Text => "airflow2/default_utc",
            Self::Json => "airflow3/default_utc",
        }
    }

    /// Where a record's time stands.
    fn time(self, record: &[u8]) -> Option<std::ops::Range<usize>> {
        match self {
            Self::Text if record.starts_with(b"[20") && record.get(24..30) == Some(b"+0000]") => Some(1..24),
            Self::Json
                if record.starts_with(b"{\"timestamp\":\"20") && record.get(40..42) == Some(b"Z\"") =>
            {
                Some(14..40)
            }
            _ => None,
        }
    }

    fn written(self, ms: i64, chance: &mut Rng) -> Result<String, String> {
        let us = ms * 1000 + if self == Self::Json { chance.i64(0..1000) } else { 0 };
        let time = Timestamp::from_microsecond(us).map_err(|error| error.to_string())?;
        let format = if self == Self::Json { "%Y-%m-%dT%H:%M:%S%.6f" } else { "%Y-%m-%dT%H:%M:%S%.3f" };
        Ok(time.strftime(format).to_string())
    }
}

/// A log folder that is there.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The base log folder.
    pub logs: PathBuf,
    /// How much it is.
    pub made: Made,
}

/// How much a corpus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Files.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Lines of all files.
    pub lines: u64,
}

impl Corpus {
    /// Finds it below `place`, or makes it: so many files of about so many bytes each.
    pub fn of(place: &Path, kind: Kind, files: usize, bytes_each: usize) -> Result<Self, String> {
        let folder = place.join(format!("{}-{files}x{bytes_each}", kind.name()));
        let (logs, note) = (folder.join("logs"), folder.join(MADE));
        let fresh = fs::metadata(&note)
            .and_then(|it| it.modified())
            .is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age < GOOD_FOR));
        let known = fs::read(&note).ok().and_then(|it| serde_json::from_slice::<Made>(&it).ok());
        if let (true, Some(made)) = (fresh, known) {
            return Ok(Self { logs, made });
        }
        println!("   making {files} files of {bytes_each} bytes of {}", kind.name());
        let _ = fs::remove_dir_all(&folder);
        let made = make(&logs, kind, files, bytes_each)?;
        let text = serde_json::to_vec(&made).map_err(|error| error.to_string())?;
        write(&note, &text)?;
        Ok(Self { logs, made })
    }

    /// MB of log.
    pub fn megabytes(&self) -> f64 {
        self.made.bytes as f64 / 1e6
    }

    /// Its files, below the folder.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        (0..self.made.files).map(path_of)
    }
}

/// As Airflow names them.
pub fn path_of(file: usize) -> String {
    let (dag, run) = (file % 40, file / 40);
    format!("dag_id=etl_{dag}/run_id=scheduled__{run}/task_id=load/attempt=1.log")
}

fn make(logs: &Path, kind: Kind, files: usize, bytes_each: usize) -> Result<Made, String> {
    let records = records(kind)?;
    let mut chance = Rng::with_seed(SEED);
    let mut made = Made { files, bytes: 0, lines: 0 };
    let now = Timestamp::now().as_millisecond();
    for file in 0..files {
        let path = logs.join(path_of(file));
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        fs::create_dir_all(path.parent().unwrap_or(logs)).map_err(failed)?;
        let mut out = BufWriter::new(fs::File::create(&path).map_err(failed)?);
        // Ends before now, whatever its steps.
        let mut ms = now - (bytes_each / LEAST + 1) as i64 * MAX_STEP / 2;
        let mut bytes = 0;
        while bytes < bytes_each {
            let of_file = &records[chance.usize(0..records.len())];
            let record = &of_file[chance.usize(0..of_file.len())];
            let time = kind.time(record).ok_or("a record without a time was taken")?;
            ms += chance.i64(0..=MAX_STEP);
            out.write_all(&record[..time.start]).map_err(failed)?;
            out.write_all(kind.written(ms, &mut chance)?.as_bytes()).map_err(failed)?;
            out.write_all(&record[time.end..]).map_err(failed)?;
            bytes += record.len();
            made.lines += memchr::memchr_iter(b'\n', record).count() as u64;
        }
        out.flush().map_err(failed)?;
        made.bytes += bytes as u64;
    }
    Ok(made)
}

/// Of each file its whole records, their further lines included, as the normalizer tells them apart.
pub fn records(kind: Kind) -> Result<Vec<Vec<Vec<u8>>>, String> {
    let mut all = Vec::new();
    for (path, bytes) in LogFolder::of(kind.fixtures()).task_files() {
        let batch = testing::normalize(&mut Airflow, &testing::origin(), bytes, true)
            .map_err(|error| format!("{path}: {error}"))?;
        let (mut start, mut records) = (0, Vec::new());
        for (&end, &timestamp) in batch.columns.source_ends.iter().zip(&batch.columns.timestamps) {
            let record = &batch.bytes[start..end as usize];
            let usual = record.len() <= MAX_RECORD && record.ends_with(b"\n");
            if usual && timestamp != NO_TIMESTAMP && kind.time(record).is_some() {
                records.push(record.to_vec());
            }
            start = end as usize;
        }
        all.extend((!records.is_empty()).then_some(records));
    }
    if all.is_empty() { Err(format!("no records in {}", kind.fixtures())) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_is_the_same_twice_but_for_its_times_and_holds_records_of_several_lines() {
        let place = std::env::temp_dir().join(format!("updraft-bench-corpus-{}", std::process::id()));
        for kind in [Kind::Text, Kind::Json] {
            let one = Corpus::of(&place.join("one"), kind, 2, 20_000).unwrap();
            let two = Corpus::of(&place.join("two"), kind, 2, 20_000).unwrap();
            assert_eq!(one.made, two.made);
            assert!(one.made.bytes >= 40_000);
            assert_eq!(Corpus::of(&place.join("one"), kind, 2, 20_000).unwrap().made, one.made);
        }
        assert!(
            records(Kind::Text)
                .unwrap()
                .iter()
                .flatten()
                .any(|it| memchr::memchr_iter(b'\n', it).count() > 3)
        );
        fs::remove_dir_all(place).unwrap();
    }
}
