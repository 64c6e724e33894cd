//! One event that says what it is: whether the sink may do what it is for. For `updraft check`.

use super::client::{Client, LogStreamName};
use super::create_log_group::Made;
use crate::config::{self, Codec};
use crate::sink::encode::rfc3339;
use crate::sink::piece::{Piece, Pieces, Written};
use crate::sink::retry::{Missing, Verdict};
use crate::sink::service_error::ServiceError;

/// What the event says.
const TEXT: &str = "`updraft check` put this event to see whether it may";
const LOGGER: &str = "updraft.check";
/// A log group or stream that was just made may be unknown to parts of the service; a put is tried so often.
const TRIES: u32 = 4;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is there.
    Taken,
    /// CloudWatch takes no event of this time, which is this machine's: older than 14 days, or 2 hours ahead.
    WrongTime,
}

impl Client {
    /// Puts the event into that log stream; makes what is missing of group and stream where the sink may, as the sink
    /// would. `now` is this machine's time, ns since the epoch.
    pub async fn canary(
        &self,
        name: &LogStreamName,
        sink: &config::CloudWatch,
        now: i64,
    ) -> Result<Put, Box<ServiceError>> {
        let events = event(sink.codec, now);
        let mut tries = 1;
        loop {
            let failure = match self.put_log_events(name, &events).await {
                Ok(accepted) => {
                    return Ok(if accepted.rejected.is_some() { Put::WrongTime } else { Put::Taken });
                }
                Err(failure) => failure,
            };
            let Verdict::Create(_) = failure.verdict else { return Err(failure) };
            if tries == TRIES {
                return Err(failure);
            }
            tries += 1;
            self.make(name, sink, failure).await?;
        }
    }

    /// Makes what a put missed.
    async fn make(
        &self,
        name: &LogStreamName,
        sink: &config::CloudWatch,
        missed: Box<ServiceError>,
    ) -> Result<(), Box<ServiceError>> {
        if !sink.create_missing_stream {
            return Err(not_to_be_made(missed));
        }
        let missed = match self.create_log_stream(name).await {
            Err(failure) if failure.verdict == Verdict::Create(Missing::LogGroup) => failure,
            made => return made,
        };
        if !sink.create_missing_group {
            return Err(not_to_be_made(missed));
        }
        if self.create_log_group(&name.group, &sink.new_groups).await? == Made::Now
            && let Some(days) = sink.new_groups.retention_days
        {
            // The sink sets it only for groups that it makes itself.
            self.put_retention_policy(&name.group, days).await?;
        }
        self.create_log_stream(name).await
    }
}

fn not_to_be_made(mut failure: Box<ServiceError>) -> Box<ServiceError> {
    failure.remedy = Some(
        "create it, or let the sink do so (create_missing_group, create_missing_stream: true)".to_owned(),
    );
    failure
}

fn event(codec: Codec, now: i64) -> Pieces<()> {
    let text = match codec {
        Codec::Json => {
            let event = serde_json::json!({
                "timestamp": rfc3339(now), "level": "info", "message": TEXT, "logger": LOGGER,
            });
            event.to_string()
        }
        Codec::Text | Codec::Raw | Codec::Airflow => TEXT.to_owned(),
    };
    let mut written = Written::default();
    written.add_text(0, now.div_euclid(1_000_000), &text);
    Piece::of(0, written, ()).into_iter().collect()
}
