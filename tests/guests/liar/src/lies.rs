//! Ways to break the contract, each by as little as it takes and in nothing else, at the batch's last event: so the
//! one rule that it breaks is what the host must find, and a batch of one event will do.

use crate::bindings::updraft::pipeline::types::Events;

/// Breaks what `deed` says; nothing where there is no such deed. A span at `arena_start` is where the arena begins that
/// the events bring with them.
pub fn tell(deed: &str, events: &mut Events, arena_start: u32) {
    let arena_end = arena_start + events.arena.len() as u32;
    match deed {
        "short-column" => drop(events.severities.pop()),
        "span-out" => point_last_message_at(events, arena_end, arena_end + 1),
        "span-reversed" => point_last_message_at(events, 1, 0),
        "source-ends-decrease" => {
            split_last(events);
            split_last(events);
            events.source_ends.iter_mut().rev().skip(1).take(1).for_each(|end| *end -= 1);
        }
        "source-ends-short" => events.source_ends.iter_mut().last().into_iter().for_each(|end| *end -= 1),
        "label-out" => {
            let beyond = events.label_names.len() as u16;
            events.labels.iter_mut().last().into_iter().for_each(|label| *label = beyond);
        }
        "key-out" => {
            let beyond = events.key_names.len() as u16;
            let last = events.timestamps.len() as u32 - 1;
            attach(events, last, beyond, (0, 0), false);
        }
        "attribute-order" => {
            split_last(events);
            let last = events.timestamps.len() as u32 - 1;
            let key = name_key(events);
            attach(events, last, key, (0, 0), false);
            attach(events, last - 1, key, (0, 0), false);
        }
        "not-json" => {
            events.arena.push(b'{');
            let (last, key) = (events.timestamps.len() as u32 - 1, name_key(events));
            attach(events, last, key, (arena_end, arena_end + 1), true);
        }
        _ => {}
    }
}

/// Takes the first event away and leaves its bytes to the second. An only event's bytes are then no one's.
pub fn merge(events: &mut Events) {
    events.timestamps.remove(0);
    events.severities.remove(0);
    events.source_ends.remove(0);
    events.raw_starts.remove(0);
    events.raw_ends.remove(0);
    events.message_starts.remove(0);
    events.message_ends.remove(0);
    events.labels.remove(0);
    let others = events.attribute_events.iter().position(|event| *event > 0);
    let firsts = others.unwrap_or(events.attribute_events.len());
    events.attribute_events.drain(..firsts);
    events.attribute_events.iter_mut().for_each(|event| *event -= 1);
    events.attribute_keys.drain(..firsts);
    events.attribute_starts.drain(..firsts);
    events.attribute_ends.drain(..firsts);
    events.attribute_json.drain(..firsts);
}

/// Makes two of the last event, the first of which came from all of its bytes but one. That much is allowed.
fn split_last(events: &mut Events) {
    fn again<T: Copy>(column: &mut Vec<T>) {
        column.extend(column.last().copied());
    }
    again(&mut events.timestamps);
    again(&mut events.severities);
    again(&mut events.source_ends);
    again(&mut events.raw_starts);
    again(&mut events.raw_ends);
    again(&mut events.message_starts);
    again(&mut events.message_ends);
    again(&mut events.labels);
    events.source_ends.iter_mut().rev().skip(1).take(1).for_each(|end| *end -= 1);
}

fn point_last_message_at(events: &mut Events, start: u32, end: u32) {
    events.message_starts.pop();
    events.message_starts.push(start);
    events.message_ends.pop();
    events.message_ends.push(end);
}

/// A key of its own; its index.
fn name_key(events: &mut Events) -> u16 {
    events.key_names.push("lie".to_owned());
    events.key_names.len() as u16 - 1
}

fn attach(events: &mut Events, event: u32, key: u16, (start, end): (u32, u32), json: bool) {
    events.attribute_events.push(event);
    events.attribute_keys.push(key);
    events.attribute_starts.push(start);
    events.attribute_ends.push(end);
    events.attribute_json.push(json);
}
