//! Who we are to AWS: region, credentials and role of one sink, on top of the SDK's default chain.

use std::sync::Arc;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;

use crate::config::{AssumeRole, Aws};
use crate::sink::service_error::Caller;

/// In the user agent of every request.
const APP_NAME: &str = "updraft";
/// Until a TCP connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From sending a request to having its answer: a full put, or one part of an upload, over a slow line.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);

/// What the client of a service is built from.
#[derive(Debug, Clone)]
pub struct Access {
    /// Region, credentials, timeouts; without retries, which are ours (see `sink::retry`).
    pub sdk: SdkConfig,
    /// The sink's own endpoint, for its service only: STS is still found as the SDK finds it.
    pub endpoint: Option<String>,
    /// For error messages.
    pub caller: Arc<Caller>,
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
}

/// Works out region and credentials of a sink. Sends nothing to the service or to STS: credentials are fetched with
/// the first request, cached and renewed by the SDK. Without a region of its own it may ask the instance for one.
pub async fn access(sink: &str, aws: &Aws) -> Result<Access, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https_client())
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        );
    if let Ok(name) = AppName::new(APP_NAME) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &aws.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let ambient = loader.load().await;
    if ambient.region().is_none() {
        return Err(Error::NoRegion { sink: sink.to_owned() });
    }
    let sdk = match &aws.auth {
        Some(role) => assume(role, &ambient).await,
        None => ambient,
    };
    let role = aws.auth.as_ref().map(|auth| auth.role_arn.clone());
    Ok(Access {
        sdk,
        endpoint: aws.endpoint.clone(),
        caller: Arc::new(Caller { sink: sink.to_owned(), role }),
    })
}

async fn assume(role: &AssumeRole, ambient: &SdkConfig) -> SdkConfig {
    let mut provider =
        AssumeRoleProvider::builder(&role.role_arn).session_name(&role.session_name).configure(ambient);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    ambient.to_builder().credentials_provider(provider).build()
}

/// The SDK's own default client (proxy from `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), with ring for aws-lc.
fn https_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}
