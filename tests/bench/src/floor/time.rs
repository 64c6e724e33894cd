//! RFC 3339 in UTC without a calendar library: days to dates by arithmetic.

/// Appends the time, as precise as it is: 0, 3, 6 or 9 digits of fraction.
pub fn write(ns: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that begin in March, so that a leap day is their last.
    // <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    digits(year, 4, out);
    for (mark, number) in
        [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(mark);
        digits(number, 2, out);
    }
    match fraction {
        0 => {}
        _ if fraction % 1_000_000 == 0 => part(fraction / 1_000_000, 3, out),
        _ if fraction % 1_000 == 0 => part(fraction / 1_000, 6, out),
        _ => part(fraction, 9, out),
    }
    out.push(b'Z');
}

fn part(number: i64, count: usize, out: &mut Vec<u8>) {
    out.push(b'.');
    digits(number, count, out);
}

fn digits(mut number: i64, count: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + count, b'0');
    for digit in out[start..].iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_a_calendar_says() {
        let mut chance = fastrand::Rng::with_seed(1);
        for unit in [1, 1_000, 1_000_000, 1_000_000_000] {
            for _ in 0..2_000 {
                let ns = chance.i64(0..4_000_000_000_000_000_000 / unit) * unit;
                let mut written = Vec::new();
                write(ns, &mut written);
                let read: jiff::Timestamp = String::from_utf8(written).unwrap().parse().unwrap();
                assert_eq!(read.as_nanosecond(), i128::from(ns));
            }
        }
    }
}
