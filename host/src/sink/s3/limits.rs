//! What S3 allows. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>

use std::ops::Range;

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
/// How much one request copies as long as that is enough: S3 is done with it well within a request's timeout. Ours.
pub const COPY_BYTES: u64 = 256 * MIB;
/// Parts that are copied as long as that is enough; the others are for what is new. Ours.
const COPIED_PARTS: u64 = MAX_PARTS / 2;

/// How large the parts of `len` bytes are, all but the last, if an upload has room for so many `parts` more: as small
/// as that allows, in whole MiB. None: it cannot hold so much.
pub fn part_size_for(len: u64, parts: u64) -> Option<u64> {
    let needed = len.div_ceil(parts.max(1)).next_multiple_of(MIB).max(PART_BYTES);
    (needed <= MAX_PART_BYTES && (parts > 0 || len == 0)).then_some(needed)
}

/// Cuts an object of `len` bytes into ranges to be copied: evenly, so that no part is smaller than
/// [`MIN_PART_BYTES`] unless the object is.
pub fn copy_ranges(len: u64) -> Vec<Range<u64>> {
    let count = len.div_ceil(COPY_BYTES).min(COPIED_PARTS).max(len.div_ceil(MAX_PART_BYTES)).max(1);
    let cut = |at: u64| (u128::from(len) * u128::from(at) / u128::from(count)) as u64;
    (0..count).map(|at| cut(at)..cut(at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_grow_when_ten_thousand_small_ones_are_one_byte_short() {
        assert_eq!(part_size_for(0, MAX_PARTS), Some(PART_BYTES));
        assert_eq!(part_size_for(PART_BYTES * MAX_PARTS, MAX_PARTS), Some(PART_BYTES));
        assert_eq!(part_size_for(PART_BYTES * MAX_PARTS + 1, MAX_PARTS), Some(PART_BYTES + MIB));
        assert_eq!(part_size_for(PART_BYTES, 1), Some(PART_BYTES));
        assert_eq!(part_size_for(PART_BYTES + 1, 1), Some(PART_BYTES + MIB));
    }

    #[test]
    fn what_no_upload_can_hold_is_said() {
        assert_eq!(part_size_for(MAX_PART_BYTES * MAX_PARTS, MAX_PARTS), Some(MAX_PART_BYTES));
        assert_eq!(part_size_for(MAX_PART_BYTES * MAX_PARTS + 1, MAX_PARTS), None);
        assert_eq!(part_size_for(u64::MAX, MAX_PARTS), None);
        assert_eq!(part_size_for(1, 0), None);
    }

    #[test]
    fn one_request_copies_a_quarter_of_a_gibibyte_and_two_what_is_one_byte_more() {
        assert_eq!(copy_ranges(MIN_PART_BYTES).first(), Some(&(0..MIN_PART_BYTES)));
        assert_eq!(copy_ranges(COPY_BYTES).first(), Some(&(0..COPY_BYTES)));
        let half = COPY_BYTES / 2;
        assert_eq!(copy_ranges(COPY_BYTES + 1), [0..half, half..COPY_BYTES + 1]);
    }

    #[test]
    fn copies_leave_room_for_what_is_new_as_long_as_they_can() {
        let parts = |len| copy_ranges(len).len() as u64;
        assert_eq!(parts(COPY_BYTES * COPIED_PARTS + 1), COPIED_PARTS);
        assert_eq!(parts(MAX_PART_BYTES * COPIED_PARTS), COPIED_PARTS);
        assert_eq!(parts(MAX_PART_BYTES * COPIED_PARTS + 1), COPIED_PARTS + 1);
    }

    proptest! {
        #[test]
        fn every_upload_keeps_within_the_limits(len in 0..=MAX_PART_BYTES * MAX_PARTS) {
            let size = part_size_for(len, MAX_PARTS).ok_or_else(|| TestCaseError::fail("no size"))?;
            prop_assert!((MIN_PART_BYTES..=MAX_PART_BYTES).contains(&size));
            prop_assert!(len.div_ceil(size) <= MAX_PARTS);
        }

        #[test]
        fn copies_hold_the_object_without_a_gap_in_parts_that_s3_takes(
            len in prop_oneof![MIN_PART_BYTES..2 * GIB, MIN_PART_BYTES..=MAX_PART_BYTES * MAX_PARTS],
        ) {
            let ranges = copy_ranges(len);
            prop_assert!(ranges.len() as u64 <= MAX_PARTS);
            let mut end = 0;
            for range in ranges {
                prop_assert_eq!(range.start, end);
                prop_assert!((MIN_PART_BYTES..=MAX_PART_BYTES).contains(&(range.end - range.start)));
                end = range.end;
            }
            prop_assert_eq!(end, len);
        }
    }
}
