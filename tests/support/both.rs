//! Both AWS sinks by a config, with the same options: for promises about how they reach AWS.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{BUCKET, Finished, LogFolder, Moto, Running, Updraft, allow, eventually};

const BOTH_GROUP: &str = "airflow";
const BOTH_STREAM: &str = "lines";

impl Updraft {
    /// These logs, line by line to a log stream and file by file to [`BUCKET`], by sinks `cloudwatch` and `s3`.
    /// `options` are written into each of the two, as `region: us-east-1, auth: {…}`.
    #[must_use]
    pub fn lifting_with(self, options: &str, logs: &LogFolder) -> Self {
        let config = format!(
            "sources:\n  airflow: {{type: airflow, base_log_folder: '{}'}}\ntransforms:\n  \
             lines: {{type: wasm, inputs: [airflow], component: 'builtin:airflow'}}\nsinks:\n  \
             cloudwatch: {{type: aws_cloudwatch_logs, inputs: [lines], group_name: {BOTH_GROUP}, \
             stream_name: {BOTH_STREAM}, encoding: {{codec: raw}}, {options}}}\n  \
             s3: {{type: aws_s3, inputs: [airflow], bucket: {BUCKET}, {options}}}\n",
            logs.path().display()
        );
        self.config("pipeline.yaml", &config)
    }
}

impl Updraft {
    /// Runs until it has said a line with all of these words, then asks it to end: for what is refused for good.
    pub fn run_until_it_says(self, words: &[&str]) -> Finished {
        let running = self.spawn();
        running.says(words);
        running.terminate();
        running.wait()
    }
}

impl Running {
    /// Waits until it has said a line with all of these words; all that it has said by then.
    pub fn says(&self, words: &[&str]) -> String {
        eventually(&format!("a line with {words:?}"), || {
            let all = self.stderr();
            all.lines().any(|line| words.iter().all(|word| line.contains(word))).then_some(all)
        })
    }
}

impl Moto {
    /// Whether all of these logs are in both services.
    pub fn has_both(&self, logs: &LogFolder) -> bool {
        let files: BTreeMap<String, Vec<u8>> = logs.task_files();
        let lines: usize = files.values().map(|file| String::from_utf8_lossy(file).lines().count()).sum();
        let objects = self.objects(BUCKET).into_iter().map(|(key, object)| (key, object.body)).collect();
        self.log_events(BOTH_GROUP, BOTH_STREAM).len() == lines && files == objects
    }
}

/// What [`Updraft::lifting_with`] needs to be allowed.
pub fn allow_both() -> Value {
    let actions = [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogStreams",
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListBucket",
    ];
    allow(&actions, &["*"])
}
