//! Replacing text wherever an event carries it: what a mask hides must not survive in another spelling.

use crate::json::{Json, Kind, quote};
use std::ops::Range;

/// Finds what is to be replaced: a text, or a function that gives the first match (say, of a regular expression).
pub trait Finder {
    /// The first match; empty ones are ignored.
    fn find(&mut self, text: &[u8]) -> Option<Range<usize>>;
}

impl<F: FnMut(&[u8]) -> Option<Range<usize>>> Finder for F {
    fn find(&mut self, text: &[u8]) -> Option<Range<usize>> {
        self(text)
    }
}

impl Finder for &[u8] {
    fn find(&mut self, text: &[u8]) -> Option<Range<usize>> {
        if self.is_empty() {
            return None;
        }
        let start = text.windows(self.len()).position(|window| window == *self)?;
        Some(start..start + self.len())
    }
}

impl Finder for &str {
    fn find(&mut self, text: &[u8]) -> Option<Range<usize>> {
        self.as_bytes().find(text)
    }
}

/// The text with every match replaced; none when there is no match.
pub(crate) fn in_text(text: &[u8], finder: &mut impl Finder, with: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(found) = finder.find(rest) {
        if found.is_empty() || found.end > rest.len() {
            break;
        }
        out.extend_from_slice(&rest[..found.start]);
        out.extend_from_slice(with);
        rest = &rest[found.end..];
    }
    (rest.len() < text.len()).then(|| {
        out.extend_from_slice(rest);
        out
    })
}

/// The same for bytes that may be JSON, where a match may hide behind escapes (`caf\u00e9`, `a\"b`): looks at every
/// string as it reads, then at what is left as it stands.
pub(crate) fn in_maybe_json(text: &[u8], finder: &mut impl Finder, with: &[u8]) -> Option<Vec<u8>> {
    let Some(json) = Json::parse(text) else { return in_text(text, finder, with) };
    let mut rewrite = Rewrite { finder, with, out: Vec::new(), source: text, copied: 0, changed: false };
    rewrite.value(json);
    rewrite.copy_until(text.len());
    rewrite.changed.then_some(rewrite.out)
}

/// Copies a JSON text, writing anew those strings whose escapes hid a match.
struct Rewrite<'a, F> {
    finder: &'a mut F,
    with: &'a [u8],
    out: Vec<u8>,
    source: &'a [u8],
    /// How much of the source has been dealt with.
    copied: usize,
    changed: bool,
}

impl<'a, F: Finder> Rewrite<'a, F> {
    fn value(&mut self, json: Json<'a>) {
        match json.kind() {
            Kind::Object => json.each_member(|name, value| {
                self.value(name);
                self.value(value);
            }),
            Kind::Array => json.each_element(|element| self.value(element)),
            Kind::Escaped => {
                let mut scratch = Vec::new();
                let text = json.string(&mut scratch).unwrap_or_default();
                if let Some(text) = in_text(text, self.finder, self.with) {
                    let start = json.bytes().as_ptr() as usize - self.source.as_ptr() as usize;
                    self.copy_until(start);
                    quote(&text, &mut self.out);
                    self.copied = start + json.bytes().len();
                    self.changed = true;
                }
            }
            // Without escapes they read as they stand.
            Kind::Null | Kind::Bool | Kind::Number | Kind::Plain => {}
        }
    }

    fn copy_until(&mut self, end: usize) {
        let piece = &self.source[self.copied..end];
        match in_text(piece, self.finder, self.with) {
            Some(piece) => {
                self.out.extend_from_slice(&piece);
                self.changed = true;
            }
            None => self.out.extend_from_slice(piece),
        }
        self.copied = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_match_behind_escapes_is_found() {
        let line = br#"{"a":"caf\u00e9 s3cr\"et","b":["x\ns3cr\"et"],"c":1}"#;
        let masked = in_maybe_json(line, &mut "s3cr\"et", b"***").unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&masked), r#"{"a":"café ***","b":["x\n***"],"c":1}"#);
    }

    #[test]
    fn a_number_is_replaced_too_and_hides_no_other_match() {
        let masked = in_maybe_json(br#"{"a":4711,"b":"47\u00311"}"#, &mut "4711", b"***").unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&masked), r#"{"a":***,"b":"***"}"#);
    }

    #[test]
    fn a_replacement_that_contains_the_match_is_made_once() {
        let renamed = in_maybe_json(br#"["bob","bob\n"]"#, &mut "bob", b"bobby").unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&renamed), r#"["bobby","bobby\n"]"#);
    }

    #[test]
    fn an_empty_match_ends_the_search() {
        assert_eq!(in_text(b"abc", &mut |_: &[u8]| Some(0..0), b"x"), None);
        assert_eq!(in_text(b"abc", &mut "", b"x"), None);
    }

    #[test]
    fn a_match_in_what_holds_the_json_together_is_replaced_though_it_is_json_no_more() {
        let masked = in_maybe_json(br#"{"n":["\"n\""]}"#, &mut "\"n\"", b"***").unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&masked), r#"{***:["***"]}"#);
    }

    proptest! {
        // The members' names are none that a secret of these letters could be found in.
        #[test]
        fn what_is_replaced_is_gone_from_any_json(secret in "[a-z\"\\\\\né]{3,6}", around in "[ -~]{0,8}") {
            let line = serde_json::json!({ "EVENT": format!("{around}{secret}{around}"), "N": [secret] }).to_string();
            let masked = in_maybe_json(line.as_bytes(), &mut secret.as_str(), b"###");
            let masked = String::from_utf8(masked.unwrap_or_default()).unwrap_or_default();
            let read: serde_json::Value = serde_json::from_str(&masked).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(!read["EVENT"].as_str().unwrap_or(&secret).contains(&secret));
            prop_assert_eq!(read["N"][0].as_str(), Some("###"));
        }
    }
}
