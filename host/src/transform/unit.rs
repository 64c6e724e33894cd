//! The smallest parts of a batch that can stand alone.

use crate::event::Events;
use std::ops::Range;

/// Events that can stand alone: all those of some whole lines.
pub struct Unit {
    /// Their places in the batch.
    pub events: Range<usize>,
    /// Where those lines begin in the batch's bytes.
    pub start: u32,
    /// Where they end.
    pub end: u32,
}

impl Unit {
    /// Of a batch. Reading can begin after each of them: it ends where a line does, and at one of the `borders`, where the
    /// normalizer has let an event end. (A transform may have split that event: its parts stay together.)
    pub fn all(bytes: &[u8], events: &Events, borders: &[u32]) -> Vec<Self> {
        let ends = &events.source_ends;
        let mut units: Vec<Self> = Vec::new();
        for (at, &end) in ends.iter().enumerate() {
            let is_border = end as usize == bytes.len()
                || (end > 0
                    && bytes.get(end as usize - 1) == Some(&b'\n')
                    && borders.binary_search(&end).is_ok());
            if is_border && ends.get(at + 1).is_none_or(|&after| after > end) {
                let (first, start) = units.last().map_or((0, 0), |before| (before.events.end, before.end));
                units.push(Self { events: first..at + 1, start, end });
            }
        }
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transform_split_stays_together_and_so_does_what_shares_a_line() {
        let bytes = b"head\n  tail\nnext\nhalf";
        let events = |ends: &[u32]| Events { source_ends: ends.to_vec(), ..Events::default() };
        let units = |ends: &[u32], borders: &[u32]| -> Vec<(Range<usize>, Range<u32>)> {
            let units = Unit::all(bytes, &events(ends), borders);
            units.into_iter().map(|unit| (unit.events, unit.start..unit.end)).collect()
        };
        // The normalizer let events end at 12, 17 and 21; a transform split the first at its line, the second twice.
        assert_eq!(
            units(&[5, 12, 14, 17, 17, 21], &[12, 17, 21]),
            [(0..2, 0..12), (2..5, 12..17), (5..6, 17..21)]
        );
        // Where it ends in the middle of a line reading cannot begin.
        assert_eq!(units(&[12, 14, 21], &[12, 14, 21]), [(0..1, 0..12), (1..3, 12..21)]);
    }
}
