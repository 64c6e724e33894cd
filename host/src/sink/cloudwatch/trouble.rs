//! What a sink has said of its log groups: a thousand log streams of one group that are refused for the same reason are
//! one trouble, said once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::client::LogStreamName;
use crate::sink::complaint::Complaint;
use crate::sink::service_error::ServiceError;

/// By log group, and by action and error code. Bounded by how many groups there are.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<HashMap<String, HashMap<String, Complaint>>>);

impl Trouble {
    /// Whether that is to be said now.
    pub fn raise(&self, name: &LogStreamName, failure: &ServiceError, now: Instant) -> bool {
        let gist = format!("{} {:?}", failure.action, failure.code);
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let group = groups.entry(name.group.clone()).or_default();
        group.entry(gist.clone()).or_default().raise(&gist, now)
    }

    /// What was in trouble goes through; true if something was said of it.
    pub fn settle(&self, group: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(group).is_some()
    }
}
