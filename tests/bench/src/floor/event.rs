//! The flat object of an event, straight from the columns into the body. The same text as the host's codec `json` makes,
//! from other code: their sums are compared.

use updraft_guest::{Columns, LogStream};

use super::escape::{Depth, escape};
use super::time;

const PLACES: [&str; 8] =
    ["logger", "source", "dag_id", "run_id", "task_id", "map_index", "try_number", "exception"];
const EXCEPTION: usize = 7;

/// One event of a batch.
pub struct Event<'a> {
    bytes: &'a [u8],
    columns: &'a Columns,
    origin: &'a LogStream,
    index: usize,
    attributes: std::ops::Range<usize>,
}

impl<'a> Event<'a> {
    /// All of a batch.
    pub fn all(bytes: &'a [u8], columns: &'a Columns, origin: &'a LogStream) -> impl Iterator<Item = Self> {
        let mut first = 0;
        (0..columns.len()).map(move |index| {
            let of = &columns.attribute_events[first..];
            let count = of.iter().take_while(|&&it| it as usize == index).count();
            let attributes = first..first + count;
            first += count;
            Event { bytes, columns, origin, index, attributes }
        })
    }

    /// Milliseconds since the epoch.
    pub fn timestamp_ms(&self) -> i64 {
        self.columns.timestamps[self.index].div_euclid(1_000_000)
    }

    /// Its bytes of the file.
    pub fn raw(&self) -> &'a [u8] {
        self.span(self.columns.raw_starts[self.index], self.columns.raw_ends[self.index])
    }

    fn span(&self, start: u32, end: u32) -> &'a [u8] {
        let (start, end, border) = (start as usize, end as usize, self.bytes.len());
        if start >= border && border < end {
            &self.columns.arena[start - border..end - border]
        } else {
            &self.bytes[start..end]
        }
    }

    /// Appends the object as it stands in the body's string; says how many bytes it has outside of that.
    pub fn write(&self, out: &mut Vec<u8>) -> usize {
        let mut object = Object { out, counted: 0 };
        let columns = self.columns;
        object.plain(br#"{\"timestamp\":\""#, 3);
        object.timestamp(columns.timestamps[self.index]);
        object.plain(br#"\""#, 1);
        if let Some(level) = level(columns.severities[self.index]) {
            object.plain(br#",\"level\":\""#, 3);
            object.plain(level.as_bytes(), 0);
            object.plain(br#"\""#, 1);
        }
        object.key("message");
        object.string(self.span(columns.message_starts[self.index], columns.message_ends[self.index]));
        let mut places: [Option<usize>; PLACES.len()] = [None; PLACES.len()];
        let mut fields = Vec::new();
        for at in self.attributes.clone() {
            let key = columns.key_names[usize::from(columns.attribute_keys[at])].as_str();
            match PLACES.iter().position(|place| *place == key) {
                Some(_) if columns.attribute_json[at] && self.value(at) == b"null" => {}
                Some(place) => places[place] = places[place].or(Some(at)),
                None => fields.push((key, at)),
            }
        }
        let task = self.origin.task.as_ref();
        for (place, key) in PLACES.iter().enumerate().take(EXCEPTION) {
            match (places[place], task, *key) {
                (Some(at), _, "map_index" | "try_number")
                    if self.value(at).iter().all(u8::is_ascii_digit) =>
                {
                    object.key(key);
                    object.plain(self.value(at), 0);
                }
                (Some(at), ..) => object.member(key, self, at),
                (None, Some(task), "dag_id") => object.text(key, &task.dag_id),
                (None, Some(task), "run_id") => object.text(key, &task.run_id),
                (None, Some(task), "task_id") => object.text(key, &task.task_id),
                (None, Some(task), "try_number") => {
                    object.key(key);
                    object.plain(task.try_number.to_string().as_bytes(), 0);
                }
                (None, ..) => {}
            }
        }
        object.text("kind", "task");
        if let Some(at) = places[EXCEPTION] {
            object.member("exception", self, at);
        }
        if !fields.is_empty() {
            object.key("fields");
            for (number, (key, at)) in fields.iter().enumerate() {
                object.plain(if number == 0 { b"{" } else { b"," }, 0);
                let bare =
                    key.strip_prefix("fields.").filter(|bare| !fields.iter().any(|(it, _)| it == bare));
                object.string(bare.unwrap_or(key).as_bytes());
                object.plain(b":", 0);
                object.value(self, *at);
            }
            object.plain(b"}", 0);
        }
        object.plain(b"}", 0);
        object.counted
    }

    fn value(&self, attribute: usize) -> &'a [u8] {
        self.span(self.columns.attribute_starts[attribute], self.columns.attribute_ends[attribute])
    }
}

struct Object<'a> {
    out: &'a mut Vec<u8>,
    counted: usize,
}

impl Object<'_> {
    /// As it stands in the body; so many of its bytes are there only for that.
    fn plain(&mut self, text: &[u8], extra: usize) {
        self.out.extend_from_slice(text);
        self.counted += text.len() - extra;
    }

    fn key(&mut self, key: &str) {
        self.plain(br#",\""#, 1);
        self.plain(key.as_bytes(), 0);
        self.plain(br#"\":"#, 1);
    }

    fn string(&mut self, text: &[u8]) {
        self.plain(br#"\""#, 1);
        if std::str::from_utf8(text).is_ok() {
            self.counted += escape(text, Depth::Two, self.out);
        } else {
            self.counted += escape(String::from_utf8_lossy(text).as_bytes(), Depth::Two, self.out);
        }
        self.plain(br#"\""#, 1);
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text.as_bytes());
    }

    fn member(&mut self, key: &str, event: &Event<'_>, at: usize) {
        self.key(key);
        self.value(event, at);
    }

    fn value(&mut self, event: &Event<'_>, at: usize) {
        if event.columns.attribute_json[at] {
            self.counted += escape(event.value(at), Depth::One, self.out);
        } else {
            self.string(event.value(at));
        }
    }

    fn timestamp(&mut self, ns: i64) {
        let before = self.out.len();
        time::write(ns, self.out);
        self.counted += self.out.len() - before;
    }
}

fn level(severity: u8) -> Option<&'static str> {
    match severity {
        1..=8 => Some("debug"),
        9..=12 => Some("info"),
        13..=16 => Some("warning"),
        17..=20 => Some("error"),
        21..=24 => Some("critical"),
        _ => None,
    }
}
