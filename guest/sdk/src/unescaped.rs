//! A text as it reads once its escapes are undone, and where each piece of that stands in the text itself: so that what
//! was found behind escapes can be replaced where it stands, be the text JSON, half of it, or JSON quoted in a sentence.

use std::ops::Range;

/// The escapes are JSON's; any other backslash stands for itself.
#[derive(Debug)]
pub(crate) struct Unescaped {
    text: Vec<u8>,
    /// In order.
    escapes: Vec<Escape>,
}

#[derive(Debug)]
struct Escape {
    /// What it stands for, in `text`.
    reads: Range<usize>,
    /// Where it stands.
    source: Range<usize>,
}

impl Unescaped {
    /// None: the text has no escapes, and reads as it stands.
    pub fn of(source: &[u8]) -> Option<Self> {
        let mut it = Self { text: Vec::new(), escapes: Vec::new() };
        let mut copied = 0;
        let mut from = 0;
        // `contains` looks at many bytes at once.
        while source[from..].contains(&b'\\') {
            let at = from + source[from..].iter().position(|byte| *byte == b'\\')?;
            let Some((character, length)) = escape(&source[at..]) else {
                from = at + 1;
                continue;
            };
            it.text.extend_from_slice(&source[copied..at]);
            let reads = it.text.len();
            it.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            (copied, from) = (at + length, at + length);
            it.escapes.push(Escape { reads: reads..it.text.len(), source: at..copied });
        }
        it.text.extend_from_slice(&source[copied..]);
        (!it.escapes.is_empty()).then_some(it)
    }

    /// As it reads.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where a piece of [`text`](Self::text) that is not empty stands. Never half an escape.
    pub fn source(&self, piece: &Range<usize>) -> Range<usize> {
        self.place(piece.start).start..self.place(piece.end - 1).end
    }

    /// A piece of the source without the halves of escapes at its ends, and with the whole of them; none if it is a part
    /// of one escape. Without them it may be empty.
    pub fn whole(&self, piece: &Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
        let first = self.cut(piece.start);
        let last = self.cut(piece.end);
        let within = first.map_or(piece.start, |it| it.end)..last.map_or(piece.end, |it| it.start);
        let around = first.map_or(piece.start, |it| it.start)..last.map_or(piece.end, |it| it.end);
        let is_a_part = match (first, last) {
            (None, None) => false,
            (Some(_), Some(_)) => first == last,
            (Some(_), None) | (None, Some(_)) => within.is_empty(),
        };
        (!is_a_part).then_some((within, around))
    }

    /// Where the escape stands that has parts before and behind that place.
    fn cut(&self, at: usize) -> Option<&Range<usize>> {
        let before = self.escapes.partition_point(|escape| escape.source.start < at).checked_sub(1)?;
        Some(&self.escapes[before].source).filter(|source| at < source.end)
    }

    /// Where the byte stands, or the escape that stands for it.
    fn place(&self, at: usize) -> Range<usize> {
        let known = self.escapes.partition_point(|escape| escape.reads.start <= at);
        match known.checked_sub(1).map(|last| &self.escapes[last]) {
            None => at..at + 1,
            Some(escape) if at < escape.reads.end => escape.source.clone(),
            Some(escape) => {
                let at = escape.source.end + (at - escape.reads.end);
                at..at + 1
            }
        }
    }
}

/// What the escape at the beginning stands for, and its length. Half a surrogate pair is U+FFFD.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = unit(bytes)?;
            let second = bytes.get(6..).and_then(unit);
            return Some(match (char::from_u32(first), second) {
                (Some(character), _) => (character, 6),
                (None, Some(second @ 0xdc00..0xe000)) if first < 0xdc00 => {
                    let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                (None, _) => (char::REPLACEMENT_CHARACTER, 6),
            });
        }
        same @ (b'"' | b'\\' | b'/') => char::from(*same),
        _ => return None,
    };
    Some((character, 2))
}

/// The number in `\uXXXX`.
fn unit(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Json, quote};
    use proptest::prelude::*;

    fn read(source: &str) -> Option<String> {
        Unescaped::of(source.as_bytes()).map(|it| String::from_utf8_lossy(it.text()).into_owned())
    }

    #[test]
    fn escapes_are_undone_wherever_they_stand_and_other_backslashes_are_kept() {
        assert_eq!(read(r#"a\"\\\/\b\f\n\r\t\u00e9"#).as_deref(), Some("a\"\\/\u{8}\u{c}\n\r\t\u{e9}"));
        assert_eq!(
            read(r"\ud83d\ude80 \udc80x \ud83d\u0041").as_deref(),
            Some("\u{1f680} \u{fffd}x \u{fffd}A")
        );
        assert_eq!(read(r"C:\x\u00 \u0041").as_deref(), Some(r"C:\x\u00 A"));
        for without in ["", "plain", r"\x", r"\u004", "\\", r"\d\w", r"\u00g1"] {
            assert_eq!(read(without), None, "{without}");
        }
    }

    #[test]
    fn half_an_escape_is_left_out_or_made_whole() {
        let read = Unescaped::of(br"a\nb\u00e9\n").unwrap();
        assert_eq!(read.whole(&(0..10)), Some((0..10, 0..10)));
        assert_eq!(read.whole(&(1..3)), Some((1..3, 1..3)));
        assert_eq!(read.whole(&(2..6)), Some((3..4, 1..10)));
        assert_eq!(read.whole(&(9..11)), Some((10..10, 4..12)));
        for part in [1..2, 2..3, 4..5, 5..10, 6..8] {
            assert_eq!(read.whole(&part), None, "{part:?}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_as_json_strings_do(inside in r#"([a-zé]|\\["\\/bfnrt]|\\u[0-9a-f]{4}|\\ud83d\\ude80){0,12}"#) {
            let json = format!("\"{inside}\"");
            let mut scratch = Vec::new();
            let theirs = Json::parse(json.as_bytes()).and_then(|it| it.string(&mut scratch).map(<[u8]>::to_vec));
            let ours = Unescaped::of(inside.as_bytes()).map_or(inside.clone().into_bytes(), |it| it.text);
            prop_assert_eq!(Some(ours), theirs);
        }

        #[test]
        fn a_piece_is_found_where_it_stands(before in ".{0,5}", piece in ".{1,5}", after in ".{0,5}") {
            let quoted = |text: &str| {
                let mut out = Vec::new();
                quote(text.as_bytes(), &mut out);
                out[1..out.len() - 1].to_vec()
            };
            let [start, middle, end] = [&before, &piece, &after].map(|it| quoted(it));
            let source = [start.clone(), middle.clone(), end].concat();
            if let Some(read) = Unescaped::of(&source) {
                let whole = format!("{before}{piece}{after}");
                prop_assert_eq!(read.text(), whole.as_bytes());
                let at = read.source(&(before.len()..before.len() + piece.len()));
                prop_assert_eq!(at, start.len()..start.len() + middle.len());
            }
        }
    }
}
