//! Log folders whose files were all written at one known time, and their delivery by the presets `airflow-ui`.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::{Duration, SystemTime};

use updraft_tests::{BUCKET, LogFolder, Moto, REGION, Updraft};

use crate::readers::Question;
use crate::{templates, updraft};

/// 2026-11-21T23:59:00Z, after all that is in the fixtures.
pub const WRITTEN: Duration = Duration::from_mins(29_921_759);

const OBJECTS: &str = r"
sources:
  airflow: { type: airflow }
sinks:
  ui: { type: aws_s3, inputs: [airflow], for: airflow-ui, bucket: my-bucket, key_prefix: '${PLACE}/' }
";

const EVENTS: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  ui: { type: aws_cloudwatch_logs, inputs: [normalize], for: airflow-ui, group_name: '/${PLACE}' }
";

/// Where Airflow finds the logs.
#[derive(Clone, Copy, Debug)]
pub enum Sink {
    /// As objects of a bucket.
    Objects,
    /// As events of CloudWatch Logs.
    Events,
}

impl Sink {
    /// A run that has not begun, of these logs to a place of their own.
    pub fn run(self, moto: &Moto, logs: &LogFolder, place: &str) -> Updraft {
        let pipeline = match self {
            Self::Objects => OBJECTS,
            Self::Events => EVENTS,
        };
        running(logs, moto, pipeline).env("PLACE", place)
    }

    /// Delivers all of these logs. For each try what to ask of Airflow, and its files: its own, then those of its triggers.
    pub fn deliver(self, moto: &Moto, logs: &LogFolder, place: &str) -> Vec<(Question, Vec<Vec<u8>>)> {
        date(logs);
        self.run(moto, logs, place).arg("--once").run().exits(0);
        let tries = tries(logs).into_iter().filter_map(|(path, files)| {
            let (identity, template) = templates::whose(&path)?;
            let question = match self {
                Self::Objects => Question::objects(&format!("{BUCKET}/{place}"), &identity),
                Self::Events => Question::events(&format!("/{place}"), &identity),
            };
            Some((template.map_or(question.clone(), |template| question.by_template(template)), files))
        });
        tries.collect()
    }
}

/// A run of a pipeline that has not begun.
pub fn running(logs: &LogFolder, moto: &Moto, pipeline: &str) -> Updraft {
    updraft().arg("run").on(moto).deployed(logs).as_anyone().config("pipeline.yaml", pipeline)
}

/// A server with the bucket, at the time of the fixtures.
pub fn moto() -> Moto {
    let moto = Moto::start();
    moto.create_bucket(BUCKET, REGION);
    moto
}

/// A log folder of these files.
pub fn folder(files: &[(String, Vec<u8>)]) -> LogFolder {
    let logs = LogFolder::empty();
    for (path, bytes) in files {
        logs.append(path, bytes);
    }
    logs
}

/// Every file is from [`WRITTEN`].
fn date(logs: &LogFolder) {
    for path in logs.task_files().keys() {
        let file = File::options().append(true).open(logs.path().join(path));
        let dated = file.and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + WRITTEN));
        dated.expect("a file of ours can be dated");
    }
}

/// The files of each try, by the path of the first.
fn tries(logs: &LogFolder) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut tries: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in logs.task_files() {
        let own = path.split_once(".trigger.").map_or(path.as_str(), |(own, _)| own);
        tries.entry(own.to_owned()).or_default().push(bytes);
    }
    tries
}
