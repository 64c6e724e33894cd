//! An agent with a pipeline inside it: it pushes lines of its own and goes on when every sink has them.
//!
//! `cargo run --example embed -- /tmp/agent`

use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use updraft::config::{self, Env, Format};
use updraft::{Patience, Pipeline};

/// The agent's own lines: appended to a file below the data dir, which is tailed like any other. Once a line is in
/// there, it survives the agent.
struct Inbox {
    file: File,
    written: u64,
}

impl Inbox {
    const NAME: &str = "agent.log";

    fn open(spool: &Path) -> std::io::Result<Self> {
        fs::create_dir_all(spool)?;
        let file = File::options().create(true).append(true).open(spool.join(Self::NAME))?;
        let written = file.metadata()?.len();
        Ok(Self { file, written })
    }

    /// Returns up to which byte the sinks must have acknowledged for this line to be safe.
    fn push(&mut self, line: &str) -> std::io::Result<u64> {
        writeln!(self.file, "{line}")?;
        self.written += line.len() as u64 + 1;
        Ok(self.written)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: embed FOLDER")?;
    let pipeline = format!(
        "
data_dir: {folder}/data
sources: {{ spool: {{ type: airflow, base_log_folder: '{folder}/data/spool', join_ms: 20 }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [spool], component: 'builtin:airflow' }} }}
sinks:
  copy: {{ type: file, inputs: [spool], path: '{folder}/out' }}
  events: {{ type: file, inputs: [normalize], path: '{folder}/events', encoding: {{ codec: json }} }}
"
    );
    let config = config::from_str(&pipeline, Format::Yaml, "embed", &Env::new())?;
    let mut inbox = Inbox::open(&config.data_dir.join("spool"))?;
    let pipeline = Pipeline::start(&config).await?;

    for number in 1..=3 {
        let offset = inbox.push(&format!("line {number} of an agent's own"))?;
        pipeline.until_acknowledged(Inbox::NAME, offset).await;
        println!("line {number}: every sink has acknowledged byte {offset}");
    }

    let report = pipeline.drain(Patience::For(Duration::from_secs(25))).await;
    println!("all acknowledged: {}", report.all_acknowledged);
    Ok(())
}
