//! Escapes of JSON strings: runs that stay as they are copied at once, found eight bytes at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Appends the text as it stands in a JSON string, without the quotes.
pub fn once(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = special(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(escape(rest[at]).as_bytes());
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends the text as it stands in a JSON string which stands in another one. Returns how long it is in the inner one.
pub fn twice(text: &[u8], out: &mut Vec<u8>) -> usize {
    let (mut rest, mut inner) = (text, text.len());
    while let Some(at) = special(rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = escape(rest[at]);
        inner += escape.len() - 1;
        for byte in escape.bytes() {
            if matches!(byte, b'\\' | b'"') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    inner
}

/// Where the first byte is that JSON escapes.
fn special(text: &[u8]) -> Option<usize> {
    let mut words = text.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        // The high bit is set of a byte that is zero, here after an XOR, or below the space. What is borrowed disturbs
        // only bytes after the first that is found.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C)) | below) & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    words.remainder().iter().position(|&byte| is_special(byte)).map(|rest| at + rest)
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
