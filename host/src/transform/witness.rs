//! Somebody who watches a batch go through its stages: a batch that is done does not tell what each of them made of it.

use crate::config::OnError;
use crate::event::Events;
use std::ops::Range;

/// Watches. Who is watched keeps no account of failures: they are told here, and to nobody else.
pub trait Witness {
    /// These events were made of the bytes from `offset` on, as far as they are done: by the transform at this place of
    /// the way, or by the host itself.
    fn made(&self, by: Option<usize>, offset: u64, bytes: &[u8], events: &Events);

    /// The transform at this place failed on all of this part of the file, which goes the way of `on_error`.
    fn gave_way(&self, at: usize, part: Range<u64>, on_error: OnError, error: &str);
}
