//! Multipart uploads: an object of any size with one part in memory at a time. An upload that is given up is left to
//! the bucket's lifecycle rule: aborting it would need a permission that we don't ask for.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::HashMap;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::client::{ANY_ETAG, CONTENT_TYPE, Client, Precondition, Written};
use crate::sink::service_error::ServiceError;

/// An upload that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Of the object that it will become.
    pub key: String,
    id: String,
}

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    number: i32,
    etag: Option<String>,
    crc32: Option<String>,
}

/// Whether that failure means that the upload is no more and has to begin anew, from its first part: S3 has forgotten
/// it, or somebody wrote the key while it was being completed.
pub fn must_begin_anew(failure: &ServiceError) -> bool {
    matches!(
        failure.code.as_deref(),
        Some(
            "NoSuchUpload"
                | "InvalidPart"
                | "InvalidPartOrder"
                | "EntityTooSmall"
                | "ConditionalRequestConflict"
        )
    )
}

impl Client {
    /// Begins an upload. Keys and values of `metadata` are ASCII.
    pub async fn create_upload(
        &self,
        key: &str,
        metadata: HashMap<String, String>,
    ) -> Result<Upload, Box<ServiceError>> {
        let call = self.call("s3:PutObject", key);
        let answer = self
            .sdk
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type(CONTENT_TYPE)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .set_metadata(Some(metadata))
            .send()
            .await;
        let output = answer.map_err(|error| self.failed(&call, &error))?;
        Ok(Upload { key: key.to_owned(), id: output.upload_id.unwrap_or_default() })
    }

    /// Sends one part; `number` counts from 1 to [`super::limits::MAX_PARTS`]. A part sent twice counts once.
    pub async fn upload_part(
        &self,
        upload: &Upload,
        number: u16,
        bytes: Bytes,
    ) -> Result<Part, Box<ServiceError>> {
        let call = self.call("s3:PutObject", &upload.key);
        let number = i32::from(number);
        let answer = self
            .sdk
            .upload_part()
            .bucket(&self.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(bytes))
            .send()
            .await;
        let output = answer.map_err(|error| self.failed(&call, &error))?;
        Ok(Part { number, etag: output.e_tag, crc32: output.checksum_crc32 })
    }

    /// Makes an object of the parts, which are in order.
    pub async fn complete_upload(
        &self,
        upload: &Upload,
        parts: Vec<Part>,
        precondition: Precondition,
    ) -> Result<Written, Box<ServiceError>> {
        let call = self.call("s3:PutObject", &upload.key);
        let parts = parts.into_iter().map(|part| {
            CompletedPart::builder()
                .part_number(part.number)
                .set_e_tag(part.etag)
                .set_checksum_crc32(part.crc32)
                .build()
        });
        let answer = self
            .sdk
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build())
            .set_if_none_match((precondition == Precondition::Absent).then(|| ANY_ETAG.to_owned()))
            .send()
            .await;
        self.written(&call, answer.map(|output| output.e_tag))
    }
}
