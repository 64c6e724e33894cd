//! `PutObject` of bytes in memory. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::client::{ANY_ETAG, Client, Precondition, Written};
use super::settings::{ObjectSettings, with_settings};
use crate::aws::SignedAs;
use crate::sink::service_error::ServiceError;

/// Bytes whose hash is known, which a signature needs.
#[derive(Debug, Clone)]
pub struct Hashed {
    bytes: Bytes,
    sha256: Sha256,
}

impl Hashed {
    /// Who hashed them.
    pub fn hasher(&self) -> &Sha256 {
        &self.sha256
    }
}

impl From<Bytes> for Hashed {
    fn from(bytes: Bytes) -> Self {
        Self { sha256: Sha256::new_with_prefix(&bytes), bytes }
    }
}

impl Client {
    /// Writes a whole object of less than [`super::limits::PART_BYTES`].
    ///
    /// Two writers with [`Precondition::Absent`] at the same moment: one stores, the other gets 409 and a `Retry`.
    pub async fn put_object(
        &self,
        key: &str,
        body: Hashed,
        settings: &ObjectSettings,
        precondition: Precondition,
    ) -> Result<Written, Box<ServiceError>> {
        let call = self.call("s3:PutObject", key);
        let signed = SignedAs::from(body.sha256);
        let request = self
            .sdk
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(body.bytes))
            .set_if_none_match((precondition == Precondition::Absent).then(|| ANY_ETAG.to_owned()));
        let request = with_settings!(request, self.objects(), settings);
        let answer = request.customize().interceptor(signed).send().await;
        self.written(&call, answer.map(|output| output.e_tag))
    }
}
