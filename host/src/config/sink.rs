//! What sinks work from: their options, checked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Acl, Checksum, Encryption, StorageClass};
use crate::route::partition::Partition;
use crate::route::template::Template;

/// Where events go.
#[derive(Debug, Clone, PartialEq)]
pub struct Sink {
    /// Its name in the config.
    pub id: String,
    /// The ways that lead to it: at least one, and at most one from each source.
    pub branches: Vec<Branch>,
    /// Who has a say in its names: an index into [`Config::routes`](super::Config::routes).
    pub route: Option<usize>,
    /// What it is, with its options.
    pub kind: SinkKind,
}

impl Sink {
    /// Whether a way leads to it from this source: an index into [`Config::sources`](super::Config::sources).
    pub fn takes_from(&self, source: usize) -> bool {
        self.branches.iter().any(|branch| branch.source == source)
    }
}

/// One way from a source to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Branch {
    /// Index into [`Config::sources`](super::Config::sources).
    pub source: usize,
    /// Indices into [`Config::transforms`](super::Config::transforms), in the order that lines pass them.
    pub transforms: Vec<usize>,
}

/// The kinds of sinks.
#[derive(Debug, Clone, PartialEq)]
pub enum SinkKind {
    /// `aws_cloudwatch_logs`
    CloudWatch(Box<CloudWatch>),
    /// `aws_s3`
    S3(Box<S3>),
    /// `file`
    File(File),
    /// `console`
    Console(Codec),
    /// `blackhole`
    Blackhole(Codec),
}

impl SinkKind {
    /// Its `type` in the config.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CloudWatch(_) => "aws_cloudwatch_logs",
            Self::S3(_) => "aws_s3",
            Self::File(_) => "file",
            Self::Console(_) => "console",
            Self::Blackhole(_) => "blackhole",
        }
    }

    /// How it is spread over objects or files, where it makes any.
    pub fn layout(&self) -> Option<&Layout> {
        match self {
            Self::S3(sink) => Some(&sink.layout),
            Self::File(sink) => Some(&sink.layout),
            Self::CloudWatch(_) | Self::Console(_) | Self::Blackhole(_) => None,
        }
    }
}

/// How to reach AWS; what is not said is left to the SDK's default chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// None: the ambient region.
    pub region: Option<String>,
    /// None: the region's own endpoint (or what `AWS_ENDPOINT_URL…` says).
    pub endpoint: Option<String>,
    /// FIPS 140 endpoints; none: the ambient setting.
    pub use_fips: Option<bool>,
    /// Dual-stack endpoints; none: the ambient setting.
    pub use_dual_stack: Option<bool>,
    /// None in every field: the workload's own identity.
    pub auth: Auth,
    /// Whom HTTPS trusts, and who we are to it.
    pub tls: Tls,
    /// None: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    pub proxy: Option<Proxy>,
    /// Until a TCP connection stands.
    pub connect_timeout: Duration,
    /// From sending a request to having its answer.
    pub request_timeout: Duration,
    /// Requests, or objects, that may be under way at once.
    pub concurrency: usize,
    /// Ask at start whether the service would have us.
    pub healthcheck: Healthcheck,
}

/// Who we are to AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// The roles to assume, one with the credentials of the one before; the last one talks to the service. Perhaps none.
    pub roles: Vec<String>,
    /// What the last role's trust policy asks for, if it does.
    pub external_id: Option<String>,
    /// How AWS's own logs name us.
    pub session_name: String,
    /// OIDC token to assume the first role with; none: the identity of profile, file or surroundings.
    pub web_identity_token_file: Option<PathBuf>,
    /// Region of STS; none: the sink's.
    pub region: Option<String>,
    /// Profile of the AWS config files.
    pub profile: Option<String>,
    /// Credentials file.
    pub credentials_file: Option<PathBuf>,
}

/// Whom HTTPS trusts, and who we are to it. The files were there when the config was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificate authorities, PEM; none: the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// The proxy to go through; none for a scheme: straight to the host.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// For `http://` endpoints.
    pub http: Option<String>,
    /// For `https://` endpoints.
    pub https: Option<String>,
    /// Not for these.
    pub no_proxy: Vec<String>,
}

impl fmt::Debug for Proxy {
    /// Without the URLs: they may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &Option<String>| url.as_ref().map(|_| "…");
        let Self { http, https, no_proxy } = self;
        f.debug_struct("Proxy")
            .field("http", &shown(http))
            .field("https", &shown(https))
            .field("no_proxy", no_proxy)
            .finish()
    }
}

/// Whether the service is asked at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Healthcheck {
    /// Not at all.
    Off,
    /// Asked; what is wrong is said.
    On,
    /// Asked; what is wrong keeps the pipeline from starting.
    Required,
}

