//! Codec `json` in the body of a put: the object that [`json::write`](super::super::json::write) makes, escaped once more
//! as it is written.

use super::super::json::{CONTEXT, EXCEPTION, PLACES, is_number, level};
use super::super::{escape, time};
use super::names::{Name, member, names};
use crate::event::{Batch, EventRef, NO_TIMESTAMP};
use std::ops::Range;

/// Events with more fields than this go the other way, which takes no square of time.
const MOST_FIELDS: usize = 64;
/// None of an object's own keys.
const NOWHERE: usize = usize::MAX;

/// Writes the objects of a batch, in order.
pub struct Objects<'a> {
    batch: &'a Batch,
    names: Vec<Name>,
    /// `,"dag_id":` and so on, by place.
    places: [(Vec<u8>, usize); PLACES.len()],
    /// Of the try that wrote it, what an event says that has no attributes of these names; by place, with the key.
    context: [Option<(Vec<u8>, usize)>; PLACES.len()],
    kind: (Vec<u8>, usize),
    /// All of the context and the kind, for an event that has none of it itself: nearly every one.
    usual: (Vec<u8>, usize),
    clock: time::Clock,
    /// All of it is UTF-8, so that spans between characters are.
    is_text: bool,
    /// The first attribute that no event before had.
    attribute: usize,
    fields: Vec<usize>,
}

impl<'a> Objects<'a> {
    /// Those of this batch.
    pub fn of(batch: &'a Batch) -> Self {
        let key = |name: &str| {
            let (mut key, extra) = member(name);
            key.insert(0, b',');
            (key, extra)
        };
        let task = batch.origin.task.as_ref();
        let context = PLACES.map(|place| {
            let (mut out, extra) = key(place);
            let task = task?;
            let mut writer = Writer { out: &mut out, extra };
            match place {
                "dag_id" => writer.string(task.dag_id.as_bytes()),
                "run_id" => writer.string(task.run_id.as_bytes()),
                "task_id" => writer.string(task.task_id.as_bytes()),
                "map_index" => writer.plain(task.map_index?.to_string().as_bytes()),
                "try_number" => writer.plain(task.try_number.to_string().as_bytes()),
                _ => return None,
            }
            let extra = writer.extra;
            Some((out, extra))
        });
        let (mut kind, extra) = key("kind");
        let mut writer = Writer { out: &mut kind, extra };
        writer.string(batch.origin.kind.as_str().as_bytes());
        let extra = writer.extra;
        let mut usual = (Vec::new(), 0);
        for (text, extra) in context.iter().flatten().chain([&(kind.clone(), extra)]) {
            usual.0.extend_from_slice(text);
            usual.1 += extra;
        }
        let is_text =
            std::str::from_utf8(&batch.bytes).is_ok() && std::str::from_utf8(&batch.events.arena).is_ok();
        Self {
            batch,
            names: names(&batch.events.key_names),
            places: PLACES.map(key),
            context,
            kind: (kind, extra),
            usual,
            clock: time::Clock::NEW,
            is_text,
            attribute: 0,
            fields: Vec::new(),
        }
    }

    /// A span of the batch is UTF-8.
    pub fn is_text(&self, span: &[u8]) -> bool {
        // No look at what follows the span: a character that is cut there is cut within it, too.
        let inside = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
        if self.is_text && !span.first().is_some_and(inside) && ends_whole(span) {
            return true;
        }
        std::str::from_utf8(span).is_ok()
    }

    /// Appends the object of an event, which comes after all those before; how long it is without escapes. None: nothing
    /// that is of use.
    pub fn write(&mut self, event: EventRef<'_>, out: &mut Vec<u8>) -> Option<usize> {
        let columns = &self.batch.events;
        let index = event.index() as u32;
        let later = columns.attribute_events.get(self.attribute..).unwrap_or_default();
        let first = self.attribute + later.iter().take_while(|&&of| of < index).count();
        let later = columns.attribute_events.get(first..).unwrap_or_default();
        let end = first + later.iter().take_while(|&&of| of == index).count();
        self.attribute = end;

        let mut placed = [NOWHERE; PLACES.len()];
        self.fields.clear();
        for at in first..end {
            match self.names[usize::from(columns.attribute_keys[at])].place {
                Some(place) if placed[place] != NOWHERE || self.is_null(at) => {}
                Some(place) => placed[place] = at,
                None => self.fields.push(at),
            }
        }
        if self.fields.len() > MOST_FIELDS {
            return None;
        }
        let start = out.len();
        let mut writer = Writer { out, extra: 0 };
        head(event, &mut self.clock, &mut writer);
        self.string(event.message(), &mut writer);
        self.places(0..CONTEXT, &placed, &mut writer);
        if placed[CONTEXT..EXCEPTION].iter().all(|&at| at == NOWHERE) {
            writer.text(&self.usual);
        } else {
            self.places(CONTEXT..EXCEPTION, &placed, &mut writer);
            writer.text(&self.kind);
        }
        if placed[EXCEPTION] != NOWHERE {
            writer.text(&self.places[EXCEPTION]);
            self.attribute(placed[EXCEPTION], &mut writer);
        }
        self.write_fields(&mut writer);
        writer.plain(b"}");
        let extra = writer.extra;
        Some(out.len() - start - extra)
    }

