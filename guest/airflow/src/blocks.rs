//! Where a byte stands, many bytes at a time: a component pays for each turn of a loop, so turns must be few.
#![expect(
    clippy::inline_always,
    reason = "measured: what a header is read with is one function, without calls"
)]

/// Bytes that [`within`] looks at in one turn.
const WIDE: usize = 64;
const BLOCK: usize = 16;

/// Where a byte first stands in a text that has it near its beginning, if at all.
#[inline(always)]
pub fn first(byte: u8, text: &[u8]) -> Option<usize> {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (at, block) in blocks.iter().enumerate() {
        let marks = marks(byte, block);
        if marks != 0 {
            return Some(at * BLOCK + marks.trailing_zeros() as usize);
        }
    }
    rest.iter().position(|it| *it == byte).map(|at| text.len() - rest.len() + at)
}

/// Gives each place of a byte from `from` until before `to`, to the first one of which something is found.
#[inline(always)]
pub fn within<T>(
    byte: u8,
    bytes: &[u8],
    mut from: usize,
    to: usize,
    mut found: impl FnMut(usize) -> Option<T>,
) -> Option<T> {
    let to = to.min(bytes.len());
    while from < to {
        // What lies behind `to` is looked at as well, which costs less than to look where it is.
        let mut marks = match bytes[from..].first_chunk() {
            Some(wide) if !any(byte, wide) => 0,
            Some(wide) => wide_marks(byte, wide),
            None => rest_marks(byte, &bytes[from..to]),
        };
        marks &= u64::MAX >> (WIDE - (to - from).min(WIDE));
        while marks != 0 {
            let it = found(from + marks.trailing_zeros() as usize);
            if it.is_some() {
                return it;
            }
            marks &= marks - 1;
        }
        from += WIDE;
    }
    None
}

/// A bit for each place of the byte, the lowest for the first.
#[inline]
fn wide_marks(byte: u8, wide: &[u8; WIDE]) -> u64 {
    let (blocks, _) = wide.as_chunks::<BLOCK>();
    let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| u64::from(marks(byte, &blocks[at])));
    a | b << 16 | c << 32 | d << 48
}

#[inline(never)]
fn rest_marks(byte: u8, rest: &[u8]) -> u64 {
    rest.iter().rev().fold(0, |marks, it| marks << 1 | u64::from(*it == byte))
}

/// All are looked at, whatever the first ones are: so the compiler makes four instructions of them.
#[inline]
fn any(byte: u8, wide: &[u8; WIDE]) -> bool {
    wide.iter().fold(0, |any, it| any | u8::from(*it == byte)) != 0
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
fn marks(byte: u8, block: &[u8; BLOCK]) -> u16 {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, v128_load};
    // SAFETY: sixteen bytes are read, which a block has, and they need no alignment.
    let bytes = unsafe { v128_load(block.as_ptr().cast()) };
    u8x16_bitmask(u8x16_eq(bytes, u8x16_splat(byte)))
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
fn marks(byte: u8, block: &[u8; BLOCK]) -> u16 {
    block.iter().rev().fold(0, |marks, it| marks << 1 | u16::from(*it == byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_of_a_byte_is_found(text in "[ab]{0,3}a{0,70}[ab]{0,40}") {
            let text = text.as_bytes();
            prop_assert_eq!(first(b'b', text), text.iter().position(|it| *it == b'b'));
        }

        #[test]
        fn all_places_between_two_are_given_in_order(
            text in "(a{0,40}[ab]{0,5}){0,6}", from in 0usize..200, to in 0usize..300, stop in 0usize..30,
        ) {
            let bytes = text.as_bytes();
            let places: Vec<_> = (from..to.min(bytes.len())).filter(|at| bytes[*at] == b'b').collect();
            let mut given = Vec::new();
            let found = within(b'b', bytes, from, to, |at| {
                given.push(at);
                (given.len() > stop).then_some(at)
            });
            prop_assert_eq!(found, places.get(stop).copied());
            prop_assert_eq!(&given[..], &places[..places.len().min(stop + 1)]);
        }
    }
}
