//! Card numbers: digits in a run or in groups, of a length and a beginning that some issuer has, with a right check digit.

use std::ops::Range;

/// No card has fewer digits, none has more.
const DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// Appends where card numbers are.
pub fn find_all(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    // A number has no 13 bytes without one of its own among them: so one byte in 13 is all that is read, as a rule.
    while let Some(byte) = text.get(from + *DIGITS.start() - 1) {
        let at = from + *DIGITS.start() - 1;
        if !is_part(*byte) {
            from = at + 1;
            continue;
        }
        let start = at - text[from..at].iter().rev().take_while(|byte| is_part(**byte)).count();
        let end = at + text[at..].iter().take_while(|byte| is_part(**byte)).count();
        if end - start >= *DIGITS.start() {
            in_run(text, start..end, found);
        }
        from = end;
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' ' || byte == b'-'
}

/// Looks at each group of digits in a run whether a card number begins with it.
fn in_run(text: &[u8], run: Range<usize>, found: &mut Vec<Range<usize>>) {
    let mut at = run.start;
    while at < run.end {
        let begins = text[at].is_ascii_digit() && (at == run.start || !text[at - 1].is_ascii_digit());
        match begins.then(|| end_of_card(text, at, run.end)).flatten() {
            Some(end) => {
                found.push(at..end);
                at = end;
            }
            None => at += 1,
        }
    }
}

/// Where the longest card number that begins here ends.
fn end_of_card(text: &[u8], start: usize, run_ends: usize) -> Option<usize> {
    if start > 0 && goes_on(text[start - 1]) && !matches!(text[start - 1], b' ' | b'-') {
        return None;
    }
    let mut digits = [0; *DIGITS.end()];
    let (mut count, mut end) = (0, None);
    let mut at = start;
    while at < run_ends && count < digits.len() {
        if !text[at].is_ascii_digit() {
            // Groups have one byte between them.
            if !text[at - 1].is_ascii_digit() {
                break;
            }
            at += 1;
            continue;
        }
        digits[count] = text[at] - b'0';
        count += 1;
        at += 1;
        let is_whole =
            text.get(at).is_none_or(|byte| !byte.is_ascii_digit() && !goes_on(*byte) || is_end(text, at));
        if is_whole && is_card(&digits[..count]) {
            end = Some(at);
        }
    }
    end
}

/// A letter or a dot glued to digits: they are part of an id, or the fraction of a number.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

/// A dot that ends a sentence.
fn is_end(text: &[u8], at: usize) -> bool {
    text[at] == b'.' && text.get(at + 1).is_none_or(|byte| !byte.is_ascii_digit())
}

/// <https://en.wikipedia.org/wiki/Payment_card_number>, as far as issuers still use it.
fn is_card(digits: &[u8]) -> bool {
    let first =
        |count: usize| digits[..count].iter().fold(0, |number, digit| number * 10 + u32::from(*digit));
    if !DIGITS.contains(&digits.len()) {
        return false;
    }
    let has_length = matches!(
        (first(4), digits.len()),
        (4000..=4999, 13 | 16 | 19)
        | (2221..=2720 | 5100..=5599, 16)
        | (3400..=3499 | 3700..=3799, 15)
        | (3000..=3059 | 3600..=3699 | 3800..=3999, 14..=19)
        | (3528..=3589 | 6011 | 6200..=6299 | 6440..=6599 | 8100..=8171, 16..=19)
        | (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 13..=19)
    );
    has_length && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let value = |(at, digit): (usize, &u8)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit });
    digits.iter().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cards(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find_all(text.as_bytes(), &mut found);
        found.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn test_numbers_of_every_issuer_are_found_with_and_without_groups() {
        for card in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4222222222222",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "30569309025904",
            "3530111333300000",
            "6011111111111117",
            "6200000000000005",
            "6759649826438453",
        ] {
            assert_eq!(cards(card), [card]);
            for around in [
                format!("paid with {card}."),
                format!("({card})"),
                format!("7 {card} 12"),
                format!("id={card},x"),
            ] {
                assert_eq!(cards(&around), [card], "{around}");
            }
        }
    }

    #[test]
    fn numbers_that_are_none_are_left_alone() {
        for text in [
            "4111111111111112",
            "0.4111111111111111",
            "4111111111111111.5",
            "a4111111111111111",
            "4111111111111111b",
            "41111111111111111111111111111111",
            "4111  1111  1111  1111",
            "1764121730000000000",
            "2026-11-21 19:33:25",
            "111111111111",
            "",
        ] {
            assert!(cards(text).is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_card_is_found_wherever_it_stands(before in "[a-z0-9 .:-]{0,40}[ ,:\"]", after in "[ ,\"][a-z0-9 .:-]{0,40}") {
            let text = format!("{before}x:4111 1111 1111 1111,{after}");
            prop_assert!(cards(&text).contains(&"4111 1111 1111 1111"), "{}", text);
        }
    }
}
