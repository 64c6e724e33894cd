//! The client of CloudWatch Logs for one sink; each operation is in a file of its own.

use std::sync::Arc;
use std::time::Instant;

use aws_sdk_cloudwatchlogs::config::Builder;

use crate::aws::Access;
use crate::sink::service_error::{Call, Caller};

pub use crate::route::LogStreamName;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) sdk: aws_sdk_cloudwatchlogs::Client,
    /// Bodies of puts are compressed.
    pub(super) gzip: bool,
    caller: Arc<Caller>,
}

impl Client {
    /// Sends nothing yet.
    pub fn new(access: &Access) -> Self {
        let mut config = Builder::from(&access.sdk).interceptor(access.count.clone());
        if let Some(endpoint) = &access.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let sdk = aws_sdk_cloudwatchlogs::Client::from_conf(config.build());
        Self { sdk, gzip: false, caller: Arc::clone(&access.caller) }
    }

    /// The same, with bodies of puts compressed or not.
    #[must_use]
    pub fn compressing(self, gzip: bool) -> Self {
        Self { gzip, ..self }
    }

    pub(super) fn call_on_stream(&self, action: &'static str, stream: &LogStreamName) -> Call {
        let LogStreamName { group, name } = stream;
        let resource = format!("arn:aws:logs:*:*:log-group:{group}:log-stream:{name}");
        self.call(action, stream.to_string(), resource)
    }

    /// What could not be done for want of credentials, to log groups that nobody knows yet.
    pub(in crate::sink) fn call_for_groups(&self, template: &str) -> Call {
        let target = format!("log groups by the template {template:?}");
        Call { target, ..self.call_on_group("logs:PutLogEvents", "*") }
    }

    pub(super) fn call_on_group(&self, action: &'static str, group: &str) -> Call {
        let target = format!("log group {group:?}");
        let resource = format!("arn:aws:logs:*:*:log-group:{group}:*");
        self.call(action, target, resource)
    }

    fn call(&self, action: &'static str, target: String, resource: String) -> Call {
        Call { caller: Arc::clone(&self.caller), action, target, resource, began: Instant::now() }
    }
}
