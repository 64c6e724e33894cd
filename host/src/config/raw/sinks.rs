//! The shape of a sink's section.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::aws::{Auth, Healthcheck, Proxy, Request, Tls};
use super::s3::{Compression, Layout, ObjectBatch};

/// Amazon CloudWatch Logs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatch {
    /// Names of sources and transforms whose output it takes.
    pub(crate) inputs: Vec<String>,
    /// Who reads it. It decides about `stream_name` (`{{ try_path }}`) and `encoding` (each event a record, as Airflow's
    /// readers show it).
    #[serde(rename = "for")]
    pub(crate) purpose: Option<Purpose>,
    /// The route that has a say in its names. Default: none, its own templates decide.
    pub(crate) route: Option<String>,
    /// Default: the ambient region of the AWS SDK.
    pub(crate) region: Option<String>,
    /// URL to talk to instead of the region's own.
    pub(crate) endpoint: Option<String>,
    /// Use the region's FIPS 140 endpoint. Default: what the AWS SDK's own settings say.
    pub(crate) use_fips_endpoint: Option<bool>,
    /// Use the region's endpoint that has IPv6 too. Default: what the AWS SDK's own settings say.
    pub(crate) use_dualstack_endpoint: Option<bool>,
    /// Who we are to AWS. Default: the workload's own identity, by the AWS SDK's default chain.
    pub(crate) auth: Option<Auth>,
    /// Whom HTTPS trusts, and who we are to it.
    #[serde(default)]
    pub(crate) tls: Tls,
    /// The proxy to go through. Default: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    pub(crate) proxy: Option<Proxy>,
    /// How requests are made.
    #[serde(default)]
    pub(crate) request: Request,
    /// Whether the service is asked at start if it would have us.
    #[serde(default)]
    pub(crate) healthcheck: Healthcheck,
    /// The log group; a template. What CloudWatch forbids becomes `_`.
    pub(crate) group_name: String,
    /// The log stream; a template, by default `{{ path }}`. `:` and `*`, which CloudWatch forbids, become `_`.
    pub(crate) stream_name: Option<String>,
    /// Create the group when it is missing.
    #[serde(default = "yes")]
    pub(crate) create_missing_group: bool,
    /// Create the stream when it is missing.
    #[serde(default = "yes")]
    pub(crate) create_missing_stream: bool,
    /// Streams that this process may create in a second, of the 50 that AWS allows all processes of an account and region
    /// together.
    #[serde(default = "create_stream_rate")]
    pub(crate) create_stream_rate: f64,
    /// How long groups that it creates keep events. Needs `logs:PutRetentionPolicy`. It is set when the group is there and
    /// tried until it is, but by this process only: a group that was there, or whose maker was killed in that moment, is
    /// left as it is.
    pub(crate) retention: Option<Retention>,
    /// ARN of the KMS key of groups that it creates. The key's policy must let CloudWatch Logs use it
    /// (`logs.REGION.amazonaws.com`).
    pub(crate) kms_key: Option<String>,
    /// Tags of groups that it creates. Needs `logs:TagResource`.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Class of groups that it creates. Default: AWS's, `standard`.
    pub(crate) log_group_class: Option<LogGroupClass>,
    /// What an event looks like. Default: `json`.
    pub(crate) encoding: Option<Encoding>,
    /// Whether the bodies of requests are compressed: less traffic for more CPU.
    #[serde(default)]
    pub(crate) compression: RequestCompression,
    /// How many events go in one request.
    #[serde(default)]
    pub(crate) batch: Batch,
    /// The sink (`aws_s3` or `file`) that gets what CloudWatch refuses as too old, too new or malformed, with reason,
    /// stream and original bytes.
    pub(crate) dead_letter: Option<String>,
}

/// Who reads what a sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// Airflow's own UI, with remote logging on.
    AirflowUi,
}

