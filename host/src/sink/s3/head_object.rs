//! `HeadObject`: whether a key is taken, and by whom.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>

use std::collections::HashMap;

use aws_sdk_s3::operation::head_object::HeadObjectError;

use super::client::Client;
use crate::sink::service_error::ServiceError;

/// An object that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes.
    pub length: u64,
    /// Names this version of it.
    pub etag: Option<String>,
    /// What its writer said of it.
    pub metadata: HashMap<String, String>,
}

impl Client {
    /// None: there is no such object (or no such bucket: answers to HEAD don't tell).
    ///
    /// Without `s3:ListBucket` a missing key is answered with 403, like a forbidden one.
    pub async fn head_object(&self, key: &str) -> Result<Option<Found>, Box<ServiceError>> {
        let call = self.call("s3:GetObject", key);
        match self.sdk.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(output) => Ok(Some(Found {
                length: output.content_length.and_then(|length| u64::try_from(length).ok()).unwrap_or(0),
                etag: output.e_tag,
                metadata: output.metadata.unwrap_or_default(),
            })),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => {
                let mut failure = self.failed(&call, &error);
                if failure.status == Some(403) {
                    failure.remedy = Some(format!(
                        "grant s3:GetObject on {} and s3:ListBucket on arn:aws:s3:::{} to {} (without the latter a \
                         missing key looks like a forbidden one)",
                        call.resource,
                        self.bucket,
                        call.caller.grantee()
                    ));
                }
                Err(failure)
            }
        }
    }
}
