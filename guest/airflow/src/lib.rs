//! The built-in normalizer: what Airflow 2 and 3 write into their log folder, line by line, becomes events.
//!
//! | module | what it knows |
//! |---|---|
//! | `assemble` | which lines make one event, and how far a batch can be used |
//! | `header` | what a text record begins with: Airflow 2's own format, and others as far as they can be guessed |
//! | `glued` | where a record begins in the middle of a line |
//! | `blocks` | where a byte stands |
//! | `structured` | JSON lines: Airflow 3, and Airflow 2 with `json_format` |
//! | `names` | what the names of JSON members mean |
//! | `exception` | `error_detail` of Airflow 3, printed as Python prints tracebacks |
//! | `level` | the words of both |

mod assemble;
mod blocks;
mod exception;
mod glued;
mod header;
mod level;
mod names;
mod structured;

use updraft_guest::json::Json;
use updraft_guest::{Events, Lines, LogStream, Normalizer};

pub use assemble::{MAX_EVENT_BYTES, MAX_EVENT_LINES};

/// Normalizes Airflow's logs. Has no options.
#[derive(Debug)]
pub struct Airflow;

impl Normalizer for Airflow {
    fn configure(config: &str) -> Result<Self, String> {
        match Json::parse(config.as_bytes()).map(Json::bytes) {
            Some(object) if object.starts_with(b"{") && object[1..].trim_ascii() == b"}" => Ok(Self),
            _ => Err(format!("the Airflow normalizer has no options; its config is {config}")),
        }
    }

    fn normalize(
        &mut self,
        _origin: &LogStream,
        lines: &Lines,
        events: &mut Events<'_>,
    ) -> Result<usize, String> {
        Ok(assemble::assemble(lines, events))
    }
}

updraft_guest::export_normalizer!(Airflow);
