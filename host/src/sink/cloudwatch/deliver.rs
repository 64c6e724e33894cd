//! Sends one put for as long as it takes: creates what is missing, waits out what passes, halves what is refused.

use super::client::LogStreamName;
use super::create_log_group::Made;
use super::outlet::{Outlet, Standing};
use super::put_log_events::{Accepted, Rejected};
use super::refused::Refused;
use super::{CloudWatch, Ticket};
use crate::counters::{Trouble, Troubles};
use crate::dead_letter::Reason;
use crate::sink::piece::Pieces;
use crate::sink::retry::{Backoff, CAP, Missing, Verdict};
use crate::sink::service_error::ServiceError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What has kept a log stream from its puts, for as long as that lasts.
#[derive(Debug)]
pub struct Hardship {
    backoff: Backoff,
    /// For the metrics.
    trouble: Trouble,
    /// What was missing is made.
    created: bool,
    /// It was refused, and somebody was told.
    troubled: bool,
    /// Somebody had to change something.
    denied: bool,
}

impl Hardship {
    /// None yet, of a sink with these troubles.
    pub fn none(troubles: &Arc<Troubles>) -> Self {
        let trouble = Trouble::none(troubles);
        Self { backoff: Backoff::default(), trouble, created: false, troubled: false, denied: false }
    }

    /// It is over.
    fn end(&mut self) {
        self.backoff.reset();
        self.trouble.settle();
        (self.created, self.troubled, self.denied) = (false, false, false);
    }
}

impl CloudWatch {
    /// Returns when every event of the put is either in CloudWatch or counted as refused; those are added to `refused`.
    /// Or when it let go of all of them: then how long to leave the log stream alone.
    pub(super) async fn deliver(
        &self,
        outlet: &Outlet,
        put: Pieces<Ticket>,
        hardship: &mut Hardship,
        refused: &mut Refused,
    ) -> Option<Duration> {
        let name = outlet.name();
        let mut left = vec![put];
        // Nothing of it is in yet, or counted: it can be let go of.
        let mut whole = true;
        while let Some(mut events) = left.pop() {
            hardship.trouble.try_now();
            let answer = {
                // Held for the request only: a log stream that waits for better times takes nobody's place.
                let _place = self.puts.acquire().await;
                self.client.put_log_events(name, &events).await
            };
            let failure = match answer {
                Ok(accepted) => {
                    self.lanes.counters.uploaded.add(events.text_bytes() as u64);
                    self.account(&events, &accepted, refused).await;
                    whole = false;
                    self.went_through(outlet, hardship);
                    continue;
                }
                Err(failure) => failure,
            };
            if failure.verdict == Verdict::Create(Missing::LogStream) && !self.new_streams.are_free() {
                events = self.hold_up(outlet, events, whole);
            }
            let failure = match self.answer(name, failure).await {
                Ok(()) => {
                    hardship.trouble.settle();
                    // Made already, and still missing: it takes a while until all of the service knows.
                    if std::mem::replace(&mut hardship.created, true)
                        && let Some(wait) = hardship.backoff.after(Verdict::Retry, fastrand::f64())
                    {
                        outlet.pause(&self.lanes, wait).await;
                    }
                    if events.is_empty() {
                        return Some(Duration::ZERO);
                    }
                    left.push(events);
                    continue;
                }
                Err(failure) => failure,
            };
            if failure.verdict == Verdict::Reject {
                whole = false;
                // The service lets us in; it is the events that it does not want.
                self.went_through(outlet, hardship);
                self.isolate(events, &failure, &mut left, refused).await;
                continue;
            }
            hardship.troubled = true;
            hardship.denied |= failure.verdict == Verdict::RetrySlowly;
            hardship.trouble.raise(failure.fault());
            self.lanes.in_trouble(&failure.to_string());
            if failure.verdict != Verdict::Renewed && self.trouble.raise(name, &failure, Instant::now()) {
                tracing::warn!("{failure}");
            }
            if self.lanes.closing() {
                hardship.backoff.limit_slow(CAP);
            }
            let wait = hardship.backoff.after(failure.verdict, fastrand::f64()).unwrap_or(CAP);
            if !events.is_empty() {
                events = self.hold_up(outlet, events, whole);
            }
            if events.is_empty() {
                return Some(wait);
            }
            outlet.pause(&self.lanes, wait).await;
            left.push(events);
        }
        None
    }

    fn went_through(&self, outlet: &Outlet, hardship: &mut Hardship) {
        let Hardship { troubled, denied, .. } = *hardship;
        hardship.end();
        outlet.stand(Standing::Fine, self);
        self.lanes.out_of_trouble();
        let group = &outlet.name().group;
        if troubled && self.trouble.settle(group) {
            tracing::info!(sink = %self.lanes.sink, "{}: works again", outlet.name());
        }
        // What one of them may again, the others may as well, most likely. Who was only throttled says nothing of others.
        if denied {
            self.revive(group);
        }
    }

    /// It cannot go just now. What stays in memory of the put: all, or nothing that can be read again where too much is
    /// held up.
    fn hold_up(&self, outlet: &Outlet, events: Pieces<Ticket>, whole: bool) -> Pieces<Ticket> {
        outlet.stand(Standing::HeldUp, self);
        let stays = if whole && self.room.is_crowded() { outlet.let_go(events, &self.room) } else { events };
        // What is held up takes no room of those that begin.
        self.wake_waiting();
        stays
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
        // Here only this log stream waits.
        self.new_streams.next().await;
        let created = self.client.create_log_stream(name).await;
        if created.as_ref().is_err_and(|failure| failure.is_throttled()) {
            self.new_streams.throttled();
        }
        created
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
        events: Pieces<Ticket>,
        failure: &ServiceError,
        left: &mut Vec<Pieces<Ticket>>,
        refused: &mut Refused,
    ) {
        if events.len() > 1 {
            let half = events.len() / 2;
            left.push(events.part(half..events.len()));
            left.push(events.part(0..half));
            return;
        }
        let why = match &failure.code {
            Some(code) => format!("{code}: {}", failure.message),
            None => failure.message.clone(),
        };
        self.refuse(&events, Reason::Malformed, &why, &failure.to_string(), refused).await;
    }

    async fn account(&self, events: &Pieces<Ticket>, accepted: &Accepted, refused: &mut Refused) {
        let Some(Rejected { too_old, expired, too_new }) = &accepted.rejected else {
            return self.lanes.counters.delivered.add(events.len() as u64);
        };
        let ranges = [
            (too_old, Reason::TooOld, "older than CloudWatch takes (14 days)"),
            (expired, Reason::Expired, "older than the log group's retention"),
            (too_new, Reason::TooNew, "more than 2 hours ahead of AWS's clock"),
        ];
        let count: usize = ranges.iter().map(|(range, ..)| range.len()).sum();
        self.lanes.counters.delivered.add((events.len() - count) as u64);
        for (range, reason, why) in ranges {
            self.refuse(&events.part(range.clone()), reason, why, why, refused).await;
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