pub(crate) fn path_template() -> String {
    "{{ path }}".to_owned()
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn create_stream_rate() -> f64 {
    50.0
}

fn json() -> Encoding {
    Encoding { codec: Codec::Json }
}

/// How long events are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// With `false` it is as if it were not written here.
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    /// 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653.
    pub(crate) days: u32,
}

/// Classes of log groups.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogGroupClass {
    /// All features.
    Standard,
    /// Half the price, fewer features.
    InfrequentAccess,
    /// Only to be passed on to S3 or Firehose.
    Delivery,
}

/// How the body of a request is compressed.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RequestCompression {
    /// Not at all.
    #[default]
    None,
    /// With gzip.
    Gzip,
}

/// What an event looks like.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoding {
    /// `json`, `text` or `raw`.
    pub(crate) codec: Codec,
}

/// What is made of an event.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Codec {
    /// The normalized event, one JSON object.
    Json,
    /// Its message.
    Text,
    /// The bytes it came from.
    Raw,
}

/// How many events go in one request.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// At most so many events; CloudWatch takes 10,000.
    #[serde(default = "max_events")]
    pub(crate) max_events: usize,
    /// At most so many bytes as AWS counts them; CloudWatch takes 1,048,576.
    #[serde(default = "max_bytes")]
    pub(crate) max_bytes: usize,
    /// Seconds that a request waits to get full.
    #[serde(default = "timeout_secs")]
    pub(crate) timeout_secs: f64,
}

impl Default for Batch {
    fn default() -> Self {
        Self { max_events: max_events(), max_bytes: max_bytes(), timeout_secs: timeout_secs() }
    }
}

fn max_events() -> usize {
    crate::config::CLOUDWATCH_MAX_BATCH_EVENTS
}

fn max_bytes() -> usize {
    crate::config::CLOUDWATCH_MAX_BATCH_BYTES
}

pub(crate) fn timeout_secs() -> f64 {
    1.0
}

/// Files on local disk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Names of sources and transforms whose output it takes. May be left out where another section names this sink as
    /// its `dead_letter`.
    #[serde(default)]
    pub(crate) inputs: Vec<String>,
    /// The route that has a say in its names. Default: none, its own templates decide.
    pub(crate) route: Option<String>,
    /// The folder to write below.
    pub(crate) path: PathBuf,
    /// How Airflow's files become these files.
    #[serde(default)]
    pub(crate) layout: Layout,
    /// Layout `mirror`: path of the file below that folder; a template, by default `{{ path }}`. Layout `batch`: the
    /// folder below that folder, as in `aws_s3`. It must not lead upward, so no part of it is `..`.
    pub(crate) key: Option<String>,
    /// What an event looks like. Default: `raw` (the files are copies), and `json` with layout `batch`.
    pub(crate) encoding: Option<Encoding>,
    /// Layout `batch`: how files are compressed. Default: `gzip`.
    pub(crate) compression: Option<Compression>,
    /// Layout `batch`: how many events go in one file.
    pub(crate) batch: Option<ObjectBatch>,
    /// Layout `batch`: what names end in, without the dot. Default: `ndjson` or `log`, with `.gz` or `.zst`.
    pub(crate) filename_extension: Option<String>,
}

/// Standard output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Console {
    /// Names of sources and transforms whose output it takes.
    pub(crate) inputs: Vec<String>,
    /// The route that says which events go here. Default: none, all of them.
    pub(crate) route: Option<String>,
    /// What an event looks like.
    #[serde(default = "json")]
    pub(crate) encoding: Encoding,
}

/// Nowhere: encodes events, counts them and throws them away, to see what a pipeline costs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Blackhole {
    /// Names of sources and transforms whose output it takes.
    pub(crate) inputs: Vec<String>,
    /// The route that says which events go here. Default: none, all of them.
    pub(crate) route: Option<String>,
    /// What an event looks like before it is thrown away.
    #[serde(default = "json")]
    pub(crate) encoding: Encoding,
}
