//! What a text record begins with.
//!
//! Airflow 2's default is `[2026-11-21T16:12:07.756-0330] {file.py:123} INFO - message`. With `log_format` set it may
//! be anything; the common shapes are recognised by a leading time and a level word near it. What stands between
//! them must be a logger or a place in the code, so that nothing of a message is taken for a header and lost.
#![expect(
    clippy::inline_always,
    reason = "measured: what a header is read with is one function, without calls"
)]

use crate::{blocks, level};
use memchr::{memchr, memmem};
use updraft_guest::Severity;
use updraft_guest::timestamp::{self, Clock};

/// Longest text of a `{file.py:123}` or a `[logger]`.
const MAX_GROUP: usize = 256;
/// How much may stand before the level: a logger and a place.
const MAX_BEFORE_LEVEL: usize = 2;
/// Longest name of a level (`Level 25` is what Python writes for one without a name).
const MAX_LEVEL: usize = 32;
/// Fields that are read after a level; what follows them is the message.
const MAX_FIELDS: usize = 32;

/// When a record says that it was made.
#[derive(Debug, Clone, Copy)]
pub enum Time<'a> {
    /// Nanoseconds since the epoch.
    At(i64),
    /// In a year that these cannot say, or on a day that does not exist.
    Claimed(&'a [u8]),
}

/// What the beginning of a record says.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    pub time: Time<'a>,
    /// [`Severity::NONE`] where the level is not known.
    pub severity: Severity,
    /// The level by its name, where the severity does not say all of it.
    pub level: Option<&'a [u8]>,
    /// `file.py:123`
    pub source: Option<&'a [u8]>,
    pub logger: Option<&'a [u8]>,
    /// `name=value` fields of a custom format, each followed by ` | `.
    pub fields: &'a [u8],
    /// Where the message begins.
    pub message: usize,
}

impl<'a> Header<'a> {
    fn at(time: Time<'a>) -> Self {
        Header {
            time,
            severity: Severity::NONE,
            level: None,
            source: None,
            logger: None,
            fields: &[],
            message: 0,
        }
    }
}

/// A header with a time and a level. A time alone begins no record: the rows of a table have one, too.
#[inline(always)]
pub fn parse<'a>(text: &'a [u8], clock: &mut Clock) -> Option<Header<'a>> {
    match text.first()? {
        b'[' | b'0'..=b'9' => airflow(text, clock).or_else(|| custom(text)),
        _ => None,
    }
}

/// What stands between the time and the place in Airflow's own format.
pub const GLUE: &[u8] = b"] {";

/// `[time] {file.py:123} LEVEL - message`, also with double braces, as MWAA has it.
#[inline(always)]
pub fn airflow<'a>(text: &'a [u8], clock: &mut Clock) -> Option<Header<'a>> {
    let inside = text.strip_prefix(b"[")?;
    let (timestamp, end) = clock.read(inside)?;
    let rest = inside[end..].strip_prefix(GLUE)?;
    let (rest, is_doubled) = match rest.strip_prefix(b"{") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let place = &rest[..blocks::first(b'}', &rest[..rest.len().min(MAX_GROUP)])?];
    let rest = match &rest[place.len()..] {
        [b'}', b'}', b' ', rest @ ..] if is_doubled => rest,
        [b'}', b' ', rest @ ..] if !is_doubled => rest,
        _ => return None,
    };
    if !is_place(place) {
        return None;
    }
    let word = rest[..blocks::first(b'-', &rest[..rest.len().min(MAX_LEVEL)])?].strip_suffix(b" ")?;
    let rest = &rest[word.len() + 2..];
    // Editors and `rstrip` take the last space off an empty message.
    let message = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
    let level = level::upper(word);
    if level.is_none() && !is_named(word) {
        return None;
    }
    Some(Header {
        severity: level.map_or(Severity::NONE, |level| level.severity),
        level: (!level.is_some_and(|level| level.is_exact)).then_some(word),
        source: Some(place),
        message: text.len() - message.len(),
        ..Header::at(timestamp.map_or(Time::Claimed(&inside[..end]), Time::At))
    })
}

/// Whether it may be the name of a level that is not known.
#[inline(never)]
fn is_named(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_uppercase)
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b" _".contains(byte))
}

/// A time, perhaps a logger and a place, a level, perhaps a logger and fields, the message.
#[inline(never)]
fn custom(text: &[u8]) -> Option<Header<'_>> {
    let (timestamp, mut rest) = leading_time(text)?;
    let mut header = Header::at(Time::At(timestamp));
    for _ in 0..=MAX_BEFORE_LEVEL {
        rest = skip_separator(rest);
        let (piece, bracketed, after) = leading_piece(rest)?;
        let level = if bracketed { level::any_case(piece) } else { level::upper(piece) };
        if let Some(level) = level {
            header.severity = level.severity;
            header.level = (!level.is_exact).then_some(piece);
            return Some(after_level(text, after, header));
        }
        if is_place(piece) {
            header.source = Some(piece);
        } else if is_name(piece) && (bracketed || separator(after).is_some()) {
            header.logger = Some(piece);
        } else {
            return None;
        }
        rest = after;
    }
    None
}

