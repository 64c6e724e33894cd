//! Reads the timestamps that Python's loggers write, to the nanosecond.
#![expect(clippy::inline_always, reason = "measured: a record's time is read without calls")]

mod clock;

pub use clock::Clock;

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
    let (words, seconds) = fixed.as_chunks::<8>();
    let [date, mut time] = [words[0], words[1]];
    if time[2] == b' ' {
        time[2] = b'T';
    }
    // `2026-11-` and `21T16:12`, then `:07`.
    let date = digits(date, *b"0000-00-")?;
    let time = digits(time, *b"00T00:00")?;
    let second = two_digits([seconds[1], seconds[2]]).filter(|_| seconds[0] == b':')?;
    let (year, month, day) = (pair(date, 0) * 100 + pair(date, 2), pair(date, 5), pair(time, 0));
    let (hour, minute) = (pair(time, 3), pair(time, 6));
    let (fraction, after_fraction) = fraction(text, fixed.len());
    let (offset, end) = offset(text, after_fraction);
    let timestamp = || {
        // A leap second counts as the one before it, as in Unix time.
        let of_day = i64::from(hour * 3_600 + minute * 60) + second.min(59);
        let exists = hour <= 23 && minute <= 59 && second <= 60;
        let seconds = i64::from(days(year, month, day).filter(|_| exists)?) * 86_400 + of_day - offset;
        // A multiplication that looks for overflow is one of 128 bits, which WebAssembly has not.
        if seconds.abs() < MOST_SECONDS {
            Some(seconds * NANOS + fraction)
        } else {
            at_the_edge(seconds, fraction)
        }
    };
    Some((timestamp(), end))
}

/// The lowest bit of each byte of a word…
const LOW: u64 = u64::MAX / 0xff;
/// …and the highest.
const HIGH: u64 = LOW << 7;

/// The values of the digits of a text that has digits where `shape` has a `0`, and all else as it does.
#[inline]
fn digits(text: [u8; 8], shape: [u8; 8]) -> Option<u64> {
    let most = u64::from_le_bytes(shape.map(|byte| if byte == b'0' { 9 } else { 0 }));
    let values = u64::from_le_bytes(text) ^ u64::from_le_bytes(shape);
    (above(values, most) == 0).then_some(values)
}

/// A high bit for each byte that is above its own most.
#[inline]
fn above(bytes: u64, most: u64) -> u64 {
    (((bytes & !HIGH) + (LOW * 0x7f - most)) | bytes) & HIGH
}

/// The number that two digits make.
#[inline]
fn pair(digits: u64, at: u32) -> u32 {
    let (tens, ones) = ((digits >> (8 * at)) as u8, (digits >> (8 * at + 8)) as u8);
    u32::from(tens) * 10 + u32::from(ones)
}

#[cold]
fn at_the_edge(seconds: i64, fraction: i64) -> Option<i64> {
    seconds.checked_mul(NANOS)?.checked_add(fraction)
}

#[inline]
fn two_digits([tens, ones]: [u8; 2]) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens * 10 + ones))
}

/// Nanoseconds of the fraction, and where it ends. No digits: no fraction.
#[inline(always)]
fn fraction(text: &[u8], at: usize) -> (i64, usize) {
    if !matches!(text.get(at), Some(b'.' | b',')) {
        return (0, at);
    }
    let rest = &text[at + 1..];
    let first = match rest.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        // Zeros, which are no digits, in place of what stands before.
        None => text
            .last_chunk()
            .map_or(0, |last| u64::from_le_bytes(*last).unbounded_shr(64 - 8 * rest.len() as u32)),
    };
    if let Some((nanos, digits)) = short_fraction(first) {
        return if digits == 0 { (0, at) } else { (nanos, at + 1 + digits) };
    }
    let (nanos, digits) = long_fraction(rest);
    (nanos, at + 1 + digits)
}

/// A fraction of any length, and that.
#[cold]
fn long_fraction(text: &[u8]) -> (i64, usize) {
    let (mut nanos, mut digits) = (0, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if digits < UNITS.len() {
            nanos += i64::from(digit) * UNITS[digits];
        }
        digits += 1;
    }
    (nanos, digits)
}

