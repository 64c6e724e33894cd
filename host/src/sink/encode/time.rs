//! RFC 3339 in UTC, for every event: arithmetic costs a tenth of what a calendar library does.

const DAY: i64 = 86_400;
const SECOND: i64 = 1_000_000_000;

/// Writes times. Those of a log follow each other, many within a second: of that it remembers the text.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Since the epoch.
    second: i64,
    text: [u8; 19],
}

impl Clock {
    /// Shows the epoch.
    pub const NEW: Self = Self { second: 0, text: *b"1970-01-01T00:00:00" };

    /// Appends a time, as precise as it is: with 0, 3, 6 or 9 digits of fraction. Nanoseconds since the epoch.
    pub fn write(&mut self, ns: i64, out: &mut Vec<u8>) {
        let (second, fraction) = (ns.div_euclid(SECOND), ns.rem_euclid(SECOND));
        if second != self.second {
            *self = Self { second, text: text(second) };
        }
        out.extend_from_slice(&self.text);
        let (part, digits) = match fraction {
            0 => (0, 0),
            _ if fraction % 1_000_000 == 0 => (fraction / 1_000_000, 3),
            _ if fraction % 1_000 == 0 => (fraction / 1_000, 6),
            _ => (fraction, 9),
        };
        let mut text = *b".000000000";
        if digits > 0 {
            put(part, &mut text[1..=digits]);
            out.extend_from_slice(&text[..=digits]);
        }
        out.push(b'Z');
    }
}

/// Appends one time.
pub fn write(ns: i64, out: &mut Vec<u8>) {
    let mut clock = Clock::NEW;
    clock.write(ns, out);
}

fn text(second: i64) -> [u8; 19] {
    let (days, second) = (second.div_euclid(DAY), second.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let mut text = *b"0000-00-00T00:00:00";
    put(year, &mut text[..4]);
    put(month, &mut text[5..7]);
    put(day, &mut text[8..10]);
    put(second / 3600, &mut text[11..13]);
    put(second / 60 % 60, &mut text[14..16]);
    put(second % 60, &mut text[17..]);
    text
}

/// Years that begin in March, so that the leap day is their last.
/// <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The number in all of these digits, which are `0`.
fn put(mut number: i64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use jiff::fmt::temporal::DateTimePrinter;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_a_calendar_says(ns: i64, unit in prop::sample::select(vec![1, 1_000, 1_000_000, SECOND])) {
            let ns = ns / unit * unit;
            let precision = [(SECOND, 0), (1_000_000, 3), (1_000, 6), (1, 9)];
            let precision = precision.iter().find(|(unit, _)| ns % unit == 0).map(|(_, digits)| *digits);
            let time = Timestamp::from_nanosecond(i128::from(ns)).unwrap();
            let mut written = Vec::new();
            write(ns, &mut written);
            let expected = DateTimePrinter::new().precision(precision).timestamp_to_string(&time);
            prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }
}
