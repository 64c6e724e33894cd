//! Text that Airflow's reader can read: it refuses an object that has one byte that is not UTF-8. `?` takes the place of
//! each, so that the object stays as long as its file, and a place in one is the same place in the other.

/// Stands for a byte.
const MARK: u8 = b'?';

/// How many bytes the character at the end lacks, as far as can be seen; 0: none, or it is no character.
pub fn missing(bytes: &[u8]) -> usize {
    for (behind, &byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0b1100_0000..=0b1101_1111 => 2,
            0b1110_0000..=0b1110_1111 => 3,
            0b1111_0000..=0b1111_0111 => 4,
            // In the middle of one.
            0b1000_0000..=0b1011_1111 => continue,
            _ => return 0,
        };
        return (length - 1_usize).saturating_sub(behind);
    }
    0
}

/// Replaces what is not UTF-8; returns how many bytes from `known` on.
pub fn replace(bytes: &mut [u8], known: usize) -> u64 {
    let (mut at, mut replaced) = (0, 0);
    while let Err(error) = std::str::from_utf8(&bytes[at..]) {
        let start = at + error.valid_up_to();
        // None: it ends in the middle of a character.
        let end = error.error_len().map_or(bytes.len(), |length| start + length);
        bytes[start..end].fill(MARK);
        replaced += (start.max(known)..end).len();
        at = end;
    }
    replaced as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(bytes: &[u8]) -> (Vec<u8>, u64) {
        let mut bytes = bytes.to_vec();
        let count = replace(&mut bytes, 0);
        (bytes, count)
    }

    #[test]
    fn each_byte_that_is_not_utf8_becomes_a_mark() {
        assert_eq!(replaced(b"caf\xe9 \xff\xfe ok"), (b"caf? ?? ok".to_vec(), 3));
        assert_eq!(replaced("é ✓ 🚀".as_bytes()), ("é ✓ 🚀".into(), 0));
        assert_eq!(replaced(b"\xf0\x9f\x9a"), (b"???".to_vec(), 3), "cut in the middle of a character");
        assert_eq!(replaced(b""), (Vec::new(), 0));
    }

    #[test]
    fn what_was_counted_before_is_not_counted_again() {
        for (known, counted) in [(0, 3), (1, 2), (3, 1), (4, 0), (9, 0)] {
            assert_eq!(replace(&mut b"\xff\xffa\xff".to_vec(), known), counted, "{known}");
        }
    }

    #[test]
    fn what_a_character_lacks_is_known_by_its_first_byte() {
        for (bytes, lacks) in [
            (&b"a\xc3"[..], 1),
            (b"\xe2", 2),
            (b"\xe2\x9c", 1),
            (b"\xf0", 3),
            (b"\xf0\x9f\x9a", 1),
            (b"\xe2\x9c\x93", 0),
            (b"abc", 0),
            (b"\x80\x80\x80", 0),
            (b"\xff", 0),
            (b"", 0),
        ] {
            assert_eq!(missing(bytes), lacks, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_the_text_is_utf8_and_as_long(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (text, count) = replaced(&bytes);
            prop_assert_eq!(text.len(), bytes.len());
            prop_assert!(std::str::from_utf8(&text).is_ok());
            let differ = text.iter().zip(&bytes).filter(|(a, b)| a != b).count() as u64;
            prop_assert_eq!(differ, count);
        }

        #[test]
        fn text_that_is_cut_anywhere_is_never_taken_for_something_else(text in "\\PC{1,60}", cut in any::<prop::sample::Index>()) {
            let (text, cut) = (text.as_bytes(), cut.index(text.len()));
            let lacks = missing(&text[..cut]);
            let (mut head, mut tail) = (text[..cut + lacks].to_vec(), text[cut + lacks..].to_vec());
            prop_assert_eq!(replace(&mut head, 0) + replace(&mut tail, 0), 0);
        }
    }
}