/// What stands between the level and the message, and where that begins.
fn after_level<'a>(text: &'a [u8], after: &'a [u8], mut header: Header<'a>) -> Header<'a> {
    let mut rest = skip_separator(after);
    if let Some(mark) = separator(after) {
        // One space belongs to the separator; more are the message's.
        rest = after.trim_ascii_start().get(2..).unwrap_or_default();
        let ending = [b' ', mark, b' '];
        let piece = |rest: &'a [u8]| memmem::find(rest, &ending).map(|end| (&rest[..end], &rest[end + 3..]));
        if let Some((name, after)) =
            piece(rest).filter(|(name, _)| header.logger.is_none() && is_logger(name))
        {
            header.logger = Some(name);
            rest = after;
        }
        let begin = rest;
        for _ in 0..MAX_FIELDS {
            let Some((field, after)) = piece(rest).filter(|_| mark == b'|') else { break };
            let before = &begin[..begin.len() - rest.len()];
            if field_name(field).is_none_or(|name| is_taken(name, before, header.level)) {
                break;
            }
            rest = after;
        }
        header.fields = &begin[..begin.len() - rest.len()];
    } else if let Some((name, true, after)) = leading_piece(rest).filter(|(name, _, _)| is_dotted(name)) {
        header.logger = Some(name);
        rest = skip_separator(after);
    } else if let Some((name, false, [b':', b' ', after @ ..])) =
        leading_piece(rest).filter(|(name, ..)| is_dotted(name))
    {
        header.logger = Some(name);
        rest = after;
    }
    Header { message: text.len() - rest.len(), ..header }
}

/// The fields in a header's text of them, name and value.
pub fn fields(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let equals = memchr(b'=', rest)?;
        let end = equals + memchr(b' ', &rest[equals..])?;
        let field = (&rest[..equals], &rest[equals + 1..end]);
        rest = rest.get(end + b" | ".len()..).unwrap_or_default();
        Some(field)
    })
}

/// A time at the very beginning, in brackets or not, and what follows it.
fn leading_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let bracketed = text.strip_prefix(b"[");
    let inside = bracketed.unwrap_or(text);
    let (timestamp, end) = timestamp::parse(inside)?;
    let rest = &inside[end..];
    match bracketed {
        Some(_) => rest.strip_prefix(b"]").map(|rest| (timestamp, rest)),
        None => (!rest.first().is_some_and(u8::is_ascii_alphanumeric)).then_some((timestamp, rest)),
    }
}

/// A `[group]`, trimmed, or a word; whether it had brackets; and what follows.
fn leading_piece(rest: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let close = match rest.first()? {
        b'[' => b']',
        b'{' => b'}',
        b'(' => b')',
        _ => {
            let end = rest.iter().position(|byte| !is_name_byte(*byte)).unwrap_or(rest.len());
            let bounded = matches!(rest.get(end), None | Some(b' ' | b'\t' | b':' | b'|'));
            return bounded.then(|| (&rest[..end], false, &rest[end..]));
        }
    };
    let end = memchr(close, &rest[..rest.len().min(MAX_GROUP)])?;
    Some((rest[1..end].trim_ascii(), true, &rest[end + 1..]))
}

/// The mark of ` | `, ` - ` or `: ` at the beginning.
fn separator(rest: &[u8]) -> Option<u8> {
    match rest.trim_ascii_start() {
        [mark @ (b'|' | b'-' | b':')] | [mark @ (b'|' | b'-' | b':'), b' ', ..] => Some(*mark),
        _ => None,
    }
}

