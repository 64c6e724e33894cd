//! What a failed request promises to say.

use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use super::*;

type Answer = SdkError<ErrorMetadata, Response>;

fn call(role: Option<&str>) -> Call {
    Call {
        caller: Arc::new(Caller {
            sink: "cloudwatch".to_owned(),
            role: role.map(str::to_owned),
            renewal: Renewal::default(),
        }),
        action: "logs:PutLogEvents",
        target: "log stream \"b\" of log group \"a\"".to_owned(),
        resource: "arn:aws:logs:*:*:log-group:a:log-stream:b".to_owned(),
        began: Instant::now(),
    }
}

fn meta(code: &str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).message("no").custom("aws_request_id", "r-1").build()
}

fn response(status: u16) -> Response {
    Response::new(status.try_into().expect("a status"), SdkBody::empty())
}

fn refused(code: &str, status: u16) -> Answer {
    SdkError::service_error(meta(code), response(status))
}

fn unsigned(error: CredentialsError) -> Answer {
    SdkError::dispatch_failure(ConnectorError::other(error.into(), None))
}

fn verdict(error: &Answer) -> Verdict {
    call(None).failed(error).verdict
}

#[test]
fn a_denied_action_names_action_role_and_sink_and_what_to_grant() {
    let failure = call(Some("arn:aws:iam::1:role/r")).failed(&refused("AccessDeniedException", 400));
    assert_eq!(
        failure.to_string(),
        "sink cloudwatch: logs:PutLogEvents on log stream \"b\" of log group \"a\" with role \
         arn:aws:iam::1:role/r failed: AccessDeniedException: no (HTTP 400, request id r-1); it will be \
         retried, at growing intervals, until somebody has mended it; to mend it, grant logs:PutLogEvents on \
         arn:aws:logs:*:*:log-group:a:log-stream:b to arn:aws:iam::1:role/r"
    );
}

#[test]
fn without_a_role_it_is_the_default_credentials_that_lack_a_permission() {
    let failure = call(None).failed(&refused("AccessDenied", 403));
    assert!(failure.to_string().ends_with("to the identity that this process has"), "{failure}");
}

/// STS refused that role to whoever asked.
fn role_refused(arn: &str, by: Option<&str>) -> CredentialsError {
    let sts = AssumeRoleError::generic(meta("AccessDenied"));
    let sts: SdkError<_, Response> = SdkError::service_error(sts, response(403));
    let source = CredentialsError::provider_error(sts);
    CredentialsError::provider_error(RoleRefused { arn: arn.to_owned(), by: by.map(str::to_owned), source })
}

#[test]
fn a_role_that_may_not_be_assumed_is_named_with_the_action_and_the_sink() {
    let refused = role_refused("arn:aws:iam::1:role/r", None);
    let failure = call(Some("arn:aws:iam::1:role/r")).failed(&unsigned(refused));
    assert_eq!((failure.action, &*failure.target), ("sts:AssumeRole", "arn:aws:iam::1:role/r"));
    assert_eq!(failure.verdict, Verdict::RetrySlowly);
    let text = failure.to_string();
    assert!(text.starts_with("sink cloudwatch: sts:AssumeRole on arn:aws:iam::1:role/r"), "{text}");
    assert!(text.contains(" with the default credentials failed: AccessDenied: no (HTTP 403"), "{text}");
    assert!(text.contains("trust policy of arn:aws:iam::1:role/r"), "{text}");
}

#[test]
fn of_a_chain_of_roles_the_one_that_was_refused_is_named_with_the_one_that_asked() {
    let (base, via, last) =
        ("arn:aws:iam::1:role/base", "arn:aws:iam::1:role/via", "arn:aws:iam::1:role/last");
    // The request for `last` was never signed, since `via` was refused to `base`.
    let refused = role_refused(via, Some(base));
    let for_last: SdkError<AssumeRoleError, Response> =
        SdkError::dispatch_failure(ConnectorError::other(refused.into(), None));
    let failure = call(Some(last)).failed(&unsigned(CredentialsError::provider_error(for_last)));
    assert_eq!((failure.action, &*failure.target), ("sts:AssumeRole", via));
    let text = failure.to_string();
    assert!(text.contains(&format!("with role {base} failed")), "{text}");
    assert!(text.contains(&format!("let the trust policy of {via} name {base}")), "{text}");
    assert!(!text.contains(last), "{text}");
}

