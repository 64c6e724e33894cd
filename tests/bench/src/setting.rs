//! What all rows share: the binary, where things lie, how much and how often, and a run of Updraft over a log folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::corpus::{Corpus, Kind};
use crate::endpoint::{Books, Endpoint};
use crate::process::{self, Took, write};

/// Files of the busy corpora.
pub const BUSY: usize = 200;
/// Files of the one with many.
pub const MANY: usize = 10_000;

/// What all rows share.
pub struct Setting {
    /// The binary that is measured.
    pub binary: PathBuf,
    /// Where all of it lies.
    pub place: PathBuf,
    /// MB of log in each corpus, about.
    pub megabytes: usize,
    /// How often each run is made.
    pub repeats: usize,
    /// Gets what is delivered.
    pub endpoint: Endpoint,
}

impl Setting {
    /// Starts the endpoint.
    pub fn new(binary: &Path, place: &Path, megabytes: usize, repeats: usize) -> Result<Self, String> {
        let binary = fs::canonicalize(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
        fs::create_dir_all(place).map_err(|error| format!("{}: {error}", place.display()))?;
        let place = fs::canonicalize(place).map_err(|error| error.to_string())?;
        Ok(Self { binary, place, megabytes, repeats, endpoint: Endpoint::start()? })
    }

    /// The same at another place, with an endpoint of its own.
    pub fn beside(&self, name: &str) -> Result<Self, String> {
        Self::new(&self.binary, &self.place.join(name), self.megabytes, self.repeats)
    }

    /// A corpus of so many files, as large as is asked for in all.
    pub fn corpus(&self, kind: Kind, files: usize) -> Result<Corpus, String> {
        let corpus = Corpus::of(&self.place, kind, files, self.megabytes * 1_000_000 / files)?;
        // Read once, so that no run waits for the disk; by pieces, since what we hold ourselves when we start a program
        // the kernel counts as the program's.
        for path in corpus.paths() {
            let file = corpus.logs.join(path);
            let failed = |error: std::io::Error| format!("{}: {error}", file.display());
            std::io::copy(&mut fs::File::open(&file).map_err(failed)?, &mut std::io::sink())
                .map_err(failed)?;
        }
        Ok(corpus)
    }

    /// A pipeline over these logs whose sinks are these.
    pub fn pipeline(&self, logs: &Path, source: &str, sinks: &str) -> String {
        let logs = logs.display();
        format!(
            "data_dir: {data}\n\
             sources: {{ airflow: {{ type: airflow, base_log_folder: '{logs}'{source} }} }}\n\
             transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}\n\
             sinks:\n{sinks}",
            data = self.data().display()
        )
    }

    /// `more`: further options, each with a comma before it.
    pub fn cloudwatch(&self, codec: &str, more: &str) -> String {
        format!(
            "  logs: {{ type: aws_cloudwatch_logs, inputs: [normalize], region: us-east-1, \
             endpoint: 'http://127.0.0.1:{}', group_name: /bench, encoding: {{ codec: {codec} }}{more} }}\n",
            self.endpoint.port
        )
    }

    /// A copy of each file.
    pub fn mirror(&self) -> String {
        format!(
            "  copy: {{ type: aws_s3, inputs: [airflow], region: us-east-1, endpoint: 'http://127.0.0.1:{}', \
             bucket: bench, layout: mirror, force_path_style: true }}\n",
            self.endpoint.port
        )
    }

    /// Events that are made, written as the file has them, and thrown away.
    pub fn nowhere(codec: &str) -> String {
        format!("  out: {{ type: blackhole, inputs: [normalize], encoding: {{ codec: {codec} }} }}\n")
    }

    fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Updraft with this pipeline and no cursors, but with compiled components.
    pub fn updraft(&self, pipeline: &str, arguments: &[&str]) -> Result<Command, String> {
        for left in ["cursors.sqlite", "cursors.sqlite-wal", "cursors.sqlite-shm"] {
            // Most of the time there is none.
            let _ = fs::remove_file(self.data().join(left));
        }
        self.updraft_again(pipeline, arguments)
    }

    /// Updraft with this pipeline, going on where it was.
    pub fn updraft_again(&self, pipeline: &str, arguments: &[&str]) -> Result<Command, String> {
        let file = self.place.join("pipeline.yaml");
        write(&file, pipeline.as_bytes())?;
        let mut command = Command::new(&self.binary);
        command.env_clear().env("HOME", &self.place).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_ACCESS_KEY_ID", "AKIABENCH").env("AWS_SECRET_ACCESS_KEY", "bench");
        command.args(["--log-level", "error", "run", "--config"]).arg(&file).args(arguments);
        Ok(command)
    }

    /// One run from beginning to end, and what arrived.
    pub fn once(&self, pipeline: &str) -> Result<(Took, Books), String> {
        self.endpoint.take_books()?;
        let took = process::run(self.updraft(pipeline, &["--once"])?)?;
        let books = self.endpoint.take_books()?;
        if let Some(wrong) = books.wrong.first() {
            return Err(format!("the endpoint got what no service would have taken: {wrong}"));
        }
        Ok((took, books))
    }

    /// Compiles what the runs need, so that none of them has to.
    pub fn warm(&self) -> Result<(), String> {
        let logs = self.place.join("none");
        fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        self.once(&self.pipeline(&logs, "", &Self::nowhere("raw"))).map(drop)
    }

    /// The same of the floor, which says what should arrive.
    pub fn floor(&self, corpus: &Corpus, codec: &str) -> Result<(Took, Books), String> {
        self.endpoint.take_books()?;
        let (port, files) = (self.endpoint.port.to_string(), corpus.made.files.to_string());
        let took = own(&["floor", codec, &port, &corpus.logs.to_string_lossy(), &files])?;
        let books = self.endpoint.take_books()?;
        match books.wrong.first() {
            Some(wrong) => Err(format!("the floor sent what no service would have taken: {wrong}")),
            None => Ok((took, books)),
        }
    }
}

/// This program with other arguments.
pub fn own(arguments: &[&str]) -> Result<Took, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(this);
    command.args(arguments);
    process::run(command)
}
