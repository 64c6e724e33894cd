//! `CreateLogGroup`.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;

use super::client::Client;
use crate::sink::retry::Verdict;
use crate::sink::service_error::ServiceError;

impl Client {
    /// Sees to it that the group is there; also fine if somebody else was faster.
    pub async fn create_log_group(&self, group: &str) -> Result<(), Box<ServiceError>> {
        let call = self.call_on_group("logs:CreateLogGroup", group);
        match self.sdk.create_log_group().log_group_name(group).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateLogGroupError::is_resource_already_exists_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(refine(call.failed(&error))),
        }
    }
}

fn refine(mut failure: Box<ServiceError>) -> Box<ServiceError> {
    match failure.code.as_deref() {
        Some("LimitExceededException") => {
            failure.remedy = Some("delete log groups, or have the account's quota of them raised".to_owned());
        }
        Some("InvalidParameterException") => {
            failure.verdict = Verdict::RetrySlowly;
            failure.remedy = Some("choose another name for the log group".to_owned());
        }
        _ => {}
    }
    failure
}
