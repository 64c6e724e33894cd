//! Airflow's own readers of remote logs, asked through a Python process that answers many questions.

use std::io::Write;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::json;
use updraft_tests::{ACCOUNT, Keys, Moto, REGION};

use crate::{Identity, ours, python};

/// Whose readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Airflow {
    /// 2.11
    Two,
    /// 3.3
    Three,
}

impl Airflow {
    /// One after the other.
    pub const BOTH: [Self; 2] = [Self::Two, Self::Three];

    /// Its virtual environment.
    pub fn environment(self) -> &'static str {
        match self {
            Self::Two => "airflow2",
            Self::Three => "airflow3",
        }
    }
}

/// The log of one try, to be read from one place.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    remote_base: String,
    #[serde(flatten)]
    identity: Identity,
    end_date: Option<String>,
    template: Option<String>,
    local: Option<String>,
}

impl Question {
    /// From the objects below a prefix, as `bucket/prefix`.
    pub fn objects(place: &str, identity: &Identity) -> Self {
        Self::new(format!("s3://{place}"), identity)
    }

    /// From a log group.
    pub fn events(group: &str, identity: &Identity) -> Self {
        Self::new(cloudwatch(group), identity)
    }

    fn new(remote_base: String, identity: &Identity) -> Self {
        Self { remote_base, identity: identity.clone(), end_date: None, template: None, local: None }
    }

    /// The try ended then: Airflow reads no events of CloudWatch that are later than half a minute after it.
    #[must_use]
    pub fn of_a_try_that_ended(mut self, at: &str) -> Self {
        self.end_date = Some(at.to_owned());
        self
    }

    /// The try has not ended, and Airflow sees this file of it, too.
    #[must_use]
    pub fn beside(mut self, file: &str) -> Self {
        self.local = Some(file.to_owned());
        self
    }

    /// Airflow has this `log_filename_template`.
    #[must_use]
    pub fn by_template(mut self, template: &str) -> Self {
        self.template = Some(template.to_owned());
        self
    }
}

/// What Airflow's `remote_base_log_folder` says for a log group of the tests.
pub fn cloudwatch(group: &str) -> String {
    format!("cloudwatch://arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}")
}

/// What Airflow has to say.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// What it takes the log's name for.
    pub path: String,
    /// What the remote reader hands back: each object, or all of a log stream, as a text.
    pub raw: Vec<String>,
    /// What it says of where that is from, or of why there is nothing.
    pub said: Vec<String>,
    /// What the web UI is given, line by line: text of Airflow 2, JSON of Airflow 3.
    pub shown: Vec<String>,
}

impl Answer {
    /// What it says instead of a log; empty when it found the log and could read it.
    pub fn complaints(&self) -> Vec<&str> {
        const IN_PLACE_OF_A_LOG: [&str; 2] =
            ["Could not read logs from s3://", "No log stream found in CloudWatch ("];
        let no_log =
            |text: &&str| IN_PLACE_OF_A_LOG.iter().any(|words| text.contains(words) && text.len() < 2_000);
        let trouble = |text: &&str| {
            text.contains("AccessDenied")
                || text.contains("An error occurred")
                || text.contains("No logs found")
        };
        let raw = self.raw.iter().map(String::as_str).filter(no_log);
        raw.chain(self.said.iter().map(String::as_str).filter(trouble)).collect()
    }
}

/// Has one Airflow answer all of it.
pub fn ask(airflow: Airflow, moto: &Moto, questions: &[Question]) -> Vec<Answer> {
    let anyone = Keys { id: "setup".to_owned(), secret: "setup".to_owned() };
    ask_as(&anyone, airflow, moto, questions)
}

/// The same with somebody's keys.
pub fn ask_as(keys: &Keys, airflow: Airflow, moto: &Moto, questions: &[Question]) -> Vec<Answer> {
    let mut process = Command::new(python(airflow.environment()))
        .arg(ours("readers/read.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the Python of an Airflow can be started");
    let asked =
        json!({ "endpoint": moto.endpoint(), "keys": [keys.id, keys.secret], "questions": questions });
    let mut stdin = process.stdin.take().expect("stdin is piped");
    // All of it is read before anything is written, so nobody waits for the other.
    stdin.write_all(asked.to_string().as_bytes()).expect("the reader reads its questions");
    drop(stdin);
    let done = process.wait_with_output().expect("the reader can be waited for");
    let answers: Vec<Answer> = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
        panic!("{airflow:?} has no answer ({error}):\n{}", String::from_utf8_lossy(&done.stderr))
    });
    assert_eq!(answers.len(), questions.len(), "{airflow:?}");
    answers
}
