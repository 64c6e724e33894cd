//! Credentials that a service refuses although they look valid (a session that was revoked, keys that were rotated) are
//! thrown away and fetched anew before the next try. The SDK's cache would keep them until their time is over.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_config::identity::IdentityCache;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// However often they are refused, they are fetched anew at most so often: STS is not to be hammered.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// The cached credentials of one sink. Clones share them.
#[derive(Clone)]
pub struct Renewal(Arc<Inner>);

struct Inner {
    cache: RwLock<SharedIdentityCache>,
    /// When they were last thrown away.
    last: Mutex<Option<Instant>>,
}

/// What is done about credentials that were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// They are thrown away just now.
    Now,
    /// They were, since that request began: the next one has others.
    Already,
    /// Nothing: others were fetched a moment ago, and those are refused.
    InVain,
}

impl Renewal {
    /// Credentials of a request that began then were refused.
    pub fn refused(&self, began: Instant) -> Renewed {
        self.refused_at(began, Instant::now())
    }

    fn refused_at(&self, began: Instant, now: Instant) -> Renewed {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some(at) if at >= began => return Renewed::Already,
            Some(at) if now.saturating_duration_since(at) < RENEW_EVERY => return Renewed::InVain,
            _ => {}
        }
        *last = Some(now);
        *self.0.cache.write().unwrap_or_else(PoisonError::into_inner) = IdentityCache::lazy().build();
        Renewed::Now
    }

    fn cache(&self) -> SharedIdentityCache {
        self.0.cache.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Renewal {
    fn default() -> Self {
        let cache = RwLock::new(IdentityCache::lazy().build());
        Self(Arc::new(Inner { cache, last: Mutex::default() }))
    }
}

/// What is cached is a secret.
impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewal")
    }
}

impl PartialEq for Renewal {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Renewal {}

impl ResolveCachedIdentity for Renewal {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.cache();
        IdentityFuture::new(async move { cache.resolve_cached_identity(resolver, components, config).await })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.cache().validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.cache().validate_final_config(components, config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_requests_that_are_refused_at_once_renew_credentials_once() {
        let (renewal, began) = (Renewal::default(), Instant::now());
        let refused = began + Duration::from_millis(50);
        assert_eq!(renewal.refused_at(began, refused), Renewed::Now);
        assert_eq!(renewal.refused_at(began, refused + Duration::from_secs(20)), Renewed::Already);
    }

    #[test]
    fn credentials_that_are_refused_again_are_left_for_a_while() {
        let (renewal, began) = (Renewal::default(), Instant::now());
        assert_eq!(renewal.refused_at(began, began), Renewed::Now);
        let soon = began + RENEW_EVERY / 2;
        assert_eq!(renewal.refused_at(soon, soon), Renewed::InVain);
        let later = began + RENEW_EVERY;
        assert_eq!(renewal.refused_at(later, later), Renewed::Now);
    }
}
