//! `CreateLogGroup`.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
use aws_sdk_cloudwatchlogs::types::LogGroupClass as SdkLogGroupClass;

use super::client::Client;
use crate::config::{LogGroupClass, NewGroups};
use crate::sink::retry::Verdict;
use crate::sink::service_error::ServiceError;

/// Who made a group that is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// This very call did.
    Now,
    /// It was there already: somebody else's, or one whose making was answered by nobody.
    Before,
}

impl Client {
    /// Sees to it that the group is there; also fine if somebody else was faster.
    pub async fn create_log_group(&self, group: &str, like: &NewGroups) -> Result<Made, Box<ServiceError>> {
        let call = self.call_on_group("logs:CreateLogGroup", group);
        let request = self
            .sdk
            .create_log_group()
            .log_group_name(group)
            .set_kms_key_id(like.kms_key.clone())
            .set_tags((!like.tags.is_empty()).then(|| like.tags.clone().into_iter().collect()))
            .set_log_group_class(like.class.map(class));
        match request.send().await {
            Ok(_) => Ok(Made::Now),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateLogGroupError::is_resource_already_exists_exception) =>
            {
                Ok(Made::Before)
            }
            Err(error) => Err(refine(call.failed(&error), like)),
        }
    }
}

fn class(class: LogGroupClass) -> SdkLogGroupClass {
    match class {
        LogGroupClass::Standard => SdkLogGroupClass::Standard,
        LogGroupClass::InfrequentAccess => SdkLogGroupClass::InfrequentAccess,
        LogGroupClass::Delivery => SdkLogGroupClass::Delivery,
    }
}

fn refine(mut failure: Box<ServiceError>, like: &NewGroups) -> Box<ServiceError> {
    match failure.code.as_deref() {
        Some("LimitExceededException") => {
            failure.remedy = Some("delete log groups, or have the account's quota of them raised".to_owned());
        }
        Some("InvalidParameterException") => {
            failure.verdict = Verdict::RetrySlowly;
            failure.remedy = Some(match &like.kms_key {
                Some(key) => format!(
                    "choose another name for the log group, or let the policy of the key {key} allow \
                     kms:Encrypt*, kms:Decrypt*, kms:ReEncrypt*, kms:GenerateDataKey* and kms:Describe* to CloudWatch \
                     Logs (logs.REGION.amazonaws.com)"
                ),
                None => "choose another name for the log group".to_owned(),
            });
        }
        Some("AccessDeniedException") if !like.tags.is_empty() => {
            let remedy = failure.remedy.take().unwrap_or_default();
            failure.remedy = Some(format!(
                "{}, or leave out `tags`",
                remedy.replacen(
                    "logs:CreateLogGroup",
                    "logs:CreateLogGroup and, for its tags, logs:TagResource",
                    1
                )
            ));
        }
        _ => {}
    }
    failure
}
