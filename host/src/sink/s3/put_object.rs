//! `PutObject` of bytes in memory. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::client::{ANY_ETAG, Client, Precondition, Written};
use super::settings::{ObjectSettings, with_settings};
use crate::sink::service_error::ServiceError;

impl Client {
    /// Writes a whole object of less than [`super::limits::PART_BYTES`].
    ///
    /// Two writers with [`Precondition::Absent`] at the same moment: one stores, the other gets 409 and a `Retry`.
    pub async fn put_object(
        &self,
        key: &str,
        body: Bytes,
        settings: &ObjectSettings,
        precondition: Precondition,
    ) -> Result<Written, Box<ServiceError>> {
        let call = self.call("s3:PutObject", key);
        let request = self
            .sdk
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(ByteStream::from(body))
            .set_if_none_match((precondition == Precondition::Absent).then(|| ANY_ETAG.to_owned()));
        let answer = with_settings!(request, self.objects(), settings).send().await;
        self.written(&call, answer.map(|output| output.e_tag))
    }
}
