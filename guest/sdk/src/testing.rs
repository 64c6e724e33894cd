//! Runs a component natively, holds it to the contract as the host does, and gives back readable events.
//!
//! ```
//! use updraft_guest::{testing, Events, Lines, LogStream, Normalizer};
//!
//! struct EveryLine;
//!
//! impl Normalizer for EveryLine {
//!     fn configure(_config: &str) -> Result<Self, String> {
//!         Ok(Self)
//!     }
//!
//!     fn normalize(&mut self, _: &LogStream, lines: &Lines, events: &mut Events<'_>) -> Result<usize, String> {
//!         for line in lines {
//!             events.push(line);
//!         }
//!         Ok(lines.len())
//!     }
//! }
//!
//! let batch = testing::normalize(&mut EveryLine, &testing::origin(), "one\ntwo\n", true).unwrap();
//! assert_eq!(batch.rows()[1].message, b"two");
//! ```

use crate::{
    Columns, DROPPED, Deployment, Events, Lines, LogStream, NO_TIMESTAMP, Normalizer, Severity, StreamKind,
    TaskTry, Transformer, run_normalizer, run_transformer,
};

/// The first try of a task, as Airflow's default layout has it.
pub fn origin() -> LogStream {
    LogStream {
        source: "airflow".to_owned(),
        path: "dag_id=etl/run_id=manual__1/task_id=load/attempt=1.log".to_owned(),
        host: "worker-0".to_owned(),
        kind: StreamKind::Task,
        task: Some(TaskTry {
            dag_id: "etl".to_owned(),
            run_id: "manual__1".to_owned(),
            task_id: "load".to_owned(),
            map_index: None,
            try_number: 1,
        }),
        deployment: Deployment::default(),
    }
}

/// What a component made of a batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The batch's bytes, those of lines that were not used included.
    pub bytes: Vec<u8>,
    /// How many lines were used.
    pub consumed_lines: usize,
    /// How many bytes those lines have.
    pub consumed_bytes: usize,
    /// The events as they cross the border.
    pub columns: Columns,
}

/// One event, readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Nanoseconds since the Unix epoch, UTC.
    pub timestamp_ns: Option<i64>,
    /// OpenTelemetry's `SeverityNumber`; 0: none.
    pub severity: u8,
    /// The bytes it came from.
    pub source: Vec<u8>,
    /// What codec `raw` ships.
    pub raw: Vec<u8>,
    /// What it says.
    pub message: Vec<u8>,
    /// None: dropped.
    pub label: Option<String>,
    /// Key, value, and whether the value is JSON.
    pub attributes: Vec<(String, Vec<u8>, bool)>,
}

impl Row {
    /// The message as text; what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }

