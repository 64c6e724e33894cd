//! Canned answers for tests of what each operation makes of them: the real clients, and a network that fails on order.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;

use super::retry::Verdict;
use super::service_error::{Caller, ServiceError};
use crate::aws::{Access, Count, Renewal};

/// How a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An answer with this status and code.
    Answer(u16, &'static str),
    /// Nothing came in time.
    TimedOut,
    /// Nobody listens.
    Refused,
    /// The connection breaks, be it before the request is carried out or after.
    Cut,
}

/// What passes by itself, whatever was asked, and with which code of which service it is said.
pub const PASSES: [Failure; 15] = [
    Failure::TimedOut,
    Failure::Refused,
    Failure::Cut,
    Failure::Answer(400, "ThrottlingException"),
    Failure::Answer(400, "Throttling"),
    Failure::Answer(400, "RequestLimitExceeded"),
    Failure::Answer(429, "TooManyRequestsException"),
    Failure::Answer(429, "SomethingNew"),
    Failure::Answer(503, "SlowDown"),
    Failure::Answer(400, "RequestTimeout"),
    Failure::Answer(500, "InternalFailure"),
    Failure::Answer(500, "InternalError"),
    Failure::Answer(503, "ServiceUnavailableException"),
    Failure::Answer(502, "SomethingNew"),
    Failure::Answer(504, "SomethingNew"),
];

/// What needs somebody, whatever was asked.
pub const NEEDS_SOMEBODY: [Failure; 6] = [
    Failure::Answer(400, "AccessDeniedException"),
    Failure::Answer(403, "AccessDenied"),
    Failure::Answer(403, "RequestTimeTooSkewed"),
    Failure::Answer(400, "SomethingNew"),
    Failure::Answer(404, "SomethingNew"),
    Failure::Answer(409, "SomethingNew"),
];

/// What new credentials may mend.
pub const WITH_OTHER_CREDENTIALS: [Failure; 7] = [
    Failure::Answer(400, "ExpiredTokenException"),
    Failure::Answer(400, "ExpiredToken"),
    Failure::Answer(403, "InvalidClientTokenId"),
    Failure::Answer(400, "UnrecognizedClientException"),
    Failure::Answer(403, "InvalidAccessKeyId"),
    Failure::Answer(400, "InvalidToken"),
    Failure::Answer(403, "SignatureDoesNotMatch"),
];

/// An access whose every request fails like this.
pub fn access(failure: Failure) -> Access {
    let keys = Credentials::new("AKIAEXAMPLE", "secret", None, None, "test");
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .retry_config(RetryConfig::disabled())
        .http_client(failure)
        .build();
    let caller = Caller { sink: "s".to_owned(), role: None, renewal: Renewal::default() };
    Access {
        sdk,
        identities: Vec::new(),
        endpoint: None,
        caller: Arc::new(caller),
        count: Count(Arc::default()),
    }
}

/// What a failure means.
pub fn verdict<T>(answer: Result<T, Box<ServiceError>>) -> Option<Verdict> {
    answer.err().map(|failure| failure.verdict)
}

impl HttpConnector for Failure {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let error = |kind| std::io::Error::from(kind).into();
        HttpConnectorFuture::ready(match *self {
            Self::Answer(status, code) => {
                let is_json = request.headers().get("x-amz-target").is_some();
                let body = if is_json {
                    format!("{{\"__type\": \"{code}\", \"message\": \"no\"}}")
                } else if request.method() == "HEAD" {
                    String::new()
                } else {
                    format!("<Error><Code>{code}</Code><Message>no</Message></Error>")
                };
                let status = status.try_into().map_err(|_| ConnectorError::other("status".into(), None));
                status.map(|status| HttpResponse::new(status, SdkBody::from(body)))
            }
            Self::TimedOut => Err(ConnectorError::timeout(error(std::io::ErrorKind::TimedOut))),
            Self::Refused => Err(ConnectorError::io(error(std::io::ErrorKind::ConnectionRefused))),
            Self::Cut => Err(ConnectorError::io(error(std::io::ErrorKind::ConnectionReset))),
        })
    }
}

impl HttpClient for Failure {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(*self)
    }
}
