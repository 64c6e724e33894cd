//! Hides secrets wherever an event carries them: message, attributes and their names, and the raw bytes; also behind
//! JSON's escapes. Put it right behind the normalizer, and let no sink take the source itself.
//!
//! ```yaml
//! config:
//!   replacement: "[hidden]"                  # default: ***
//!   words: [hunter2]                         # texts as they stand, letter case included
//!   patterns:                                # regular expressions; with a group `secret` only that is hidden
//!     - 'customer-\d{8}'
//!     - 'pin=(?<secret>\d+)'
//!   builtin: { email: false }                # switches off what is built in, by name
//! ```
//!
//! | built in | what it hides |
//! |---|---|
//! | `aws-access-key-id` | `AKIA…`, `ASIA…` |
//! | `aws-secret-access-key` | the value behind `aws_secret_access_key`, `SecretAccessKey` and the like |
//! | `aws-session-token` | the value behind `aws_session_token`, `x-amz-security-token` and the like; what begins as such a token does |
//! | `bearer-token`, `basic-auth` | what follows `Bearer`, or `Authorization: Basic` |
//! | `jwt` | `eyJ….….…` |
//! | `github-token`, `slack-token`, `vendor-token` | what begins as tokens of these do; webhooks of Slack; GitLab, Google, npm, `PyPI`, Stripe |
//! | `url-password` | `pw` in `postgres://user:pw@host` |
//! | `email` | addresses |
//! | `card-number` | card numbers with a right check digit, also in groups |
//!
//! `*`, `?` and the like in `patterns` are those of the `regex` crate, bytes not characters: `\d`, `\w` and classes are
//! ASCII's, `.` is one byte; letters beyond ASCII can be written as they are, outside of classes.
//!
//! What it cannot see: a line of more than 8 MiB, or one that its writer leaves unfinished for `partial_line_secs`, comes
//! in pieces, and of a secret with the cut through it neither half looks like one. The names of files, which hold the
//! ids of DAG and run, are the host's.
//!
//! How it is fast: one automaton passes over a text and finds the signs that secrets have (`AKIA`, `://`, `bearer`, each
//! word); only where there is a sign a rule looks at what stands around it. The user's patterns are one more pass, of
//! one automaton for all of them.

mod config;
mod rules;

use config::Config;
use rules::Rules;
use std::ops::Range;
use updraft_guest::json::{Json, Kind};
use updraft_guest::{Event, EventSet, LogStream, Transformer, Value};

pub use rules::names;

/// Hides secrets.
#[derive(Debug)]
pub struct MaskSecrets {
    rules: Rules,
    replacement: String,
}

impl Transformer for MaskSecrets {
    fn configure(config: &str) -> Result<Self, String> {
        let config = Config::parse(config)?;
        let rules = Rules::new(&config.builtin, &config.words, &config.patterns)?;
        Ok(Self { rules, replacement: config.replacement })
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        let names = events.key_names();
        let is_in_a_name = names.iter().any(|name| self.rules.finds(name.as_bytes(), false));
        // In raw the key stands before its value; an attribute's value stands alone.
        let telling: Vec<&String> = names.iter().filter(|name| self.rules.tells(name.as_bytes())).collect();
        for mut event in events {
            for name in &telling {
                self.hide_value(&mut event, name);
            }
            if is_in_a_name || event.any_text(|text, in_raw| self.rules.finds(text, in_raw)) {
                event.replace(&self.rules, &self.replacement);
            }
        }
        Ok(())
    }
}

impl MaskSecrets {
    /// Hides the value of an attribute whose name says that it is a secret.
    fn hide_value(&self, event: &mut Event<'_>, name: &str) {
        let mut scratch = Vec::new();
        let text = match event.attribute(name) {
            Some(Value::Text(text)) => text,
            Some(Value::Json(json)) => match Json::parse(json) {
                Some(json) if matches!(json.kind(), Kind::Array | Kind::Object) => {
                    return event.set_text(name, self.replacement.as_str());
                }
                json => json.and_then(|json| json.string(&mut scratch)).unwrap_or_default(),
            },
            None => return,
        };
        if let Some(Range { start, end }) = self.rules.value_of(name.as_bytes(), text) {
            let masked = [&text[..start], self.replacement.as_bytes(), &text[end..]].concat();
            event.set_text(name, masked);
        }
    }
}

updraft_guest::export_transformer!(MaskSecrets);
