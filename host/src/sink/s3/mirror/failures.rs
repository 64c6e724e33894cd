//! What a mirror does about objects that cannot be written: says so once, leaves the service alone for a while, and
//! tries again for ever.

use super::Mirror;
use crate::counters::{Trouble, Troubles};
use crate::cursor::StreamId;
use crate::lane::Lane;
use crate::sink::complaint::Complaint;
use crate::sink::retry::{Backoff, CAP, SLOW_CAP, Verdict};
use crate::sink::s3::outcome::UploadError;
use crate::sink::service_error::Fault;
use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

/// What is wrong with the service.
pub(super) struct State {
    complaint: Complaint,
    /// For the metrics.
    pub(super) trouble: Trouble,
    backoff: Backoff,
    /// It is left alone just now.
    pub(super) pause: Option<Pause>,
    /// Streams whose own object was refused when it was last tried.
    refused: HashMap<StreamId, Refused>,
}

impl State {
    /// Nothing is.
    pub(super) fn fine(troubles: &Arc<Troubles>) -> Self {
        let trouble = Trouble::none(troubles);
        let (complaint, backoff) = (Complaint::default(), Backoff::default());
        Self { complaint, trouble, backoff, pause: None, refused: HashMap::new() }
    }
}

/// The service is left alone for a while.
#[derive(Clone, Copy)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// How often the sink had been asked to try at once when it began.
    pub(super) asked: u64,
}

impl Pause {
    /// Until when; none: it is over, be it that somebody has asked since (so often by now): this may be the last chance.
    pub(super) fn holds(&self, asked: u64) -> Option<Instant> {
        (self.until > Instant::now() && self.asked == asked).then_some(self.until)
    }
}

/// One object is left alone for a while, however fast its file grows.
struct Refused {
    pause: Pause,
    /// Somebody waited for it already: that is no reason to try it once more.
    urgent: bool,
}

impl Mirror {
    /// An object was not written: it will be tried again.
    pub(super) fn failed(&self, lane: &Lane, error: &UploadError) {
        if is_of_one_object(error) {
            return self.refused(lane, error);
        }
        let (gist, verdict, fault) = match error {
            UploadError::Service(failure) => {
                (format!("{} {:?}", failure.action, failure.code), failure.verdict, failure.fault())
            }
            UploadError::Anew(_) => ("anew".to_owned(), Verdict::RetrySlowly, Fault::Other),
            other => (other.to_string(), Verdict::RetrySlowly, Fault::Other),
        };
        let (say, wait) = {
            let mut state = self.state();
            if self.lanes.closing() {
                state.backoff.limit_slow(CAP);
            }
            let wait = state.backoff.after(verdict, fastrand::f64()).unwrap_or(CAP);
            state.trouble.raise(fault);
            state.pause = Some(Pause { until: Instant::now() + wait, asked: self.lanes.asked() });
            (verdict != Verdict::Renewed && state.complaint.raise(&gist, Instant::now()), wait)
        };
        self.lanes.in_trouble(&error.to_string());
        if say {
            tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path, "{error}");
        }
        self.lanes.schedule.wake_at(lane.stream.id, Instant::now() + wait);
    }

    /// This object alone is refused: the service is not left alone for it, and the others go on.
    fn refused(&self, lane: &Lane, error: &UploadError) {
        self.lanes.in_trouble(&error.to_string());
        if lane.first_time(Complaint::OBJECT_REFUSED) {
            tracing::warn!(sink = %self.lanes.sink, path = %lane.stream.origin.path,
                "{error}; it is tried again now and then (said once per file)");
        }
        // What S3 holds for malformed today it may take tomorrow: nothing is ever given up.
        let wait = if self.lanes.closing() { CAP } else { SLOW_CAP };
        let until = Instant::now() + wait;
        let pause = Pause { until, asked: self.lanes.asked() };
        {
            let refused = &mut self.state().refused;
            // Those that are over by now are not tried again.
            refused.retain(|stream, _| self.lanes.get(*stream).is_some());
            refused.insert(lane.stream.id, Refused { pause, urgent: lane.urgent() });
        }
        self.lanes.schedule.wake_at(lane.stream.id, until);
    }

    /// Until when the object of a lane is left alone because it was refused; none: it may be tried.
    pub(super) fn refused_until(&self, lane: &Lane) -> Option<Instant> {
        let state = self.state();
        let Refused { pause, urgent } = state.refused.get(&lane.stream.id)?;
        let hurried = lane.urgent() && !urgent;
        pause.holds(self.lanes.asked()).filter(|_| !hurried)
    }

    /// The object of a lane is tried now.
    pub(super) fn try_now(&self, lane: &Lane) {
        let mut state = self.state();
        state.trouble.try_now();
        state.refused.remove(&lane.stream.id);
    }

    /// The service takes objects; true if it did not.
    pub(super) fn recovered(&self) -> bool {
        self.lanes.out_of_trouble();
        let mut state = self.state();
        state.backoff.reset();
        state.pause = None;
        state.trouble.settle();
        state.complaint.settle()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether it says nothing of other objects.
fn is_of_one_object(error: &UploadError) -> bool {
    match error {
        UploadError::Taken | UploadError::TooLarge(_) => true,
        UploadError::Service(failure) => failure.verdict == Verdict::Reject,
        _ => false,
    }
}
