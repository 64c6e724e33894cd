//! A whole Airflow 3 that runs, and its REST API, by which its UI reads logs.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use updraft_tests::{BUCKET, Moto, eventually, files_in, http_request};

use crate::readers::{Airflow, cloudwatch};
use crate::{Identity, ours, python};

/// The DAG that it has.
pub const DAG: &str = "lively.dag_ü検";

/// Which of its two API servers: the one that reads logs from S3, or the one that reads them from CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ui {
    /// Reads `s3://my-bucket/logs`.
    Objects,
    /// Reads the log group `/airflow/tasks`.
    Events,
}

impl Ui {
    /// One after the other.
    pub const BOTH: [Self; 2] = [Self::Objects, Self::Events];
}

/// A running Airflow. Dropping it ends it.
#[derive(Debug)]
pub struct RunningAirflow {
    // Its stdin is the line of life: it closes with us, however we end.
    process: Child,
    ready: Ready,
    home: TempDir,
}

#[derive(Debug, Deserialize)]
struct Ready {
    ports: Ports,
    token: String,
}

#[derive(Debug, Deserialize)]
struct Ports {
    objects: u16,
    events: u16,
}

impl RunningAirflow {
    /// Starts one whose UIs look into this moto.
    pub fn start(moto: &Moto) -> Self {
        let home = tempfile::tempdir().expect("the temp folder can be written");
        let python = python(Airflow::Three.environment());
        let mut process = Command::new(&python)
            .arg(ours("live/run.py"))
            .arg(python.with_file_name("airflow"))
            .arg(home.path())
            .args([&moto.endpoint(), &format!("s3://{BUCKET}/logs"), &cloudwatch("/airflow/tasks"), DAG])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Airflow's Python can be started");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the launcher says its ports");
        let ready = serde_json::from_str(&line).expect("Airflow started");
        Self { process, ready, home }
    }

    /// Its base log folder.
    pub fn logs(&self) -> PathBuf {
        self.home.path().join("logs")
    }

    /// Starts a run of the DAG.
    pub fn trigger(&self, run_id: &str) {
        let asked = json!({ "dag_run_id": run_id, "logical_date": null });
        let (status, answer) = self.call(Ui::Objects, "POST", &runs(), &asked.to_string());
        assert!(status == 200, "{status}: {answer}");
    }

    /// Waits until a run has ended well.
    pub fn wait_for_success(&self, run_id: &str) {
        let run = format!("{}/{}", runs(), encoded(run_id));
        eventually("the run to end", || {
            let state = self.ask(&run)["state"].clone();
            assert!(state != "failed", "the run failed: {:#}", self.ask(&format!("{run}/taskInstances")));
            (state == "success").then_some(())
        });
    }

    fn ask(&self, path: &str) -> Value {
        let (status, answer) = self.call(Ui::Objects, "GET", path, "");
        assert!(status == 200, "{path}: {status}: {answer}");
        serde_json::from_str(&answer).expect("Airflow speaks JSON")
    }

    /// The page of a try: what Airflow says of where the log is from, and its messages.
    pub fn page(&self, ui: Ui, identity: &Identity) -> Page {
        let Identity { run_id, task_id, map_index, try_number, .. } = identity;
        let path = format!(
            "{}/{}/taskInstances/{}/logs/{try_number}?map_index={map_index}",
            runs(),
            encoded(run_id),
            encoded(task_id)
        );
        let (status, answer) = self.call(ui, "GET", &path, "");
        assert!(status == 200, "{ui:?}, {}: {status}: {answer}", identity.path());
        let answer: Value = serde_json::from_str(&answer).expect("Airflow speaks JSON");
        let event = |message: &Value| message["event"].as_str().unwrap_or_default().to_owned();
        let mut header: Vec<String> =
            answer["content"].as_array().expect("messages").iter().map(event).collect();
        let ends = header.iter().position(|event| event == "::endgroup::").expect("the header has an end");
        Page { messages: header.split_off(ends + 1), header }
    }

    fn call(&self, ui: Ui, method: &str, path: &str, body: &str) -> (u16, String) {
        let port = match ui {
            Ui::Objects => self.ready.ports.objects,
            Ui::Events => self.ready.ports.events,
        };
        let authorization = format!("Bearer {}", self.ready.token);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Accept", "application/json"),
            ("Content-Type", "application/json"),
        ];
        let (status, answer) = http_request(port, method, path, &headers, body.as_bytes());
        (status, String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for RunningAirflow {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What its processes printed, and what its tasks wrote.
            let text =
                |path: &str| !path.contains('/') && path.contains(".out") || path.starts_with("logs/dag_id=");
            for (path, bytes) in files_in(self.home.path()).into_iter().filter(|(path, _)| text(path)) {
                eprintln!("--- {path} ---\n{}", String::from_utf8_lossy(&bytes));
            }
        }
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}

/// What a log's page shows.
#[derive(Clone, Debug)]
pub struct Page {
    /// Of where the log is from.
    pub header: Vec<String>,
    /// The log itself.
    pub messages: Vec<String>,
}

impl Page {
    /// The messages with these words.
    pub fn with<'p>(&'p self, words: &'p str) -> impl Iterator<Item = &'p str> {
        self.messages.iter().map(String::as_str).filter(move |message| message.contains(words))
    }
}

fn runs() -> String {
    format!("/api/v2/dags/{}/dagRuns", encoded(DAG))
}

/// A part of a path as URLs have it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all"),
        }
        encoded
    })
}
