//! Reads the timestamps that Python's loggers write, to the nanosecond.

const NANOS: i64 = 1_000_000_000;
/// Nanoseconds of the first digit of a fraction, of the second, and so on.
const UNITS: [i64; 9] = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
/// The furthest second on both sides of which 64 bits of nanoseconds can say all.
const MOST_SECONDS: i64 = i64::MAX / NANOS;

/// Reads `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, optionally a fraction (`.` or `,`) and an offset (`Z`, `+HH:MM`,
/// `+HHMM`; without one it is UTC) at the start of a text.
///
/// Gives nanoseconds since the epoch and the length that was read. Digits of the fraction after the ninth are cut.
pub fn parse(text: &[u8]) -> Option<(i64, usize)> {
    let (timestamp, end) = read(text)?;
    Some((timestamp?, end))
}

/// The same for what must be a time by what stands around it: none within where no such time exists, or where 64 bits
/// of nanoseconds cannot say it (before 1677, after April 2262).
pub fn read(text: &[u8]) -> Option<(Option<i64>, usize)> {
    let fixed: &[u8; 19] = text.first_chunk()?;
    let pair = |at: usize| two_digits([fixed[at], fixed[at + 1]]);
    let shape = [fixed[4], fixed[7], fixed[13], fixed[16]] == *b"--::" && matches!(fixed[10], b'T' | b' ');
    if !shape {
        return None;
    }
    let (year, month, day) = (pair(0)? * 100 + pair(2)?, pair(5)?, pair(8)?);
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let (fraction, after_fraction) = fraction(text, fixed.len());
    let (offset, end) = offset(text, after_fraction);
    let timestamp = || {
        // A leap second counts as the one before it, as in Unix time.
        let of_day = hour * 3_600 + minute * 60 + second.min(59);
        let exists = hour <= 23 && minute <= 59 && second <= 60;
        let seconds = days(year, month, day).filter(|_| exists)? * 86_400 + of_day - offset;
        // A multiplication that looks for overflow is one of 128 bits, which WebAssembly has not.
        if seconds.abs() < MOST_SECONDS {
            Some(seconds * NANOS + fraction)
        } else {
            at_the_edge(seconds, fraction)
        }
    };
    Some((timestamp(), end))
}

#[cold]
fn at_the_edge(seconds: i64, fraction: i64) -> Option<i64> {
    seconds.checked_mul(NANOS)?.checked_add(fraction)
}

fn two_digits([tens, ones]: [u8; 2]) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

/// Nanoseconds of the fraction, and where it ends. No digits: no fraction.
fn fraction(text: &[u8], at: usize) -> (i64, usize) {
    if !matches!(text.get(at), Some(b'.' | b',')) {
        return (0, at);
    }
    let (mut nanos, mut digits) = (0, 0);
    for byte in &text[at + 1..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if digits < UNITS.len() {
            nanos += i64::from(digit) * UNITS[digits];
        }
        digits += 1;
    }
    if digits == 0 { (0, at) } else { (nanos, at + 1 + digits) }
}

