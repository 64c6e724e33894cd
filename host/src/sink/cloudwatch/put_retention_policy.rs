//! `PutRetentionPolicy`.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>

use super::client::Client;
use crate::sink::service_error::ServiceError;

impl Client {
    /// From now on the group's events are kept for so many days. AWS takes five of these in a second from an account;
    /// more are throttled, and so retried.
    pub async fn put_retention_policy(&self, group: &str, days: i32) -> Result<(), Box<ServiceError>> {
        let call = self.call_on_group("logs:PutRetentionPolicy", group);
        let request = self.sdk.put_retention_policy().log_group_name(group).retention_in_days(days);
        request.send().await.map(drop).map_err(|error| call.failed(&error))
    }
}
