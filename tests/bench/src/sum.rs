//! Sums by which what arrived is compared with what was there: as fast as memory, and good enough for accidents.

const MANY: u64 = 0x9E37_79B9_7F4A_7C15;

/// Of these bytes in this order.
pub fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let mut sum = bytes.len() as u64;
    for word in &mut words {
        sum = mixed(sum, u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    words.remainder().iter().fold(sum, |sum, &byte| mixed(sum, u64::from(byte)))
}

/// Two as one.
pub fn mixed(sum: u64, word: u64) -> u64 {
    let mixed = (sum ^ word).wrapping_mul(MANY);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_that_is_another_or_elsewhere_changes_it() {
        let text = b"one line, and one more of them".to_vec();
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            assert_ne!(sum(&other), sum(&text));
            other.clone_from(&text);
            other.swap(at, (at + 1) % text.len());
            assert!(other == text || sum(&other) != sum(&text));
        }
        assert_ne!(sum(b""), sum(b"\0"));
    }
}
