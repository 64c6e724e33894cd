//! Promises of what objects are like.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::event::{Deployment, Origin, StreamKind};

fn origin(path: &str) -> Origin {
    Origin {
        source: "airflow".into(),
        path: path.into(),
        host: "worker".into(),
        kind: StreamKind::Other,
        task: None,
        deployment: Deployment::default(),
    }
}

fn objects(tags: &[(&str, &str)], metadata: &[(&str, &str)]) -> Objects {
    let templates = |pairs: &[(&str, &str)]| {
        let pairs =
            pairs.iter().map(|(name, text)| ((*name).to_owned(), Template::parse(text).expect("good")));
        pairs.collect::<BTreeMap<_, _>>()
    };
    Objects { tags: templates(tags), metadata: templates(metadata), ..Objects::default() }
}

fn described(objects: &Objects, path: &str) -> (ObjectSettings, Vec<String>) {
    let mut settings = ObjectSettings::new(objects, "text/plain", None).noting("updraft-generation", "g");
    let left_out =
        settings.describe(objects, &Names { origin: &origin(path), label: "default", env: &BTreeMap::new() });
    (settings, left_out)
}

#[test]
fn tags_go_as_a_query_with_what_s3_forbids_replaced() {
    let objects = objects(&[("team name", "a&b=c"), ("path", "{{ path }}")], &[]);
    let (settings, left_out) = described(&objects, "ä/检*.log");
    assert_eq!(settings.tagging.as_deref(), Some("path=%C3%A4%2F%E6%A3%80_.log&team%20name=a_b%3Dc"));
    assert!(left_out.is_empty());
}

#[test]
fn a_tag_has_256_characters_and_not_257() {
    assert_eq!(tag_value(&"ä".repeat(256)), "ä".repeat(256));
    assert_eq!(tag_value(&"ä".repeat(257)), "ä".repeat(256));
}

#[test]
fn what_a_stream_lacks_is_left_out_and_named() {
    let objects = objects(&[("dag", "{{ dag_id }}")], &[("Dag", "{{ dag_id }}"), ("Host", "{{ host }}")]);
    let (settings, left_out) = described(&objects, "scheduler.log");
    assert_eq!(settings.tagging, None);
    assert_eq!(left_out, ["tags.dag", "metadata.dag"]);
    assert_eq!(settings.metadata["host"], "worker");
}

#[test]
fn metadata_fills_two_kibibytes_and_one_byte_more_is_left_out() {
    // The name `a`, and our own.
    let room = 2048 - 1 - "updraft-generation".len() - 1;
    for (len, fits) in [(room, true), (room + 1, false)] {
        let objects = objects(&[], &[("a", &"x".repeat(len))]);
        let (settings, left_out) = described(&objects, "p");
        assert_eq!((settings.metadata.contains_key("a"), left_out.is_empty()), (fits, fits));
        assert_eq!(settings.metadata["updraft-generation"], "g");
    }
}

#[test]
fn the_config_wins_over_what_the_content_is() {
    let objects = Objects { content_type: Some("text/x-log".into()), ..Objects::default() };
    let settings = ObjectSettings::new(&objects, "application/x-ndjson", Some("gzip"));
    assert_eq!(
        (settings.content_type.as_str(), settings.content_encoding.as_deref()),
        ("text/x-log", Some("gzip"))
    );
}

#[test]
fn what_a_header_cannot_carry_goes_in_encoded_words() {
    assert_eq!(header("dag_id=a/run 1"), "dag_id=a/run 1");
    assert_eq!(header("prüfen"), "=?UTF-8?B?cHLDvGZlbg==?=");
    assert_eq!(header("a\nb"), "=?UTF-8?B?YQpi?=");
    assert_eq!(header(" a"), "=?UTF-8?B?IGE=?=");
    assert_eq!(header("=?x"), "=?UTF-8?B?PT94?=");
    // 45 bytes make the longest word; the next character begins another.
    assert_eq!(header(&format!("{}ä", "a".repeat(43))).split(' ').count(), 1);
    assert_eq!(header(&format!("{}ä", "a".repeat(44))).split(' ').count(), 2);
}

fn decoded(header: &str) -> String {
    let words = header.split(' ').map(|word| {
        let word =
            word.strip_prefix(WORD_BEGINS).and_then(|word| word.strip_suffix(WORD_ENDS)).expect("a word");
        String::from_utf8(base64::decode(word).expect("base64")).expect("whole characters")
    });
    words.collect()
}

proptest! {
    #[test]
    fn every_text_comes_through_a_header(text in ".{1,200}") {
        let header = header(&text);
        prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        if header != text {
            prop_assert!(header.split(' ').all(|word| word.len() <= MAX_ENCODED_WORD));
            prop_assert_eq!(decoded(&header), text);
        }
    }

    #[test]
    fn every_tag_is_one_that_s3_takes(text in ".{0,400}") {
        let value = tag_value(&text);
        prop_assert!(value.chars().count() <= MAX_TAG_VALUE_CHARS && value.chars().all(fits_tag));
        prop_assert!(percent(&value).is_ascii());
    }
}