/// A fraction of fewer than eight digits, and how many they are. None: there are more. The first is the lowest byte.
#[inline(always)]
fn short_fraction(text: u64) -> Option<(i64, usize)> {
    let values = text ^ (LOW * u64::from(b'0'));
    let digits = above(values, LOW * 9).trailing_zeros() / 8;
    if digits == 8 {
        return None;
    }
    // The first digit comes to stand for tenths of a second, zeros follow the last one: eight in all.
    let values = values & !(u64::MAX << (8 * digits));
    let pairs = (values * 10 + (values >> 8)) & (u64::MAX / 0xffff * 0xff);
    let fours = (pairs * 100 + (pairs >> 16)) & (u64::MAX / 0xffff_ffff * 0xffff);
    let eight = (fours * 10_000 + (fours >> 32)) & 0xffff_ffff;
    Some((eight as i64 * 10, digits as usize))
}

/// Seconds east of UTC, and where the offset ends. No offset: UTC.
#[inline]
fn offset(text: &[u8], at: usize) -> (i64, usize) {
    let sign = match text.get(at) {
        Some(b'Z') => return (0, at + 1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (0, at),
    };
    let (digits, end) = match text[at + 1..] {
        [a, b, b':', c, d, ..] => ([a, b, c, d], at + 6),
        [a, b, c, d, ..] => ([a, b, c, d], at + 5),
        _ => return (0, at),
    };
    let values = u64::from(u32::from_le_bytes(digits) ^ 0x3030_3030);
    let (hours, minutes) = (pair(values, 0), pair(values, 2));
    if above(values, LOW * 9) == 0 && hours < 24 && minutes < 60 {
        (sign * i64::from(hours * 3_600 + minutes * 60), end)
    } else {
        (0, at)
    }
}

/// Days since the epoch of a date of the Gregorian calendar; none for a date that does not exist.
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    // One era later, so that no year is below zero: their months are counted from March.
    let year = year + 400 - u32::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(days as i32 - 719_468 - 146_097)
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
            prop_assert_eq!(days(year as u32, 1, 1).map(i64::from), Some(day - left));
            prop_assert_eq!(days(year as u32, 12, 31).map(i64::from), Some(day - left + length(year) - 1));
        }

        #[test]
        fn any_bytes_are_read_without_a_fault(text in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some((_, end)) = parse(&text) {
                prop_assert!(end <= text.len());
            }
        }

        #[test]
        fn an_offset_is_two_numbers_of_two_digits(
            sign in "[+-]", hours in "[0-9]{2}", colon in ":?", minutes in "[0-9]{2}", rest in "[0-9:x]{0,2}",
        ) {
            let text = format!("{sign}{hours}{colon}{minutes}{rest}");
            let of = |digits: &str| digits.parse::<i64>().unwrap_or(-1);
            let seconds = (of(&hours) * 60 + of(&minutes)) * if sign == "+" { 60 } else { -60 };
            let exists = of(&hours) < 24 && of(&minutes) < 60;
            let expected = if exists { (seconds, text.len() - rest.len()) } else { (0, 0) };
            prop_assert_eq!(offset(text.as_bytes(), 0), expected);
        }

        #[test]
        fn one_wrong_byte_makes_it_no_time(at in 0usize..19, byte in any::<u8>(), rest in "(\\.[0-9]{0,9})?Z?") {
            let mut text = format!("2026-10-21T12:10:11{rest}").into_bytes();
            text[at] = byte;
            let right = match at {
                4 | 7 => byte == b'-',
                10 => byte == b'T' || byte == b' ',
                13 | 16 => byte == b':',
                _ => byte.is_ascii_digit(),
            };
            prop_assert_eq!(read(&text).is_some(), right);
        }

        #[test]
        fn a_fraction_is_read_to_its_ninth_digit(digits in "[0-9]{0,12}", after in "([Z /:a-]{1,9})?") {
            let text = format!("1970-01-01T00:00:00.{digits}{after}");
            let nine: String = digits.chars().chain(std::iter::repeat('0')).take(9).collect();
            let end = if digits.is_empty() { 19 } else { 20 + digits.len() };
            prop_assert_eq!(fraction(text.as_bytes(), 19), (nine.parse().unwrap_or(-1), end));
        }
    }
}