    /// What stands at some places: attributes, or else what is known of the try.
    fn places(&self, which: Range<usize>, placed: &[usize; PLACES.len()], writer: &mut Writer<'_>) {
        for (place, &at) in which.clone().zip(&placed[which]) {
            if at != NOWHERE {
                writer.text(&self.places[place]);
                let is_number = matches!(PLACES[place], "map_index" | "try_number")
                    && !self.batch.events.attribute_json[at]
                    && is_number(self.value(at));
                if is_number { writer.plain(self.value(at)) } else { self.attribute(at, writer) }
            } else if let Some(context) = &self.context[place] {
                writer.text(context);
            }
        }
    }

    fn write_fields(&self, writer: &mut Writer<'_>) {
        if self.fields.is_empty() {
            return;
        }
        let name = |at: usize| &self.names[usize::from(self.batch.events.attribute_keys[at])];
        writer.ours(br#",\"fields\":"#, 2);
        for (number, &at) in self.fields.iter().enumerate() {
            let field = name(at);
            if self.fields[..number].iter().any(|&before| name(before).same == field.same) {
                continue;
            }
            writer.plain(if number == 0 { b"{" } else { b"," });
            let bare = field.bare.as_ref().filter(|bare| {
                let taken = bare.taken_by;
                taken.is_none_or(|taken| !self.fields.iter().any(|&other| name(other).same == taken))
            });
            writer.text(bare.map_or(&field.member, |bare| &bare.member));
            self.attribute(at, writer);
        }
        writer.plain(b"}");
    }

    fn is_null(&self, at: usize) -> bool {
        self.batch.events.attribute_json[at] && self.value(at) == b"null"
    }

    fn attribute(&self, at: usize, writer: &mut Writer<'_>) {
        if self.batch.events.attribute_json[at] {
            writer.json(self.value(at));
        } else {
            self.string(self.value(at), writer);
        }
    }

    fn value(&self, at: usize) -> &'a [u8] {
        let columns = &self.batch.events;
        self.batch.span(columns.attribute_starts[at], columns.attribute_ends[at])
    }

    /// What is not UTF-8 becomes U+FFFD.
    fn string(&self, text: &[u8], writer: &mut Writer<'_>) {
        if self.is_text(text) {
            writer.string(text);
        } else {
            writer.string(String::from_utf8_lossy(text).as_bytes());
        }
    }
}

/// From `{` to `"message":`.
fn head(event: EventRef<'_>, clock: &mut time::Clock, writer: &mut Writer<'_>) {
    writer.plain(b"{");
    if event.timestamp() != NO_TIMESTAMP {
        writer.ours(br#"\"timestamp\":\""#, 3);
        clock.write(event.timestamp(), writer.out);
        writer.ours(br#"\","#, 1);
    }
    if let Some(level) = level(event.severity()) {
        writer.ours(br#"\"level\":\""#, 3);
        writer.plain(level.as_bytes());
        writer.ours(br#"\","#, 1);
    }
    writer.ours(br#"\"message\":"#, 2);
}

/// Whether the last character, if its first byte is here, is here as a whole.
fn ends_whole(span: &[u8]) -> bool {
    let tail = &span[span.len().saturating_sub(4)..];
    let Some(at) = tail.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000) else {
        return tail.is_empty();
    };
    let len = match tail[at] {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    };
    tail.len() - at == len
}

/// Into the body's string.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// How many bytes are there only for that.
    extra: usize,
}

impl Writer<'_> {
    /// What is the same in a string.
    fn plain(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    /// What is escaped already, with so many bytes more.
    fn ours(&mut self, text: &'static [u8], extra: usize) {
        self.out.extend_from_slice(text);
        self.extra += extra;
    }

    fn text(&mut self, (text, extra): &(Vec<u8>, usize)) {
        self.out.extend_from_slice(text);
        self.extra += extra;
    }

    fn json(&mut self, value: &[u8]) {
        let before = self.out.len();
        escape::once(value, self.out);
        self.extra += self.out.len() - before - value.len();
    }

    fn string(&mut self, text: &[u8]) {
        let before = self.out.len();
        self.out.extend_from_slice(b"\\\"");
        let inner = escape::twice(text, self.out);
        self.out.extend_from_slice(b"\\\"");
        self.extra += self.out.len() - before - inner - "\"\"".len();
    }
}
