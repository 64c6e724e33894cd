//! The events that a normalizer makes: `events.push(line)`, then say what is known about it.

use crate::columns::{Columns, NO_TIMESTAMP, Row};
use crate::keys::{Keys, LEFT_OUT};
use crate::lines::Lines;
use crate::{Value, host};

/// OpenTelemetry's `SeverityNumber`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(pub u8);

impl Severity {
    /// None found.
    pub const NONE: Self = Self(0);
    /// Finer than debug.
    pub const TRACE: Self = Self(1);
    /// Level `debug`.
    pub const DEBUG: Self = Self(5);
    /// Level `info`.
    pub const INFO: Self = Self(9);
    /// Level `warning`.
    pub const WARNING: Self = Self(13);
    /// Level `error`.
    pub const ERROR: Self = Self(17);
    /// Level `critical`.
    pub const CRITICAL: Self = Self(21);
}

/// Events under construction, in the order of the lines they came from.
///
/// Text that is a piece of the batch's bytes is never copied: it goes back as a span.
#[derive(Debug)]
pub struct Events<'a> {
    input: &'a [u8],
    columns: Columns,
    keys: Keys,
    /// Per key, one past the row that holds it last: so that an attribute set twice is found at once.
    rows: Vec<u32>,
    /// First attribute row of the event under construction.
    first_row: u32,
    /// Attributes left out since the batch has 65,536 other names already.
    left_out: u64,
}

impl<'a> Events<'a> {
    /// No events yet, of these lines.
    pub fn new(lines: &'a Lines) -> Self {
        // Nearly always a line is an event.
        let columns = Columns::with_capacity(lines.len());
        Self {
            input: lines.bytes(),
            columns,
            keys: Keys::default(),
            rows: Vec::new(),
            first_row: 0,
            left_out: 0,
        }
    }

    /// Adds an event that came from `source`: a line, or several joined ([`Lines::join`]), or a piece of one. Each
    /// event's source begins where the one before it ended, so that no byte is without an event.
    ///
    /// Its message is the source without the line break, until [`EventBuilder::message`] says otherwise.
    ///
    /// # Panics
    /// When `source` is not the piece of the batch that comes next: a mistake of the component's author.
    pub fn push(&mut self, source: impl AsRef<[u8]>) -> EventBuilder<'_, 'a> {
        let source = source.as_ref();
        let start = self.columns.source_ends.last().copied().unwrap_or(0);
        let end = start + source.len() as u32;
        assert!(
            source.is_empty() || self.place(source) == Some(start),
            "an event's source must begin where the one before it ended (byte {start} of the batch)"
        );
        let columns = &mut self.columns;
        columns.timestamps.push(NO_TIMESTAMP);
        columns.severities.push(Severity::NONE.0);
        columns.source_ends.push(end);
        columns.raw_starts.push(start);
        columns.raw_ends.push(end);
        columns.message_starts.push(start);
        columns.message_ends.push(end - u32::from(source.ends_with(b"\n")));
        columns.labels.push(0);
        self.first_row = columns.attribute_events.len() as u32;
        EventBuilder { events: self }
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// None yet.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many attribute names the batch has so far. Attributes with a name beyond 65,536 of them are left out, and
    /// counted as `attributes_left_out`: end a batch early, before it comes to that.
    pub fn names(&self) -> usize {
        self.keys.len()
    }

    /// The columns that cross the border.
    pub(crate) fn finish(mut self) -> Columns {
        if self.left_out > 0 {
            host::count(LEFT_OUT, self.left_out);
        }
        self.columns.key_names = self.keys.into_names();
        self.columns
    }

    /// Where a piece of the batch's bytes begins; none for bytes from elsewhere.
    fn place(&self, text: &[u8]) -> Option<u32> {
        let start = (text.as_ptr() as usize).checked_sub(self.input.as_ptr() as usize)?;
        (start + text.len() <= self.input.len()).then_some(start as u32)
    }

    /// The span of a text, which is copied only when it is not a piece of the batch's bytes.
    fn span(&mut self, text: &[u8]) -> (u32, u32) {
        let start = if text.is_empty() {
            0
        } else if let Some(start) = self.place(text) {
            start
        } else {
            let start = self.input.len() + self.columns.arena.len();
            self.columns.arena.extend_from_slice(text);
            start as u32
        };
        (start, start + text.len() as u32)
    }

    fn attribute(&mut self, key: &str, value: Value<'_>) {
        let Some(key) = self.keys.add(key) else {
            self.left_out += 1;
            return;
        };
        let (text, json) = match value {
            Value::Json(text) => (text, true),
            Value::Text(text) => (text, false),
        };
        let (start, end) = self.span(text);
        let row = Row { event: self.columns.len() as u32 - 1, key, start, end, json };
        if self.rows.len() <= key as usize {
            self.rows.resize(self.keys.len(), 0);
        }
        let after = self.rows[key as usize];
        if after > self.first_row {
            self.columns.set_row(after as usize - 1, row);
        } else {
            self.columns.push_row(row);
            self.rows[key as usize] = self.columns.attribute_events.len() as u32;
        }
    }
}

/// The event that was pushed last.
#[derive(Debug)]
pub struct EventBuilder<'e, 'a> {
    events: &'e mut Events<'a>,
}

impl EventBuilder<'_, '_> {
    fn at(&self) -> usize {
        self.events.columns.len() - 1
    }

    /// Nanoseconds since the Unix epoch, UTC.
    pub fn timestamp_ns(&mut self, timestamp: i64) -> &mut Self {
        let at = self.at();
        self.events.columns.timestamps[at] = timestamp;
        self
    }

    /// How bad it is.
    pub fn severity(&mut self, severity: Severity) -> &mut Self {
        let at = self.at();
        self.events.columns.severities[at] = severity.0;
        self
    }

    /// What it says.
    pub fn message(&mut self, message: impl AsRef<[u8]>) -> &mut Self {
        let at = self.at();
        let (start, end) = self.events.span(message.as_ref());
        self.events.columns.message_starts[at] = start;
        self.events.columns.message_ends[at] = end;
        self
    }

    /// A short word that routes tell events apart by; `default` when none is given.
    pub fn label(&mut self, name: &str) -> &mut Self {
        let at = self.at();
        let label = self.events.columns.label(name);
        self.events.columns.labels[at] = label;
        self
    }

    /// An attribute that is a string. Given again under the same key, it replaces the one before.
    pub fn attribute_text(&mut self, key: &str, text: impl AsRef<[u8]>) -> &mut Self {
        self.events.attribute(key, Value::Text(text.as_ref()));
        self
    }

    /// An attribute that is a JSON value, given as valid UTF-8 JSON. Replaces one of the same key, too.
    pub fn attribute_json(&mut self, key: &str, json: impl AsRef<[u8]>) -> &mut Self {
        self.events.attribute(key, Value::Json(json.as_ref()));
        self
    }
}
