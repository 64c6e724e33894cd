//! The log groups that a sink makes, and how long they keep events: set in the background, so that no event ever
//! waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::task::JoinSet;

use super::client::Client;
use super::create_log_group::Made;
use crate::config::NewGroups;
use crate::counters::Trouble;
use crate::lanes::Lanes;
use crate::sink::complaint::Complaint;
use crate::sink::retry::{Backoff, CAP, Verdict};
use crate::sink::service_error::ServiceError;

/// How often retention is tried once nothing else is waited for: with backoff some six seconds, and longer than AWS's
/// limit of five in a second can hold up a few dozen groups.
const LAST_TRIES: u32 = 6;
/// A new group may be unknown to parts of the service for a while; one that is unknown for longer was deleted.
const UNKNOWN_TRIES: u32 = 10;

/// The groups of one sink.
pub struct Groups {
    client: Client,
    like: NewGroups,
    lanes: Arc<Lanes>,
    /// Made by us and without their retention; how it stands with each.
    pending: Mutex<BTreeMap<String, Hope>>,
    tasks: Mutex<JoinSet<()>>,
}

/// Whether an end of the run is worth waiting for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hope {
    Yes,
    No,
}

impl Groups {
    /// None made yet.
    pub fn new(client: Client, like: NewGroups, lanes: Arc<Lanes>) -> Arc<Self> {
        Arc::new(Self { client, like, lanes, pending: Mutex::default(), tasks: Mutex::default() })
    }

    /// Makes the group if it is not there. One that is there is left as it is.
    pub async fn create(self: &Arc<Self>, group: &str) -> Result<Made, Box<ServiceError>> {
        let made = self.client.create_log_group(group, &self.like).await?;
        if made == Made::Now
            && let Some(days) = self.like.retention_days
            && self.pending().insert(group.to_owned(), Hope::Yes).is_none()
        {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            while tasks.try_join_next().is_some() {}
            tasks.spawn(self.clone().retain(group.to_owned(), days));
        }
        Ok(made)
    }

    /// Nothing is left that a little more time may bring about.
    pub fn settled(&self) -> bool {
        self.pending().values().all(|hope| *hope == Hope::No)
    }

    /// Stops at once, and says what stays undone.
    pub fn stop(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        for group in std::mem::take(&mut *self.pending()).keys() {
            tracing::error!(sink = %self.lanes.sink,
                "log group {group:?} was made without its retention and keeps its events for ever; to mend it, set it \
                 (aws logs put-retention-policy): Updraft does so only for groups that it makes");
        }
    }

    /// Tries for as long as the sink runs.
    async fn retain(self: Arc<Self>, group: String, days: i32) {
        let (mut backoff, mut complaint) = (Backoff::default(), Complaint::default());
        let (mut unknown, mut last) = (0, 0);
        let mut trouble = Trouble::none(&self.lanes.counters.troubles);
        loop {
            trouble.try_now();
            let mut failure = match self.client.put_retention_policy(&group, days).await {
                Ok(()) => break,
                Err(failure) => failure,
            };
            if failure.code.as_deref() == Some("ResourceNotFoundException") {
                unknown += 1;
                if unknown == UNKNOWN_TRIES {
                    break;
                }
                failure.verdict = Verdict::Retry;
            }
            trouble.raise(failure.fault());
            if failure.verdict != Verdict::Renewed
                && complaint.raise(&format!("{:?}", failure.code), Instant::now())
            {
                tracing::warn!(
                    "{failure}; until then the group keeps its events for ever (delivery goes on)"
                );
            }
            if self.lanes.closing() {
                backoff.limit_slow(CAP);
                last += 1;
                if !matches!(failure.verdict, Verdict::Retry | Verdict::Renewed) || last == LAST_TRIES {
                    self.pending().insert(group.clone(), Hope::No);
                }
            }
            self.lanes.pause(backoff.after(failure.verdict, fastrand::f64()).unwrap_or(CAP)).await;
        }
        if complaint.settle() {
            tracing::info!(sink = %self.lanes.sink, "log group {group:?}: its retention is set");
        }
        self.pending().remove(&group);
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<String, Hope>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
