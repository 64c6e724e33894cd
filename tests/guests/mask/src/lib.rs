//! A transform that hides `hunter2` wherever an event carries it, and fails on a batch with `POISON` in it.

use updraft_guest::{EventSet, LogStream, Transformer};

/// Needs no config.
#[derive(Debug)]
pub struct Mask;

impl Transformer for Mask {
    fn configure(_: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        for mut event in events {
            if event.message().windows(6).any(|bytes| bytes == b"POISON") {
                return Err("poisoned".to_owned());
            }
            event.replace(b"hunter2".as_slice(), "***");
        }
        Ok(())
    }
}

updraft_guest::export_transformer!(Mask);
