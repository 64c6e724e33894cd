//! What sort of failure it was, in one word: the label that metrics count it by.

use super::ServiceError;
use super::class::{Class, class_of};

/// What `message` of a failure begins with for which there was nothing to sign the request with.
pub(super) const NO_CREDENTIALS: &str = "no credentials";

/// What sort of failure it was. Few, and the same for all services: metrics have a series for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Not allowed.
    Denied,
    /// None were found, or the service does not take them.
    Credentials,
    /// This machine's clock is wrong.
    Clock,
    /// Too many requests.
    Throttled,
    /// No answer in time.
    Timeout,
    /// No connection.
    Connection,
    /// The service is broken just now.
    ServerError,
    /// No such bucket, log group, log stream, object or upload.
    NotFound,
    /// It is there already, or somebody is at work on it.
    Conflict,
    /// The service holds the request for wrong.
    Invalid,
    /// What nobody has a word for, and what is no service's fault: a disk, a file.
    Other,
}

impl Fault {
    /// All of them, in the order that metrics show them.
    pub const ALL: [Self; 11] = [
        Self::Denied,
        Self::Credentials,
        Self::Clock,
        Self::Throttled,
        Self::Timeout,
        Self::Connection,
        Self::ServerError,
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::Other,
    ];

    /// As labels of metrics say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Credentials => "credentials",
            Self::Clock => "clock",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::ServerError => "server_error",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::Other => "other",
        }
    }

    /// Of an answer with that code and HTTP status.
    pub fn of(code: Option<&str>, status: Option<u16>) -> Self {
        let code = code.map(|code| code.strip_suffix("Exception").unwrap_or(code));
        match (class_of(code, status), code, status) {
            (Class::Denied, ..) => Self::Denied,
            (Class::BadCredentials, ..) => Self::Credentials,
            (Class::BadClock, ..) => Self::Clock,
            (_, Some("RequestTimeout"), _) | (_, None, Some(408)) => Self::Timeout,
            (
                _,
                Some("SlowDown" | "TooManyRequests" | "RequestLimitExceeded" | "BandwidthLimitExceeded"),
                _,
            )
            | (_, None, Some(429)) => Self::Throttled,
            (_, Some(code), _) if code.contains("Throttl") => Self::Throttled,
            (_, Some(code), _) if code.contains("NotFound") || code.starts_with("NoSuch") => Self::NotFound,
            (
                _,
                Some(
                    "ResourceAlreadyExists"
                    | "PreconditionFailed"
                    | "ConditionalRequestConflict"
                    | "OperationAborted"
                    | "PriorRequestNotComplete"
                    | "TransactionInProgress",
                ),
                _,
            )
            | (_, None, Some(409 | 412)) => Self::Conflict,
            (Class::Busy, ..) => Self::ServerError,
            (Class::Unknown, None, Some(404)) => Self::NotFound,
            (Class::Unknown, _, Some(400..500)) => Self::Invalid,
            (Class::Unknown, ..) => Self::Other,
        }
    }
}

impl ServiceError {
    /// What sort of failure it is.
    pub fn fault(&self) -> Fault {
        match (&self.code, self.status) {
            (None, None) if self.message.starts_with(NO_CREDENTIALS) => Fault::Credentials,
            (None, None) if ["timed out", "timeout"].iter().any(|it| self.message.contains(it)) => {
                Fault::Timeout
            }
            (None, None) => Fault::Connection,
            // STS's answers come without their status.
            (Some(code), None) => Fault::of(Some(code), None),
            (code, status) => Fault::of(code.as_deref(), status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_the_word_that_an_operator_would_use() {
        for (code, status, fault) in [
            (Some("ThrottlingException"), 400, Fault::Throttled),
            (Some("SlowDown"), 503, Fault::Throttled),
            (Some("AccessDeniedException"), 400, Fault::Denied),
            (None, 403, Fault::Denied),
            (Some("ExpiredToken"), 400, Fault::Credentials),
            (Some("UnrecognizedClientException"), 400, Fault::Credentials),
            (Some("RequestTimeTooSkewed"), 403, Fault::Clock),
            (Some("ResourceNotFoundException"), 400, Fault::NotFound),
            (Some("NoSuchBucket"), 404, Fault::NotFound),
            (None, 404, Fault::NotFound),
            (Some("ResourceAlreadyExistsException"), 400, Fault::Conflict),
            (Some("PreconditionFailed"), 412, Fault::Conflict),
            (Some("InvalidParameterException"), 400, Fault::Invalid),
            (Some("InternalError"), 500, Fault::ServerError),
            (Some("ServiceUnavailableException"), 500, Fault::ServerError),
            (None, 502, Fault::ServerError),
            (Some("RequestTimeout"), 400, Fault::Timeout),
            (None, 301, Fault::Other),
        ] {
            assert_eq!(Fault::of(code, Some(status)), fault, "{code:?} {status}");
        }
    }
}
