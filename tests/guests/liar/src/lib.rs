//! A normalizer and a transform in one that breaks the contract in the way its config names (`{"do": "span-out"}`).
//!
//! It does so whenever what it is given contains `POISON`; all else it treats well: each line is an event, each event
//! goes on unchanged. It has bindings of its own, since the SDK would not let it lie.
#![cfg(target_arch = "wasm32")]

mod bindings;
mod lies;

use bindings::exports::updraft::pipeline::{lifecycle, normalize, transform};
use bindings::updraft::pipeline::types::{Events, Lines, LogStream};
use normalize::Normalized;
use std::cell::RefCell;
use updraft_guest::json::Json;

/// Every event's label.
const LABEL: &str = "default";

thread_local! {
    /// What it does, from its config.
    static DEED: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Liar;

impl lifecycle::Guest for Liar {
    fn configure(config: String) -> Result<(), String> {
        let members = Json::parse(config.as_bytes()).ok_or("the config is not JSON")?.members();
        let deed = members.into_iter().find(|(name, _)| name.plain() == Some(b"do"));
        let deed = deed.and_then(|(_, deed)| deed.plain()).ok_or("what shall I `do`?")?;
        DEED.set(String::from_utf8_lossy(deed).into_owned());
        Ok(())
    }
}

impl normalize::Guest for Liar {
    fn process(_: LogStream, lines: Lines) -> Result<Normalized, String> {
        let mut consumed = lines.ends.len() as u32;
        let mut events = lines_as_they_stand(&lines);
        if let Some(deed) = deed_for(&lines.bytes) {
            match &*deed {
                "consumed-too-many" => consumed += 1,
                "consumed-nothing" => (consumed, events) = (0, no_events()),
                other => lies::tell(other, &mut events, lines.bytes.len() as u32),
            }
        }
        Ok(Normalized { consumed, events })
    }
}

impl transform::Guest for Liar {
    fn process(_: LogStream, bytes: Vec<u8>, given: Events) -> Result<Events, String> {
        let arena_start = (bytes.len() + given.arena.len()) as u32;
        let mut events = Events { arena: Vec::new(), ..given };
        if let Some(deed) = deed_for(&bytes) {
            match &*deed {
                "merge" => lies::merge(&mut events),
                other => lies::tell(other, &mut events, arena_start),
            }
        }
        Ok(events)
    }
}

fn deed_for(bytes: &[u8]) -> Option<String> {
    bytes.windows(6).any(|text| text == b"POISON").then(|| DEED.with_borrow(String::clone))
}

fn lines_as_they_stand(lines: &Lines) -> Events {
    let count = lines.ends.len();
    let starts: Vec<u32> = std::iter::once(0).chain(lines.ends.iter().copied()).take(count).collect();
    let ends = lines.ends.clone();
    Events {
        timestamps: vec![i64::MIN; count],
        severities: vec![0; count],
        source_ends: ends.clone(),
        raw_starts: starts.clone(),
        raw_ends: ends.clone(),
        message_starts: starts,
        message_ends: ends,
        labels: vec![0; count],
        label_names: vec![LABEL.to_owned()],
        ..no_events()
    }
}

fn no_events() -> Events {
    Events {
        arena: Vec::new(),
        timestamps: Vec::new(),
        severities: Vec::new(),
        source_ends: Vec::new(),
        raw_starts: Vec::new(),
        raw_ends: Vec::new(),
        message_starts: Vec::new(),
        message_ends: Vec::new(),
        labels: Vec::new(),
        label_names: Vec::new(),
        attribute_events: Vec::new(),
        attribute_keys: Vec::new(),
        key_names: Vec::new(),
        attribute_starts: Vec::new(),
        attribute_ends: Vec::new(),
        attribute_json: Vec::new(),
    }
}

bindings::export!(Liar with_types_in bindings);
