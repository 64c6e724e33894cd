//! `DescribeLogStreams`: whether the log group is there and lets us in.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html>

use aws_sdk_cloudwatchlogs::operation::describe_log_streams::DescribeLogStreamsError;

use super::client::Client;
use crate::sink::retry::{Missing, Verdict};
use crate::sink::service_error::ServiceError;

impl Client {
    /// Asks for one log stream of the group, and does not look at it.
    pub async fn describe_log_streams(&self, group: &str) -> Result<(), Box<ServiceError>> {
        let call = self.call_on_group("logs:DescribeLogStreams", group);
        match self.sdk.describe_log_streams().log_group_name(group).limit(1).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let mut failure = call.failed(&error);
                if error
                    .as_service_error()
                    .is_some_and(DescribeLogStreamsError::is_resource_not_found_exception)
                {
                    failure.verdict = Verdict::Create(Missing::LogGroup);
                    failure.remedy =
                        Some(format!("create the log group {group}, or set create_missing_group"));
                }
                Err(failure)
            }
        }
    }
}
