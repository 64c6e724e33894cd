//! What sort of no an answer is, by the codes that services have in common. Pure.

use crate::sink::retry::Verdict;

/// What sort of no it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Busy,
    Denied,
    BadCredentials,
    BadClock,
    /// Nothing is ever dropped for an answer that nobody has understood.
    Unknown,
}

impl Class {
    /// What it means for the request, if nobody knows more.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Busy => Verdict::Retry,
            Self::Denied | Self::BadCredentials | Self::BadClock | Self::Unknown => Verdict::RetrySlowly,
        }
    }
}

/// Codes that services have in common.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
pub fn class_of(code: Option<&str>, status: Option<u16>) -> Class {
    let Some(code) = code else { return class_of_status(status) };
    match code.strip_suffix("Exception").unwrap_or(code) {
        code if is_throttling(code) => Class::Busy,
        "PriorRequestNotComplete"
        | "TransactionInProgress"
        | "ServiceUnavailable"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "InternalServer"
        | "RequestTimeout"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "IDPCommunicationError" => Class::Busy,
        "AccessDenied"
        | "AccessDeniedForDependency"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "AllAccessDisabled" => Class::Denied,
        "ExpiredToken"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "InvalidIdentityToken"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "AuthFailure"
        | "TokenRefreshRequired" => Class::BadCredentials,
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Class::BadClock,
        _ => match class_of_status(status) {
            Class::Busy => Class::Busy,
            _ => Class::Unknown,
        },
    }
}

/// `code`: without `Exception` at its end. The list of the SDKs.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>
pub fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "Throttled"
            | "RequestThrottled"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "SlowDown"
    )
}

/// Where there is no code.
pub fn class_of_status(status: Option<u16>) -> Class {
    match status {
        Some(408 | 429 | 500..) => Class::Busy,
        // What answers to HEAD has no body, and so no code.
        Some(401 | 403) => Class::Denied,
        _ => Class::Unknown,
    }
}
