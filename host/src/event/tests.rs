//! Some of a batch shows what all of it showed.

use super::*;
use proptest::prelude::*;

/// Events of lines of that many bytes each, with spans anywhere.
fn events(lines: &[u32], arena: u32) -> impl Strategy<Value = (Vec<u8>, Events)> + use<> {
    let total: u32 = lines.iter().sum();
    let bytes: Vec<u8> = (0..total).map(|at| at as u8).collect();
    let ends: Vec<u32> = lines
        .iter()
        .scan(0, |end, len| {
            *end += len;
            Some(*end)
        })
        .collect();
    let n = ends.len();
    let span = move |()| {
        let within = |from: u32, to: u32| (from..=to, from..=to).prop_map(|(a, b)| (a.min(b), a.max(b)));
        prop_oneof![within(0, total), within(total, total + arena)]
    };
    let column = move |len| prop::collection::vec(span(()), len);
    let attributes = prop::collection::vec(0..n as u32, 0..6);
    (
        column(n),
        column(n),
        attributes.prop_flat_map(move |mut of| {
            of.sort_unstable();
            let spans = column(of.len());
            (Just(of), spans)
        }),
    )
        .prop_map(move |(raw, message, (of, attributes))| {
            let (raw_starts, raw_ends) = raw.into_iter().unzip();
            let (message_starts, message_ends) = message.into_iter().unzip();
            let keys = vec![0; of.len()];
            let attribute_json = vec![false; of.len()];
            let (attribute_starts, attribute_ends) = attributes.into_iter().unzip();
            let made = Events {
                arena: (0..arena).map(|at| 255 - at as u8).collect(),
                timestamps: (0..n as i64).collect(),
                severities: vec![0; n],
                source_ends: ends.clone(),
                raw_starts,
                raw_ends,
                message_starts,
                message_ends,
                labels: vec![0; n],
                label_names: vec!["default".into()],
                attribute_events: of,
                attribute_keys: keys,
                key_names: vec!["key".into()],
                attribute_starts,
                attribute_ends,
                attribute_json,
            };
            (bytes.clone(), made)
        })
}

fn shown(event: EventRef<'_>) -> (i64, Vec<u8>, Vec<u8>, u64, Vec<Vec<u8>>) {
    let source = event.source();
    let attributes = event.attributes().map(|(_, value)| match value {
        Value::Json(bytes) | Value::Text(bytes) => bytes.to_vec(),
    });
    let bytes = (event.raw().to_vec(), event.message().to_vec());
    (event.timestamp(), bytes.0, bytes.1, source.end - source.start, attributes.collect())
}

proptest! {
    #[test]
    fn a_slice_shows_what_its_events_showed(
        whole in prop::collection::vec(1_u32..9, 1..9).prop_flat_map(|lines| events(&lines, 20)),
        from in 0_usize..8,
        to in 1_usize..9,
    ) {
        let whole = Batch::of_nobody(whole.0, whole.1);
        let to = to.min(whole.events.len());
        let from = from.min(to - 1);
        let start = if from == 0 { 0 } else { whole.events.source_ends[from - 1] };
        let end = whole.events.source_ends[to - 1];
        let slice = whole.events.slice(&whole.bytes, from..to, start..end);
        let part = Batch::of_nobody(whole.bytes[start as usize..end as usize].to_vec(), slice);
        let before: Vec<_> = whole.iter().skip(from).take(to - from).map(shown).collect();
        let after: Vec<_> = part.iter().map(shown).collect();
        prop_assert_eq!(before, after);
    }
}
