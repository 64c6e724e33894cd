//! What is replaced is gone, however it was spelled, and JSON stays JSON.

use super::*;
use proptest::prelude::*;

fn masked(text: &str, mut finder: impl Finder) -> String {
    let masked = replaced(text.as_bytes(), &mut finder, b"***");
    masked.map_or("nothing found".to_owned(), |masked| String::from_utf8_lossy(&masked).into_owned())
}

#[test]
fn a_match_behind_escapes_is_found_and_all_else_stays_as_it_was() {
    let line = r#"{"a":"caf\u00e9 s3cr\"et","b":["x\ns3cr\"et"],"c":1}"#;
    assert_eq!(masked(line, "s3cr\"et"), r#"{"a":"caf\u00e9 ***","b":["x\n***"],"c":1}"#);
    assert_eq!(masked(r#"{"\u0041KIA\/":"\u0041\u004bI\u0041/"}"#, "AKIA/"), r#"{"***":"***"}"#);
}

#[test]
fn json_that_was_torn_or_is_part_of_a_sentence_is_read_too() {
    assert_eq!(masked(r#"{"a":"caf\u00e9 hunt"#, "café"), r#"{"a":"*** hunt"#);
    assert_eq!(
        masked(r#"sent {"a": "p\u00e4ss\"word"}, code 200"#, "päss\"word"),
        r#"sent {"a": "***"}, code 200"#
    );
    assert_eq!(masked(r"C:\users\hunter2", "hunter2"), r"C:\users\***");
}

#[test]
fn json_within_json_is_read_at_every_level() {
    let mut text = "caf\u{e9}".replace('\u{e9}', "\\u00e9");
    for level in 1..=4 {
        text = serde_json::json!({ "event": format!("got {text}"), "level": level }).to_string();
        let masked = masked(&text, "café");
        let mut read: serde_json::Value = serde_json::from_str(&masked).unwrap();
        for _ in 1..level {
            let event = read["event"].as_str().unwrap().strip_prefix("got ").unwrap();
            read = serde_json::from_str(event).unwrap();
        }
        assert_eq!(read["event"], "got ***", "{masked}");
    }
}

#[test]
fn a_value_that_only_its_key_gives_away_is_found_behind_escapes() {
    // What follows `key":"`, up to the next quote.
    let after_its_key = |text: &[u8]| {
        let start = text.windows(6).position(|it| it == b"key\":\"")? + 6;
        let end = start + text[start..].iter().position(|byte| *byte == b'"')?;
        Some(start..end)
    };
    assert_eq!(masked(r#"{"key":"a\/b","x":"\n"}"#, after_its_key), r#"{"key":"***","x":"\n"}"#);
    assert_eq!(masked(r#"{"k\u0065y":"ab"}"#, after_its_key), r#"{"k\u0065y":"***"}"#);
    assert_eq!(masked(r#"{"a":"{\"key\":\"a\\/b\"}"}"#, after_its_key), r#"{"a":"{\"key\":\"***\"}"}"#);
}

#[test]
fn a_number_is_replaced_too_and_hides_no_other_match() {
    assert_eq!(masked(r#"{"a":4711,"b":"47\u00311"}"#, "4711"), r#"{"a":***,"b":"***"}"#);
}

#[test]
fn a_replacement_that_contains_the_match_is_made_once() {
    let renamed = replaced(br#"["bob","bob\n"]"#, &mut "bob", b"bobby").unwrap();
    assert_eq!(String::from_utf8_lossy(&renamed), r#"["bobby","bobby\n"]"#);
}

#[test]
fn a_replacement_is_escaped_as_often_as_what_it_replaces_was() {
    let text = r#"{"a":"x","b":"\n{\"c\":\"x\"}"}"#;
    let replaced = replaced(text.as_bytes(), &mut "x", b"\"q\"").unwrap();
    let read: serde_json::Value = serde_json::from_slice(&replaced).unwrap();
    assert_eq!(read["a"], "\"q\"");
    let inner: serde_json::Value = serde_json::from_str(read["b"].as_str().unwrap()).unwrap();
    assert_eq!(inner["c"], "\"q\"");
}

#[test]
fn matches_that_overlap_are_replaced_as_one() {
    struct Both;
    impl Finder for Both {
        fn find_all(&mut self, text: &[u8], found: &mut Vec<Range<usize>>) {
            "cde".find_all(text, found);
            "abcd".find_all(text, found);
            found.push(1..1);
            found.push(0..text.len() + 1);
        }
    }
    assert_eq!(masked("-abcde-abcd-", Both), "-***-***-");
}

#[test]
fn an_empty_match_ends_the_search() {
    assert_eq!(replaced(b"abc", &mut |_: &[u8]| Some(0..0), b"x"), None);
    assert_eq!(replaced(b"abc", &mut "", b"x"), None);
}

#[test]
fn a_match_in_what_holds_the_json_together_is_replaced_though_it_is_json_no_more() {
    assert_eq!(masked(r#"{"n":["\"n\""]}"#, "\"n\""), r#"{***:["***"]}"#);
}

/// What begins with `from`, up to the next quote that no backslash escapes, with it: `"key": "value"` as it stands.
fn member(from: &'static str) -> impl Finder {
    move |text: &[u8]| {
        let start = text.windows(from.len()).position(|it| it == from.as_bytes())?;
        let mut end = start + from.len();
        while *text.get(end)? != b'"' {
            end += if text[end] == b'\\' { 2 } else { 1 };
        }
        Some(start..end + 1)
    }
}

#[test]
fn a_match_of_a_key_and_its_value_is_replaced_whatever_they_escape() {
    let key = r#""private_key": ""#;
    let line = r#"{"event":"x", "private_key": "-----BEGIN\nMIIEsecret\n-----END"}"#;
    assert_eq!(masked(line, member(key)), r#"{"event":"x", ***}"#);
    let line = r#"{"event":"x\n", "private_key": "MIIEsecret", "a": "\n"}"#;
    assert_eq!(masked(line, member(key)), r#"{"event":"x\n", ***, "a": "\n"}"#);
    let line = r#"{"event":"x", "private\u005fkey": "MIIE\/secret"}"#;
    assert_eq!(masked(line, member(key)), r#"{"event":"x", ***}"#);
    let nested = serde_json::json!({ "event": r#"{"private_key": "BEGIN\nMIIEsecret\nEND"}"# }).to_string();
    assert_eq!(masked(&nested, member(key)), r#"{"event":"{***}"}"#);
    // Written out: the order of members hangs on a feature that others may turn on.
    let nested = format!(r#"{{"event":{},"a":"\n"}}"#, serde_json::Value::from(nested));
    assert_eq!(masked(&nested, member(key)), r#"{"event":"{\"event\":\"{***}\"}","a":"\n"}"#);
}

#[test]
fn a_value_is_replaced_to_its_end_though_it_reads_as_if_it_ended_before() {
    // Only the value, as a regular expression's group.
    let value = |text: &[u8]| {
        let mut found = Vec::new();
        member(r#""pw": ""#).find_all(text, &mut found);
        found.first().map(|it| it.start + 7..it.end - 1)
    };
    let line = r#"{"pw": "abc\"defSECRET", "a": "b"}"#;
    assert_eq!(masked(line, value), r#"{"pw": "***", "a": "b"}"#);
    let with = replaced(line.as_bytes(), &mut { value }, br#""q""#).unwrap();
    assert_eq!(String::from_utf8_lossy(&with), r#"{"pw": "\"q\"", "a": "b"}"#);
}

#[test]
fn what_touches_a_match_of_another_reading_is_replaced_with_it() {
    let by_reading = |text: &[u8]| {
        let piece: &[u8] = if text.contains(&b'\\') { b"CRE" } else { b"ab" };
        text.windows(piece.len()).position(|it| it == piece).map(|start| start..start + piece.len())
    };
    assert_eq!(masked(r#"{"a":"\nxabCREy"}"#, by_reading), r#"{"a":"\nx***y"}"#);
    assert_eq!(masked(r#"{"a":"\nxabaCaby"}"#, "ab"), r#"{"a":"\nx***aC***y"}"#);
    assert_eq!(masked(r#"{"a":"\nxababy"}"#, "ab"), r#"{"a":"\nx******y"}"#);
}

#[test]
fn a_match_with_half_an_escape_is_replaced_with_all_of_it_unless_it_reads_better() {
    assert_eq!(masked(r#"{"a":"x\nancy"}"#, "nancy"), r#"{"a":"x***"}"#);
    let letters = |text: &[u8]| {
        let at = text.iter().position(|byte| *byte == b'@')?;
        let before = text[..at].iter().rev().take_while(|byte| byte.is_ascii_lowercase()).count();
        Some(at - before..at + 1)
    };
    assert_eq!(masked(r#"{"a":"to\nbob@"}"#, letters), r#"{"a":"to\n***"}"#);
}

#[test]
fn half_an_escape_is_no_match() {
    assert_eq!(masked(r#"{"a":"x\ny\u00e9"}"#, "n"), "nothing found");
    assert_eq!(masked(r#"{"a":"x\ny\u00e9"}"#, "u00e9"), "nothing found");
}

#[test]
fn a_reading_is_asked_for_until_one_will_do() {
    let mut seen = Vec::new();
    let mut look = |text: &[u8]| {
        seen.push(String::from_utf8_lossy(text).into_owned());
        text == b"\xc3\xa9"
    };
    assert!(any_reading(br"\\u00e9", &mut look));
    assert_eq!(seen, [r"\\u00e9", r"\u00e9", "é"]);
    assert!(!any_reading(b"plain", &mut |_: &[u8]| false));
}

proptest! {
    // The members' names are none that a secret of these letters could be found in.
    #[test]
    fn what_is_replaced_is_gone_from_any_json(secret in "[a-z\"\\\\\né]{3,6}", around in "[ -~]{0,8}") {
        let line = serde_json::json!({ "EVENT": format!("{around}{secret}{around}"), "N": [secret] }).to_string();
        let masked = replaced(line.as_bytes(), &mut secret.as_str(), b"###");
        let masked = String::from_utf8(masked.unwrap_or_default()).unwrap_or_default();
        let Ok(read) = serde_json::from_str::<serde_json::Value>(&masked) else {
            // The quote is found in what holds the JSON together.
            prop_assert!(secret.starts_with('"') || secret.ends_with('"'), "{}", masked);
            prop_assert!(!masked.contains(&*String::from_utf8_lossy(&quoted(secret.as_bytes()))));
            return Ok(());
        };
        prop_assert!(!read["EVENT"].as_str().unwrap_or(&secret).contains(&secret));
        prop_assert_eq!(read["N"][0].as_str(), Some("###"));
    }

    #[test]
    fn any_text_can_be_searched(text in r#"([{}\[\],:]|"|\\|\\u00e9|u|[a-e]){0,30}"#) {
        let masked = replaced(text.as_bytes(), &mut "e", b"#");
        if let Some(masked) = masked.filter(|_| !text.contains('\\')) {
            prop_assert_eq!(String::from_utf8_lossy(&masked), text.replace('e', "#"));
        }
    }
}
