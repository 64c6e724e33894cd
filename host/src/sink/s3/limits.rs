//! What S3 allows. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Every part of a multipart upload but the last is at least this large.
pub const MIN_PART_BYTES: u64 = 5 * MIB;
/// No part is larger.
pub const MAX_PART_BYTES: u64 = 5 * GIB;
/// Parts of one upload.
pub const MAX_PARTS: u64 = 10_000;

/// How large parts are as long as that is enough: what an upload holds in memory. Ours, not S3's.
pub const PART_BYTES: u64 = 8 * MIB;
// A single put carries less than one part: far below the 5 GiB that it may.
const _: () = assert!(MIN_PART_BYTES <= PART_BYTES);

/// How large the parts of an object of `len` bytes are, all but the last: as small as [`MAX_PARTS`] allows, in whole
/// MiB. None: no upload can hold so much.
pub fn part_size_for(len: u64) -> Option<u64> {
    let needed = len.div_ceil(MAX_PARTS).next_multiple_of(MIB).max(PART_BYTES);
    (needed <= MAX_PART_BYTES).then_some(needed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_grow_when_ten_thousand_small_ones_are_one_byte_short() {
        assert_eq!(part_size_for(0), Some(PART_BYTES));
        assert_eq!(part_size_for(PART_BYTES * MAX_PARTS), Some(PART_BYTES));
        assert_eq!(part_size_for(PART_BYTES * MAX_PARTS + 1), Some(PART_BYTES + MIB));
    }

    #[test]
    fn what_no_upload_can_hold_is_said() {
        assert_eq!(part_size_for(MAX_PART_BYTES * MAX_PARTS), Some(MAX_PART_BYTES));
        assert_eq!(part_size_for(MAX_PART_BYTES * MAX_PARTS + 1), None);
        assert_eq!(part_size_for(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn every_upload_keeps_within_the_limits(len in 0..=MAX_PART_BYTES * MAX_PARTS) {
            let size = part_size_for(len).ok_or_else(|| TestCaseError::fail("no size"))?;
            prop_assert!((MIN_PART_BYTES..=MAX_PART_BYTES).contains(&size));
            prop_assert!(len.div_ceil(size) <= MAX_PARTS);
        }
    }
}
