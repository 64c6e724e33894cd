//! Who a sink is to AWS: the identity to begin with, then the roles, each assumed by the one before.

use std::path::{Path, PathBuf};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;

use crate::config::Auth;

/// Who a sink is, on the way to who it is in the end.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The role that is assumed; none: the identity to begin with.
    pub role: Option<String>,
    /// Its credentials.
    pub provider: SharedCredentialsProvider,
}

/// The identities of a sink, each by the one before; its requests are signed with the last. `ambient` has the credentials
/// of the surroundings. Empty: nobody has any. Sends nothing yet.
pub(super) async fn chain(auth: &Auth, ambient: &SdkConfig) -> Vec<Identity> {
    let region = auth.region.clone().map(Region::new).or_else(|| ambient.region().cloned());
    let sts = ambient.to_builder().region(region).build();
    let from_profile = auth.profile.is_some() || auth.credentials_file.is_some();
    let profile = from_profile.then(|| {
        SharedCredentialsProvider::new(Profile {
            config: provider_config(&sts),
            name: auth.profile.clone(),
            files: profile_files(auth.credentials_file.as_deref()),
            credentials_file: auth.credentials_file.clone(),
        })
    });
    let begins_with_token = auth.web_identity_token_file.is_some() && !auth.roles.is_empty();
    let begin = profile.or_else(|| ambient.credentials_provider()).filter(|_| !begins_with_token);
    let mut chain: Vec<Identity> =
        begin.into_iter().map(|provider| Identity { role: None, provider }).collect();
    let mut by = None;
    for (index, role) in auth.roles.iter().enumerate() {
        let provider = match &auth.web_identity_token_file {
            Some(token) if index == 0 => by_token(role, token, auth, &sts),
            _ => {
                let is_last = index + 1 == auth.roles.len();
                let sts = sts.to_builder();
                let sts = match chain.last() {
                    Some(identity) => sts.credentials_provider(identity.provider.clone()),
                    None => sts,
                };
                let role = AssumeRoleProvider::builder(role).session_name(&auth.session_name);
                let role = match &auth.external_id {
                    Some(id) if is_last => role.external_id(id),
                    _ => role,
                };
                SharedCredentialsProvider::new(role.configure(&sts.build()).build().await)
            }
        };
        let provider = SharedCredentialsProvider::new(Role { arn: role.clone(), by: by.clone(), provider });
        chain.push(Identity { role: Some(role.clone()), provider });
        by = Some(role.clone());
    }
    chain
}

/// The files that profiles are read from.
pub(super) fn profile_files(credentials: Option<&Path>) -> EnvConfigFiles {
    let files = EnvConfigFiles::builder().include_default_config_file(true);
    match credentials {
        Some(file) => files.with_file(EnvConfigFileKind::Credentials, file),
        None => files.include_default_credentials_file(true),
    }
    .build()
}

fn by_token(role: &str, token: &Path, auth: &Auth, sts: &SdkConfig) -> SharedCredentialsProvider {
    let provider = WebIdentityTokenCredentialsProvider::builder()
        .configure(&provider_config(sts))
        .static_configuration(StaticConfiguration {
            web_identity_token_file: token.to_owned(),
            role_arn: role.to_owned(),
            session_name: auth.session_name.clone(),
        })
        .build();
    SharedCredentialsProvider::new(Token { file: token.to_owned(), provider })
}

/// A web identity that says which file it lacks: the SDK's error does not, and takes it for something that passes.
#[derive(Debug)]
struct Token {
    file: PathBuf,
    provider: WebIdentityTokenCredentialsProvider,
}

impl ProvideCredentials for Token {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::new(async {
            if let Err(error) = std::fs::File::open(&self.file) {
                let what = format!("auth.web_identity_token_file {}: {error}", self.file.display());
                return Err(CredentialsError::invalid_configuration(what));
            }
            self.provider.provide_credentials().await
        })
    }
}

/// The same settings in the form that the SDK's own providers take.
fn provider_config(sts: &SdkConfig) -> ProviderConfig {
    let mut config = ProviderConfig::without_region()
        .with_region(sts.region().cloned())
        .with_use_fips(sts.use_fips())
        .with_use_dual_stack(sts.use_dual_stack());
    if let Some(client) = sts.http_client() {
        config = config.with_http_client(client);
    }
    if let Some(retries) = sts.retry_config() {
        config = config.with_retry_config(retries.clone());
    }
    if let Some(timeouts) = sts.timeout_config() {
        config = config.with_timeout_config(timeouts.clone());
    }
    config
}

/// A profile, read anew each time that credentials are due: the SDK's provider keeps what it read at first, be it
/// rotated since, and its first error too.
#[derive(Debug)]
struct Profile {
    config: ProviderConfig,
    name: Option<String>,
    files: EnvConfigFiles,
    credentials_file: Option<PathBuf>,
}

impl ProvideCredentials for Profile {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        let mut provider = ProfileFileCredentialsProvider::builder()
            .configure(&self.config)
            .profile_files(self.files.clone());
        if let Some(name) = &self.name {
            provider = provider.profile_name(name);
        }
        Providing::new(async move {
            match provider.build().provide_credentials().await {
                // The SDK does not say of which.
                Err(CredentialsError::CredentialsNotLoaded(_)) => {
                    let name =
                        self.name.as_deref().map_or(String::new(), |name| format!(" auth.profile `{name}`"));
                    let file = self
                        .credentials_file
                        .as_ref()
                        .map_or(String::new(), |file| format!(" auth.credentials_file {}", file.display()));
                    Err(CredentialsError::invalid_configuration(format!("nothing in{file}{name}")))
                }
                loaded => loaded,
            }
        })
    }
}

/// STS answered, and the answer was no: to whom, and for which role of a chain.
#[derive(Debug, thiserror::Error)]
#[error("{arn} may not be assumed")]
pub struct RoleRefused {
    /// The role.
    pub arn: String,
    /// The role that asked for it; none: the identity to begin with.
    pub by: Option<String>,
    /// What STS said.
    pub source: CredentialsError,
}

/// A role that says its name when it is refused: the SDK's error does not.
#[derive(Debug)]
struct Role {
    arn: String,
    by: Option<String>,
    provider: SharedCredentialsProvider,
}

impl Role {
    async fn credentials(&self) -> Result {
        self.provider.provide_credentials().await.map_err(|error| {
            if was_refused(&error) {
                let refused = RoleRefused { arn: self.arn.clone(), by: self.by.clone(), source: error };
                return CredentialsError::provider_error(refused);
            }
            error
        })
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::new(self.credentials())
    }
}

/// Whether it is this role's request that STS refused, and not one that had to come before it.
fn was_refused(error: &CredentialsError) -> bool {
    let Some(cause) = std::error::Error::source(error) else { return false };
    let by_role = cause.downcast_ref::<SdkError<AssumeRoleError, Response>>();
    let by_token = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, Response>>();
    matches!(by_role, Some(SdkError::ServiceError(_))) || matches!(by_token, Some(SdkError::ServiceError(_)))
}
