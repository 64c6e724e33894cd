//! Events as they cross the border: the WIT's `events`, column by column.

/// "No time found."
pub const NO_TIMESTAMP: i64 = i64::MIN;
/// Label index of a dropped event.
pub const DROPPED: u16 = u16::MAX;

/// Events in columns; see `wit/v0.1/pipeline.wit` for each. A span is in the batch's bytes followed by `arena`,
/// and never straddles the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the WIT documents each column; a second copy goes stale")]
pub struct Columns {
    pub arena: Vec<u8>,
    pub timestamps: Vec<i64>,
    pub severities: Vec<u8>,
    pub source_ends: Vec<u32>,
    pub raw_starts: Vec<u32>,
    pub raw_ends: Vec<u32>,
    pub message_starts: Vec<u32>,
    pub message_ends: Vec<u32>,
    pub labels: Vec<u16>,
    pub label_names: Vec<String>,
    pub attribute_events: Vec<u32>,
    pub attribute_keys: Vec<u16>,
    pub key_names: Vec<String>,
    pub attribute_starts: Vec<u32>,
    pub attribute_ends: Vec<u32>,
    pub attribute_json: Vec<bool>,
}

impl Columns {
    /// Room for so many events, and the label that every event has unless it is given another.
    pub(crate) fn with_capacity(events: usize) -> Self {
        Self {
            timestamps: Vec::with_capacity(events),
            severities: Vec::with_capacity(events),
            source_ends: Vec::with_capacity(events),
            message_starts: Vec::with_capacity(events),
            message_ends: Vec::with_capacity(events),
            labels: Vec::with_capacity(events),
            label_names: vec!["default".to_owned()],
            ..Self::default()
        }
    }

    /// What codec `raw` ships is each event's source.
    pub(crate) fn raw_is_source(&mut self) {
        self.raw_ends.clone_from(&self.source_ends);
        self.raw_starts.reserve_exact(self.source_ends.len());
        if let [ends @ .., _] = &self.source_ends[..] {
            self.raw_starts.push(0);
            self.raw_starts.extend_from_slice(ends);
        }
    }

    /// How many events.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Index of a label, added where it is new. There are a handful per batch.
    pub(crate) fn label(&mut self, name: &str) -> u16 {
        let at = self.label_names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.label_names.push(name.to_owned());
            self.label_names.len() - 1
        });
        at as u16
    }
}

/// Where an attribute's value lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub event: u32,
    pub key: u16,
    pub start: u32,
    pub end: u32,
    pub json: bool,
}

impl Columns {
    pub(crate) fn row(&self, at: usize) -> Row {
        Row {
            event: self.attribute_events[at],
            key: self.attribute_keys[at],
            start: self.attribute_starts[at],
            end: self.attribute_ends[at],
            json: self.attribute_json[at],
        }
    }

    pub(crate) fn push_row(&mut self, row: Row) {
        self.attribute_events.push(row.event);
        self.attribute_keys.push(row.key);
        self.attribute_starts.push(row.start);
        self.attribute_ends.push(row.end);
        self.attribute_json.push(row.json);
    }
}