/// What follows spaces, a separator and more spaces.
fn skip_separator(rest: &[u8]) -> &[u8] {
    match separator(rest) {
        Some(_) => rest.trim_ascii_start()[1..].trim_ascii_start(),
        None => rest.trim_ascii_start(),
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.'
}

fn is_name(text: &[u8]) -> bool {
    let begins = text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    begins && !text.ends_with(b".") && text.iter().all(|byte| is_name_byte(*byte))
}

fn is_dotted(text: &[u8]) -> bool {
    is_name(text) && text.contains(&b'.')
}

/// A name that is surely a logger's, and not the first word of a message.
fn is_logger(text: &[u8]) -> bool {
    is_dotted(text) || (is_name(text) && text.contains(&b'_')) || text == b"root"
}

/// `file.py:123`
#[inline(always)]
fn is_place(text: &[u8]) -> bool {
    match text.last_chunk() {
        Some(end) => match digits_at_end(u64::from_le_bytes(*end)) {
            8 => is_long_place(text),
            digits => digits > 0 && text[text.len() - 1 - digits] == b':',
        },
        None => is_long_place(text),
    }
}

/// How many of eight bytes, at their end, are digits.
#[inline]
fn digits_at_end(bytes: u64) -> usize {
    const LOW: u64 = u64::MAX / 0xff;
    let values = bytes ^ (LOW * u64::from(b'0'));
    // A high bit for each byte that is above nine.
    let others = (((values & (LOW * 0x7f)) + LOW * (0x7f - 9)) | values) & (LOW << 7);
    (others.leading_zeros() / 8) as usize
}

#[inline(never)]
fn is_long_place(text: &[u8]) -> bool {
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && text[..text.len() - digits].ends_with(b":")
}

/// The name of a `name=value` without spaces.
fn field_name(text: &[u8]) -> Option<&[u8]> {
    let name = &text[..memchr(b'=', text)?];
    (is_name(name) && !text.iter().any(u8::is_ascii_whitespace)).then_some(name)
}

/// Whether a field would take the place of one before it, or of the level's own name.
fn is_taken(name: &[u8], before: &[u8], level: Option<&[u8]>) -> bool {
    fields(before).any(|(known, _)| known == name) || (level.is_some() && name == b"level")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Severity, logger, source, message.
    fn read(text: &str) -> Option<(u8, &str, &str, &str)> {
        let header = parse(text.as_bytes(), &mut Clock::default())?;
        let text_of = |bytes| std::str::from_utf8(bytes).unwrap_or("?");
        Some((
            header.severity.0,
            header.logger.map_or("", text_of),
            header.source.map_or("", text_of),
            &text[header.message..],
        ))
    }

    #[test]
    fn airflows_own_format_is_read_with_any_offset_and_level() {
        let read = |text| read(text).unwrap_or_default();
        assert_eq!(read("[2026-11-21T16:12:07.756-0330] {a.py:1} INFO - hi"), (9, "", "a.py:1", "hi"));
        assert_eq!(
            read("[2026-11-21T16:12:07.756+0545] {a.py:1} WARNING -   hi "),
            (13, "", "a.py:1", "  hi ")
        );
        assert_eq!(read("[2026-11-21 16:12:07,756] {{a.py:1}} ERROR - MWAA"), (17, "", "a.py:1", "MWAA"));
        assert_eq!(read("[2026-11-21T16:12:07.756+0000] {a.py:1} Level 25 - x"), (0, "", "a.py:1", "x"));
        assert_eq!(read("[2026-11-21T16:12:07.756+0000] {a.py:1} INFO - "), (9, "", "a.py:1", ""));
        assert_eq!(read("[2026-11-21T16:12:07.756+0000] {a.py:1} INFO -"), (9, "", "a.py:1", ""));
    }

    #[test]
    fn custom_formats_are_guessed() {
        let read = |text| read(text).unwrap_or_default();
        let pipes = "2026-11-21T16:12:07.756-0330 | INFO     | airflow.task | pid=28137 |    spaces ";
        assert_eq!(read(pipes), (9, "airflow.task", "", "   spaces "));
        assert_eq!(read("2026-11-21 16:12:07,756 - airflow.task - INFO - hi"), (9, "airflow.task", "", "hi"));
        assert_eq!(read("2026-11-21 16:12:07,756 INFO [airflow.task] hi"), (9, "airflow.task", "", "hi"));
        assert_eq!(read("2026-11-21 16:12:07,756 ERROR airflow.task: hi"), (17, "airflow.task", "", "hi"));
        assert_eq!(read("[2026-11-21 16:12:07] [INFO] hi: there"), (9, "", "", "hi: there"));
        assert_eq!(read("2026-11-21T19:24:07.760178Z [warning  ] Using `x`"), (13, "", "", "Using `x`"));
        assert_eq!(read("2026-11-21T19:24:07Z INFO     hi - there"), (9, "", "", "hi - there"));
    }

    #[test]
    fn a_message_is_never_taken_for_a_header() {
        for text in [
            "2026-11-21 16:12:07 The job failed with ERROR 5",
            "2026-11-21 16:12:07 | 5 | ERROR",
            "2026-11-21T16:12:07 ERRORS",
            "2026-11-21 16:12:07 ERROR=5",
            "[2026-11-21T16:12:07.756-0330 {a.py:1} INFO - hi",
            "Traceback (most recent call last):",
            "2026-11-21",
            "",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_place_is_a_name_a_colon_and_digits(text in "[a-z./:]{0,9}:?[0-9/:]{0,10}") {
            let name = text.trim_end_matches(|it: char| it.is_ascii_digit());
            proptest::prop_assert_eq!(is_place(text.as_bytes()), name.len() < text.len() && name.ends_with(':'));
        }
    }
}
