//! A moto server of the test's own: started on a free port, gone when the test is.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use serde_json::json;
use tempfile::TempDir;

use crate::http;
use crate::moto_tls::Tls;

/// The account in which everything is that no test puts elsewhere.
pub const ACCOUNT: &str = "123456789012";
/// The region likewise.
pub const REGION: &str = "us-east-1";
/// The time by which moto's Logs judges ages: a little after the fixtures were written.
pub const FIXTURES_NOW: &str = "2026-11-22T00:00:00Z";

/// What moto answers to a call that is made to fail.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// AWS's code, as `ThrottlingException` or `SlowDown`.
    pub code: &'static str,
    /// Whether the call is carried out first, so that only its answer is lost.
    pub after: bool,
}

/// A running moto server. Dropping it ends it.
#[derive(Debug)]
pub struct Moto {
    // Its stdin is the line of life: it closes with us, however we end.
    process: Child,
    port: u16,
    pub(crate) tls: Option<Tls>,
}

impl Moto {
    /// Starts a server that lets everyone do everything, its Logs living at [`FIXTURES_NOW`].
    pub fn start() -> Self {
        Self::start_with(None, Some(FIXTURES_NOW))
    }

    /// The same, its Logs living at the present time: for events that are of now.
    pub fn start_at_present() -> Self {
        Self::start_with(None, None)
    }

    pub(crate) fn start_with(certificates: Option<TempDir>, logs_now: Option<&str>) -> Self {
        let python = python();
        let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("moto/launch.py");
        let mut process = Command::new(&python)
            .arg(launcher)
            .args(logs_now.iter().flat_map(|now| ["--logs-now", now]))
            .args(certificates.iter().flat_map(|folder| [OsStr::new("--tls"), folder.path().as_os_str()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", python.display()));
        let stdout = process.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("moto says its port");
        let ready: Ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            panic!("moto did not start (its message is above); `cargo xtask setup` installs it")
        });
        let tls = ready.tls_port.zip(certificates).map(|(port, folder)| Tls { port, folder });
        Self { process, port: ready.port, tls }
    }

    /// Where it listens, as `AWS_ENDPOINT_URL` takes it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes an empty bucket in [`ACCOUNT`] and `region`.
    pub fn create_bucket(&self, name: &str, region: &str) {
        let place = format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        let body = if region == REGION { "" } else { &place };
        let authorization = authorization("s3", region);
        let headers = [("Authorization", authorization.as_str())];
        self.call("PUT", &format!("/{name}"), &headers, body.as_bytes());
    }

    /// Makes an empty log group in [`ACCOUNT`] and [`REGION`] that keeps events for so many days.
    pub fn create_log_group_that_keeps(&self, days: u32, name: &str) {
        self.logs("CreateLogGroup", &json!({ "logGroupName": name }));
        self.logs("PutRetentionPolicy", &json!({ "logGroupName": name, "retentionInDays": days }));
    }

    pub(crate) fn logs(&self, operation: &str, asked: &serde_json::Value) {
        let (authorization, target) = (authorization("logs", REGION), format!("Logs_20140328.{operation}"));
        let headers = [
            ("Authorization", authorization.as_str()),
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.1"),
        ];
        self.call("POST", "/", &headers, asked.to_string().as_bytes());
    }

    /// Someone else's object. The key may hold letters, digits and `-_.~/=:+`.
    pub fn put_object(&self, bucket: &str, key: &str, body: &[u8]) {
        let authorization = authorization("s3", REGION);
        let target = format!("/{bucket}/{}", key.replace('+', "%2B"));
        self.call("PUT", &target, &[("Authorization", authorization.as_str())], body);
    }

    /// Somebody deletes an object. The key may hold what that of [`put_object`](Self::put_object) may.
    pub fn delete_object(&self, bucket: &str, key: &str) {
        let authorization = authorization("s3", REGION);
        let target = format!("/{bucket}/{}", key.replace('+', "%2B"));
        let headers = [("Authorization", authorization.as_str())];
        let (status, _) = http::request(self.port, "DELETE", &target, &headers, b"");
        assert!(status == 204, "moto answered {status} to DELETE {target}");
    }

    /// Has the next `times` calls of an operation (as `PutLogEvents`, `PutObject`, `AssumeRole`) fail.
    pub fn fail(&self, operation: &str, times: u32, failure: Failure) {
        let Failure { status, code, after } = failure;
        let asked =
            json!({ "operation": operation, "times": times, "status": status, "code": code, "after": after });
        self.post("/updraft-test/fail", &asked.to_string());
    }

    /// Nothing is made to fail any more.
    pub fn forgive(&self) {
        self.post("/updraft-test/forgive", "");
    }

    /// Has calls of an operation wait, before they are carried out, until [`release`](Self::release).
    pub fn hold(&self, operation: &str) {
        self.hold_after(0, operation);
    }

    /// The same, but so many calls of it pass first.
    pub fn hold_after(&self, calls: u32, operation: &str) {
        self.post("/updraft-test/hold", &json!({ "operation": operation, "after": calls }).to_string());
    }

    /// Lets go on whatever waits.
    pub fn release(&self) {
        self.post("/updraft-test/release", "");
    }

    pub(crate) fn post(&self, target: &str, body: &str) -> Vec<u8> {
        self.call("POST", target, &[("Content-Type", "text/plain")], body.as_bytes())
    }

    pub(crate) fn get(&self, target: &str) -> Vec<u8> {
        self.call("GET", target, &[], b"")
    }

    /// The body of a successful answer; panics with it on any other.
    pub(crate) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let (status, answer) = http::request(self.port, method, target, headers, body);
        assert!(
            status == 200,
            "moto answered {status} to {method} {target}: {}",
            String::from_utf8_lossy(&answer)
        );
        answer
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}

#[derive(Deserialize)]
struct Ready {
    port: u16,
    tls_port: Option<u16>,
}

/// A signature that moto reads service and region from, and checks only once it enforces IAM.
pub fn authorization(service: &str, region: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=setup/20261122/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

fn python() -> PathBuf {
    if let Some(told) = std::env::var_os("UPDRAFT_TEST_PYTHON") {
        return told.into();
    }
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python");
    assert!(ours.exists(), "no Python with moto at {}: run `cargo xtask setup`", ours.display());
    ours
}
