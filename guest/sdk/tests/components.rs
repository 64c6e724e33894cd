//! What an author may rely on: the SDK's builders and views, run natively and held to the contract.
#![allow(clippy::unwrap_used, reason = "a test that fails shall panic")]

use proptest::prelude::*;
use updraft_guest::testing::{self, Batch};
use updraft_guest::{
    DROPPED, EventSet, Events, Lines, LogStream, Normalizer, Severity, Transformer, Value, export_normalizer,
    export_transformer,
};

/// Each line an event: its first word becomes an attribute, an upper-cased copy another.
struct Words;

impl Normalizer for Words {
    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn normalize(&mut self, _: &LogStream, lines: &Lines, events: &mut Events<'_>) -> Result<usize, String> {
        for line in lines {
            let word = line.text().split(|byte| *byte == b' ').next().unwrap_or_default();
            let mut event = events.push(line);
            event.severity(Severity::INFO).timestamp_ns(7).attribute_text("word", word);
            event.attribute_text("loud", word.to_ascii_uppercase()).attribute_json("length", b"0");
            event.attribute_json("length", word.len().to_string());
        }
        Ok(lines.len())
    }
}
export_normalizer!(Words);

/// A transform made of a function.
struct Each<F>(F);

impl<F: FnMut(&EventSet)> Transformer for Each<F> {
    fn configure(_config: &str) -> Result<Self, String> {
        Err("made in a test".to_owned())
    }

    fn transform(&mut self, _: &LogStream, events: &EventSet) -> Result<(), String> {
        (self.0)(events);
        Ok(())
    }
}
export_transformer!(Each<fn(&EventSet)>);

fn words(bytes: &[u8]) -> Batch {
    testing::normalize(&mut Words, &testing::origin(), bytes, true).unwrap()
}

fn transform(batch: &Batch, change: impl FnMut(&EventSet)) -> Batch {
    testing::transform(&mut Each(change), &testing::origin(), batch).unwrap()
}

#[test]
fn a_message_that_is_a_piece_of_the_input_is_not_copied() {
    let batch = words(b"one two\nthree\n");
    assert_eq!(batch.columns.arena, b"ONE03THREE05", "only what the component made itself");
    assert_eq!(batch.rows()[0].message, b"one two");
    assert_eq!(batch.rows()[0].attribute("word").as_deref(), Some("one"));
}

#[test]
fn an_attribute_set_again_replaces_the_first() {
    let rows = words(b"one two\n").rows();
    assert_eq!(rows[0].attribute("length").as_deref(), Some("3"));
    assert_eq!(rows[0].attributes.len(), 3);
}

#[test]
#[should_panic(expected = "must begin where the one before it ended")]
fn a_source_that_skips_bytes_is_refused() {
    let lines = Lines::split(b"one\ntwo\n".to_vec(), true);
    Events::new(&lines).push(lines.join(1..2));
}

#[test]
fn an_untouched_batch_goes_back_as_it_came() {
    let batch = words(b"one\ntwo\n");
    let same = transform(&batch, |events| assert_eq!(events.iter().count(), 2));
    assert_eq!(same.columns, batch.columns);
}

#[test]
fn a_transform_changes_messages_labels_and_attributes() {
    let batch = words(b"one\ntwo\nthree\n");
    let changed = transform(&batch, |events| {
        for mut event in events {
            match event.message() {
                b"one" => event.drop_event(),
                b"two" => {
                    event.set_label("audit");
                    event.set_text("logger", "root");
                    event.remove_attribute("loud");
                    event.set_severity(Severity::ERROR);
                }
                _ => event.replace_message("3"),
            }
        }
        for mut event in events {
            assert_ne!(event.message(), b"one", "a dropped event is not seen again");
            if event.label() == "audit" {
                assert_eq!(event.attribute("logger"), Some(Value::Text(b"root")));
                event.set_json("logger", "\"again\"");
            }
        }
    });
    let rows = changed.rows();
    assert_eq!(changed.columns.labels[0], DROPPED);
    assert_eq!(rows[1].label.as_deref(), Some("audit"));
    assert_eq!(rows[1].severity, 17);
    assert_eq!(
        rows[1].attributes.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(),
        ["word", "length", "logger"]
    );
    assert_eq!(rows[1].attribute("logger").as_deref(), Some("\"again\""));
    assert_eq!(rows[2].message, b"3");
    assert_eq!(rows[2].raw, b"three\n");
    assert_eq!(rows[2].attribute("loud").as_deref(), Some("THREE"));
}

#[test]
fn a_mask_reaches_message_attributes_and_raw() {
    let batch = words(b"s3cret in here\n");
    let masked = transform(&batch, |events| {
        for mut event in events {
            event.replace("s3cret", "***");
            event.replace(
                |text: &[u8]| text.windows(6).position(|it| it == b"S3CRET").map(|at| at..at + 6),
                "+++",
            );
        }
    });
    let row = &masked.rows()[0];
    assert_eq!(row.text(), "*** in here");
    assert_eq!(row.raw, b"*** in here\n");
    assert_eq!(row.attribute("word").as_deref(), Some("***"));
    assert_eq!(row.attribute("loud").as_deref(), Some("+++"));
    assert_eq!(row.source, b"s3cret in here\n");
}

