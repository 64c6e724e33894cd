//! A transform that labels and drops events by what they say, for the tests of where events go.
//!
//! Errors get the label `errors`; what begins with `AUDIT` or `DEBUG` that word, in small letters; what begins with `NOISE`
//! is dropped. An error also gets a field `team`.

use updraft_guest::{EventSet, LogStream, Severity, Transformer};

/// Labels and drops.
#[derive(Debug)]
pub struct Labels;

impl Transformer for Labels {
    fn configure(_: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        for mut event in events {
            let begins = |word: &str| event.message().starts_with(word.as_bytes());
            if begins("NOISE") {
                event.drop_event();
            } else if begins("AUDIT") {
                event.set_label("audit");
            } else if begins("DEBUG") {
                event.set_label("debug");
            } else if event.severity() == Severity::ERROR {
                event.set_label("errors");
                event.set_text("team", "data");
            }
        }
        Ok(())
    }
}

updraft_guest::export_transformer!(Labels);
