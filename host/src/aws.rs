//! Who we are to AWS: region, credentials and role of one sink, on top of the SDK's default chain.

mod client_certificate;
mod http;
mod identity;
mod renewal;
mod requests;
mod signed_as;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_types::retry::RetryConfig;

use crate::config::Aws;
use crate::counters::Requests;
use crate::sink::service_error::{Call, Caller, ServiceError};

pub use identity::{Identity, RoleRefused};
pub use renewal::{Renewal, Renewed};
pub use requests::Count;
pub use signed_as::SignedAs;

/// In the user agent of every request.
const APP_NAME: &str = "updraft";

/// What the client of a service is built from.
#[derive(Debug, Clone)]
pub struct Access {
    /// Region, credentials, timeouts; without retries, which are ours (see `sink::retry`).
    pub sdk: SdkConfig,
    /// The identity to begin with, and then the roles, each assumed by the one before. The last signs requests.
    pub identities: Vec<Identity>,
    /// The sink's own endpoint, for its service only: STS is still found as the SDK finds it.
    pub endpoint: Option<String>,
    /// For error messages.
    pub caller: Arc<Caller>,
    /// Counts what its clients send; each has to be given it.
    pub count: Count,
}

impl Access {
    /// Fetches credentials, as the first request would; the failure is that of the call. It waits no longer than that
    /// would: a provider itself may never answer.
    pub async fn identify(&self, call: &Call) -> Result<(), Box<ServiceError>> {
        let Some(provider) = self.sdk.credentials_provider() else { return Ok(()) };
        self.fetch(&provider).await.map_err(|error| Box::new(call.without_credentials(&error)))
    }

    /// Whose credentials those are, by its ARN: fetches them, and asks STS, which needs no permission. The first error
    /// says that there are none, the other that STS could not tell.
    pub async fn owner(
        &self,
        identity: &Identity,
    ) -> Result<Result<String, Box<ServiceError>>, Box<ServiceError>> {
        let (action, target) = ("sts:GetCallerIdentity", "the credentials".to_owned());
        let role = identity.role.clone();
        let caller = Arc::new(Caller { role, ..Caller::clone(&self.caller) });
        let call = Call { caller, action, target, resource: "*".to_owned(), began: Instant::now() };
        let fetched = self.fetch(&identity.provider).await;
        fetched.map_err(|error| Box::new(call.without_credentials(&error)))?;
        let sdk = self.sdk.to_builder().credentials_provider(identity.provider.clone()).build();
        let answer = aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await;
        Ok(match answer {
            Ok(answer) => Ok(answer.arn.unwrap_or_default()),
            Err(error) => Err(call.failed(&error)),
        })
    }

    /// Waits no longer than a request would.
    async fn fetch(&self, provider: &SharedCredentialsProvider) -> Result<(), CredentialsError> {
        let timeouts = self.sdk.timeout_config();
        let request = timeouts.and_then(TimeoutConfig::operation_attempt_timeout).unwrap_or_default();
        let connect = timeouts.and_then(TimeoutConfig::connect_timeout).unwrap_or_default();
        let limit = request.max(2 * connect);
        let fetched = tokio::time::timeout(limit, provider.provide_credentials()).await;
        let fetched = fetched.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(limit)));
        fetched.map(drop)
    }
}

/// Why there is no access; found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither the sink nor its surroundings name a region.
    #[error(
        "sink {sink}: no AWS region: set the sink's `region` (without a config file ASTRO_CLOUDWATCH_AWS_REGION or \
         AIRFLOW__ASTRO_SECONDARY_LOGS__REGION), or AWS_REGION, or `region` in the AWS profile"
    )]
    NoRegion {
        /// The sink's id.
        sink: String,
    },
    /// A file of its `tls` is not what it should be, or its `proxy` is none.
    #[error("sink {sink}: {what}")]
    Connection {
        /// The sink's id.
        sink: String,
        /// What is wrong, with the option and the file.
        what: String,
    },
}

/// Opens the files of a sink's `tls`, looks at them, and forgets them: for `updraft validate`.
pub fn try_files(sink: &str, aws: &Aws) -> Result<(), Error> {
    http::client(aws).map(drop).map_err(|what| Error::Connection { sink: sink.to_owned(), what })
}

/// Works out region and credentials of a sink. Sends nothing to the service or to STS: credentials are fetched with
/// the first request, cached and renewed by the SDK, or before their time where the service refuses them. Without a
/// region of its own it may ask the instance for one. `requests`: where its requests are counted.
pub async fn access(sink: &str, aws: &Aws, requests: &Arc<Requests>) -> Result<Access, Error> {
    let client = http::client(aws).map_err(|what| Error::Connection { sink: sink.to_owned(), what })?;
    let renewal = Renewal::default();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .identity_cache(renewal.clone())
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(aws.connect_timeout)
                .operation_attempt_timeout(aws.request_timeout)
                .build(),
        );
    if let Ok(name) = AppName::new(APP_NAME) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &aws.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(use_fips) = aws.use_fips {
        loader = loader.use_fips(use_fips);
    }
    if let Some(use_dual_stack) = aws.use_dual_stack {
        loader = loader.use_dual_stack(use_dual_stack);
    }
    // For what else a profile may say, as the region. Its credentials are `identity`'s: in the SDK's default chain
    // keys in the environment would come first.
    if let Some(profile) = &aws.auth.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(file) = &aws.auth.credentials_file {
        loader = loader.profile_files(identity::profile_files(Some(file)));
    }
    let ambient = loader.load().await;
    if ambient.region().is_none() {
        return Err(Error::NoRegion { sink: sink.to_owned() });
    }
    let identities = identity::chain(&aws.auth, &ambient).await;
    let sdk = match identities.last() {
        Some(identity) => ambient.to_builder().credentials_provider(identity.provider.clone()).build(),
        None => ambient,
    };
    Ok(Access {
        sdk,
        identities,
        endpoint: aws.endpoint.clone(),
        caller: Arc::new(Caller { sink: sink.to_owned(), role: aws.auth.roles.last().cloned(), renewal }),
        count: Count(requests.clone()),
    })
}
