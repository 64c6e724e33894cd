//! A transform that hides `hunter2` wherever an event carries it, and fails on a batch with `POISON` in it.
//!
//! Its config may name other words, as texts: `{"with": "***", "poison": "POISON"}`.

use updraft_guest::json::Json;
use updraft_guest::{EventSet, LogStream, Transformer};

/// What it writes over the secret, and what it fails on.
#[derive(Debug)]
pub struct Mask {
    with: Vec<u8>,
    poison: Vec<u8>,
}

impl Transformer for Mask {
    fn configure(config: &str) -> Result<Self, String> {
        Ok(Self { with: word(config, "with", b"***")?, poison: word(config, "poison", b"POISON")? })
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        for mut event in events {
            if event.message().windows(self.poison.len()).any(|bytes| bytes == self.poison) {
                return Err("poisoned".to_owned());
            }
            event.replace(b"hunter2".as_slice(), self.with.as_slice());
        }
        Ok(())
    }
}

updraft_guest::export_transformer!(Mask);

/// A word of the config, which is not empty.
fn word(config: &str, name: &str, default: &[u8]) -> Result<Vec<u8>, String> {
    let members = Json::parse(config.as_bytes()).map(Json::members).unwrap_or_default();
    let given = members.into_iter().find(|(member, _)| member.plain() == Some(name.as_bytes()));
    let Some((_, value)) = given else { return Ok(default.to_vec()) };
    let word = value.plain().filter(|word| !word.is_empty());
    word.map(<[u8]>::to_vec).ok_or_else(|| format!("`{name}` is no word"))
}
