//! Multipart uploads: an object of any size with one part in memory at a time. An upload that is given up is left to
//! the bucket's lifecycle rule: aborting it would need a permission that we don't ask for.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::client::{ANY_ETAG, Client, Precondition, Written};
use super::settings::{self, ObjectSettings, checksum_in, with_settings};
use crate::config::Checksum;
use crate::sink::service_error::ServiceError;

/// An upload that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Of the object that it will become.
    pub key: String,
    /// S3's name for it.
    pub id: String,
}

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: i32,
    /// What S3 calls it.
    pub etag: Option<String>,
    /// Its checksum, where S3 says one.
    pub checksum: Option<String>,
}

/// Whether that failure means that the upload is no more and has to begin anew, from its first part: S3 has forgotten
/// it, or will never make an object of it, or somebody wrote the key while it was being completed.
pub fn must_begin_anew(failure: &ServiceError) -> bool {
    matches!(
        failure.code.as_deref(),
        Some(
            "NoSuchUpload"
                | "InvalidPart"
                | "InvalidPartOrder"
                | "EntityTooSmall"
                | "InvalidRequest"
                | "ConditionalRequestConflict"
        )
    )
}

impl Client {
    /// The algorithm of the checksums that each part has, whether sent or copied. An upload has but one.
    pub fn checksum_name(&self) -> &'static str {
        match self.objects().checksum {
            Checksum::Crc32 => "crc32",
            Checksum::Crc32c => "crc32c",
            Checksum::Crc64nvme => "crc64nvme",
            Checksum::Sha1 => "sha1",
            Checksum::Sha256 => "sha256",
        }
    }

    /// Begins an upload.
    pub async fn create_upload(
        &self,
        key: &str,
        settings: &ObjectSettings,
    ) -> Result<Upload, Box<ServiceError>> {
        let call = self.call("s3:PutObject", key);
        let request = self.sdk.create_multipart_upload().bucket(&self.bucket).key(key);
        let answer = with_settings!(request, self.objects(), settings).send().await;
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
            .checksum_algorithm(settings::checksum(self.objects().checksum))
            .body(ByteStream::from(bytes))
            .send()
            .await;
        let output = answer.map_err(|error| self.failed(&call, &error))?;
        let checksum = checksum_in!(output, self.objects().checksum);
        Ok(Part { number, etag: output.e_tag, checksum })
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
            let completed = CompletedPart::builder().part_number(part.number).set_e_tag(part.etag);
            let completed = match self.objects().checksum {
                Checksum::Crc32 => completed.set_checksum_crc32(part.checksum),
                Checksum::Crc32c => completed.set_checksum_crc32_c(part.checksum),
                Checksum::Crc64nvme => completed.set_checksum_crc64_nvme(part.checksum),
                Checksum::Sha1 => completed.set_checksum_sha1(part.checksum),
                Checksum::Sha256 => completed.set_checksum_sha256(part.checksum),
            };
            completed.build()
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