    /// An attribute as text: JSON as written, a string unquoted.
    pub fn attribute(&self, key: &str) -> Option<String> {
        let (_, value, _) = self.attributes.iter().find(|(name, _, _)| name == key)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

impl Batch {
    /// The events in order, dropped ones included.
    pub fn rows(&self) -> Vec<Row> {
        let columns = &self.columns;
        let text = |start: u32, end: u32| self.span(start, end).to_vec();
        let row = |at: usize| Row {
            timestamp_ns: Some(columns.timestamps[at]).filter(|timestamp| *timestamp != NO_TIMESTAMP),
            severity: columns.severities[at],
            source: text(if at == 0 { 0 } else { columns.source_ends[at - 1] }, columns.source_ends[at]),
            raw: text(columns.raw_starts[at], columns.raw_ends[at]),
            message: text(columns.message_starts[at], columns.message_ends[at]),
            label: columns.label_names.get(columns.labels[at] as usize).cloned(),
            attributes: Vec::new(),
        };
        let mut rows: Vec<Row> = (0..columns.len()).map(row).collect();
        for at in 0..columns.attribute_events.len() {
            let attribute = columns.row(at);
            let key = columns.key_names[attribute.key as usize].clone();
            let value = text(attribute.start, attribute.end);
            rows[attribute.event as usize].attributes.push((key, value, attribute.json));
        }
        rows
    }

    fn span(&self, start: u32, end: u32) -> &[u8] {
        let (start, end, border) = (start as usize, end as usize, self.bytes.len());
        if start >= border && end > border {
            &self.columns.arena[start - border..end - border]
        } else {
            &self.bytes[start..end]
        }
    }
}

/// What a stage before a transform may have made: an event for each of these lines, as bad as that.
pub fn events(lines: &[(Severity, &str)]) -> Batch {
    let bytes = lines.iter().flat_map(|(_, line)| [line, "\n"].concat().into_bytes()).collect();
    let given = Lines::split(bytes, true);
    let mut events = Events::new(&given);
    for (line, (severity, _)) in given.iter().zip(lines) {
        events.push(line).severity(*severity);
    }
    let columns = events.finish();
    let bytes = given.bytes().to_vec();
    Batch { consumed_lines: given.len(), consumed_bytes: bytes.len(), bytes, columns }
}

/// Feeds a normalizer some bytes, cut into lines as the host does. An error is the component's own, or says which
/// part of the contract it broke.
pub fn normalize<N: Normalizer>(
    normalizer: &mut N,
    origin: &LogStream,
    bytes: impl Into<Vec<u8>>,
    last: bool,
) -> Result<Batch, String> {
    let lines = Lines::split(bytes.into(), last);
    let (consumed, columns) = run_normalizer(normalizer, origin, &lines)?;
    let consumed_lines = consumed as usize;
    if consumed_lines > lines.len() || (last && consumed_lines < lines.len()) {
        return Err(format!("contract: consumed {consumed_lines} of {} lines (last: {last})", lines.len()));
    }
    let consumed_bytes = lines.join(0..consumed_lines).len();
    check(&columns, lines.bytes().len(), consumed_bytes)?;
    Ok(Batch { bytes: lines.bytes().to_vec(), consumed_lines, consumed_bytes, columns })
}

/// Feeds a transform what the stage before it made.
pub fn transform<T: Transformer>(
    transformer: &mut T,
    origin: &LogStream,
    batch: &Batch,
) -> Result<Batch, String> {
    let mut columns = run_transformer(transformer, origin, batch.bytes.clone(), batch.columns.clone())?;
    columns.arena.splice(0..0, batch.columns.arena.iter().copied());
    check(&columns, batch.bytes.len(), batch.consumed_bytes)?;
    Ok(Batch { columns, ..batch.clone() })
}

/// What the host checks: equal lengths, spans in bounds, sources that cover every consumed byte, known indices.
fn check(columns: &Columns, bytes: usize, consumed: usize) -> Result<(), String> {
    let events = columns.len();
    let lengths = [
        columns.severities.len(),
        columns.source_ends.len(),
        columns.raw_starts.len(),
        columns.raw_ends.len(),
        columns.message_starts.len(),
        columns.message_ends.len(),
        columns.labels.len(),
    ];
    let rows = columns.attribute_events.len();
    let row_lengths = [
        columns.attribute_keys.len(),
        columns.attribute_starts.len(),
        columns.attribute_ends.len(),
        columns.attribute_json.len(),
    ];
    let all = bytes + columns.arena.len();
    let span_fits = |(start, end): (&u32, &u32)| {
        let (start, end) = (*start as usize, *end as usize);
        start <= end && end <= all && (end <= bytes || start >= bytes)
    };
    let spans_fit = |starts: &[u32], ends: &[u32]| starts.iter().zip(ends).all(span_fits);
    let json_is_json = (0..rows).filter(|row| columns.attribute_json[*row]).all(|row| {
        let (start, end) = (columns.attribute_starts[row] as usize, columns.attribute_ends[row] as usize);
        // Only what was made here can be looked at; the rest is checked by those who have the bytes.
        start < bytes || crate::json::Json::parse(&columns.arena[start - bytes..end - bytes]).is_some()
    });
    let promises = [
        ("columns have the same length", lengths.iter().all(|length| *length == events)),
        ("attribute columns have the same length", row_lengths.iter().all(|length| *length == rows)),
        ("source ends never decrease", columns.source_ends.is_sorted()),
        (
            "the last source ends where the consumed lines end",
            columns.source_ends.last().map_or(0, |end| *end as usize) == consumed,
        ),
        ("raw spans are in bounds", spans_fit(&columns.raw_starts, &columns.raw_ends)),
        ("message spans are in bounds", spans_fit(&columns.message_starts, &columns.message_ends)),
        ("attribute spans are in bounds", spans_fit(&columns.attribute_starts, &columns.attribute_ends)),
        (
            "labels are named",
            columns.labels.iter().all(|at| *at == DROPPED || (*at as usize) < columns.label_names.len()),
        ),
        ("keys are named", columns.attribute_keys.iter().all(|at| (*at as usize) < columns.key_names.len())),
        (
            "attributes are ordered by event",
            columns.attribute_events.is_sorted()
                && columns.attribute_events.last().is_none_or(|at| (*at as usize) < events),
        ),
        ("JSON attributes are JSON", json_is_json),
    ];
    match promises.iter().find(|(_, kept)| !kept) {
        Some((promise, _)) => Err(format!("contract broken: {promise}")),
        None => Ok(()),
    }
}
