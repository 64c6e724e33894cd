//! What is sent is what the service is to read, in however many pieces, and hashed as it is sent.

use std::io::Read;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;
use crate::sink::piece::{Piece, Written};

fn joined(body: &Body) -> Vec<u8> {
    body.frames.iter().flat_map(|frame| frame.iter().copied()).collect()
}

fn pieces(given: &[(i64, String)], in_one: usize) -> Pieces<()> {
    let write = |some: &[(i64, String)]| {
        let mut written = Written::default();
        for (ms, text) in some {
            written.add_text(0, *ms, text);
        }
        Piece::of(0, written, ())
    };
    given.chunks(in_one).filter_map(write).collect()
}

fn name(group: &str, name: &str) -> LogStreamName {
    LogStreamName { group: group.to_owned(), name: name.to_owned() }
}

#[test]
fn a_compressed_body_is_the_same_and_shorter() {
    let events = pieces(&vec![(1, "a line".to_owned()); 1000], 100);
    let plain = Body::of(&name("g", "s"), &events);
    let expected = joined(&plain);
    let compressed = plain.compressed().expect("memory takes all");
    assert!(compressed.gzip && compressed.len < expected.len() / 10);
    assert_eq!(compressed.signed, Sha256::new_with_prefix(joined(&compressed)).into());
    let mut back = Vec::new();
    GzDecoder::new(&*joined(&compressed)).read_to_end(&mut back).expect("gzip");
    assert_eq!(back, expected);
}

#[test]
fn what_is_large_is_not_copied() {
    let large = "x".repeat(SMALL);
    let events = pieces(&[(1, large.clone()), (2, "small".to_owned()), (3, large)], 1);
    let body = Body::of(&name("g", "s"), &events);
    assert_eq!(body.frames.len(), 5, "head, large, small, large, end");
    let there: Vec<Bytes> = events.iter().map(Piece::body).collect();
    assert_eq!((body.frames[1].as_ptr(), body.frames[3].as_ptr()), (there[0].as_ptr(), there[2].as_ptr()));
}

/// Some of them so large that they are not copied.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => any::<String>(), 1 => Just("x".repeat(SMALL))]
}

proptest! {
    #[test]
    fn the_body_is_what_the_service_is_to_read(
        names: (String, String),
        given in prop::collection::vec((any::<i64>(), text()), 0..9),
        in_one in 1_usize..4,
    ) {
        let body = Body::of(&name(&names.0, &names.1), &pieces(&given, in_one));
        let sent = joined(&body);
        prop_assert_eq!((body.len, &body.signed), (sent.len(), &Sha256::new_with_prefix(&sent).into()));
        let read: serde_json::Value = serde_json::from_slice(&sent).unwrap();
        let events: Vec<_> =
            given.iter().map(|(ms, text)| serde_json::json!({ "message": text, "timestamp": ms })).collect();
        let expected =
            serde_json::json!({ "logGroupName": names.0, "logStreamName": names.1, "logEvents": events });
        prop_assert_eq!(read, expected);
    }
}
