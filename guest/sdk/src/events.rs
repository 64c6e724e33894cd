//! The events that a normalizer makes: `events.push(line)`, then say what is known about it.

use crate::columns::{Columns, NO_TIMESTAMP, Row};
use crate::host;
use crate::keys::{Keys, LEFT_OUT};
use crate::lines::Lines;
use crate::staged::{EventRow, Staged};
use std::num::NonZero;

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
    /// The last events and attributes, which the columns do not have yet; but for the event under construction.
    staged: Staged,
    /// The event that was pushed last.
    event: EventRow,
    /// Events so far, that one included.
    count: u32,
    keys: Keys,
    /// Per key, one past the last event that has it, and where in `staged` it is.
    last: Vec<(u32, u32)>,
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
            staged: Staged::with_room(lines.len()),
            event: EventRow::default(),
            count: 0,
            keys: Keys::default(),
            last: Vec::new(),
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
    #[inline]
    pub fn push(&mut self, source: impl AsRef<[u8]>) -> EventBuilder<'_, 'a> {
        let source = source.as_ref();
        let start = self.event.source_end;
        let end = start + source.len() as u32;
        assert!(
            source.is_empty() || self.place(source) == Some(start),
            "an event's source must begin where the one before it ended (byte {start} of the batch)"
        );
        self.stage();
        self.count += 1;
        self.event = EventRow {
            timestamp: NO_TIMESTAMP,
            source_end: end,
            message_start: start,
            message_end: end - u32::from(source.ends_with(b"\n")),
            label: 0,
            severity: Severity::NONE.0,
        };
        EventBuilder { events: self }
    }

    /// No more is said about the event that was pushed last.
    #[inline]
    fn stage(&mut self) {
        if self.count > 0 {
            self.staged.events.push(self.event);
            if self.staged.is_full() {
                self.staged.write(&mut self.columns);
            }
        }
    }

    /// How many so far.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// None yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
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
        self.stage();
        self.staged.write(&mut self.columns);
        self.columns.raw_is_source();
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

    fn attribute(&mut self, key: &str, text: &[u8], json: bool) {
        match self.keys.add(key) {
            Some(key) => self.keyed(key, text, json),
            None => self.left_out += 1,
        }
    }

    #[inline]
    fn keyed(&mut self, key: u16, text: &[u8], json: bool) {
        let (start, end) = self.span(text);
        let events = self.count;
        let row = Row { event: events - 1, key, start, end, json };
        if self.last.len() <= key as usize {
            self.last.resize(self.keys.len(), (0, 0));
        }
        let rows = &mut self.staged.attributes;
        let last = &mut self.last[key as usize];
        if let Some(given) = rows.get_mut(last.1 as usize).filter(|_| last.0 == events) {
            *given = row;
        } else {
            *last = (events, rows.len() as u32);
            rows.push(row);
        }
    }
}

/// An attribute's name within a batch's events, looked up once ([`EventBuilder::key`]) for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(NonZero<u32>);

impl Key {
    fn of(index: u16) -> Self {
        Self(NonZero::<u32>::MIN.saturating_add(u32::from(index)))
    }

    fn index(self) -> u16 {
        (self.0.get() - 1) as u16
    }
}

/// The event that was pushed last.
#[derive(Debug)]
pub struct EventBuilder<'e, 'a> {
    events: &'e mut Events<'a>,
}

impl EventBuilder<'_, '_> {
    #[inline]
    fn change(&mut self, change: impl FnOnce(&mut EventRow)) -> &mut Self {
        change(&mut self.events.event);
        self
    }

    /// Nanoseconds since the Unix epoch, UTC.
    pub fn timestamp_ns(&mut self, timestamp: i64) -> &mut Self {
        self.change(|event| event.timestamp = timestamp)
    }

    /// How bad it is.
    pub fn severity(&mut self, severity: Severity) -> &mut Self {
        self.change(|event| event.severity = severity.0)
    }

    /// What it says.
    pub fn message(&mut self, message: impl AsRef<[u8]>) -> &mut Self {
        let (start, end) = self.events.span(message.as_ref());
        self.change(|event| (event.message_start, event.message_end) = (start, end))
    }

    /// A short word that routes tell events apart by; `default` when none is given.
    pub fn label(&mut self, name: &str) -> &mut Self {
        let label = self.events.columns.label(name);
        self.change(|event| event.label = label)
    }

    /// An attribute that is a string. Given again under the same key, it replaces the one before.
    pub fn attribute_text(&mut self, key: &str, text: impl AsRef<[u8]>) -> &mut Self {
        self.events.attribute(key, text.as_ref(), false);
        self
    }

    /// An attribute that is a JSON value, given as valid UTF-8 JSON. Replaces one of the same key, too.
    pub fn attribute_json(&mut self, key: &str, json: impl AsRef<[u8]>) -> &mut Self {
        self.events.attribute(key, json.as_ref(), true);
        self
    }

    /// The key of attributes of this name, for this batch's events alone; the name is one of the batch's from then on, even
    /// if no event is given it. None: it has 65,536 others already. Give the attribute by its name then, which counts it as
    /// left out.
    pub fn key(&mut self, name: &str) -> Option<Key> {
        self.events.keys.add(name).map(Key::of)
    }

    /// [`EventBuilder::attribute_text`], of a name that was looked up.
    ///
    /// # Panics
    /// When the key is of another batch and this one has none of its number; where it has, the attribute has another name. A
    /// mistake of the component's author.
    pub fn keyed_text(&mut self, key: Key, text: impl AsRef<[u8]>) -> &mut Self {
        self.events.keyed(key.index(), text.as_ref(), false);
        self
    }

    /// [`EventBuilder::attribute_json`], of a name that was looked up.
    ///
    /// # Panics
    /// When the key is of another batch and this one has none of its number; where it has, the attribute has another name. A
    /// mistake of the component's author.
    pub fn keyed_json(&mut self, key: Key, json: impl AsRef<[u8]>) -> &mut Self {
        self.events.keyed(key.index(), json.as_ref(), true);
        self
    }
}
