//! Times of one log, one after the other: most are in the minute of the one before, and in its zone.

use super::{MOST_SECONDS, NANOS, fraction, offset, read, two_digits};

/// Reads times of which many are in the minute of the one before, as a log's are: that minute is worked out once.
#[derive(Debug, Clone)]
pub struct Clock {
    /// `YYYY-MM-DDTHH:MM` as it stood in the text.
    minute: [u8; 16],
    /// Its seconds since the epoch, as if it were UTC: far from the first and the last that can be said.
    seconds: i64,
    /// `+HHMM` as it stood in the text, and its seconds.
    zone: [u8; 5],
    east: i64,
}

impl Default for Clock {
    /// Set to the epoch. What it is set to must be a time, or it would take for one what is none.
    fn default() -> Self {
        Self { minute: *b"1970-01-01T00:00", seconds: 0, zone: *b"+0000", east: 0 }
    }
}

impl Clock {
    /// The same as [`read`].
    #[inline(always)]
    pub fn read(&mut self, text: &[u8]) -> Option<(Option<i64>, usize)> {
        let fixed: &[u8; 19] = text.first_chunk()?;
        let [minute @ .., colon, tens, ones] = fixed;
        if u128::from_le_bytes(*minute) != u128::from_le_bytes(self.minute) {
            return self.another_minute(text, minute);
        }
        let second = two_digits([*tens, *ones]).filter(|_| *colon == b':')?;
        let (fraction, after_fraction) = fraction(text, fixed.len());
        let (offset, end) = match &text[after_fraction..] {
            [b'Z', ..] => (0, after_fraction + 1),
            rest => match rest.first_chunk() {
                Some(zone) if *zone == self.zone => (self.east, after_fraction + zone.len()),
                zone => self.another_zone(text, after_fraction, zone),
            },
        };
        let timestamp = (self.seconds + second.min(59) - offset) * NANOS + fraction;
        Some(((second <= 60).then_some(timestamp), end))
    }

    /// The same as [`parse`].
    #[inline]
    pub fn parse(&mut self, text: &[u8]) -> Option<(i64, usize)> {
        let (timestamp, end) = self.read(text)?;
        Some((timestamp?, end))
    }

    #[inline(never)]
    fn another_zone(&mut self, text: &[u8], at: usize, zone: Option<&[u8; 5]>) -> (i64, usize) {
        let (east, end) = offset(text, at);
        if let Some(zone) = zone.filter(|zone| end == at + zone.len()) {
            (self.zone, self.east) = (*zone, east);
        }
        (east, end)
    }

    #[inline(never)]
    fn another_minute(&mut self, text: &[u8], minute: &[u8; 16]) -> Option<(Option<i64>, usize)> {
        let mut begins = *b"0000-00-00T00:00:00";
        begins[..minute.len()].copy_from_slice(minute);
        if let Some((Some(nanos), _)) = read(&begins) {
            let seconds = nanos.div_euclid(NANOS);
            if seconds.abs() < MOST_SECONDS - 2 * 86_400 {
                (self.minute, self.seconds) = (*minute, seconds);
            }
        }
        read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Times in few minutes, at the ends of what can be said, too; some with a wrong byte or cut short.
    fn time() -> impl Strategy<Value = Vec<u8>> {
        let minute = prop::sample::select(vec![
            "2026-10-21T12:10",
            "2026-10-21 12:10",
            "2026-10-21T12:11",
            "2024-02-30T12:10",
            "2024-02-29T24:00",
            "2262-04-11T23:47",
            "1677-09-21T00:12",
            "1969-12-31T23:59",
            "9999-12-31T23:59",
            "1970-01-01T00:00",
            "0000-00-00T00:00",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ]);
        let second = "[:.][0-6][0-9]";
        let rest = "([.,][0-9]{0,10})?(Z|[+-][0-2][0-9]:?[0-6][0-9]|\0{5})?[] ]?";
        let wrong = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
        let cut = prop::option::weighted(0.1, 0usize..40);
        (minute, second, rest, wrong, cut).prop_map(|(minute, second, rest, wrong, cut)| {
            let mut text = format!("{minute}{second}{rest}").into_bytes();
            if let Some((at, byte)) = wrong {
                let at = at.index(text.len());
                text[at] = byte;
            }
            text.truncate(cut.unwrap_or(text.len()));
            text
        })
    }

    proptest! {
        #[test]
        fn a_clock_reads_what_is_read_without_one_whatever_it_read_before(
            texts in prop::collection::vec(time(), 1..12),
        ) {
            let mut clock = Clock::default();
            for text in texts {
                prop_assert_eq!(clock.read(&text), read(&text), "{}", String::from_utf8_lossy(&text));
            }
        }
    }
}
