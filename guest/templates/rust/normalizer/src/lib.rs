//! Makes events of Airflow 2's text logs: a header begins one, and lines without a header belong to the one before.

use updraft_guest::{Events, Lines, LogStream, Normalizer, Severity};

/// Longer events are cut: what a batch may hold has its limits.
const MAX_LINES: usize = 500;

/// The component. It has no config.
pub struct Text;

impl Normalizer for Text {
    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn normalize(
        &mut self,
        _origin: &LogStream,
        lines: &Lines,
        events: &mut Events<'_>,
    ) -> Result<usize, String> {
        let mut start = 0;
        for (at, line) in lines.iter().enumerate().skip(1) {
            if at - start == MAX_LINES || Header::read(line.text()).is_some() {
                push(events, lines.join(start..at));
                start = at;
            }
        }
        // The last event may go on in lines that are not here yet. Unless nothing follows, it comes again with them.
        if lines.is_last() && !lines.is_empty() {
            push(events, lines.join(start..lines.len()));
            start = lines.len();
        }
        Ok(start)
    }
}

updraft_guest::export_normalizer!(Text);

fn push(events: &mut Events<'_>, source: &[u8]) {
    let mut event = events.push(source);
    if let Some(header) = Header::read(source) {
        event
            .severity(header.severity)
            .attribute_text("source", header.source);
        event.message(header.message.strip_suffix(b"\n").unwrap_or(header.message));
        if let Some(timestamp) = header.timestamp_ns {
            event.timestamp_ns(timestamp);
        }
    }
}

/// `[2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected`
struct Header<'a> {
    timestamp_ns: Option<i64>,
    /// `warehouse.py:24`
    source: &'a [u8],
    severity: Severity,
    message: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (time, rest) = cut(text.strip_prefix(b"[")?, b"] {")?;
        let (source, rest) = cut(rest, b"} ")?;
        let (level, message) = cut(rest, b" - ")?;
        let severity = match level {
            b"DEBUG" => Severity::DEBUG,
            b"INFO" => Severity::INFO,
            b"WARNING" => Severity::WARNING,
            b"ERROR" => Severity::ERROR,
            b"CRITICAL" => Severity::CRITICAL,
            _ => return None,
        };
        let timestamp_ns = std::str::from_utf8(time).ok().and_then(timestamp_ns);
        Some(Self {
            timestamp_ns,
            source,
            severity,
            message,
        })
    }
}

/// What stands before and after a mark.
fn cut<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|piece| piece == mark)?;
    Some((&text[..at], &text[at + mark.len()..]))
}

/// Nanoseconds since the Unix epoch of `2026-01-01T00:00:03.512+0000`.
fn timestamp_ns(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let seconds = days(number(0, 4)?, number(5, 7)?, number(8, 10)?) * 86_400
        + number(11, 13)? * 3_600
        + number(14, 16)? * 60
        + number(17, 19)?;
    let east = number(24, 26)? * 3_600 + number(26, 28)? * 60;
    let utc = if text.get(23..24)? == "-" {
        seconds + east
    } else {
        seconds - east
    };
    (utc * 1_000 + number(20, 23)?).checked_mul(1_000_000)
}

/// Days since the epoch. <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
