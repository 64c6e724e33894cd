//! A base log folder: a copy of files that real Airflow wrote, or an empty one that the test writes into.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// 2026-11-21T18:00:00Z, when the fixtures had been written: the time that events without one of their own get.
const WRITTEN: Duration = Duration::from_hours(498_690);

/// Where the one try's log is in tests that need only one.
pub const TRY: &str = "dag_id=etl/run_id=manual__2026-11-21T12:00:00+00:00/task_id=load/attempt=1.log";

/// A line as Airflow 2 writes it, its message `line N`, 10 ms after the line before it; good for 1.4 million lines.
pub fn line(number: u32) -> String {
    let ms = number * 10;
    let (hour, minute, second, ms) = (12 + ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!(
        "[2026-11-21T{hour:02}:{minute:02}:{second:02}.{ms:03}+0000] {{load.py:7}} INFO - line {number}\n"
    )
}

/// A folder that is gone with the value.
#[derive(Debug)]
pub struct LogFolder {
    folder: TempDir,
}

impl LogFolder {
    /// An empty one.
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("the temp folder can be written") }
    }

    /// A copy of one of [`fixture_sets`], as `airflow2/default_utc`.
    pub fn of(fixture_set: &str) -> Self {
        let copy = Self::empty();
        let original = fixtures().join(fixture_set);
        for (path, bytes) in files_in(&original) {
            copy.append(&path, &bytes);
            let written = File::options().append(true).open(copy.path().join(path));
            let dated = written.and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + WRITTEN));
            dated.expect("a fresh copy can be dated");
        }
        assert!(!copy.task_files().is_empty(), "no fixtures in {}", original.display());
        copy
    }

    /// One with the file [`TRY`] alone, of these lines.
    pub fn with_lines(numbers: std::ops::Range<u32>) -> Self {
        let folder = Self::empty();
        folder.append(TRY, "");
        folder.append_lines(numbers);
        folder
    }

    /// Appends these lines to [`TRY`], in one write.
    pub fn append_lines(&self, numbers: std::ops::Range<u32>) {
        self.append(TRY, numbers.map(line).collect::<String>());
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Appends to a file, making it and its folders where they are missing.
    pub fn append(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(relative);
        let folder = path.parent().expect("a file is in a folder");
        let opened = fs::create_dir_all(folder)
            .and_then(|()| OpenOptions::new().append(true).create(true).open(&path));
        opened.and_then(|mut file| file.write_all(bytes.as_ref())).expect("the copy can be written");
    }

    /// Every file that Updraft takes by default: not those of scheduler and DAG processor, nor hidden ones.
    pub fn task_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = files_in(self.path());
        files.retain(|path, _| {
            let service = ["scheduler/", "dag_processor"].iter().any(|prefix| path.starts_with(prefix));
            !service && !path.split('/').any(|part| part.starts_with('.'))
        });
        files
    }
}

/// Every file of a folder: its path below the folder, its bytes. One that goes meanwhile, as a store's journal does, is none.
pub fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = files_below(folder).into_iter().filter_map(|file| {
        let relative = file.strip_prefix(folder).expect("it was found there");
        let bytes = match fs::read(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            read => read.unwrap_or_else(|error| panic!("{}: {error}", file.display())),
        };
        Some((relative.to_string_lossy().into_owned(), bytes))
    });
    all.collect()
}

/// The name of every set of fixture logs, sorted: each a base log folder of one Airflow.
pub fn fixture_sets() -> Vec<String> {
    let mut sets: Vec<String> = ["airflow2", "airflow3"]
        .iter()
        .flat_map(|version| entries(&fixtures().join(version)).into_iter().map(move |set| (version, set)))
        .map(|(version, set)| format!("{version}/{}", set.file_name().unwrap_or_default().to_string_lossy()))
        .collect();
    sets.sort();
    sets
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut files): (Vec<_>, Vec<_>) =
        entries(folder).into_iter().partition(|entry| entry.is_dir());
    // A running host's control socket is none.
    files.retain(|file| file.is_file());
    files.extend(folders.iter().flat_map(|folder| files_below(folder)));
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    read.map(|entry| entry.expect("a folder can be listed").path()).collect()
}
