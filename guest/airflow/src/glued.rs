//! Records that were glued to half a line: a writer was stopped in the middle of one, and the next one went on there.

use crate::header::{GLUE, airflow};
use memchr::{memmem, memrchr};
use std::ops::Range;
use updraft_guest::Severity;

/// Longest timestamp with its brackets.
const MAX_TIMESTAMP: usize = 48;

/// Where records of Airflow's own format may have been glued to half a line: places of [`GLUE`] in a batch, found as one
/// looks, from its beginning to its end. (To begin a search in each line costs more than the search.)
#[derive(Debug)]
pub struct Glued<'a> {
    bytes: &'a [u8],
    finder: memmem::Finder<'static>,
    next: Next,
}

/// The first place that no range has held so far.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// At or after this one.
    Unknown(usize),
    Place(usize),
    None,
}

impl<'a> Glued<'a> {
    /// Of this batch.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, finder: memmem::Finder::new(GLUE), next: Next::Unknown(0) }
    }

    /// The places within a range; no later range begins before it. What lies before all ranges is never searched: in a
    /// batch of JSON lines, nothing is.
    fn within(&mut self, range: Range<usize>) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            loop {
                match self.next {
                    Next::None => return None,
                    Next::Place(place) if place >= range.end => return None,
                    Next::Place(place) if place >= range.start => {
                        self.next = Next::Unknown(place + GLUE.len());
                        return Some(place);
                    }
                    Next::Unknown(from) if from >= range.end => return None,
                    Next::Place(from) | Next::Unknown(from) => self.search(from.max(range.start)),
                }
            }
        })
    }

    fn search(&mut self, from: usize) {
        let rest = self.bytes.get(from..).unwrap_or_default();
        self.next = self.finder.find(rest).map_or(Next::None, |at| Next::Place(from + at));
    }

    /// Finds a record that was glued to half a line, of which `text` is the rest and begins at `start` of the batch.
    /// Returns where in `text` it begins.
    ///
    /// A message may well quote a record, but then it puts something before it: a space, a quote, a bracket. What has
    /// `open_quotes` is half a JSON line, and its last byte says nothing.
    pub fn find(&mut self, text: &[u8], start: usize, open_quotes: impl Fn() -> bool) -> Option<usize> {
        self.within(start..start + text.len()).find_map(|place| {
            let close = place - start;
            let window = close.saturating_sub(MAX_TIMESTAMP);
            let start = window + memrchr(b'[', &text[window..close])?;
            let before = *text[..start].last()?;
            let header = airflow(&text[start..])?;
            let quoted = is_before_a_quotation(before) && !open_quotes();
            (!quoted && header.severity != Severity::NONE).then_some(start)
        })
    }
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
        let find = |before: &str| {
            let text = format!("{before}{record}").into_bytes();
            Glued::of(&text).find(&text, 0, || false)
        };
        assert_eq!(find("half a li"), Some(9));
        assert_eq!(find("half a li·"), Some(11));
        assert_eq!(find("[2026-11-21T19:51:52.061+0000] {a.py:18} INFO - half"), Some(52));
        for quoting in ["", "they said ", "they said '", "(", "x="] {
            assert_eq!(find(quoting), None, "{quoting}");
        }
    }
}
