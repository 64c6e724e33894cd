//! Makes events of Airflow's logs: of JSON lines, and of text records, whose headers begin one that goes on without.

use updraft_guest::json::{Json, Kind};
use updraft_guest::{Events, Line, Lines, LogStream, Normalizer, Severity, timestamp};

/// Longer events are cut: what a batch may hold has its limits.
const MAX_LINES: usize = 500;
/// Members of a JSON line that the path of the log says already.
const KNOWN: [&str; 6] = [
    "ti_id",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
];

/// The component. It has no config.
pub struct Airflow;

impl Normalizer for Airflow {
    fn configure(_config: &str) -> Result<Self, String> {
        Ok(Self)
    }

    fn normalize(
        &mut self,
        _origin: &LogStream,
        lines: &Lines,
        events: &mut Events<'_>,
    ) -> Result<usize, String> {
        // Where the record begins that the lines go on with.
        let mut first = 0;
        for (at, line) in lines.iter().enumerate() {
            let record = json_record(line);
            let begins = record.is_some() || Header::read(line.text()).is_some();
            if at > first && (begins || at - first == MAX_LINES) {
                push_text(events, lines.join(first..at));
                first = at;
            }
            if let Some(record) = record {
                push_json(events, line, record);
                first = at + 1;
            }
        }
        // The last record may go on in lines that are not here yet. Unless nothing follows, it comes again with them.
        if lines.is_last() && first < lines.len() {
            push_text(events, lines.join(first..lines.len()));
            first = lines.len();
        }
        Ok(first)
    }
}

updraft_guest::export_normalizer!(Airflow);

/// Lines of text are one event; without a header it has nothing but its message.
fn push_text(events: &mut Events<'_>, source: &[u8]) {
    let mut event = events.push(source);
    if let Some(header) = Header::read(source) {
        event.severity(header.severity).message(header.message);
        event.attribute_text("source", header.source);
        if let Some((timestamp, _)) = timestamp::parse(header.time) {
            event.timestamp_ns(timestamp);
        }
    }
}

/// `[2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected`
struct Header<'a> {
    time: &'a [u8],
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
        let severity = severity(level)?;
        let message = message.strip_suffix(b"\n").unwrap_or(message);
        Some(Self {
            time,
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

fn severity(level: &[u8]) -> Option<Severity> {
    match level.to_ascii_uppercase().as_slice() {
        b"DEBUG" => Some(Severity::DEBUG),
        b"INFO" => Some(Severity::INFO),
        b"WARNING" => Some(Severity::WARNING),
        b"ERROR" => Some(Severity::ERROR),
        b"CRITICAL" => Some(Severity::CRITICAL),
        _ => None,
    }
}

/// A record of Airflow 3: an object that says what happened.
fn json_record(line: Line<'_>) -> Option<Json<'_>> {
    let record = Json::parse(line.text())?;
    let is_event = |(name, value): (Json, Json)| {
        name.plain() == Some(b"event") && matches!(value.kind(), Kind::Plain | Kind::Escaped)
    };
    record.members().into_iter().any(is_event).then_some(record)
}

fn push_json(events: &mut Events<'_>, line: Line<'_>, record: Json<'_>) {
    let mut event = events.push(line);
    let (mut file, mut number) = (None, None);
    let mut text = Vec::new();
    for (name, value) in record.members() {
        let name = name.plain().and_then(|name| std::str::from_utf8(name).ok());
        match name.unwrap_or_default() {
            "event" => {
                event.message(value.string(&mut text).unwrap_or_default());
            }
            "level" => {
                event.severity(value.plain().and_then(severity).unwrap_or(Severity::NONE));
            }
            "timestamp" => {
                if let Some((timestamp, _)) = value.plain().and_then(timestamp::parse) {
                    event.timestamp_ns(timestamp);
                }
            }
            "filename" => file = value.plain(),
            "lineno" => number = Some(value.bytes()),
            name if name.is_empty() || KNOWN.contains(&name) => {}
            name => {
                event.attribute_json(name, value.bytes());
            }
        }
    }
    if let (Some(file), Some(number)) = (file, number) {
        event.attribute_text("source", [file, b":", number].concat());
    }
}
