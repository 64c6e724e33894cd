//! Sends one put for as long as it takes: creates what is missing, waits out what passes, halves what is refused.

use super::client::LogStreamName;
use super::create_log_group::Made;
use super::put_log_events::{Accepted, Rejected};
use super::{CloudWatch, Ticket};
use crate::counters::Trouble;
use crate::dead_letter::Reason;
use crate::sink::batch::{Encoded, Put};
use crate::sink::complaint::Complaint;
use crate::sink::retry::{Backoff, CAP, Missing, Verdict};
use crate::sink::service_error::ServiceError;
use std::sync::PoisonError;
use std::time::Instant;

impl CloudWatch {
    /// Returns when every event of the put is either in CloudWatch or counted as refused.
    pub(super) async fn deliver(&self, name: &LogStreamName, put: Put<Ticket>) {
        let mut left = vec![put.events];
        let mut backoff = Backoff::default();
        let mut created = false;
        let mut complaint = Complaint::default();
        let mut trouble = Trouble::none(&self.lanes.counters.troubles);
        while let Some(events) = left.pop() {
            trouble.try_now();
            let answer = {
                // Held for the request only: a log stream that waits for better times takes nobody's place.
                let _place = self.puts.acquire().await;
                self.client.put_log_events(name, &events).await
            };
            let failure = match answer {
                Ok(accepted) => {
                    let bytes: usize = events.iter().map(|event| event.text.len()).sum();
                    self.lanes.counters.uploaded.add(bytes as u64);
                    self.account(&events, &accepted).await;
                    backoff.reset();
                    created = false;
                    trouble.settle();
                    if complaint.settle() {
                        tracing::info!(sink = %self.lanes.sink, "{name}: works again");
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            let failure = match self.answer(name, failure).await {
                Ok(()) => {
                    trouble.settle();
                    // Made already, and still missing: it takes a while until all of the service knows.
                    if std::mem::replace(&mut created, true)
                        && let Some(wait) = backoff.after(Verdict::Retry, fastrand::f64())
                    {
                        self.lanes.pause(wait).await;
                    }
                    left.push(events);
                    continue;
                }
                Err(failure) => failure,
            };
            if failure.verdict == Verdict::Reject {
                self.isolate(events, &failure, &mut left).await;
                continue;
            }
            trouble.raise(failure.fault());
            if complaint.raise(&format!("{} {:?}", failure.action, failure.code), Instant::now()) {
                tracing::warn!("{failure}");
            }
            if self.lanes.closing() {
                backoff.limit_slow(CAP);
            }
            if let Some(wait) = backoff.after(failure.verdict, fastrand::f64()) {
                self.lanes.pause(wait).await;
            }
            left.push(events);
        }
    }

    /// Creates what the failure says is missing; the failure that stands, if it cannot.
    async fn answer(
        &self,
        name: &LogStreamName,
        failure: Box<ServiceError>,
    ) -> Result<(), Box<ServiceError>> {
        let Verdict::Create(missing) = failure.verdict else { return Err(failure) };
        if missing == Missing::LogGroup || !self.config.create_missing_stream {
            return self.create_group(name, failure).await;
        }
        match self.create_stream(name).await {
            // The stream could not be made for want of its group.
            Err(failure) if failure.verdict == Verdict::Create(Missing::LogGroup) => {
                self.create_group(name, failure).await
            }
            created => created,
        }
    }

    async fn create_stream(&self, name: &LogStreamName) -> Result<(), Box<ServiceError>> {
        let wait = self.new_streams.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        // Here only this log stream waits.
        tokio::time::sleep(wait).await;
        self.client.create_log_stream(name).await
    }

    /// `failure` says that the group is missing, or the stream where we may make none: then perhaps its group.
    async fn create_group(
        &self,
        name: &LogStreamName,
        failure: Box<ServiceError>,
    ) -> Result<(), Box<ServiceError>> {
        if !self.config.create_missing_group {
            return Err(may_not_create(failure));
        }
        let perhaps_the_stream = failure.verdict == Verdict::Create(Missing::LogStream);
        match self.groups.create(&name.group).await {
            Ok(Made::Before) if perhaps_the_stream => Err(may_not_create(failure)),
            Ok(Made::Now | Made::Before) => Ok(()),
            Err(mut refused) if perhaps_the_stream => {
                let remedy = refused.remedy.take().map_or(String::new(), |remedy| format!("{remedy}; "));
                refused.remedy = Some(format!(
                    "{remedy}if the group is there, it is {name} that is missing: create it, or set \
                     create_missing_stream: true"
                ));
                Err(refused)
            }
            Err(refused) => Err(refused),
        }
    }

    /// A put that the service calls malformed: its halves are tried, until the event at fault is alone.
    async fn isolate(
        &self,
        mut events: Vec<Encoded<Ticket>>,
        failure: &ServiceError,
        left: &mut Vec<Vec<Encoded<Ticket>>>,
    ) {
        if events.len() > 1 {
            let second = events.split_off(events.len() / 2);
            left.push(second);
            left.push(events);
            return;
        }
        let why = match &failure.code {
            Some(code) => format!("{code}: {}", failure.message),
            None => failure.message.clone(),
        };
        self.refuse(&events, Reason::Malformed, &why, &failure.to_string()).await;
    }

    async fn account(&self, events: &[Encoded<Ticket>], accepted: &Accepted) {
        let Some(Rejected { too_old, expired, too_new }) = &accepted.rejected else {
            return self.lanes.counters.delivered.add(events.len() as u64);
        };
        let refused = [
            (too_old, Reason::TooOld, "older than CloudWatch takes (14 days)"),
            (expired, Reason::Expired, "older than the log group's retention"),
            (too_new, Reason::TooNew, "more than 2 hours ahead of AWS's clock"),
        ];
        let count: usize = refused.iter().map(|(range, ..)| range.len()).sum();
        self.lanes.counters.delivered.add((events.len() - count) as u64);
        for (range, reason, why) in refused {
            self.refuse(&events[range.clone()], reason, why, why).await;
        }
    }
}

fn may_not_create(mut failure: Box<ServiceError>) -> Box<ServiceError> {
    failure.verdict = Verdict::RetrySlowly;
    failure.remedy = Some(
        "create it, or let the sink do so (create_missing_group, create_missing_stream: true)".to_owned(),
    );
    failure
}
