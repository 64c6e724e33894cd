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

    #[test]
    fn a_string_ends_where_one_who_reads_byte_by_byte_finds_its_end(
        before in 0usize..20,
        inside in prop::collection::vec(prop_oneof![
            9 => (b' '..=b'~').boxed(),
            2 => prop::sample::select(&b"\"\\\\nu0\xc3\xa9"[..]).boxed(),
            1 => any::<u8>().boxed(),
        ], 0..50),
        after in 0usize..20,
    ) {
        let json = [&vec![b' '; before][..], b"\"", &inside, b"\"", &vec![b' '; after]].concat();
        let ours = Json::parse(&json).map(Json::bytes);
        let string = &json[before..];
        let end = string_end(string).filter(|end| string[*end..].iter().all(|byte| *byte == b' '));
        let expected = end.map(|end| &string[..end]).filter(|text| std::str::from_utf8(text).is_ok());
        prop_assert_eq!(ours, expected);
    }

    #[test]
    fn members_are_the_same_with_space_around_them_and_without(
        object in prop::collection::vec((".{0,20}", any::<u16>()), 0..6),
        space in "[ \t\r\n]{0,3}",
    ) {
        let write = |space: &str| {
            let member = |(name, value): &(String, u16)| {
                format!("{space}{}{space}:{space}[{space}{value}{space}]{space}", serde_json::json!(name))
            };
            format!("{space}{{{space}{}}}{space}", object.iter().map(member).collect::<Vec<_>>().join(","))
        };
        let read = |json: &str| {
            let mut found = Vec::new();
            let count = each_member(json.as_bytes(), |name, value| {
                assert_eq!(name.short, name.json.plain().and_then(ShortName::new), "{json}");
                found.push((name.json.bytes().to_vec(), value.elements().first().map(|it| it.bytes().to_vec())));
            });
            (count, found)
        };
        prop_assert_eq!(read(&write(&space)), read(&write("")));
        prop_assert_eq!(read(&write(&space)).0, Some(object.len()));
    }

    #[test]
    fn different_short_names_are_different_numbers(one in "[ -~]{0,16}", other in "[ -~]{0,16}") {
        let [first, second] = [&one, &other].map(|name| ShortName::new(name.as_bytes()));
        prop_assert_eq!(first.is_some(), one.len() <= ShortName::MAX && !one.contains(['"', '\\']));
        prop_assert_eq!(first.is_some() && first == second, one == other && first.is_some());
    }

    #[test]
    fn a_reader_comes_to_the_same_values_whatever_it_leaves_unread(
        rows in prop::collection::vec(prop::collection::vec("[a-z\"\\\\]{0,20}", 0..4), 0..4),
        space in "[ \t]{0,2}",
        unread in any::<u8>(),
    ) {
        let row = |row: &Vec<String>| {
            let row = serde_json::json!(row);
            format!("{space}{{\"a\":{space}[1,{{}}],\"row\":{space}{row}{space},{space}\"z\":{space}null}}{space}")
        };
        let json = format!("[{}]", rows.iter().map(row).collect::<Vec<_>>().join(","));
        let json = Json::parse(json.as_bytes()).ok_or_else(|| TestCaseError::fail(json.clone()))?;
        let is_read = |at: usize| unread >> (at % 8) & 1 == 0;
        let (mut found, mut seen, mut names) = (Vec::new(), 0, 0);
        let read = Reader::new(json).elements(|reader| {
            seen += 1;
            if !is_read(seen) {
                return;
            }
            reader.members(|name, reader| {
                names += 1;
                // The elements of `a` are left, `z` has none.
                let is_row = name.json.plain() == Some(b"row");
                reader.elements(|reader| found.extend(is_row.then(|| reader.value()).flatten()));
            });
        });
        let elements = json.elements().into_iter().zip(1..).filter(|(_, at)| is_read(*at));
        let expected: Vec<_> = elements.map(|(row, _)| row.members()[1].1.elements()).collect();
        prop_assert_eq!(read, Some(()));
        prop_assert_eq!(seen, rows.len());
        prop_assert_eq!(names, expected.len() * 3);
        prop_assert_eq!(found, expected.concat());
    }
}

/// Where a string ends, one past its closing quote.
fn string_end(string: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match *string.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' if string.get(at + 1) == Some(&b'u') => {
                string.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                at += 6;
            }
            b'\\' => {
                b"\"\\/bfnrt".contains(string.get(at + 1)?).then_some(())?;
                at += 2;
            }
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}
