//! The events that a transform reads and changes: `for mut event in events`.

mod mask;

use crate::columns::{Columns, DROPPED, Row};
use crate::keys::{Keys, LEFT_OUT};
use crate::{Severity, Value, host};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

/// A batch's events. What is not touched goes back as it came, at no cost.
#[derive(Debug)]
pub struct EventSet {
    bytes: Vec<u8>,
    /// What earlier stages made; spans go on into the arena of the changes.
    arena: Vec<u8>,
    changes: RefCell<Changes>,
}

/// What has been changed so far. Events write it when they are let go of, so no borrow ever lasts.
#[derive(Debug)]
struct Changes {
    /// As given, changed in place; its arena holds only new bytes.
    columns: Columns,
    keys: Keys,
    /// The new attributes of those events whose attributes changed.
    attributes: BTreeMap<u32, Vec<Row>>,
}

impl EventSet {
    /// The events of these bytes.
    pub(crate) fn new(bytes: Vec<u8>, mut columns: Columns) -> Self {
        let arena = std::mem::take(&mut columns.arena);
        let keys = Keys::from_names(std::mem::take(&mut columns.key_names));
        Self { bytes, arena, changes: RefCell::new(Changes { columns, keys, attributes: BTreeMap::new() }) }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.changes.borrow().columns.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of attributes that its events have, and perhaps some that none of them has.
    pub fn key_names(&self) -> Vec<String> {
        self.changes.borrow().keys.names().to_vec()
    }

    /// The events in order, without those that a stage before dropped.
    pub fn iter(&self) -> Iter<'_> {
        Iter { set: self, range: 0..self.len() }
    }

    /// The columns that cross the border.
    pub(crate) fn finish(self) -> Columns {
        let Changes { mut columns, keys, attributes } = self.changes.into_inner();
        columns.key_names = keys.into_names();
        if attributes.is_empty() {
            return columns;
        }
        let kept = (0..columns.attribute_events.len())
            .map(|at| columns.row(at))
            .filter(|row| !attributes.contains_key(&row.event));
        let mut rows: Vec<Row> = kept.chain(attributes.values().flatten().copied()).collect();
        rows.sort_by_key(|row| row.event);
        columns.attribute_events.clear();
        columns.attribute_keys.clear();
        columns.attribute_starts.clear();
        columns.attribute_ends.clear();
        columns.attribute_json.clear();
        for row in rows {
            columns.push_row(row);
        }
        columns
    }

    /// A text of the batch, or of what was made of it: by this stage (then copied, since its arena still grows) or
    /// before.
    fn text(&self, changes: &Changes, start: u32, end: u32) -> Text {
        let new = (self.bytes.len() + self.arena.len()) as u32;
        if end > start && start >= new {
            Text::Made(changes.columns.arena[(start - new) as usize..(end - new) as usize].to_vec())
        } else {
            Text::Given(start, end)
        }
    }
}

impl<'s> IntoIterator for &'s EventSet {
    type Item = Event<'s>;
    type IntoIter = Iter<'s>;

    fn into_iter(self) -> Iter<'s> {
        self.iter()
    }
}

/// The events in order.
#[derive(Debug)]
pub struct Iter<'s> {
    set: &'s EventSet,
    range: Range<usize>,
}

impl<'s> Iterator for Iter<'s> {
    type Item = Event<'s>;

    fn next(&mut self) -> Option<Event<'s>> {
        let set = self.set;
        let at = self.range.find(|at| set.changes.borrow().columns.labels[*at] != DROPPED)?;
        Some(Event::new(set, at))
    }
}

#[derive(Debug)]
enum Text {
    Given(u32, u32),
    Made(Vec<u8>),
}

#[derive(Debug)]
struct Attribute {
    /// Index into the batch's key names.
    key: u16,
    text: Text,
    json: bool,
}

/// One event. Changes take effect when it is let go of.
#[derive(Debug)]
pub struct Event<'s> {
    set: &'s EventSet,
    at: usize,
    message: Text,
    raw: Text,
    /// All of them, once one was asked for.
    attributes: Option<Vec<Attribute>>,
    changed: bool,
}

impl<'s> Event<'s> {
    fn new(set: &'s EventSet, at: usize) -> Self {
        let changes = set.changes.borrow();
        let columns = &changes.columns;
        let message = set.text(&changes, columns.message_starts[at], columns.message_ends[at]);
        let raw = set.text(&changes, columns.raw_starts[at], columns.raw_ends[at]);
        Self { set, at, message, raw, attributes: None, changed: false }
    }

    fn read<'t>(&'t self, text: &'t Text) -> &'t [u8] {
        match text {
            Text::Made(text) => text,
            Text::Given(start, end) => {
                let (start, end, border) = (*start as usize, *end as usize, self.set.bytes.len());
                if start >= border && end > border {
                    &self.set.arena[start - border..end - border]
                } else {
                    &self.set.bytes[start..end]
                }
            }
        }
    }

    /// What it says; perhaps not UTF-8.
    pub fn message(&self) -> &[u8] {
        self.read(&self.message)
    }

    /// What codec `raw` ships: the bytes of the file, line breaks included, unless they were replaced.
    pub fn raw(&self) -> &[u8] {
        self.read(&self.raw)
    }

    /// Nanoseconds since the Unix epoch, UTC; [`NO_TIMESTAMP`](crate::NO_TIMESTAMP) where none was found.
    pub fn timestamp_ns(&self) -> i64 {
        self.set.changes.borrow().columns.timestamps[self.at]
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        Severity(self.set.changes.borrow().columns.severities[self.at])
    }

