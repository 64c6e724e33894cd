//! The shape of a section of type `aws_s3`, and of what `file` shares with it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::aws::{Auth, Healthcheck, Proxy, Request, Tls};
use super::sinks::{Encoding, Purpose};

/// Amazon S3: one object for each file, or events of many files in one object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3 {
    /// Names of sources and transforms whose output it takes. With layout `mirror` and from a source the objects are the
    /// files, byte for byte. May be left out where another section names this sink as its `dead_letter`.
    #[serde(default)]
    pub(crate) inputs: Vec<String>,
    /// Who reads it. It decides about `layout` (`mirror`) and `key` (`{{ path }}`); while a file grows its object has whole
    /// lines only, and bytes that are not UTF-8 become `?`, one for each, and are counted: Airflow refuses an object that
    /// has one.
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
    /// The bucket's name.
    pub(crate) bucket: String,
    /// `endpoint/bucket/key` instead of `bucket.endpoint/key`. Default: true with an endpoint (here, in
    /// `$AWS_ENDPOINT_URL` or `$AWS_ENDPOINT_URL_S3`), else false.
    pub(crate) force_path_style: Option<bool>,
    /// Stands before every key as it is, so end it with `/` if it is to be a folder.
    #[serde(default)]
    pub(crate) key_prefix: String,
    /// How files become objects.
    #[serde(default)]
    pub(crate) layout: Layout,
    /// Layout `mirror`: the key below the prefix; a template, by default `{{ path }}`. Layout `batch`: the folder below
    /// the prefix; a template, outside of whose tags `%Y`, `%m`, `%d`, `%F`, `%H` and so on are of the event's time in
    /// UTC; by default `date=%F/hour=%H`.
    pub(crate) key: Option<String>,
    /// Layout `mirror`: seconds between uploads of a file that keeps growing; when its try has ended it is uploaded at once.
    /// Default: 60, and 5 with `for: airflow-ui`.
    pub(crate) refresh_secs: Option<f64>,
    /// Layout `mirror`: put each file once, when it has been quiet for `quiet_secs`, is gone, or the host stops or is asked
    /// to (`updraft drain`), and not while it grows: for buckets with versioning or Object Lock. A file that grows after
    /// that is put again, as a new version, and that is said once.
    #[serde(default)]
    pub(crate) write_once: bool,
    /// With `write_once`: seconds of quiet after which a try is taken to have ended, whatever its log says. Default: 300.
    pub(crate) quiet_secs: Option<f64>,
    /// With `write_once`, or layout `batch`: lock each object. Needs `s3:PutObjectRetention`, and a bucket with Object Lock.
    pub(crate) object_lock: Option<ObjectLock>,
    /// Layout `batch`: what an event looks like. Default: `json`, one object per line.
    pub(crate) encoding: Option<Encoding>,
    /// Layout `batch`: how objects are compressed. Default: `gzip`.
    pub(crate) compression: Option<Compression>,
    /// Layout `batch`: how many events go in one object.
    pub(crate) batch: Option<ObjectBatch>,
    /// Layout `batch`: what keys end in, without the dot. Default: `ndjson` or `log`, with `.gz` or `.zst`.
    pub(crate) filename_extension: Option<String>,
    /// Default: `text/plain; charset=utf-8`, or what layout `batch` makes.
    pub(crate) content_type: Option<String>,
    /// Default: `gzip` or `zstd` where layout `batch` compresses.
    pub(crate) content_encoding: Option<String>,
    /// Canned ACL. Needs `s3:PutObjectAcl`, and a bucket with ACLs enabled.
    pub(crate) acl: Option<Acl>,
    /// Storage class. Default: the bucket's, `STANDARD`.
    pub(crate) storage_class: Option<StorageClass>,
    /// Encryption at rest. Default: the bucket's own.
    pub(crate) server_side_encryption: Option<Encryption>,
    /// With `server_side_encryption: "aws:kms"`: the key's id or ARN. Default: the account's `aws/s3`. Needs
    /// `kms:GenerateDataKey` and, for objects in several parts, `kms:Decrypt`.
    pub(crate) ssekms_key_id: Option<String>,
    /// Tags of objects; the values are templates. At most 10. What S3 forbids in a value becomes `_`; a tag that a stream
    /// cannot have is left out. Needs `s3:PutObjectTagging`.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Metadata of objects; the values are templates. What a header cannot carry is encoded by RFC 2047, as S3 wants it;
    /// what a stream cannot have, or is beyond S3's 2 KiB, is left out. With layout `batch` the stream that tags and
    /// metadata speak of is that of the first event.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Which checksum is sent along and kept by S3.
    #[serde(default)]
    pub(crate) checksum_algorithm: Checksum,
}

