//! Says what is wrong once, then only when it changes or at a quiet interval, and when it is over.

use std::time::{Duration, Instant};

/// The same trouble is said again after this.
const REMIND: Duration = Duration::from_mins(5);

/// The trouble of one place.
#[derive(Debug, Default)]
pub struct Complaint {
    last: Option<(String, Instant)>,
}

impl Complaint {
    /// Kinds of trouble that are said once per lane (see [`crate::lane::Lane::first_time`]).
    pub const SINK_IO: u32 = 0;
    /// The file cannot be read.
    pub const SOURCE_IO: u32 = 2;
    /// The service refused events as too old.
    pub const TOO_OLD: u32 = 3;
    /// …as too new.
    pub const TOO_NEW: u32 = 4;
    /// …as malformed.
    pub const INVALID: u32 = 5;
    /// A template had nothing to print.
    pub const FELL_BACK: u32 = 6;
    /// An object was deleted while its file still grows.
    pub const OBJECT_GONE: u32 = 7;
    /// What an object holds cannot be copied.
    pub const NOT_COPIED: u32 = 8;
    /// Tags or metadata of an object had to be left out.
    pub const LEFT_OUT: u32 = 9;
    /// An object that was to be written once is written again.
    pub const WROTE_AGAIN: u32 = 10;

    /// Bytes of a file are not UTF-8.
    pub const REPLACED: u32 = 12;

    /// The service takes the object of one file not at all.
    pub const OBJECT_REFUSED: u32 = 11;

    /// Whether this is to be said now. `gist`: what makes it the same trouble (no request ids).
    pub fn raise(&mut self, gist: &str, now: Instant) -> bool {
        let due = match &self.last {
            Some((before, at)) => before != gist || now.duration_since(*at) >= REMIND,
            None => true,
        };
        if due {
            self.last = Some((gist.to_owned(), now));
        }
        due
    }

    /// All is well; true if it was not.
    pub fn settle(&mut self) -> bool {
        self.last.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_said_once_and_again_after_a_while() {
        let mut complaint = Complaint::default();
        let start = Instant::now();
        assert!(complaint.raise("denied", start));
        assert!(!complaint.raise("denied", start + Duration::from_secs(1)));
        assert!(complaint.raise("denied", start + REMIND));
        assert!(complaint.raise("throttled", start + REMIND));
        assert!(complaint.settle());
        assert!(!complaint.settle());
    }
}
