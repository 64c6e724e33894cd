//! What log groups and objects in moto are like, besides what they hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::moto::{ACCOUNT, Moto, REGION, authorization};

/// What a log group is like.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct GroupKind {
    /// Days; none: for ever.
    pub retention: Option<u32>,
    /// ARN of its KMS key.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its class, as `STANDARD`; none where somebody other than a request made it.
    pub class: Option<String>,
}

/// What an object is like.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct ObjectKind {
    /// As `STANDARD`.
    pub storage_class: String,
    /// As `aws:kms`.
    pub encryption: Option<String>,
    /// The key of KMS.
    pub kms_key_id: Option<String>,
    /// The canned ACL that it was written with.
    pub acl: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// As `CRC32`.
    pub checksum_algorithm: Option<String>,
    /// In base64; of the parts' checksums, or of the whole.
    pub checksum: Option<String>,
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub lock_mode: Option<String>,
    /// Until when, RFC 3339.
    pub lock_until: Option<String>,
    /// How many versions of it the bucket keeps.
    pub versions: usize,
    /// Headers kept with it, in small letters: `content-type`, `x-amz-meta-…`.
    pub metadata: BTreeMap<String, String>,
}

impl Moto {
    /// What each log group in [`REGION`] is like.
    pub fn group_kinds(&self) -> BTreeMap<String, GroupKind> {
        type Regions = BTreeMap<String, BTreeMap<String, GroupKind>>;
        let mut accounts: BTreeMap<String, Regions> =
            serde_json::from_slice(&self.get("/updraft-test/groups")).expect("the launcher speaks JSON");
        accounts.remove(ACCOUNT).and_then(|mut regions| regions.remove(REGION)).unwrap_or_default()
    }

    /// What each object of a bucket is like.
    pub fn object_kinds(&self, bucket: &str) -> BTreeMap<String, ObjectKind> {
        serde_json::from_slice(&self.get(&format!("/updraft-test/kinds/{bucket}")))
            .expect("the launcher speaks JSON")
    }

    /// An empty bucket with versions and Object Lock.
    pub fn create_bucket_with_locks(&self, name: &str) {
        let authorization = authorization("s3", REGION);
        let headers =
            [("Authorization", authorization.as_str()), ("x-amz-bucket-object-lock-enabled", "true")];
        self.call("PUT", &format!("/{name}"), &headers, b"");
    }
}