#[test]
fn a_role_that_a_profile_assumes_is_not_taken_for_the_sinks_own() {
    let sts = AssumeRoleError::generic(meta("AccessDenied"));
    let sts: SdkError<_, Response> = SdkError::service_error(sts, response(403));
    let failure =
        call(Some("arn:aws:iam::1:role/r")).failed(&unsigned(CredentialsError::provider_error(sts)));
    assert_eq!(failure.target, "the role of the AWS profile");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_a_matter_for_ca_file() {
    let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let unknown = std::io::Error::other(std::io::Error::new(std::io::ErrorKind::InvalidData, unknown));
    let failure = call(None).failed(&Answer::dispatch_failure(ConnectorError::io(unknown.into())));
    assert_eq!(failure.verdict, Verdict::RetrySlowly);
    assert!(failure.to_string().contains("UnknownIssuer"), "{failure}");
    assert!(failure.to_string().contains("tls.ca_file"), "{failure}");
}

#[test]
fn a_busy_sts_is_asked_again_soon() {
    let sts = AssumeRoleError::generic(meta("Throttling"));
    let sts: SdkError<_, Response> = SdkError::service_error(sts, response(400));
    assert_eq!(verdict(&unsigned(CredentialsError::provider_error(sts))), Verdict::Retry);
    let unreachable = CredentialsError::provider_error("connection refused");
    assert_eq!(verdict(&unsigned(unreachable)), Verdict::Retry);
    let slow = CredentialsError::provider_timed_out(std::time::Duration::from_secs(5));
    assert_eq!(verdict(&unsigned(slow)), Verdict::Retry);
}

#[test]
fn each_way_in_which_sts_can_fail_has_its_verdict() {
    for (status, code, next) in [
        (400, "Throttling", Verdict::Retry),
        (429, "SomethingNew", Verdict::Retry),
        (500, "InternalFailure", Verdict::Retry),
        (503, "SomethingNew", Verdict::Retry),
        (400, "IDPCommunicationError", Verdict::Retry),
        (403, "AccessDenied", Verdict::RetrySlowly),
        (400, "MalformedPolicyDocument", Verdict::RetrySlowly),
        (403, "RegionDisabledException", Verdict::RetrySlowly),
        (403, "ExpiredToken", Verdict::Renewed),
        (403, "InvalidClientTokenId", Verdict::Renewed),
        (400, "InvalidIdentityToken", Verdict::Renewed),
    ] {
        let by_role: SdkError<_, Response> =
            SdkError::service_error(AssumeRoleError::generic(meta(code)), response(status));
        let by_token: SdkError<_, Response> =
            SdkError::service_error(AssumeRoleWithWebIdentityError::generic(meta(code)), response(status));
        for error in [CredentialsError::provider_error(by_role), CredentialsError::provider_error(by_token)] {
            let failure = call(None).failed(&unsigned(error));
            assert_eq!(failure.verdict, next, "{code}: {failure}");
        }
    }
}

#[test]
fn without_any_credentials_it_says_where_they_could_come_from() {
    let failure = call(None).failed(&unsigned(CredentialsError::not_loaded("nothing set")));
    assert_eq!(failure.verdict, Verdict::RetrySlowly);
    assert!(failure.message.contains("nothing set"), "{failure}");
    assert!(failure.to_string().contains("AWS_ACCESS_KEY_ID"), "{failure}");
}

#[test]
fn what_is_only_busy_is_retried_soon() {
    for code in
        ["ThrottlingException", "SlowDown", "ServiceUnavailableException", "OperationAbortedException"]
    {
        assert_eq!(verdict(&refused(code, 400)), Verdict::Retry, "{code}");
    }
    for status in [408, 429, 500, 503] {
        assert_eq!(verdict(&refused("SomethingNew", status)), Verdict::Retry, "{status}");
        assert_eq!(verdict(&SdkError::response_error("<html>", response(status))), Verdict::Retry);
    }
    assert_eq!(verdict(&SdkError::timeout_error("60 s")), Verdict::Retry);
    let refused = ConnectorError::io("connection refused".into());
    assert_eq!(verdict(&SdkError::dispatch_failure(refused)), Verdict::Retry);
}

#[test]
fn an_answer_that_nobody_understands_drops_nothing() {
    for status in [301, 400, 404, 405, 409] {
        assert_eq!(verdict(&refused("SomethingNew", status)), Verdict::RetrySlowly, "{status}");
    }
    assert_eq!(verdict(&SdkError::response_error("<html>", response(404))), Verdict::RetrySlowly);
    assert_eq!(verdict(&SdkError::construction_failure("incomplete")), Verdict::RetrySlowly);
}
