//! What landed in moto, and what was asked of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::moto::{ACCOUNT, Moto, REGION};

/// An event as CloudWatch Logs holds it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The message, whole.
    pub message: String,
}

impl Event {
    /// The normalized event that the message is; panics where it is none.
    pub fn normalized(&self) -> serde_json::Value {
        serde_json::from_str(&self.message).unwrap_or_else(|error| panic!("{error} in {}", self.message))
    }

    /// The field `message` of the normalized event.
    pub fn normalized_message(&self) -> String {
        self.normalized()["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// An object as S3 holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bytes, whole.
    pub body: Vec<u8>,
    /// The headers kept with it, `x-amz-meta-…` among them, in small letters.
    pub metadata: BTreeMap<String, String>,
}

/// One request of moto's journal.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// `logs`, `s3`, `sts`; none for a request that was not signed.
    pub service: Option<String>,
    /// The region that it was signed for.
    pub region: Option<String>,
    /// The access key that signed it.
    pub access_key: Option<String>,
    /// The operation by its name in the API, as `PutLogEvents` or `UploadPart`.
    pub operation: String,
    /// HTTP method.
    pub method: String,
    /// The path, decoded: `/bucket/key` of S3.
    pub path: String,
    /// The body's length in bytes, as sent.
    pub size: usize,
    /// `Content-Encoding`, where it was sent.
    pub encoding: Option<String>,
    /// Of a part of an upload: its number.
    pub part: Option<u16>,
    /// The log group that it speaks of.
    pub group: Option<String>,
    /// The log stream that it speaks of.
    pub stream: Option<String>,
    /// Of a put: how many events.
    pub events: Option<usize>,
    /// Of a put: its bytes as AWS counts them, 26 more for each event.
    pub event_bytes: Option<usize>,
    /// Of a request for a role: its ARN.
    pub role: Option<String>,
    /// Likewise: `RoleSessionName`.
    pub session: Option<String>,
    /// Likewise: `ExternalId`.
    pub external_id: Option<String>,
    /// Likewise: the token of a web identity.
    pub token: Option<String>,
    /// Whether it came by HTTPS.
    pub secure: bool,
    /// The common name in the client's certificate, where it showed one.
    pub certificate: Option<String>,
    /// Status of the answer; none while there is none.
    pub status: Option<u16>,
    /// When it arrived, in ticks of the journal: requests `a` and `b` overlapped when each began before the other ended.
    pub began: u64,
    /// When it was answered, in the same ticks.
    pub ended: Option<u64>,
}

type Groups = BTreeMap<String, BTreeMap<String, Vec<Event>>>;

impl Moto {
    /// Every log group of [`ACCOUNT`] in `region`, with its log streams and their events in the order of arrival.
    pub fn log_groups(&self, region: &str) -> Groups {
        let mut accounts: BTreeMap<String, BTreeMap<String, Groups>> =
            serde_json::from_slice(&self.get("/updraft-test/logs")).expect("the launcher speaks JSON");
        accounts.remove(ACCOUNT).and_then(|mut regions| regions.remove(region)).unwrap_or_default()
    }

    /// The events of one log stream in [`REGION`]; none where there is no such stream.
    pub fn log_events(&self, group: &str, stream: &str) -> Vec<Event> {
        self.log_groups(REGION)
            .remove(group)
            .and_then(|mut streams| streams.remove(stream))
            .unwrap_or_default()
    }

    /// Every object of a bucket.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Object> {
        let answer = self.get(&format!("/updraft-test/objects/{bucket}"));
        let head_ends = answer.iter().position(|&byte| byte == b'\n').expect("a line comes first");
        let (head, mut bodies) = (&answer[..head_ends], &answer[head_ends + 1..]);
        let listed: Vec<Listed> = serde_json::from_slice(head).expect("the launcher speaks JSON");
        let objects = listed.into_iter().map(|Listed { key, size, metadata }| {
            let (body, rest) = bodies.split_at(size);
            bodies = rest;
            (key, Object { body: body.to_vec(), metadata })
        });
        objects.collect()
    }

    /// How large every object of a bucket is: [`objects`](Self::objects) without the cost of their bodies.
    pub fn sizes(&self, bucket: &str) -> BTreeMap<String, usize> {
        let answer = self.get(&format!("/updraft-test/heads/{bucket}"));
        let listed: Vec<Listed> = serde_json::from_slice(&answer).expect("the launcher speaks JSON");
        listed.into_iter().map(|Listed { key, size, .. }| (key, size)).collect()
    }

    /// Every request so far but the tests' own.
    pub fn requests(&self) -> Vec<Request> {
        let journal = self.get("/updraft-test/requests");
        let lines = journal.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let all = lines.map(|line| serde_json::from_slice(line).expect("the launcher speaks JSON"));
        all.filter(|request: &Request| request.access_key.as_deref() != Some("setup")).collect()
    }

    /// Those requests that were of one operation.
    pub fn requests_of(&self, operation: &str) -> Vec<Request> {
        self.requests().into_iter().filter(|request| request.operation == operation).collect()
    }
}

#[derive(Deserialize)]
struct Listed {
    key: String,
    size: usize,
    metadata: BTreeMap<String, String>,
}
