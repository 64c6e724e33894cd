//! What a failed request to AWS says to the person who has to mend it: who, what, where, why, what next.

mod class;
mod fault;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};

use super::retry::Verdict;
use crate::aws::{Renewal, Renewed, RoleRefused};

pub use fault::Fault;

use class::{Class, class_of, class_of_status, is_throttling};

/// On whose behalf requests are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The sink's id in the config.
    pub sink: String,
    /// The role that the sink assumes; none: the default credentials.
    pub role: Option<String>,
    /// The credentials that its requests are signed with.
    pub renewal: Renewal,
}

impl Caller {
    /// Whom a policy has to be attached to.
    pub fn grantee(&self) -> &str {
        self.role.as_deref().unwrap_or("the identity that this process has")
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            Some(role) => write!(f, "role {role}"),
            None => f.write_str("the default credentials"),
        }
    }
}

/// One request, as IAM policies and error messages name it.
#[derive(Debug, Clone)]
pub struct Call {
    /// On whose behalf.
    pub caller: Arc<Caller>,
    /// The IAM action: `logs:PutLogEvents`.
    pub action: &'static str,
    /// What it was done to, for people: `log stream "b" of log group "a"`.
    pub target: String,
    /// The same as a policy's `Resource` names it.
    pub resource: String,
    /// When it was sent, or a moment before.
    pub began: Instant,
}

/// A request that failed. Holds no credentials and no log content of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// On whose behalf.
    pub caller: Arc<Caller>,
    /// The IAM action that failed: the call's own, or an `sts:` one that had to come first.
    pub action: &'static str,
    /// What it was done to.
    pub target: String,
    /// The service's error code; none if no answer came, or one without a code.
    pub code: Option<String>,
    /// What the service, or the client, said.
    pub message: String,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Names this request to AWS support.
    pub request_id: Option<String>,
    /// What it means for the request.
    pub verdict: Verdict,
    /// What a person can do about it.
    pub remedy: Option<String>,
}

impl StdError for ServiceError {}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &format_args!("it {}", self.verdict.promise()))
    }
}

impl ServiceError {
    /// The same where something else comes next than a retry.
    pub fn and_then(&self, next: impl fmt::Display) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        self.write(&mut text, &next).ok();
        text
    }

    /// The service asks for fewer requests: it is well, and we are too fast.
    pub fn is_throttled(&self) -> bool {
        match self.code.as_deref() {
            Some(code) => is_throttling(code.strip_suffix("Exception").unwrap_or(code)),
            None => self.status == Some(429),
        }
    }

    fn write(&self, f: &mut impl fmt::Write, next: &dyn fmt::Display) -> fmt::Result {
        let Self { caller, action, target, message, .. } = self;
        write!(f, "sink {}: {action} on {target} with {caller} failed: ", caller.sink)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(message)?;
        match (self.status, &self.request_id) {
            (Some(status), Some(id)) => write!(f, " (HTTP {status}, request id {id})")?,
            (Some(status), None) => write!(f, " (HTTP {status})")?,
            (None, _) => {}
        }
        write!(f, "; {next}")?;
        match &self.remedy {
            Some(remedy) => write!(f, "; to mend it, {remedy}"),
            None => Ok(()),
        }
    }
}