pub(crate) fn refresh_secs() -> f64 {
    60.0
}

/// Somebody looks at it: docs/airflow-ui.md says what it costs.
pub(crate) fn refresh_secs_for_eyes() -> f64 {
    5.0
}

pub(crate) fn quiet_secs() -> f64 {
    300.0
}

/// What files become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layout {
    /// One object, or file on disk, for each generation of a file.
    #[default]
    Mirror,
    /// Events of many files in one object, or file on disk.
    Batch,
}

/// How long nobody may delete or replace an object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectLock {
    /// Who may lift it.
    pub(crate) mode: LockMode,
    /// From the put on.
    pub(crate) days: u32,
}

/// Who may lift a lock.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockMode {
    /// Those with a special permission.
    Governance,
    /// Nobody.
    Compliance,
}

/// How objects are compressed.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// With gzip.
    Gzip,
    /// With Zstandard.
    Zstd,
}

/// How many events go in one object.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectBatch {
    /// So many bytes, before compression, make an object.
    #[serde(default = "object_max_bytes")]
    pub(crate) max_bytes: usize,
    /// Seconds that an object waits for more events.
    #[serde(default = "object_timeout_secs")]
    pub(crate) timeout_secs: f64,
    /// An object with less than so many bytes, before compression, waits on, so that thin traffic makes no crowd of tiny
    /// objects.
    #[serde(default = "object_min_bytes")]
    pub(crate) min_bytes: usize,
    /// Seconds that even such an object waits.
    #[serde(default = "object_max_wait_secs")]
    pub(crate) max_wait_secs: f64,
}

impl Default for ObjectBatch {
    fn default() -> Self {
        Self {
            max_bytes: object_max_bytes(),
            timeout_secs: object_timeout_secs(),
            min_bytes: object_min_bytes(),
            max_wait_secs: object_max_wait_secs(),
        }
    }
}

fn object_max_bytes() -> usize {
    10_000_000
}

fn object_timeout_secs() -> f64 {
    300.0
}

/// S3 bills smaller objects of the cheaper storage classes as if they had so many bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html>
pub(crate) fn object_min_bytes() -> usize {
    128 * 1024
}

fn object_max_wait_secs() -> f64 {
    3600.0
}

/// Canned ACLs. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "AWS's own names; its page says what they mean")]
pub enum Acl {
    Private,
    PublicRead,
    PublicReadWrite,
    AwsExecRead,
    AuthenticatedRead,
    BucketOwnerRead,
    BucketOwnerFullControl,
}

/// Storage classes. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "AWS's own names; its page says what they mean")]
pub enum StorageClass {
    Standard,
    ReducedRedundancy,
    IntelligentTiering,
    StandardIa,
    ExpressOnezone,
    OnezoneIa,
    GlacierIr,
    Glacier,
    DeepArchive,
}

/// Encryption at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Encryption {
    /// With S3's own keys (SSE-S3).
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of KMS (SSE-KMS).
    #[serde(rename = "aws:kms")]
    Kms,
    /// With a key of KMS, twice (DSSE-KMS).
    #[serde(rename = "aws:kms:dsse")]
    KmsDsse,
}

/// Checksums. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their own names")]
pub enum Checksum {
    #[default]
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}
