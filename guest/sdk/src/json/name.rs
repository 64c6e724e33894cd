//! Names of members as numbers: a log says the same few again and again, and a number is compared at once.

use super::Json;
use super::block::{BLOCK, Block, words};

/// The name of a member, and as a number, where it is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// The string that it is.
    pub json: Json<'a>,
    /// None: it is longer than [`ShortName::MAX`], or has escapes.
    pub short: Option<ShortName>,
}

/// A name of at most 15 bytes that has no escapes; of two different ones it is never the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortName(u64, u64);

impl ShortName {
    /// Longest name that has one.
    pub const MAX: usize = BLOCK - 1;

    /// Of a name without its quotes. None: it is too long, or cannot stand in JSON without escapes.
    pub const fn new(name: &[u8]) -> Option<Self> {
        if name.len() > Self::MAX {
            return None;
        }
        let (mut at, mut number) = (0, 0u128);
        while at < name.len() {
            if matches!(name[at], b'"' | b'\\' | 0..0x20) {
                return None;
            }
            number |= (name[at] as u128) << (8 * at);
            at += 1;
        }
        Some(Self(number as u64, (number >> 64) as u64))
    }

    /// Of a name that is known to have one.
    ///
    /// # Panics
    /// When it has none; in a constant, when it is compiled.
    pub const fn known(name: &str) -> Self {
        match Self::new(name.as_bytes()) {
            Some(short) => short,
            None => panic!("such a name is not short"),
        }
    }

    /// Of the first bytes of a block, fewer than all. They are no control characters: so that zeros after them are
    /// no part of another name.
    #[inline]
    pub(super) fn of_block(block: &Block, length: usize) -> Self {
        let (low, high) = words(block);
        let first = |word: u64, bytes: usize| word & !(u64::MAX << (8 * bytes));
        if length < 8 { Self(first(low, length), 0) } else { Self(low, first(high, length - 8)) }
    }

    /// A number that differs for most names: an index of a table of two to the power of `bits`, 1 to 64.
    #[inline]
    pub fn slot(self, bits: u32) -> usize {
        ((self.0 ^ self.1.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
    }
}