/// Seconds east of UTC, and where the offset ends. No offset: UTC.
fn offset(text: &[u8], at: usize) -> (i64, usize) {
    let sign = match text.get(at) {
        Some(b'Z') => return (0, at + 1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (0, at),
    };
    let (hours, minutes, end) = match text[at + 1..] {
        [a, b, b':', c, d, ..] => (two_digits([a, b]), two_digits([c, d]), at + 6),
        [a, b, c, d, ..] => (two_digits([a, b]), two_digits([c, d]), at + 5),
        _ => return (0, at),
    };
    match (hours, minutes) {
        (Some(hours @ 0..24), Some(minutes @ 0..60)) => (sign * (hours * 3_600 + minutes * 60), end),
        _ => (0, at),
    }
}

/// Days since the epoch of a date of the Gregorian calendar; none for a date that does not exist.
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nanos(text: &str) -> Option<i64> {
        parse(text.as_bytes()).filter(|(_, end)| *end == text.len()).map(|(nanos, _)| nanos)
    }

    #[test]
    fn offsets_are_taken_off() {
        let utc = nanos("2026-11-21T19:42:07.756Z");
        assert_eq!(utc, Some(1_795_290_127_756_000_000));
        for same in [
            "2026-11-21T16:12:07.756-0330",
            "2026-11-22T01:27:07.756+0545",
            "2026-11-21T16:12:07.756-03:30",
            "2026-11-21 19:42:07,756",
            "2026-11-21T19:42:07.756+00:00",
        ] {
            assert_eq!(nanos(same), utc, "{same}");
        }
    }

    #[test]
    fn fractions_have_none_to_nine_digits_and_the_rest_is_cut() {
        for (fraction, nanosecond) in
            [("", 0), (".1", 100_000_000), (",123456", 123_456_000), (".123456789", 123_456_789)]
        {
            assert_eq!(nanos(&format!("1970-01-01T00:00:00{fraction}Z")), Some(nanosecond));
        }
        assert_eq!(nanos("1970-01-01T00:00:00.1234567899Z"), Some(123_456_789));
        assert_eq!(parse(b"1970-01-01T00:00:01. And then"), Some((NANOS, 19)));
    }

    #[test]
    fn leap_years_are_those_of_the_calendar() {
        assert_eq!(nanos("2024-02-29T00:00:00Z"), Some(1_709_164_800 * NANOS));
        assert_eq!(nanos("2000-02-29T00:00:00Z"), Some(951_782_400 * NANOS));
        assert_eq!(nanos("1969-12-31T23:59:59Z"), Some(-NANOS));
        for missing in
            ["2023-02-29", "1900-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-00-10", "2024-01-00"]
        {
            assert_eq!(nanos(&format!("{missing}T00:00:00Z")), None, "{missing}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for wrong in [
            "2024-01-01",
            "2024-01-01T24:00:00",
            "2024-01-01T00:60:00",
            "2024-01-01T00:00:61",
            "20x4-01-01T00:00:00",
        ] {
            assert_eq!(parse(wrong.as_bytes()), None, "{wrong}");
        }
        // Beyond what 64 bits of nanoseconds can say.
        assert_eq!(parse(b"9999-12-31T23:59:59Z"), None);
        assert_eq!(parse(b"1677-09-21T00:12:43Z"), None);
        assert!(parse(b"1677-09-21T00:12:44Z").is_some());
    }

    #[test]
    fn a_leap_second_counts_as_the_one_before_it() {
        assert_eq!(nanos("1970-01-01T00:00:60Z"), Some(59 * NANOS));
        assert_eq!(nanos("1970-01-01T00:00:60.5Z"), Some(59 * NANOS + NANOS / 2));
    }

    #[test]
    fn an_offset_that_is_none_is_left_alone() {
        assert_eq!(parse(b"1970-01-01T00:00:00-xyz"), Some((0, 19)));
        assert_eq!(parse(b"1970-01-01T00:00:00+9999"), Some((0, 19)));
    }

    proptest! {
        #[test]
        fn each_day_is_one_after_the_day_before(day in -106_000i64..106_000) {
            // The days of the calendar, counted one by one from a known one, are too slow: count years instead.
            let (mut year, mut left) = (1970, day);
            let length = |year: i64| 365 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
            while left < 0 { year -= 1; left += length(year); }
            while left >= length(year) { left -= length(year); year += 1; }
            prop_assert_eq!(days(year, 1, 1), Some(day - left));
            prop_assert_eq!(days(year, 12, 31), Some(day - left + length(year) - 1));
        }

        #[test]
        fn any_bytes_are_read_without_a_fault(text in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, end)) = parse(&text) {
                prop_assert!(end <= text.len());
            }
        }
    }
}
