//! Any columns at all, as if a normalizer and a transform had returned them: they are refused, or can be read.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use updraft::event::Events;

#[derive(Arbitrary, Debug)]
struct Given {
    lines: Vec<Vec<u8>>,
    last: bool,
    consumed: u32,
    normalized: Columns,
    transformed: Columns,
}

#[derive(Arbitrary, Debug)]
struct Columns {
    arena: Vec<u8>,
    /// Each event in one place, so that columns are mostly of one length.
    events: Vec<Event>,
    attributes: Vec<Attribute>,
    label_names: Vec<String>,
    key_names: Vec<String>,
    /// One column is so much longer.
    longer: Option<(u8, u8)>,
}

#[derive(Arbitrary, Debug)]
struct Event {
    timestamp: i64,
    severity: u8,
    source: u16,
    raw: (u16, u16),
    message: (u16, u16),
    label: u16,
}

#[derive(Arbitrary, Debug)]
struct Attribute {
    event: u16,
    key: u16,
    value: (u16, u16),
    json: bool,
}

impl Columns {
    fn events(self) -> Events {
        let mut it = Events { arena: self.arena, ..Events::default() };
        for event in self.events {
            it.timestamps.push(event.timestamp);
            it.severities.push(event.severity);
            it.source_ends.push(event.source.into());
            it.raw_starts.push(event.raw.0.into());
            it.raw_ends.push(event.raw.1.into());
            it.message_starts.push(event.message.0.into());
            it.message_ends.push(event.message.1.into());
            it.labels.push(event.label);
        }
        for attribute in self.attributes {
            it.attribute_events.push(attribute.event.into());
            it.attribute_keys.push(attribute.key);
            it.attribute_starts.push(attribute.value.0.into());
            it.attribute_ends.push(attribute.value.1.into());
            it.attribute_json.push(attribute.json);
        }
        (it.label_names, it.key_names) = (self.label_names, self.key_names);
        if let Some((column, more)) = self.longer {
            let more = usize::from(more);
            let columns =
                [&mut it.source_ends, &mut it.raw_starts, &mut it.raw_ends, &mut it.attribute_starts];
            let at = usize::from(column) % columns.len();
            let length = columns[at].len() + more;
            columns.into_iter().nth(at).map(|column| column.resize(length, 0));
        }
        it
    }
}

fuzz_target!(|given: Given| {
    let lines = given.lines.iter().filter(|line| !line.is_empty());
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for line in lines.take(1000) {
        bytes.extend_from_slice(line);
        ends.push(bytes.len() as u32);
    }
    if ends.is_empty() {
        return;
    }
    let (normalized, transformed) = (given.normalized.events(), given.transformed.events());
    updraft::fuzzing::columns(bytes, &ends, given.last, given.consumed, normalized, transformed);
});
