//! The client of S3 for one sink; each operation is in a file of its own.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Instant;

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::settings;
use crate::aws::Access;
use crate::config::{self, Objects};
use crate::sink::retry::Verdict;
use crate::sink::service_error::{Call, Caller, ServiceError};

/// `If-None-Match: *`
pub(super) const ANY_ETAG: &str = "*";

/// Header of an answer that says in which region the bucket is.
pub(super) const BUCKET_REGION: &str = "x-amz-bucket-region";

/// Whether an object of that key may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// It is replaced.
    None,
    /// It is left alone, and the write says [`Written::Taken`].
    Absent,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The object is there.
    Stored {
        /// Names this version of it.
        etag: String,
    },
    /// The key belongs to somebody else, or to a write of ours whose answer was lost: its metadata tells.
    Taken,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: aws_sdk_s3::Client,
    pub(super) bucket: String,
    objects: Arc<Objects>,
    caller: Arc<Caller>,
}

impl Client {
    /// Sends nothing yet.
    pub fn new(access: &Access, options: &config::S3) -> Self {
        let mut config = Builder::from(&access.sdk)
            .interceptor(access.count.clone())
            .force_path_style(options.force_path_style);
        if let Some(endpoint) = &access.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let sdk = aws_sdk_s3::Client::from_conf(config.build());
        Self {
            sdk,
            bucket: options.bucket.clone(),
            objects: Arc::new(options.objects.clone()),
            caller: Arc::clone(&access.caller),
        }
    }

    /// What all objects of the sink are like.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn call(&self, action: &'static str, key: &str) -> Call {
        Call {
            caller: Arc::clone(&self.caller),
            action,
            target: format!("s3://{}/{key}", self.bucket),
            resource: format!("arn:aws:s3:::{}/{key}", self.bucket),
            began: Instant::now(),
        }
    }

    /// [`Call::failed`], and what S3 alone can say.
    pub(super) fn failed<E>(&self, call: &Call, error: &SdkError<E, HttpResponse>) -> Box<ServiceError>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let region = error.raw_response().and_then(|response| response.headers().get(BUCKET_REGION));
        let region = region.map(str::to_owned);
        let mut failure = call.failed(error);
        let bucket = &self.bucket;
        match (failure.code.as_deref(), failure.status) {
            (Some("NoSuchBucket"), _) => {
                failure.verdict = Verdict::RetrySlowly;
                failure.remedy = Some(format!("create the bucket {bucket}, or correct its name"));
            }
            (
                Some(
                    "PermanentRedirect"
                    | "TemporaryRedirect"
                    | "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException",
                ),
                _,
            )
            | (_, Some(301 | 307)) => {
                let region = region.as_deref().unwrap_or("the one that the bucket is in");
                failure.verdict = Verdict::RetrySlowly;
                failure.remedy = Some(format!("set the sink's region to {region}: bucket {bucket} is there"));
            }
            (Some("AccessDenied"), _) if call.action == "s3:PutObject" => {
                if let Some(more) = settings::further_rights(&self.objects) {
                    let remedy = failure.remedy.take().unwrap_or_default();
                    failure.remedy = Some(format!("{remedy}; what the sink asks for needs besides {more}"));
                }
            }
            (Some("AccessControlListNotSupported"), _) => {
                failure.remedy =
                    Some(format!("enable ACLs on {bucket} (Object Ownership), or leave out `acl`"));
            }
            // S3 has no code of its own for it.
            (Some("InvalidRequest"), _)
                if self.objects.lock.is_some() && failure.message.contains("Lock") =>
            {
                let remedy = "use a bucket that was made with Object Lock, or leave out `object_lock`";
                failure.remedy = Some(remedy.to_owned());
            }
            (Some("KeyTooLongError" | "EntityTooLarge"), _) => failure.verdict = Verdict::Reject,
            _ => {}
        }
        failure
    }

    /// The outcome of a write that had a precondition: a taken key is an answer, not a failure.
    pub(super) fn written<E>(
        &self,
        call: &Call,
        answer: Result<Option<String>, SdkError<E, HttpResponse>>,
    ) -> Result<Written, Box<ServiceError>>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match answer {
            Ok(etag) => Ok(Written::Stored { etag: etag.unwrap_or_default() }),
            Err(error) if error.raw_response().is_some_and(|r| r.status().as_u16() == 412) => {
                Ok(Written::Taken)
            }
            Err(error) => Err(self.failed(call, &error)),
        }
    }
}
