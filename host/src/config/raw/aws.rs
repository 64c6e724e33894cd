//! How to reach AWS: the options that `aws_cloudwatch_logs` and `aws_s3` have in common.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who we are to AWS. What is not said is left to the AWS SDK's default chain.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    /// ARN of the role to assume before talking to the service.
    pub(crate) assume_role: Option<String>,
    /// What the role's trust policy demands, if it does.
    pub(crate) external_id: Option<String>,
    /// How AWS's own logs name us. Default: `updraft`.
    pub(crate) session_name: Option<String>,
    /// ARNs of roles to assume on the way to `assume_role`, in this order (role chaining).
    #[serde(default)]
    pub(crate) via: Vec<String>,
    /// File with an OIDC token: the first role is assumed with it (`AssumeRoleWithWebIdentity`) and with nothing else.
    pub(crate) web_identity_token_file: Option<PathBuf>,
    /// Region of STS. Default: the sink's region.
    pub(crate) region: Option<String>,
    /// Profile of the AWS config files to begin with. Default: `$AWS_PROFILE`.
    pub(crate) profile: Option<String>,
    /// File with credentials, in the format of `~/.aws/credentials`.
    pub(crate) credentials_file: Option<PathBuf>,
}

pub(crate) fn session_name() -> String {
    "updraft".to_owned()
}

/// Whom HTTPS trusts, and who we are to it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are the options as users write them")]
pub(crate) struct Tls {
    /// PEM file of the certificate authorities to trust instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// PEM file of the certificate that we show, where a proxy or endpoint asks for one.
    pub(crate) crt_file: Option<PathBuf>,
    /// PEM file of its private key.
    pub(crate) key_file: Option<PathBuf>,
}

/// The proxy to go through. Default: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are the options as users write them")]
pub(crate) struct Proxy {
    /// URL of the proxy for endpoints with `http://`: `http://user:password@host:port`.
    pub(crate) http: Option<String>,
    /// URL of the proxy for endpoints with `https://`.
    pub(crate) https: Option<String>,
    /// Hosts to talk to directly: names, `.domains`, addresses, CIDR blocks.
    #[serde(default)]
    pub(crate) no_proxy: Vec<String>,
}

impl fmt::Debug for Proxy {
    /// Without the URLs: they may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("no_proxy", &self.no_proxy).finish_non_exhaustive()
    }
}

/// How requests are made.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Requests that may be under way at once. Default: 8 puts of `aws_cloudwatch_logs`, 4 objects of `aws_s3`.
    pub(crate) concurrency: Option<usize>,
    /// Seconds from sending a request to having its answer. Default: 60.
    pub(crate) timeout_secs: Option<f64>,
    /// Seconds until a connection stands. Default: 5.
    pub(crate) connect_timeout_secs: Option<f64>,
}

/// Whether the service is asked at start if it would have us.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Healthcheck {
    /// Ask, and say what is wrong.
    #[serde(default = "super::sinks::yes")]
    pub(crate) enabled: bool,
    /// Do not start (exit 3) when something is.
    #[serde(default)]
    pub(crate) required: bool,
}

impl Default for Healthcheck {
    fn default() -> Self {
        Self { enabled: true, required: false }
    }
}