    /// Its label.
    pub fn label(&self) -> String {
        let changes = self.set.changes.borrow();
        changes.columns.label_names.get(changes.columns.labels[self.at] as usize).cloned().unwrap_or_default()
    }

    /// Says something else. `raw` stays as it is: to hide something, use [`Event::replace`].
    pub fn replace_message(&mut self, message: impl Into<Vec<u8>>) {
        self.message = Text::Made(message.into());
        self.changed = true;
    }

    /// What codec `raw` ships instead.
    pub fn replace_raw(&mut self, raw: impl Into<Vec<u8>>) {
        self.raw = Text::Made(raw.into());
        self.changed = true;
    }

    /// Changes its time.
    pub fn set_timestamp_ns(&mut self, timestamp: i64) {
        self.set.changes.borrow_mut().columns.timestamps[self.at] = timestamp;
    }

    /// Changes how bad it is.
    pub fn set_severity(&mut self, severity: Severity) {
        self.set.changes.borrow_mut().columns.severities[self.at] = severity.0;
    }

    /// A short word that routes tell events apart by.
    pub fn set_label(&mut self, name: &str) {
        let columns = &mut self.set.changes.borrow_mut().columns;
        columns.labels[self.at] = columns.label(name);
    }

    /// Drops the event. The host counts it.
    pub fn drop_event(self) {
        self.set.changes.borrow_mut().columns.labels[self.at] = DROPPED;
    }

    /// The keys of its attributes, in order.
    pub fn keys(&mut self) -> Vec<String> {
        let set = self.set;
        let name = |attribute: &Attribute| set.changes.borrow().keys.name(attribute.key).to_owned();
        self.load().iter().map(name).collect()
    }

    /// An attribute, if it has one of that name.
    pub fn attribute(&mut self, key: &str) -> Option<Value<'_>> {
        let key = self.set.changes.borrow().keys.find(key)?;
        let at = self.load().iter().position(|attribute| attribute.key == key)?;
        let attribute = &self.attributes.as_ref()?[at];
        let text = self.read(&attribute.text);
        Some(if attribute.json { Value::Json(text) } else { Value::Text(text) })
    }

    /// Sets an attribute that is a string.
    pub fn set_text(&mut self, key: &str, text: impl Into<Vec<u8>>) {
        self.set_attribute(key, Text::Made(text.into()), false);
    }

    /// Sets an attribute that is a JSON value, given as valid UTF-8 JSON.
    pub fn set_json(&mut self, key: &str, json: impl Into<Vec<u8>>) {
        self.set_attribute(key, Text::Made(json.into()), true);
    }

    /// Removes an attribute.
    pub fn remove_attribute(&mut self, key: &str) {
        let key = self.set.changes.borrow().keys.find(key);
        self.load().retain(|attribute| Some(attribute.key) != key);
        self.changed = true;
    }

    fn set_attribute(&mut self, key: &str, text: Text, json: bool) {
        // A batch holds 65,536 names; one more is left out.
        let Some(key) = self.set.changes.borrow_mut().keys.add(key) else {
            return host::count(LEFT_OUT, 1);
        };
        let attribute = Attribute { key, text, json };
        let attributes = self.load();
        match attributes.iter_mut().find(|known| known.key == key) {
            Some(known) => *known = attribute,
            None => attributes.push(attribute),
        }
        self.changed = true;
    }

    fn load(&mut self) -> &mut Vec<Attribute> {
        if self.attributes.is_none() {
            self.attributes = Some(self.given());
        }
        self.attributes.get_or_insert_default()
    }

    /// Its attributes before it was looked at.
    fn given(&self) -> Vec<Attribute> {
        let at = self.at as u32;
        let changes = self.set.changes.borrow();
        let attribute = |row: Row| Attribute {
            key: row.key,
            text: self.set.text(&changes, row.start, row.end),
            json: row.json,
        };
        if let Some(rows) = changes.attributes.get(&at) {
            return rows.iter().copied().map(attribute).collect();
        }
        let events = &changes.columns.attribute_events;
        let first = events.partition_point(|event| *event < at);
        let rows = (first..events.len()).take_while(|row| events[*row] == at);
        rows.map(|row| attribute(changes.columns.row(row))).collect()
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        if !self.changed {
            return;
        }
        let new = (self.set.bytes.len() + self.set.arena.len()) as u32;
        let changes = &mut *self.set.changes.borrow_mut();
        let arena = &mut changes.columns.arena;
        let mut place = |text: &Text| match text {
            Text::Given(start, end) => (*start, *end),
            Text::Made(text) => {
                let start = new + arena.len() as u32;
                arena.extend_from_slice(text);
                (start, start + text.len() as u32)
            }
        };
        let message = place(&self.message);
        let raw = place(&self.raw);
        if let Some(attributes) = &self.attributes {
            let event = self.at as u32;
            let rows = attributes.iter().map(|attribute| {
                let (start, end) = place(&attribute.text);
                Row { event, key: attribute.key, start, end, json: attribute.json }
            });
            let rows = rows.collect();
            changes.attributes.insert(event, rows);
        }
        (changes.columns.message_starts[self.at], changes.columns.message_ends[self.at]) = message;
        (changes.columns.raw_starts[self.at], changes.columns.raw_ends[self.at]) = raw;
    }
}
