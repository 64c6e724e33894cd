//! Held against `serde_json`.

use super::*;
use proptest::prelude::*;

fn text(json: &str) -> Option<String> {
    let mut scratch = Vec::new();
    let text = Json::parse(json.as_bytes())?.string(&mut scratch)?;
    Some(String::from_utf8(text.to_vec()).unwrap_or_default())
}

#[test]
fn escapes_are_undone_and_lone_surrogates_become_u_fffd() {
    assert_eq!(text(r#""a\"\\\/\b\f\n\r\t\u00e9""#).as_deref(), Some("a\"\\/\u{8}\u{c}\n\r\t\u{e9}"));
    assert_eq!(text(r#""\ud83d\ude80""#).as_deref(), Some("\u{1f680}"));
    assert_eq!(text(r#""\udc80x""#).as_deref(), Some("\u{fffd}x"));
    assert_eq!(text(r#""\ud83d\u0041""#).as_deref(), Some("\u{fffd}A"));
    assert_eq!(text(r#""\ud83d\ud83d\ude80""#).as_deref(), Some("\u{fffd}\u{1f680}"));
}

#[test]
fn half_a_surrogate_pair_is_no_text() {
    for (json, is_unicode) in [
        (r#"["\ud83d\ude80"]"#, true),
        (r#""\\ud83d""#, true),
        (r#""\ufffd\n""#, true),
        (r#"{"a":"\udc80"}"#, false),
        (r#""\ud83d\u0041""#, false),
        (r#""\ud83d""#, false),
    ] {
        assert_eq!(Json::parse(json.as_bytes()).map(Json::is_unicode), Some(is_unicode), "{json}");
    }
}

#[test]
fn nesting_is_recognised_down_to_the_bound_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_some());
    assert!(Json::parse(nested(MAX_DEPTH + 1).as_bytes()).is_none());
}

#[test]
fn what_only_looks_like_json_is_not() {
    for wrong in [
        "",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "-",
        "1e",
        "+1",
        ".5",
        "tru",
        "nul",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "1 2",
        "NaN",
        "Infinity",
        "'a'",
        "\u{feff}1",
    ] {
        assert!(Json::parse(wrong.as_bytes()).is_none(), "{wrong:?}");
    }
    assert!(Json::parse(b"\"\xff\"").is_none());
}

#[test]
fn of_an_object_1000_members_are_given_and_all_are_counted() {
    for count in [0, MAX_MEMBERS, MAX_MEMBERS + 1, 1_300_000] {
        let json = format!("{{{}}}", vec![r#""":1"#; count].join(","));
        let mut members = Vec::new();
        assert_eq!(read_object(json.as_bytes(), &mut members), Some(count));
        assert_eq!(members.len(), count.min(MAX_MEMBERS));
    }
}

proptest! {
    #[test]
    fn it_agrees_with_serde_json_on_any_text(json in r#"[\[\]{}:,"\\ue0-9.+\-Eabtrufalsn \n]{0,24}"#) {
        let ours = Json::parse(json.as_bytes()).is_some();
        let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok();
        prop_assert_eq!(ours, theirs, "{:?}", json);
    }

    #[test]
    fn any_string_survives_quoting_and_reading(text in any::<String>()) {
        let mut quoted = Vec::new();
        quote(text.as_bytes(), &mut quoted);
        let theirs = serde_json::from_slice::<String>(&quoted).ok();
        prop_assert_eq!(theirs.as_ref(), Some(&text));
        let mut scratch = Vec::new();
        let read = Json::parse(&quoted).and_then(|json| json.string(&mut scratch).map(<[u8]>::to_vec));
        prop_assert_eq!(read, Some(text.into_bytes()));
    }

    #[test]
    fn members_are_those_that_serde_json_finds(object in prop::collection::btree_map(".{0,9}", ".{0,20}", 0..9)) {
        let json = serde_json::to_vec(&object).unwrap_or_default();
        let mut members = Vec::new();
        prop_assert_eq!(read_object(&json, &mut members), Some(members.len()));
        let (mut name, mut value) = (Vec::new(), Vec::new());
        let found: Vec<_> = members.into_iter().map(|(n, v)| {
            let name = n.string(&mut name).unwrap_or_default().to_vec();
            (name, v.string(&mut value).unwrap_or_default().to_vec())
        }).collect();
        let expected: Vec<_> = object.into_iter().map(|(n, v)| (n.into_bytes(), v.into_bytes())).collect();
        prop_assert_eq!(found, expected);
    }
}
