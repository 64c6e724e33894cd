//! Escapes of JSON strings: runs that stay as they are are copied at once, and what ends them is found sixteen bytes at a
//! time.

/// So many bytes are looked at together.
const BLOCK: usize = 16;

/// Appends the text as it stands in a JSON string, without the quotes.
pub fn once(text: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    for at in Specials::of(text) {
        out.extend_from_slice(&text[copied..at]);
        out.extend_from_slice(escape(text[at]).as_bytes());
        copied = at + 1;
    }
    out.extend_from_slice(&text[copied..]);
}

/// Appends the text as it stands in a JSON string which stands in another one. Returns how long it is in the inner one.
pub fn twice(text: &[u8], out: &mut Vec<u8>) -> usize {
    let (mut copied, mut inner) = (0, text.len());
    for at in Specials::of(text) {
        out.extend_from_slice(&text[copied..at]);
        let escape = escape(text[at]);
        inner += escape.len() - 1;
        for byte in escape.bytes() {
            if matches!(byte, b'\\' | b'"') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        copied = at + 1;
    }
    out.extend_from_slice(&text[copied..]);
    inner
}

/// Where the bytes are that JSON escapes, in order.
struct Specials<'a> {
    text: &'a [u8],
    /// Where the present block begins.
    start: usize,
    /// A bit for each of its bytes that is one and is still to be told.
    found: u32,
}

impl<'a> Specials<'a> {
    fn of(text: &'a [u8]) -> Self {
        let found = text.first_chunk().map_or_else(|| special_in_few(text), special_in);
        Self { text, start: 0, found }
    }
}

impl Iterator for Specials<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.text.get(self.start + BLOCK..).filter(|rest| !rest.is_empty())?;
            self.start += BLOCK;
            self.found = match rest.first_chunk() {
                Some(block) => special_in(block),
                // The last are looked at with some of those before them.
                None => self.text.last_chunk().map_or(0, special_in) >> (BLOCK - rest.len()),
            };
        }
        let at = self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(self.start + at)
    }
}

/// A bit for each byte of a text that has less than a block.
fn special_in_few(text: &[u8]) -> u32 {
    let mut block = [b' '; BLOCK];
    block[..text.len()].copy_from_slice(text);
    special_in(&block)
}

/// A bit for each byte that JSON escapes.
#[cfg(target_arch = "x86_64")]
#[inline]
fn special_in(block: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };

    #[target_feature(enable = "sse2")]
    fn look(block: &[u8; BLOCK]) -> u32 {
        let both = i128::from_le_bytes(*block);
        let bytes = _mm_set_epi64x((both >> 64) as i64, both as i64);
        let is = |byte: u8| _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()));
        let controls = _mm_cmpeq_epi8(bytes, _mm_min_epu8(bytes, _mm_set1_epi8(0x1F)));
        let found = _mm_or_si128(controls, _mm_or_si128(is(b'"'), is(b'\\')));
        _mm_movemask_epi8(found).cast_unsigned()
    }

    // SAFETY: every x86-64 has SSE2. Beside eight bytes in a word it saved, together with how acknowledgements are told,
    // 8 % of the host's instructions for text, and 7 % for JSON.
    unsafe { look(block) }
}

/// A bit for each byte that JSON escapes.
#[cfg(not(target_arch = "x86_64"))]
fn special_in(block: &[u8; BLOCK]) -> u32 {
    block.iter().rev().fold(0, |found, &byte| found << 1 | u32::from(is_special(byte)))
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// What stands for a byte that is special.
fn escape(byte: u8) -> &'static str {
    const CONTROLS: [&str; 32] = [
        "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\u0008",
        "\\t", "\\n", "\\u000b", "\\u000c", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012",
        "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b",
        "\\u001c", "\\u001d", "\\u001e", "\\u001f",
    ];
    match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        control => CONTROLS[usize::from(control & 31)],
    }
}

/// How many bytes [`once`] makes of that one.
pub fn len(byte: u8) -> usize {
    if is_special(byte) { escape(byte).len() } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_text() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            3 => prop::char::range(' ', '~'),
            1 => prop::char::range('\0', '\u{1f}'),
            1 => Just('"'),
            1 => Just('\\'),
            1 => prop::char::any(),
        ];
        prop::collection::vec(character, 0..80).prop_map(|all| all.into_iter().collect())
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back_once_and_twice(text in any_text()) {
            let mut inner = Vec::new();
            once(text.as_bytes(), &mut inner);
            prop_assert_eq!(inner.len(), text.bytes().map(len).sum::<usize>());
            let read = |escaped: &[u8]| serde_json::from_slice::<String>(&[b"\"", escaped, b"\""].concat()).unwrap();
            prop_assert_eq!(&read(&inner), &text);
            let (mut outer, mut directly) = (Vec::new(), Vec::new());
            once(&inner, &mut outer);
            prop_assert_eq!(twice(text.as_bytes(), &mut directly), inner.len());
            prop_assert_eq!(directly, outer);
        }
    }
}
