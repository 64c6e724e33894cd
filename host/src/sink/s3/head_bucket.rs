//! `HeadBucket`: whether the bucket is there, in this region, and lets us in.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>

use aws_sdk_s3::operation::head_bucket::HeadBucketError;

use super::client::{BUCKET_REGION, Client};
use crate::sink::retry::Verdict;
use crate::sink::service_error::{Call, ServiceError};

/// What HEAD tells of a bucket.
pub struct Bucket {
    /// Where it is; S3 says so even to those whom it refuses. None: it did not say.
    pub region: Option<String>,
    /// Whether it lets us in.
    pub answer: Result<(), Box<ServiceError>>,
}

impl Client {
    /// Needs `s3:ListBucket`.
    pub async fn head_bucket(&self) -> Result<(), Box<ServiceError>> {
        self.look_at_bucket().await.answer
    }

    /// The same, and where it is.
    pub async fn look_at_bucket(&self) -> Bucket {
        let bucket = &self.bucket;
        let arn = if bucket.starts_with("arn:") { bucket.clone() } else { format!("arn:aws:s3:::{bucket}") };
        let call =
            Call { target: format!("bucket {bucket}"), resource: arn, ..self.call("s3:ListBucket", "") };
        match self.sdk.head_bucket().bucket(bucket).send().await {
            Ok(bucket) => Bucket { region: bucket.bucket_region, answer: Ok(()) },
            Err(error) => {
                let region = error.raw_response().and_then(|it| it.headers().get(BUCKET_REGION));
                let region = region.map(str::to_owned);
                let mut failure = self.failed(&call, &error);
                if error.as_service_error().is_some_and(HeadBucketError::is_not_found) {
                    // An answer to HEAD has no body that could say so.
                    "there is no such bucket".clone_into(&mut failure.message);
                    failure.verdict = Verdict::RetrySlowly;
                    failure.remedy = Some(format!("create the bucket {bucket}, or correct its name"));
                }
                Bucket { region, answer: Err(failure) }
            }
        }
    }
}
