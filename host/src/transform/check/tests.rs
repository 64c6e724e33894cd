//! What guests may not return, named; and that nothing else slips through.

use super::*;
use crate::event::{Batch, NO_TIMESTAMP};
use proptest::prelude::*;

const MOST: u64 = 1 << 20;

fn one_line() -> (Vec<u8>, Vec<u32>, Events) {
    let mut events = Events::default();
    events.timestamps.push(1);
    events.severities.push(9);
    events.source_ends.push(6);
    events.raw_starts.push(0);
    events.raw_ends.push(6);
    events.message_starts.push(0);
    events.message_ends.push(5);
    events.labels.push(0);
    events.label_names.push("default".into());
    (b"hello\nworld\n".to_vec(), vec![6, 12], events)
}

fn says(result: Result<(), Broken>, what: &str) {
    let text = result.unwrap_err().to_string();
    assert!(text.contains(what), "{text}");
}

#[test]
fn a_good_batch_is_cut_to_the_consumed_lines() {
    let (mut bytes, ends, mut events) = one_line();
    events.arena = b"HELLO".to_vec();
    (events.message_starts[0], events.message_ends[0]) = (12, 17);
    normalized(&mut bytes, &ends, false, 1, &mut events, MOST).unwrap();
    assert_eq!(bytes, b"hello\n");
    assert_eq!((events.message_starts[0], events.message_ends[0]), (6, 11));
}

#[test]
fn each_way_to_break_the_contract_is_named() {
    let broken = |change: &dyn Fn(&mut Events), what: &str| {
        let (mut bytes, ends, mut events) = one_line();
        change(&mut events);
        says(normalized(&mut bytes, &ends, false, 1, &mut events, MOST), what);
    };
    broken(&|it| it.severities.clear(), "column severities has 0 entries, timestamps has 1");
    broken(&|it| it.labels[0] = 1, "label index 1");
    broken(&|it| it.source_ends[0] = 5, "source-ends end at byte 5");
    broken(&|it| it.message_ends[0] = 7, "message span 0");
    broken(&|it| it.raw_starts[0] = 7, "raw span 0");
    broken(&|it| it.attribute_keys.push(0), "attribute-keys has 1");
    let (mut bytes, ends, mut events) = one_line();
    says(normalized(&mut bytes, &ends, false, 3, &mut events, MOST), "only 2 lines");
    says(normalized(&mut bytes, &ends, true, 1, &mut events, MOST), "though `last` was set");
}

#[test]
fn the_same_bytes_shown_again_and_again_count_again_and_again() {
    let with = |attributes: u32, key: usize| {
        let (bytes, ends, mut events) = one_line();
        events.arena = vec![b'1'; 1000];
        events.key_names.push("k".repeat(key));
        for _ in 0..attributes {
            events.attribute_events.push(0);
            events.attribute_keys.push(0);
            events.attribute_starts.push(12);
            events.attribute_ends.push(1012);
            events.attribute_json.push(false);
        }
        (bytes, ends, events)
    };
    let checked = |(mut bytes, ends, mut events): (Vec<u8>, Vec<u32>, Events), most| {
        normalized(&mut bytes, &ends, false, 1, &mut events, most)
    };
    // 6 + 5 bytes of the line, its label's 7, 128 for the event; of 2 lines of 12 bytes 4 times so much is free.
    let free = 4 * 12 + 2 * 4 * 128;
    let most = 6 + 5 + 7 + 128 + 10 * (16 + 1 + 1000) - free;
    assert_eq!(checked(with(10, 1), most), Ok(()));
    assert_eq!(checked(with(10, 1), u64::MAX), Ok(()), "a capsule may say any limit");
    says(checked(with(10, 1), most - 1), "its columns come to");
    says(checked(with(10, 2), most), "limits.result_mib");
}

#[test]
fn json_that_is_none_is_refused() {
    for value in [&b"{\"a\":"[..], b"{\n}", b"\"\xff\""] {
        let (mut bytes, ends, mut events) = one_line();
        events.arena = value.to_vec();
        events.attribute_events.push(0);
        events.attribute_keys.push(0);
        events.key_names.push("k".into());
        events.attribute_starts.push(12);
        events.attribute_ends.push(12 + value.len() as u32);
        events.attribute_json.push(true);
        says(normalized(&mut bytes, &ends, false, 1, &mut events, MOST), "marked as JSON and is none");
    }
}

#[test]
fn a_transform_may_split_but_not_merge() {
    let bytes = b"hello\nworld\n";
    let (_, _, mut given) = one_line();
    for column in
        [&mut given.raw_starts, &mut given.raw_ends, &mut given.message_starts, &mut given.message_ends]
    {
        column.push(6);
    }
    given.timestamps.push(2);
    given.severities.push(9);
    given.source_ends.push(12);
    given.labels.push(0);
    let mut split = given.clone();
    split.source_ends = vec![3, 6, 12];
    for column in
        [&mut split.raw_starts, &mut split.raw_ends, &mut split.message_starts, &mut split.message_ends]
    {
        column.push(6);
    }
    split.timestamps.push(2);
    split.severities.push(9);
    split.labels.push(0);
    transformed(bytes, &given, &mut split, MOST).unwrap();
    let (_, _, mut merged) = one_line();
    merged.source_ends = vec![12];
    says(transformed(bytes, &given, &mut merged, MOST), "merged across byte 6");
}

