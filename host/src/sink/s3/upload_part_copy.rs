//! `UploadPartCopy`: a part from what an object of the bucket holds already, so that it is not sent again.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>

use std::fmt::Write;
use std::ops::Range;

use super::client::Client;
use super::multipart::{Part, Upload};
use super::settings::checksum_in;
use crate::sink::service_error::ServiceError;

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource<'a> {
    /// Key of the object.
    pub key: &'a str,
    /// The version of it that is meant; any other is refused.
    pub etag: Option<&'a str>,
    /// Which bytes; none: all. A range of an object of [`super::limits::MIN_PART_BYTES`] or less is refused.
    pub range: Option<Range<u64>>,
}

/// Whether that failure means that what was to be copied is no more, or is another object by now.
pub fn source_changed(failure: &ServiceError) -> bool {
    failure.status == Some(412) || failure.code.as_deref() == Some("NoSuchKey")
}

/// Whether that failure means that this object cannot be copied at all: it is archived, or we may not read it, or
/// what passes for S3 there does not know how.
pub fn cannot_be_copied(failure: &ServiceError) -> bool {
    matches!(
        failure.code.as_deref(),
        Some("InvalidObjectState" | "AccessDenied" | "NotImplemented" | "InvalidRequest" | "InvalidArgument")
    )
}

impl Client {
    /// Copies one part. Needs `s3:GetObject` on what is copied.
    pub async fn upload_part_copy(
        &self,
        upload: &Upload,
        number: u16,
        source: &CopySource<'_>,
    ) -> Result<Part, Box<ServiceError>> {
        let call = self.call("s3:GetObject", source.key);
        let number = i32::from(number);
        let range = source.range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let answer = self
            .sdk
            .upload_part_copy()
            .bucket(&self.bucket)
            .key(&upload.key)
            .upload_id(&upload.id)
            .part_number(number)
            .copy_source(copy_source(&self.bucket, source.key))
            .set_copy_source_if_match(source.etag.map(str::to_owned))
            .set_copy_source_range(range)
            .send()
            .await;
        let result = answer.map_err(|error| self.failed(&call, &error))?.copy_part_result;
        let checksum = result.as_ref().and_then(|copied| checksum_in!(copied, self.objects().checksum));
        let etag = result.and_then(|copied| copied.e_tag);
        Ok(Part { number, etag, checksum })
    }
}

/// `bucket/key`, or `access point ARN/object/key`, URL-encoded: S3 decodes it, `+` to a space.
fn copy_source(bucket: &str, key: &str) -> String {
    let between = if bucket.starts_with("arn:") { "/object/" } else { "/" };
    let mut encoded = String::with_capacity(bucket.len() + key.len() + 16);
    for byte in bucket.bytes().chain(between.bytes()).chain(key.bytes()) {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_means_something_in_a_url_is_encoded() {
        assert_eq!(
            copy_source("my-bucket", "a=b/c:d+e f/ä%20?x#y&z~.log"),
            "my-bucket/a%3Db/c%3Ad%2Be%20f/%C3%A4%2520%3Fx%23y%26z~.log"
        );
    }

    #[test]
    fn an_object_behind_an_access_point_is_named_by_its_arn() {
        assert_eq!(
            copy_source("arn:aws:s3:us-east-1:123456789012:accesspoint/logs", "a/b"),
            "arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint/logs/object/a/b"
        );
    }
}
