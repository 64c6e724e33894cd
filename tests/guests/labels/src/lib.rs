//! A transform that labels and drops events by what they say, for the tests of where events go.
//!
//! Errors get the label `errors`; what begins with `AUDIT` or `DEBUG` that word, in small letters; what begins with `NOISE`
//! is dropped. An error also gets a field `team`.
//!
//! With the config `{"all": LABEL}` every event gets that label, and it takes its time over each batch.

use updraft_guest::json::Json;
use updraft_guest::{EventSet, LogStream, Severity, Transformer};

/// Some hundredths of a second.
const ITS_TIME: u32 = 20_000_000;

/// Labels and drops.
#[derive(Debug)]
pub struct Labels {
    all: Option<String>,
}

impl Transformer for Labels {
    fn configure(config: &str) -> Result<Self, String> {
        let members = Json::parse(config.as_bytes()).map(Json::members).unwrap_or_default();
        let given = members.into_iter().find(|(member, _)| member.plain() == Some(b"all"));
        let label = given.and_then(|(_, value)| value.plain());
        Ok(Self { all: label.map(|label| String::from_utf8_lossy(label).into_owned()) })
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        if let Some(label) = &self.all {
            for turn in 0..ITS_TIME {
                std::hint::black_box(turn);
            }
            for mut event in events {
                event.set_label(label);
            }
            return Ok(());
        }
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
