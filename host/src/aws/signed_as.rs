//! The hash of a body that is known already, so that the SDK does not hash it again to sign it, nor leaves unsigned what is a
//! stream.

use aws_runtime::auth::PayloadSigningOverride;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use sha2::{Digest, Sha256};

/// Given to one request, whose body has this SHA-256, in hex.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedAs(String);

impl From<Sha256> for SignedAs {
    fn from(hasher: Sha256) -> Self {
        Self(hex::encode(hasher.finalize()))
    }
}

#[dyn_dispatch_hint]
impl Intercept for SignedAs {
    fn name(&self) -> &'static str {
        "updraft: hash of a body"
    }

    fn modify_before_signing(
        &self,
        _context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(PayloadSigningOverride::Precomputed(self.0.clone()));
        Ok(())
    }
}
