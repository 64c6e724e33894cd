//! Strings between their quotes and as they read.

/// Appends the text of a valid string's inside.
pub(super) fn unescape(mut inside: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = inside.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&inside[..at]);
        let escape = inside[at + 1];
        inside = &inside[at + 2..];
        let plain = match escape {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, rest) = unicode(inside);
                inside = rest;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            same => same,
        };
        out.push(plain);
    }
    out.extend_from_slice(inside);
}

/// The character of `XXXX` (after `\u`), with its second half where there is one, and what follows.
fn unicode(inside: &[u8]) -> (char, &[u8]) {
    let (first, rest) = hex(inside);
    if let Some(character) = char::from_u32(first) {
        return (character, rest);
    }
    let second = rest.strip_prefix(b"\\u").map(hex);
    match second {
        Some((second @ 0xdc00..0xe000, rest)) if first < 0xdc00 => {
            let point = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
        }
        _ => (char::REPLACEMENT_CHARACTER, rest),
    }
}

fn hex(inside: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = inside.split_at(4);
    let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0);
    (digits.iter().fold(0, |value, byte| value * 16 + digit(byte)), rest)
}

/// Appends a text as a JSON string, quotes included. What is not UTF-8 becomes U+FFFD.
pub fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..' ' => out.extend_from_slice(format!("\\u{:04x}", character as u32).as_bytes()),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Whether no escape in a JSON text stands for half a surrogate pair.
pub(super) fn is_unicode(mut rest: &[u8]) -> bool {
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let escape = &rest[at + 1..];
        let Some(digits) = escape.strip_prefix(b"u") else {
            rest = &escape[1..];
            continue;
        };
        let surrogate = (0xd800..0xe000).contains(&hex(digits).0);
        let (character, after) = unicode(digits);
        if surrogate && character == char::REPLACEMENT_CHARACTER {
            return false;
        }
        rest = after;
    }
    true
}