/// Options of `aws_cloudwatch_logs`.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudWatch {
    /// How to reach it.
    pub aws: Aws,
    /// Log group.
    pub group_name: Template,
    /// Log stream.
    pub stream_name: Template,
    /// Create the group when a put says that it is missing.
    pub create_missing_group: bool,
    /// The same for the stream.
    pub create_missing_stream: bool,
    /// Log streams that may be created in a second.
    pub create_stream_rate: f64,
    /// What groups are like that it creates.
    pub new_groups: NewGroups,
    /// What an event looks like there.
    pub codec: Codec,
    /// Bodies of requests are compressed with gzip.
    pub gzip: bool,
    /// Most events in a put; at most [`CLOUDWATCH_MAX_BATCH_EVENTS`](super::CLOUDWATCH_MAX_BATCH_EVENTS).
    pub max_events: usize,
    /// Most bytes in a put, counted as AWS counts; at most
    /// [`CLOUDWATCH_MAX_BATCH_BYTES`](super::CLOUDWATCH_MAX_BATCH_BYTES).
    pub max_bytes: usize,
    /// How long a put waits to get full.
    pub timeout: Duration,
    /// The sink that gets what is refused.
    pub dead_letter: Option<String>,
}

/// What log groups are like that a sink creates. Groups that are there already are left as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewGroups {
    /// Days that events are kept; one of [`RETENTION_DAYS`](super::RETENTION_DAYS). None: for ever.
    pub retention_days: Option<i32>,
    /// ARN of a KMS key.
    pub kms_key: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Class; none: AWS's default.
    pub class: Option<LogGroupClass>,
}

/// Classes of log groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogGroupClass {
    /// All features.
    Standard,
    /// Half the price, fewer features.
    InfrequentAccess,
    /// Only to be passed on.
    Delivery,
}

/// Options of `aws_s3`.
#[derive(Debug, Clone, PartialEq)]
pub struct S3 {
    /// How to reach it.
    pub aws: Aws,
    /// Bucket.
    pub bucket: String,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    pub force_path_style: bool,
    /// Stands before every key as it is.
    pub key_prefix: String,
    /// How files become objects.
    pub layout: Layout,
    /// What objects are like.
    pub objects: Objects,
}

/// What objects are like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objects {
    /// None: what the content is.
    pub content_type: Option<String>,
    /// None: how the content is compressed, if it is.
    pub content_encoding: Option<String>,
    /// Canned ACL.
    pub acl: Option<Acl>,
    /// Storage class.
    pub storage_class: Option<StorageClass>,
    /// Encryption at rest.
    pub encryption: Option<Encryption>,
    /// Key of KMS; only with an encryption that uses one.
    pub kms_key_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, Template>,
    /// Metadata.
    pub metadata: BTreeMap<String, Template>,
    /// Checksum.
    pub checksum: Checksum,
    /// Retention by Object Lock; only with [`Mirror::write_once`].
    pub lock: Option<ObjectLock>,
}

/// Retention by Object Lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    /// Nobody may lift it; else those with a special permission.
    pub compliance: bool,
    /// From the put on.
    pub days: u32,
}

/// How files become objects, or files on local disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// One for each generation of a file.
    Mirror(Mirror),
    /// Events of many files in one.
    Batch(ObjectBatch),
}

/// Layout `mirror`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirror {
    /// The key below the prefix.
    pub key: Template,
    /// How often the object of a growing file is brought up to date (`aws_s3`).
    pub refresh: Duration,
    /// Put once, after so much quiet (`aws_s3`).
    pub write_once: Option<Duration>,
    /// Only what Airflow's reader can read: whole lines while the file grows, and `?` for what is not UTF-8 (`aws_s3`).
    pub legible: bool,
    /// What an event looks like (`file`; in `aws_s3` always `Raw`).
    pub codec: Codec,
}

/// Layout `batch`.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectBatch {
    /// The folder below the prefix, with the event's time.
    pub folder: Partition,
    /// What an event looks like.
    pub codec: Codec,
    /// How the whole is compressed.
    pub compression: Compression,
    /// What names end in, without the dot; none: what fits.
    pub extension: Option<String>,
    /// So many bytes, before compression, are enough.
    pub max_bytes: usize,
    /// How long an object waits for more.
    pub timeout: Duration,
    /// With less than that it waits on…
    pub min_bytes: usize,
    /// …but no longer than this.
    pub max_wait: Duration,
}

/// How objects are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// With gzip.
    Gzip,
    /// With Zstandard.
    Zstd,
}

/// Options of `file`.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// The folder to write below; perhaps not there yet.
    pub path: PathBuf,
    /// How Airflow's files become these files.
    pub layout: Layout,
}

/// What is made of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// The normalized event, one JSON object.
    Json,
    /// Its message.
    Text,
    /// The bytes it came from.
    Raw,
    /// The record as Airflow's own UI shows it well; only by `for: airflow-ui`.
    Airflow,
}
