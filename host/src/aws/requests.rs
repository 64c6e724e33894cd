//! Counts the requests of a sink, in one place for all operations: an interceptor of its clients.
//!
//! A request is counted when it was sent and is over, by the name of its operation and what came of it. Retries are
//! ours (the SDK's are disabled), so one call is one request at most; one that could not be signed is none. Requests to
//! STS are the SDK's own, which takes no interceptor for them.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_cloudwatchlogs::operation as logs;
use aws_sdk_s3::operation as s3;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, Error, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::counters::{Outcome, Requests};
use crate::sink::service_error::Fault;

/// Given to the clients of one sink.
#[derive(Debug, Clone)]
pub struct Count(pub Arc<Requests>);

/// A request that was sent. However its call ends, it is counted once.
#[derive(Debug)]
struct Sent {
    requests: Arc<Requests>,
    operation: String,
    /// None: nothing came of it, and nothing will.
    outcome: Mutex<Option<Outcome>>,
}

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl Drop for Sent {
    fn drop(&mut self) {
        let outcome = self.outcome.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.requests.count(&self.operation, outcome.unwrap_or(Outcome::Aborted));
    }
}

#[dyn_dispatch_hint]
impl Intercept for Count {
    fn name(&self) -> &'static str {
        "updraft: count requests"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = bag.load::<Metadata>().map_or("unknown", Metadata::name).to_owned();
        let sent = Sent { requests: self.0.clone(), operation, outcome: Mutex::new(None) };
        bag.interceptor_state().store_put(sent);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(sent) = bag.load::<Sent>() {
            *sent.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome(context);
        }
        Ok(())
    }
}

fn outcome(context: &FinalizerInterceptorContextRef<'_>) -> Option<Outcome> {
    let status = context.response().map(|response| response.status().as_u16());
    let fault = match context.output_or_error()? {
        Ok(_) => return Some(Outcome::Ok),
        Err(error) if error.is_timeout_error() => Fault::Timeout,
        Err(error) if error.is_connector_error() => of_connection(error),
        Err(error) => Fault::of(error.as_operation_error().and_then(code), status),
    };
    Some(Outcome::Failed(fault))
}

/// A connect timeout is one of the connector's.
fn of_connection(error: &OrchestratorError<Error>) -> Fault {
    let timed_out = error.as_connector_error().is_some_and(ConnectorError::is_timeout);
    if timed_out { Fault::Timeout } else { Fault::Connection }
}

/// The service's error code. The SDK has forgotten of which operation the error is; one that is missing here is judged
/// by its HTTP status alone.
fn code(error: &Error) -> Option<&str> {
    macro_rules! first_of {
        ($($error:path),* $(,)?) => {
            None$(.or_else(|| error.downcast_ref::<$error>().and_then(ProvideErrorMetadata::code)))*
        };
    }
    first_of![
        logs::put_log_events::PutLogEventsError,
        logs::create_log_stream::CreateLogStreamError,
        logs::create_log_group::CreateLogGroupError,
        logs::put_retention_policy::PutRetentionPolicyError,
        logs::describe_log_streams::DescribeLogStreamsError,
        s3::put_object::PutObjectError,
        s3::get_object::GetObjectError,
        s3::head_object::HeadObjectError,
        s3::head_bucket::HeadBucketError,
        s3::get_object::GetObjectError,
        s3::delete_object::DeleteObjectError,
        s3::create_multipart_upload::CreateMultipartUploadError,
        s3::upload_part::UploadPartError,
        s3::upload_part_copy::UploadPartCopyError,
        s3::complete_multipart_upload::CompleteMultipartUploadError,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_given_up_is_counted_as_well_as_one_that_was_answered() {
        let requests = Arc::<Requests>::default();
        let sent = || Sent {
            requests: requests.clone(),
            operation: "PutObject".to_owned(),
            outcome: Mutex::new(None),
        };
        drop(sent());
        *sent().outcome.lock().unwrap() = Some(Outcome::Ok);
        let of = |outcome| requests.read().get(&("PutObject".to_owned(), outcome)).copied();
        assert_eq!((of(Outcome::Aborted), of(Outcome::Ok), requests.total()), (Some(1), Some(1), 2));
    }

    #[test]
    fn the_service_s_code_is_found_in_the_error_of_an_operation() {
        let denied = aws_smithy_types::error::ErrorMetadata::builder().code("AccessDenied").build();
        let error = Error::erase(s3::put_object::PutObjectError::generic(denied));
        assert_eq!(code(&error), Some("AccessDenied"));
    }
}