impl Call {
    /// What the client's error means for this call. Operations refine it by the codes of their own.
    pub fn failed<E>(&self, error: &SdkError<E, Response>) -> Box<ServiceError>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        Box::new(match error {
            SdkError::ServiceError(answer) => self.refused(answer.err(), answer.err().meta(), status),
            SdkError::ResponseError(_) => {
                self.failure(chain(error), status, class_of_status(status).verdict())
            }
            SdkError::TimeoutError(_) => self.failure(chain(error), status, Verdict::Retry),
            SdkError::DispatchFailure(failure) => match find::<CredentialsError>(error) {
                Some(credentials) => self.without_credentials(credentials),
                None if failure.is_user() => self.failure(chain(error), status, Verdict::RetrySlowly),
                None if is_distrust(error) => self.distrusted(chain(error)),
                None => self.failure(chain(error), status, Verdict::Retry),
            },
            // A request that cannot even be built: nothing was sent, nothing may be dropped for it.
            _ => self.failure(chain(error), status, Verdict::RetrySlowly),
        })
    }

    fn failure(&self, message: String, status: Option<u16>, verdict: Verdict) -> ServiceError {
        ServiceError {
            caller: Arc::clone(&self.caller),
            action: self.action,
            target: self.target.clone(),
            code: None,
            message,
            status,
            request_id: None,
            verdict,
            remedy: None,
        }
    }

    /// We would not talk to whoever answered.
    fn distrusted(&self, message: String) -> ServiceError {
        let remedy = "set the sink's `tls.ca_file` to the authority that signs for the endpoint or the proxy, if it \
                      is to be trusted";
        let failure = self.failure(message, None, Verdict::RetrySlowly);
        ServiceError { remedy: Some(remedy.to_owned()), ..failure }
    }

    /// The service answered, and the answer was no.
    fn refused(
        &self,
        error: &(dyn StdError + 'static),
        meta: &ErrorMetadata,
        status: Option<u16>,
    ) -> ServiceError {
        let class = class_of(meta.code(), status);
        let remedy = match class {
            Class::Denied => {
                Some(format!("grant {} on {} to {}", self.action, self.resource, self.caller.grantee()))
            }
            Class::BadCredentials => Some(format!("renew or correct the keys or tokens of {}", self.caller)),
            Class::BadClock => Some("set this machine's clock".to_owned()),
            Class::Busy | Class::Unknown => None,
        };
        let message = match (meta.message(), status) {
            (Some(message), _) => message.to_owned(),
            // It was meant as a yes, but the client did not understand it.
            (None, Some(200..300)) => chain(error),
            (None, _) => "no reason given".to_owned(),
        };
        ServiceError {
            code: meta.code().map(str::to_owned),
            request_id: meta.extra("aws_request_id").map(str::to_owned),
            remedy,
            ..self.failure(message, status, self.verdict(class, meta.code()))
        }
    }

    fn verdict(&self, class: Class, code: Option<&str>) -> Verdict {
        if class != Class::BadCredentials {
            return class.verdict();
        }
        let Caller { sink, renewal, .. } = &*self.caller;
        match renewal.refused(self.began) {
            Renewed::Now => {
                let code = code.unwrap_or_default();
                tracing::info!(sink = %sink, "credentials were refused ({code}): they are fetched anew");
                Verdict::Renewed
            }
            Renewed::Already => Verdict::Renewed,
            Renewed::InVain => Verdict::RetrySlowly,
        }
    }

    /// The request was never sent, since there was nothing to sign it with.
    pub fn without_credentials(&self, error: &CredentialsError) -> ServiceError {
        // Of a chain of roles it is the one at fault.
        let refused: Option<&RoleRefused> = find(error);
        let by = refused.and_then(|refused| refused.by.as_deref());
        if let Some(refusal) = find::<AssumeRoleError>(error) {
            let role = refused.map_or("the role of the AWS profile", |refused| &refused.arn);
            let asking = by.unwrap_or("the identity that this process has");
            let remedy = format!(
                "let the trust policy of {role} name {asking}, and grant {} sts:AssumeRole on the role",
                if by.is_some() { "it" } else { "that identity" }
            );
            let refusal = (refusal as _, refusal.meta(), status_in::<AssumeRoleError>(error));
            self.role_refused("sts:AssumeRole", role, by, refusal, remedy)
        } else if let Some(refusal) = find::<AssumeRoleWithWebIdentityError>(error) {
            let role = refused.map_or("the role that AWS_ROLE_ARN names", |refused| &refused.arn);
            let remedy =
                format!("let the trust policy of {role} allow it to the issuer and subject of the token");
            let status = status_in::<AssumeRoleWithWebIdentityError>(error);
            let refusal = (refusal as _, refusal.meta(), status);
            self.role_refused("sts:AssumeRoleWithWebIdentity", role, by, refusal, remedy)
        } else {
            self.no_credentials_found(error)
        }
    }

    /// STS answered, and the answer was no: to the role before it in the chain, or to the identity that comes first.
    fn role_refused(
        &self,
        action: &'static str,
        role: &str,
        by: Option<&str>,
        (refusal, meta, status): (&(dyn StdError + 'static), &ErrorMetadata, Option<u16>),
        remedy: String,
    ) -> ServiceError {
        let caller = Arc::new(Caller { role: by.map(str::to_owned), ..Caller::clone(&self.caller) });
        let (target, resource) = (role.to_owned(), role.to_owned());
        let call = Self { caller, action, target, resource, began: self.began };
        let failure = call.refused(refusal, meta, status);
        match class_of(meta.code(), status) {
            Class::Denied | Class::Unknown => ServiceError { remedy: Some(remedy), ..failure },
            Class::Busy | Class::BadCredentials | Class::BadClock => failure,
        }
    }

    fn no_credentials_found(&self, error: &CredentialsError) -> ServiceError {
        let message = format!("{}: {}", fault::NO_CREDENTIALS, chain(error));
        if is_distrust(error) {
            return self.distrusted(message);
        }
        let nothing_configured = causes(error).filter_map(|cause| cause.downcast_ref()).any(|cause| {
            matches!(
                cause,
                CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)
            )
        });
        if !nothing_configured {
            return self.failure(message, None, Verdict::Retry);
        }
        let remedy = "give this process an identity: a workload identity, an instance or task role, a web identity \
                      token, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        ServiceError { remedy: Some(remedy.to_owned()), ..self.failure(message, None, Verdict::RetrySlowly) }
    }
}

/// An error, then what caused it, and so on. An I/O error names the cause of what it wraps, not what it wraps.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> + use<'a> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|wrapped| wrapped as &(dyn StdError + 'static)),
        None => error.source(),
    })
}

/// Whether it is for a certificate that nobody we trust vouches for.
fn is_distrust(error: &(dyn StdError + 'static)) -> bool {
    matches!(find::<rustls::Error>(error), Some(rustls::Error::InvalidCertificate(_)))
}

/// The status of the answer that was an error of that type.
fn status_in<E: StdError + 'static>(error: &CredentialsError) -> Option<u16> {
    let answer: &SdkError<E, Response> = find(error)?;
    answer.raw_response().map(|response| response.status().as_u16())
}

/// The outermost error of that type among the causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The texts of an error and its causes, each once, in one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests;
