//! Escapes for JSON in JSON: runs that stay as they are copied at once, found eight bytes at a time.

/// In how many strings a text stands, one in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// In the body's.
    One,
    /// In an object's, which is in the body's.
    Two,
}

/// Appends the text; says how long it is in the object, which is what the service counts.
pub fn escape(text: &[u8], depth: Depth, out: &mut Vec<u8>) -> usize {
    let (mut rest, mut counted) = (text, text.len());
    out.reserve(text.len() + 16);
    while let Some(at) = special(rest) {
        out.extend_from_slice(&rest[..at]);
        let once = once(rest[at]);
        match depth {
            Depth::One => out.extend_from_slice(once.as_bytes()),
            Depth::Two => {
                counted += once.len() - 1;
                for byte in once.bytes() {
                    if matches!(byte, b'\\' | b'"') {
                        out.push(b'\\');
                    }
                    out.push(byte);
                }
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    counted
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Where the first byte is that JSON escapes.
fn special(text: &[u8]) -> Option<usize> {
    let mut words = text.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        // A byte's high bit is set where it is zero after the XOR, or below the space. Borrows only disturb bytes after
        // the first that is found.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C)) | below) & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    words.remainder().iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\').map(|it| at + it)
}

fn once(byte: u8) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_back_at_either_depth() {
        let mut chance = fastrand::Rng::with_seed(1);
        for length in 0..300 {
            let text: String = (0..length)
                .map(|_| match chance.u8(0..8) {
                    0 => char::from(chance.u8(0..32)),
                    1 => '"',
                    2 => '\\',
                    3 => '✓',
                    _ => char::from(chance.u8(32..127)),
                })
                .collect();
            let mut one = b"\"".to_vec();
            assert_eq!(escape(text.as_bytes(), Depth::One, &mut one), text.len());
            one.push(b'"');
            assert_eq!(serde_json::from_slice::<String>(&one).unwrap(), text);
            let mut two = b"\"\\\"".to_vec();
            let counted = escape(text.as_bytes(), Depth::Two, &mut two);
            two.extend_from_slice(b"\\\"\"");
            let outer: String = serde_json::from_slice(&two).unwrap();
            assert_eq!((serde_json::from_str::<String>(&outer).unwrap(), outer.len()), (text, counted + 2));
        }
    }
}