#[test]
fn a_mask_reaches_the_names_of_attributes_and_loses_none() {
    let batch = transform(&words(b"x\n"), |events| {
        for mut event in events {
            event.set_text("hunter2", "1");
            event.set_text("a hunter2 b", "2");
            event.set_text("***", "3");
            event.set_text("exception", "4");
        }
    });
    let masked = transform(&batch, |events| {
        for mut event in events {
            event.replace("hunter2", "***");
            event.replace("exception", "***");
        }
    });
    let row = &masked.rows()[0];
    for (key, value) in [("***_", "1"), ("a *** b", "2"), ("***", "3"), ("exception", "4"), ("word", "x")] {
        assert_eq!(row.attribute(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(row.attributes.len(), batch.rows()[0].attributes.len());
}

#[test]
fn a_mask_reads_a_message_that_is_json_or_quotes_it() {
    let batch = words(br#"sent {"key":"caf\u00e9"} ok"#);
    let masked = transform(&batch, |events| {
        for mut event in events {
            event.set_json("payload", r#"{"key":"caf\u00e9"}"#);
            event.replace("café", "***");
        }
    });
    let row = &masked.rows()[0];
    assert_eq!(row.text(), r#"sent {"key":"***"} ok"#);
    assert_eq!(row.raw, row.message);
    assert_eq!(row.attribute("payload").as_deref(), Some(r#"{"key":"***"}"#));
}

#[test]
fn every_text_that_a_mask_would_search_is_shown_and_what_is_a_piece_of_raw_is_told() {
    let batch = words(b"one \\u0074wo\n");
    let shown = |change: fn(&mut updraft_guest::Event<'_>)| {
        let mut shown = Vec::new();
        transform(&batch, |events| {
            for mut event in events {
                change(&mut event);
                let all = |text: &[u8], in_raw| {
                    shown.push((String::from_utf8_lossy(text).into_owned(), in_raw));
                    false
                };
                assert!(!event.any_text(all));
                assert!(event.any_text(|text, _| text == b"ONE"));
            }
            assert_eq!(events.key_names()[..3], ["word", "loud", "length"]);
        });
        shown
    };
    let owned = |shown: &[(&str, bool)]| -> Vec<(String, bool)> {
        shown.iter().map(|(text, in_raw)| ((*text).to_owned(), *in_raw)).collect()
    };
    let given = owned(&[
        ("one \\u0074wo\n", false),
        ("one two\n", false),
        ("one \\u0074wo", true),
        ("one two", true),
        ("one", true),
        ("ONE", false),
        ("3", false),
    ]);
    assert_eq!(shown(|_| ()), given);
    let changed = shown(|event| {
        event.replace_raw("new");
        event.set_text("loud", "ONE");
    });
    assert_eq!(changed[..2], owned(&[("new", false), ("one \\u0074wo", false)]));
}

proptest! {
    #[test]
    fn any_lines_and_any_changes_keep_the_contract(bytes in prop::collection::vec(any::<u8>(), 0..200), mask in "[a-z]{1,2}") {
        let batch = words(&bytes);
        let joined: Vec<u8> = batch.rows().into_iter().flat_map(|row| row.source).collect();
        prop_assert_eq!(&joined, &bytes);
        let masked = transform(&batch, |events| events.into_iter().for_each(|mut event| event.replace(mask.as_str(), "#")));
        for row in masked.rows() {
            prop_assert!(!row.text().contains(&mask));
            prop_assert!(!String::from_utf8_lossy(&row.raw).contains(&mask));
            prop_assert_eq!(row.attributes.len(), 3);
            prop_assert!(row.attributes.iter().all(|(key, ..)| !key.contains(&mask)));
        }
    }
}

/// As many events as lines, each with as many attributes as its line has bytes; some by name, some by key.
struct Many;

impl Normalizer for Many {
    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn normalize(&mut self, _: &LogStream, lines: &Lines, events: &mut Events<'_>) -> Result<usize, String> {
        for (at, line) in lines.iter().enumerate() {
            let mut event = events.push(line);
            event.severity(Severity(at as u8 % 24)).timestamp_ns(at as i64).label(&format!("l{}", at % 3));
            for (index, byte) in line.text().chunks(1).enumerate() {
                let name = format!("a{index}");
                event.attribute_json(&name, "0");
                match event.key(&name).filter(|_| at % 2 == 0) {
                    Some(key) => event.keyed_json(key, "1").keyed_text(key, byte),
                    None => event.attribute_text(&name, byte),
                };
            }
        }
        Ok(lines.len())
    }
}
export_normalizer!(Many);

#[test]
fn events_are_as_they_were_said_however_many_there_are() {
    let line = |at: usize| "x".repeat(if at % 400 == 399 { 700 } else { at % 5 });
    for count in [0, 1, 255, 256, 257, 2000] {
        let log: String = (0..count).map(|at| line(at) + "\n").collect();
        let batch = testing::normalize(&mut Many, &testing::origin(), log, true).unwrap();
        let rows = batch.rows();
        assert_eq!(rows.len(), count);
        for (at, row) in rows.iter().enumerate() {
            let said =
                (row.severity, row.timestamp_ns, row.label.clone(), row.message.len(), row.raw == row.source);
            assert_eq!(
                said,
                (at as u8 % 24, Some(at as i64), Some(format!("l{}", at % 3)), line(at).len(), true)
            );
            let expected = |index| (format!("a{index}"), b"x".to_vec(), false);
            assert!(row.attributes.iter().cloned().eq((0..line(at).len()).map(expected)), "event {at}");
        }
    }
}
