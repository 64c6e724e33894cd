//! `PutObject` of bytes in memory. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use std::collections::HashMap;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::client::{ANY_ETAG, CONTENT_TYPE, Client, Precondition, Written};
use crate::sink::service_error::ServiceError;

impl Client {
    /// Writes a whole object of less than [`super::limits::PART_BYTES`]. Keys and values of `metadata` are ASCII.
    ///
    /// Two writers with [`Precondition::Absent`] at the same moment: one stores, the other gets 409 and a `Retry`.
    pub async fn put_object(
        &self,
        key: &str,
        body: Bytes,
        metadata: HashMap<String, String>,
        precondition: Precondition,
    ) -> Result<Written, Box<ServiceError>> {
        let call = self.call("s3:PutObject", key);
        let answer = self
            .sdk
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(body))
            .content_type(CONTENT_TYPE)
            .set_metadata(Some(metadata))
            .set_if_none_match((precondition == Precondition::Absent).then(|| ANY_ETAG.to_owned()))
            .send()
            .await;
        self.written(&call, answer.map(|output| output.e_tag))
    }
}
