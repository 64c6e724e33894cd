//! Hides a secret wherever an event carries it, labels errors, and drops what is only for debugging.

use updraft_guest::json::Json;
use updraft_guest::{EventSet, LogStream, Severity, Transformer};

/// The component. Its config: `secret`, the text to hide.
pub struct Mask {
    secret: Vec<u8>,
}

impl Transformer for Mask {
    fn configure(config: &str) -> Result<Self, String> {
        let members = Json::parse(config.as_bytes())
            .map(Json::members)
            .unwrap_or_default();
        let secret = members
            .into_iter()
            .find(|(name, _)| name.plain() == Some(b"secret"));
        let mut scratch = Vec::new();
        match secret.and_then(|(_, value)| value.string(&mut scratch)) {
            Some(secret) if !secret.is_empty() => Ok(Self {
                secret: secret.to_vec(),
            }),
            // The config is not shown: it may hold the secret.
            _ => Err("its config must name the `secret` to hide, as a text".to_owned()),
        }
    }

    fn transform(&mut self, _origin: &LogStream, events: &EventSet) -> Result<(), String> {
        for mut event in events {
            let severity = event.severity();
            if severity != Severity::NONE && severity < Severity::INFO {
                event.drop_event();
                continue;
            }
            if severity >= Severity::ERROR {
                event.set_label("errors");
            }
            // Message, attributes and raw bytes: what is hidden is gone from all three.
            event.replace(self.secret.as_slice(), "***");
        }
        Ok(())
    }
}

updraft_guest::export_transformer!(Mask);
