//! The fast way makes what the plain one makes, of events of any content.

use proptest::prelude::*;

use super::super::fixture::Event;
use super::*;
use crate::event::Events;
use crate::sink::piece::Piece;

const KEYS: [&str; 12] = [
    "logger",
    "source",
    "dag_id",
    "map_index",
    "try_number",
    "exception",
    "rows",
    "fields.rows",
    "fields.logger",
    "fields.level",
    "a \"quoted\" one",
    "level",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<String>().prop_map(String::into_bytes),
        2 => "[a-z \"\\\\\n\r\t]{0,40}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => "[0-9]{1,3}".prop_map(String::into_bytes),
    ]
}

fn attribute() -> impl Strategy<Value = (&'static str, Vec<u8>, bool)> {
    let json = prop_oneof![
        any::<String>().prop_map(|text| serde_json::json!(text)),
        any::<i32>().prop_map(|number| serde_json::json!({ "n": [number, "\"x\""] })),
        Just(serde_json::Value::Null),
    ];
    let value = prop_oneof![
        bytes().prop_map(|it| (it, false)),
        json.prop_map(|it| (it.to_string().into_bytes(), true))
    ];
    (prop::sample::select(&KEYS[..]), value).prop_map(|(key, (value, json))| (key, value, json))
}

prop_compose! {
    fn event()(
        timestamp in prop_oneof![any::<i64>(), Just(crate::event::NO_TIMESTAMP), Just(1_795_277_527_756_000_000)],
        severity in 0_u8..30,
        raw in bytes(),
        message in bytes(),
        attributes in prop::collection::vec(attribute(), 0..9),
        many in prop_oneof![9 => Just(0_usize), 1 => Just(90)],
        is_task: bool,
    ) -> Event {
        let mut event = Event { timestamp, severity, raw, message, attributes, ..Event::default() };
        event.attributes.extend((0..many).map(|_| ("rows", b"1".to_vec(), true)));
        if !is_task {
            event.task = None;
        }
        event
    }
}

/// Several events in one batch, and a few that do not go.
fn joined(all: &[Event]) -> Batch {
    let mut joined = Event::default().batch();
    joined.origin = all[0].batch().origin;
    let mut columns = Events {
        label_names: ["default", "away", "errors"].map(str::to_owned).to_vec(),
        ..Events::default()
    };
    let border = all.iter().map(|event| event.raw.len()).sum::<usize>() as u32;
    joined.bytes.clear();
    for (number, event) in all.iter().enumerate() {
        let Batch { bytes, events, .. } = event.batch();
        let (before, made) = (joined.bytes.len() as u32, columns.arena.len() as u32);
        let own = bytes.len() as u32;
        let moved = |at: &u32| if *at < own { at + before } else { at - own + border + made };
        joined.bytes.extend_from_slice(&bytes);
        columns.arena.extend_from_slice(&events.arena);
        columns.timestamps.extend(&events.timestamps);
        columns.severities.extend(&events.severities);
        columns.source_ends.push(joined.bytes.len() as u32);
        columns.raw_starts.push(before);
        columns.raw_ends.push(before + own);
        columns.message_starts.extend(events.message_starts.iter().map(moved));
        columns.message_ends.extend(events.message_ends.iter().map(moved));
        columns.labels.push(match number % 5 {
            3 => crate::event::DROPPED,
            4 => 1,
            1 => 2,
            _ => 0,
        });
        let names = columns.key_names.len() as u16;
        columns.attribute_events.extend(events.attribute_events.iter().map(|_| number as u32));
        columns.attribute_keys.extend(events.attribute_keys.iter().map(|key| key + names));
        columns.key_names.extend(events.key_names);
        columns.attribute_starts.extend(events.attribute_starts.iter().map(moved));
        columns.attribute_ends.extend(events.attribute_ends.iter().map(moved));
        columns.attribute_json.extend(events.attribute_json);
    }
    joined.events = columns;
    joined
}

proptest! {
    #[test]
    fn it_is_what_the_plain_way_makes(
        all in prop::collection::vec(event(), 1..9),
        codec in prop::sample::select(vec![Codec::Json, Codec::Raw, Codec::Text, Codec::Airflow]),
        max_bytes in prop_oneof![Just(1_000_000_usize), 4_usize..600],
    ) {
        let batch = joined(&all);
        let mut not_here = NotHere::default();
        not_here.add(1);
        let stamp = |event: EventRef<'_>| event.timestamp().div_euclid(1_000_000);
        let mut plain: Vec<(usize, usize, i64, String)> = Vec::new();
        for event in batch.going(&not_here) {
            texts(codec, event, max_bytes, |text| {
                let text = if text.is_empty() { " ".to_owned() } else { text };
                plain.push((usize::from(event.label_index()), event.index(), stamp(event), text));
            });
        }
        // One label after the other, as they go to their log streams.
        plain.sort_by_key(|(label, ..)| *label);
        let mut fast = Vec::new();
        wire(&batch, &not_here, codec, max_bytes, stamp, |label, written| {
            let piece = Piece::of(0, written, ()).expect("nothing empty is given");
            let body = [b"[", &*piece.body()].concat();
            let read: Vec<Object> = serde_json::from_slice(&[&body[..body.len() - 1], b"]"].concat()).expect("objects");
            assert_eq!(read.len(), piece.texts().len());
            for (text, Object { message, timestamp }) in piece.texts().iter().zip(read) {
                assert_eq!((text.len as usize, text.timestamp_ms), (message.len(), timestamp));
                fast.push((label, text.event as usize, timestamp, message));
            }
        });
        fast.sort_by_key(|(label, ..)| *label);
        prop_assert_eq!(&fast, &plain);
    }
}

/// As it stands in a body.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    message: String,
    timestamp: i64,
}
