//! Sends one put for as long as it takes: creates what is missing, waits out what passes, halves what is refused.

use super::client::LogStreamName;
use super::put_log_events::{Accepted, Rejected};
use super::{CloudWatch, Ticket};
use crate::sink::batch::{Encoded, Put};
use crate::sink::complaint::Complaint;
use crate::sink::retry::{Backoff, CAP, Missing, Verdict};
use crate::sink::service_error::ServiceError;
use std::time::Instant;

impl CloudWatch {
    /// Returns when every event of the put is either in CloudWatch or counted as refused.
    pub(super) async fn deliver(&self, name: &LogStreamName, put: Put<Ticket>) {
        let mut left = vec![put.events];
        let mut backoff = Backoff::default();
        let mut created = false;
        let mut complaint = Complaint::default();
        while let Some(events) = left.pop() {
            let answer = {
                // Held for the request only: a log stream that waits for better times takes nobody's place.
                let _place = self.puts.acquire().await;
                self.lanes.counters.requests.add(1);
                self.client.put_log_events(name, &events).await
            };
            let failure = match answer {
                Ok(accepted) => {
                    self.account(&events, &accepted);
                    backoff.reset();
                    created = false;
                    if complaint.settle() {
                        tracing::info!(sink = %self.lanes.sink, "{name}: works again");
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            let failure = match self.answer(name, failure).await {
                Ok(()) => {
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
                self.isolate(events, &failure, &mut left);
                continue;
            }
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
        let allowed = match missing {
            Missing::LogGroup => self.config.create_missing_group,
            Missing::LogStream => self.config.create_missing_stream || self.config.create_missing_group,
        };
        if !allowed {
            return Err(may_not_create(failure));
        }
        self.lanes.counters.requests.add(1);
        let created = match missing {
            Missing::LogGroup => self.client.create_log_group(&name.group).await,
            Missing::LogStream if !self.config.create_missing_stream => {
                return Err(may_not_create(failure));
            }
            Missing::LogStream => self.client.create_log_stream(name).await,
        };
        match created {
            Ok(()) => Ok(()),
            // The stream could not be made for want of its group.
            Err(failure) if failure.verdict == Verdict::Create(Missing::LogGroup) => {
                if !self.config.create_missing_group {
                    return Err(may_not_create(failure));
                }
                self.lanes.counters.requests.add(1);
                self.client.create_log_group(&name.group).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// A put that the service calls malformed: its halves are tried, until the event at fault is alone.
    fn isolate(
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
        for event in &events {
            self.lanes.counters.invalid.add(1);
            let lane = &event.ticket.lane;
            if lane.first_time(Complaint::INVALID) {
                tracing::error!(path = %lane.stream.origin.path, "an event is refused and counted as rejected: {failure}");
            }
        }
    }

    fn account(&self, events: &[Encoded<Ticket>], accepted: &Accepted) {
        let counters = &self.lanes.counters;
        let Some(Rejected { too_old, expired, too_new }) = &accepted.rejected else {
            return counters.delivered.add(events.len() as u64);
        };
        let refused = too_old.len() + expired.len() + too_new.len();
        counters.delivered.add((events.len() - refused) as u64);
        counters.too_old.add((too_old.len() + expired.len()) as u64);
        counters.too_new.add(too_new.len() as u64);
        let reasons = [
            (too_old, Complaint::TOO_OLD, "older than CloudWatch takes (14 days)"),
            (expired, Complaint::TOO_OLD, "older than the log group's retention"),
            (too_new, Complaint::TOO_NEW, "more than 2 hours ahead of AWS's clock"),
        ];
        for (range, kind, reason) in reasons {
            for event in &events[range.clone()] {
                let lane = &event.ticket.lane;
                if lane.first_time(kind) {
                    tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path,
                        "CloudWatch refuses events of this file: {reason}; they are counted as rejected (said once per file)");
                }
            }
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
