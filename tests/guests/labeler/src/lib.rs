//! A transform that puts labels on events: `audit` where the message begins so, `errors` and `debug` by level.

use updraft_guest::{EventSet, LogStream, Severity, Transformer};

/// Has no options.
#[derive(Debug)]
pub struct Labeler;

impl Transformer for Labeler {
    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        for mut event in events {
            let severity = event.severity();
            if event.message().starts_with(b"AUDIT") {
                event.set_label("audit");
            } else if severity >= Severity::ERROR {
                event.set_label("errors");
            } else if severity != Severity::NONE && severity < Severity::INFO {
                event.set_label("debug");
            }
        }
        Ok(())
    }
}

updraft_guest::export_transformer!(Labeler);