/// Most spans are good ones, some end one byte too far, and some are as they are.
fn settle(start: &mut u32, end: &mut u32, total: u32, arena: u32) {
    let (from, length) = if start.is_multiple_of(3) { (total, arena) } else { (0, total) };
    let (one, other) = (from + *start % (length + 1), from + *end % (length + 1));
    match (*start ^ *end) % 32 {
        1 => {}
        2 => (*start, *end) = (one.min(other), from + length + 1),
        _ => (*start, *end) = (one.min(other), one.max(other)),
    }
}

/// Columns of anything: mostly of like lengths and of numbers that may be good, so that all checks are come to.
fn anything() -> impl Strategy<Value = (Vec<u8>, Vec<u32>, Events, u32, bool)> {
    let small = || prop_oneof![8 => 0_u32..40, 1 => any::<u32>()];
    let place = || prop::collection::vec(small(), 0..6);
    let index =
        || prop::collection::vec(prop_oneof![20 => 0_u16..3, 4 => Just(DROPPED), 1 => any::<u16>()], 0..6);
    let names = || prop::collection::vec("[a-z]{0,4}", 2..5);
    let spans = (place(), place(), place(), place(), place(), place());
    let rest = (index(), names(), index(), names(), prop::collection::vec(any::<bool>(), 0..6), place());
    let lines = prop::collection::vec(1_u32..9, 1..5);
    let arena = prop_oneof![Just(b"{\"a\":1}".to_vec()), prop::collection::vec(any::<u8>(), 0..20)];
    let one_length = prop::option::weighted(0.8, (0_usize..6, 0_usize..6));
    (lines, arena, spans, rest, place(), small(), any::<bool>(), one_length).prop_map(
        |(lines, arena, spans, rest, mut source_ends, consumed, last, one_length)| {
            let ends: Vec<u32> = lines
                .iter()
                .scan(0, |end, len| {
                    *end += len;
                    Some(*end)
                })
                .collect();
            let total = ends.last().copied().unwrap_or(0);
            let mut it = Events { arena, ..Events::default() };
            (it.raw_starts, it.raw_ends, it.message_starts, it.message_ends) =
                (spans.0, spans.1, spans.2, spans.3);
            (it.attribute_starts, it.attribute_ends) = (spans.4, spans.5);
            (it.labels, it.label_names, it.attribute_keys, it.key_names) = (rest.0, rest.1, rest.2, rest.3);
            (it.attribute_json, it.attribute_events) = (rest.4, rest.5);
            if let Some((n, attributes)) = one_length {
                for end in &mut source_ends {
                    *end %= total + 1;
                }
                source_ends.sort_unstable();
                source_ends.resize(n, total);
                if let Some(end) = source_ends.last_mut() {
                    *end = total;
                }
                let arena = it.arena.len() as u32;
                let settled = |starts: &mut Vec<u32>, ends: &mut Vec<u32>, n| {
                    starts.resize(n, total);
                    ends.resize(n, total);
                    starts.iter_mut().zip(ends).for_each(|(start, end)| settle(start, end, total, arena));
                };
                settled(&mut it.raw_starts, &mut it.raw_ends, n);
                settled(&mut it.message_starts, &mut it.message_ends, n);
                settled(&mut it.attribute_starts, &mut it.attribute_ends, attributes);
                it.labels.resize(n, 0);
                for event in &mut it.attribute_events {
                    *event %= n.max(1) as u32;
                }
                it.attribute_events.sort_unstable();
                it.attribute_events.resize(attributes, n.saturating_sub(1) as u32);
                it.attribute_keys.resize(attributes, 0);
                it.attribute_json.resize(attributes, false);
                (it.timestamps, it.severities) = (vec![NO_TIMESTAMP; n], vec![0; n]);
            }
            it.source_ends = source_ends;
            let bytes: Vec<u8> =
                (0..total).map(|at| if ends.contains(&(at + 1)) { b'\n' } else { b'7' }).collect();
            let consumed = if consumed < 20 { ends.len() as u32 } else { consumed };
            (bytes, ends, it, consumed, last)
        },
    )
}

proptest! {
    #[test]
    fn whatever_a_guest_returns_is_refused_or_can_be_read(
        (mut bytes, ends, mut events, consumed, last) in anything(),
        (_, _, mut returned, _, _) in anything(),
        all in any::<bool>(),
    ) {
        if normalized(&mut bytes, &ends, last, consumed, &mut events, MOST).is_ok() {
            let given = Batch::of_nobody(bytes, events);
            read_all(&given);
            // What a transform is most often wrong about is one thing among many that are right.
            if all {
                returned.timestamps.clone_from(&given.events.timestamps);
                returned.severities.clone_from(&given.events.severities);
                returned.source_ends.clone_from(&given.events.source_ends);
                returned.labels.clone_from(&given.events.labels);
                returned.label_names.clone_from(&given.events.label_names);
                returned.raw_starts.clone_from(&given.events.raw_starts);
                returned.raw_ends.clone_from(&given.events.raw_ends);
            }
            if transformed(&given.bytes, &given.events, &mut returned, MOST).is_ok() {
                read_all(&Batch::of_nobody(given.bytes, returned));
            }
        }
    }
}
