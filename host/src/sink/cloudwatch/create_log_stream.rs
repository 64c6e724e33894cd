//! `CreateLogStream`.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html>

use aws_sdk_cloudwatchlogs::operation::create_log_stream::CreateLogStreamError;

use super::client::{Client, LogStreamName};
use crate::sink::retry::{Missing, Verdict};
use crate::sink::service_error::ServiceError;

impl Client {
    /// Sees to it that the stream is there; also fine if somebody else was faster.
    ///
    /// Errors: `Create` where its group is missing.
    pub async fn create_log_stream(&self, stream: &LogStreamName) -> Result<(), Box<ServiceError>> {
        let call = self.call_on_stream("logs:CreateLogStream", stream);
        let request = self.sdk.create_log_stream().log_group_name(&stream.group);
        match request.log_stream_name(&stream.name).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateLogStreamError::is_resource_already_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(refine(call.failed(&error))),
        }
    }
}

fn refine(mut failure: Box<ServiceError>) -> Box<ServiceError> {
    match failure.code.as_deref() {
        Some("ResourceNotFoundException") => failure.verdict = Verdict::Create(Missing::LogGroup),
        Some("InvalidParameterException") => {
            failure.verdict = Verdict::RetrySlowly;
            failure.remedy = Some("choose another name for the log stream".to_owned());
        }
        _ => {}
    }
    failure
}
