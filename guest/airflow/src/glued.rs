//! Records that were glued to half a line: a writer was stopped in the middle of one, and the next one went on there.
#![expect(
    clippy::inline_always,
    reason = "measured: what a header is read with is one function, without calls"
)]

use crate::blocks;
use crate::header::{GLUE, airflow};
use memchr::memrchr;
use updraft_guest::Severity;
use updraft_guest::timestamp::Clock;

/// Longest timestamp with its brackets.
const MAX_TIMESTAMP: usize = 48;

/// Finds a record of Airflow's own format that was glued to half a line, which goes on from `start` to `end` of a batch.
/// Returns where in the batch it begins.
///
/// A message may well quote a record, but then it puts something before it: a space, a quote, a bracket. What has
/// `open_quotes` is half a JSON line, and its last byte says nothing.
#[inline(always)]
pub fn find(bytes: &[u8], start: usize, end: usize, open_quotes: impl Fn() -> bool) -> Option<usize> {
    // The brace is what messages have least of.
    blocks::within(b'{', bytes, start + GLUE.len() - 1, end, |brace| {
        let close = brace + 1 - GLUE.len();
        bytes[close..]
            .starts_with(GLUE)
            .then(|| record(&bytes[start..end], close - start, &open_quotes))
            .flatten()
    })
    .map(|at| start + at)
}

/// Where the record begins whose time a bracket closes there.
#[inline(never)]
fn record(text: &[u8], close: usize, open_quotes: &impl Fn() -> bool) -> Option<usize> {
    let window = close.saturating_sub(MAX_TIMESTAMP);
    let start = window + memrchr(b'[', &text[window..close])?;
    let before = *text[..start].last()?;
    let header = airflow(&text[start..], &mut Clock::default())?;
    let quoted = is_before_a_quotation(before) && !open_quotes();
    (!quoted && header.severity != Severity::NONE).then_some(start)
}

fn is_before_a_quotation(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b"\"'`([{<:=>|,".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_where_it_was_glued_but_not_where_it_is_quoted() {
        let record = "[2026-11-21T19:53:44.789+0000] {a.py:127} ERROR - Received SIGTERM";
        let found = |before: &str| {
            let text = format!("{before}{record}").into_bytes();
            find(&text, 0, text.len(), || false)
        };
        assert_eq!(found("half a li"), Some(9));
        assert_eq!(found("half a li·"), Some(11));
        assert_eq!(found("[2026-11-21T19:51:52.061+0000] {a.py:18} INFO - half"), Some(52));
        for quoting in ["", "they said ", "they said '", "(", "x="] {
            assert_eq!(found(quoting), None, "{quoting}");
        }
    }
}
