//! Rows on their way into columns. To write one row is to write to each of its columns, and each may have to grow; some
//! hundred rows are written to a column at once for little more.

use crate::columns::{Columns, Row};

/// Rows that are gathered before they are written.
const ROWS: usize = 256;

/// What is known of an event, but for its attributes. Its source begins where that of the one before it ends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EventRow {
    pub timestamp: i64,
    pub source_end: u32,
    pub message_start: u32,
    pub message_end: u32,
    pub label: u16,
    pub severity: u8,
}

/// The last events and attributes of a batch.
#[derive(Debug)]
pub(crate) struct Staged {
    pub events: Vec<EventRow>,
    pub attributes: Vec<Row>,
}

impl Staged {
    /// Room for what a batch of so many lines may have at once.
    pub fn with_room(lines: usize) -> Self {
        let rows = lines.min(ROWS);
        Self { events: Vec::with_capacity(rows), attributes: Vec::with_capacity(rows) }
    }

    /// Whether they should be written before there are more.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.events.len() >= ROWS || self.attributes.len() >= ROWS
    }

    /// Writes them all; what goes out raw is written at the end ([`Columns::raw_is_source`]).
    #[inline(never)]
    pub fn write(&mut self, columns: &mut Columns) {
        let Self { events, attributes } = self;
        columns.source_ends.extend(events.iter().map(|it| it.source_end));
        columns.timestamps.extend(events.iter().map(|it| it.timestamp));
        columns.severities.extend(events.iter().map(|it| it.severity));
        columns.message_starts.extend(events.iter().map(|it| it.message_start));
        columns.message_ends.extend(events.iter().map(|it| it.message_end));
        columns.labels.extend(events.iter().map(|it| it.label));
        columns.attribute_events.extend(attributes.iter().map(|it| it.event));
        columns.attribute_keys.extend(attributes.iter().map(|it| it.key));
        columns.attribute_starts.extend(attributes.iter().map(|it| it.start));
        columns.attribute_ends.extend(attributes.iter().map(|it| it.end));
        columns.attribute_json.extend(attributes.iter().map(|it| it.json));
        events.clear();
        attributes.clear();
    }
}
