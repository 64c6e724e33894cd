//! Where a string ends, sixteen bytes at a time: most strings of a log line end in their first or second such block.

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 16;

pub(super) type Block = [u8; BLOCK];

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// How many bytes come before the first quote, backslash or control character.
    pub ordinary: usize,
    /// Whether all bytes are ASCII.
    pub is_ascii: bool,
}

/// A block of what is less than one, at the end of the bytes. Zeros go on with it, which end every string.
#[inline(never)]
pub(super) fn pad<'b>(rest: &[u8], padded: &'b mut Block) -> &'b Block {
    // Byte by byte: a copy is a call of the host, which takes longer.
    for (padded, byte) in padded.iter_mut().zip(rest) {
        *padded = *byte;
    }
    padded
}

/// The block as two words, the first byte in the lowest bits of the first.
#[inline]
pub(super) fn words(block: &Block) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    (both as u64, (both >> 64) as u64)
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
pub(super) fn look(block: &Block) -> Look {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, v128_load, v128_or};
    // SAFETY: sixteen bytes are read, which a block has, and they need no alignment.
    let bytes = unsafe { v128_load(block.as_ptr().cast()) };
    let quotes = v128_or(u8x16_eq(bytes, u8x16_splat(b'"')), u8x16_eq(bytes, u8x16_splat(b'\\')));
    let special = v128_or(quotes, u8x16_lt(bytes, u8x16_splat(b' ')));
    let ordinary = (u32::from(u8x16_bitmask(special)) | 1 << BLOCK).trailing_zeros();
    Look { ordinary: ordinary as usize, is_ascii: u8x16_bitmask(bytes) == 0 }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) use without_vectors::look;

/// For components that are built without, and natively.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod without_vectors {
    use super::{Block, Look, words};

    /// The lowest bit of each byte of a word…
    const LOW: u64 = u64::MAX / 0xff;
    /// …and the highest.
    const HIGH: u64 = LOW << 7;

    #[inline]
    pub fn look(block: &Block) -> Look {
        let (low, high) = words(block);
        let (in_low, in_high) = (special(low), special(high));
        let ordinary =
            if in_low == 0 { in_high.trailing_zeros() / 8 + 8 } else { in_low.trailing_zeros() / 8 };
        Look { ordinary: ordinary as usize, is_ascii: (low | high) & HIGH == 0 }
    }

    /// A high bit for each quote, backslash or control character; the lowest one set is exact, which is all that counts.
    fn special(word: u64) -> u64 {
        let quote = zeros(word ^ (LOW * u64::from(b'"')));
        let backslash = zeros(word ^ (LOW * u64::from(b'\\')));
        let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
        quote | backslash | control
    }

    fn zeros(word: u64) -> u64 {
        word.wrapping_sub(LOW) & !word & HIGH
    }
}
