//! Which lines make one event, and how far a batch can be used.
//!
//! A line that begins a text record opens an event; lines that begin nothing are added to the open one (a traceback,
//! the rest of a message), until it would be too large. Where no record is open such a line is an event of its own,
//! unless it is indented or goes on with a traceback. A JSON line is an event at once. The last text event of a batch
//! is left to the next one, since more of it may come, unless nothing follows for now.
//!
//! Nothing here remembers what came before the open event: so it does not matter where a file is cut into batches.

use crate::header::{self, Header, Time};
use crate::names::{Member, Met, Names, Present};
use crate::structured;
use crate::{blocks, glued};
use memchr::memmem;
use updraft_guest::json::{self, Json};
use updraft_guest::timestamp::Clock;
use updraft_guest::{EventBuilder, Events, Key, Lines};

/// Lines are added to an event as long as it has no more bytes than this. A single line may be longer.
pub const MAX_EVENT_BYTES: usize = 512 * 1024;
/// Lines are added to an event as long as it has no more of them than this.
pub const MAX_EVENT_LINES: usize = 10_000;

/// A batch has room for 65,536 attribute names (`attribute-keys` of the WIT are 16 bits wide). Beyond half of them it
/// ends early, or, where it must go on, records keep their fields together in one attribute.
const MAX_NAMES: usize = 32 * 1024;

/// How a traceback begins that Python printed.
const TRACEBACK: &[u8] = b"Traceback (most recent call last):";
/// What stands before it when it is an exception group's.
const OF_A_GROUP: &[u8] = b"  + Exception Group ";
/// How lines begin that are a traceback, or go on with one, where no record stands before them.
const TRACEBACKS: [&[u8]; 4] = [
    TRACEBACK,
    b"  + Exception Group Traceback",
    b"During handling of the above exception",
    b"The above exception was",
];

/// Makes events of the lines; returns how many of them it used.
pub fn assemble(lines: &Lines, events: &mut Events<'_>) -> usize {
    let mut met = Met::new();
    let mut assembler = Assembler {
        bytes: lines.bytes(),
        events,
        members: Vec::new(),
        met: &mut met,
        scratch: Vec::new(),
        clock: Clock::default(),
        source: None,
        open: None,
        held: Vec::new(),
    };
    let (mut at, mut cut) = (0, false);
    for (index, line) in lines.iter().enumerate() {
        if !cut && !lines.is_last() && assembler.events.names() >= MAX_NAMES {
            return assembler.finish(index, false);
        }
        let (text, end) = (line.text(), at + line.bytes().len());
        assembler.line(Place { line: index, start: at, end }, text, cut);
        cut = at + text.len() == end;
        at = end;
    }
    assembler.finish(lines.len(), lines.is_last())
}

/// Where a line or a piece of it stands in the batch.
#[derive(Debug, Clone, Copy)]
struct Place {
    line: usize,
    start: usize,
    end: usize,
}

/// A text event that lines may still be added to.
#[derive(Debug)]
struct Open<'a> {
    /// None: it has no record's beginning, only lines that follow nothing.
    header: Option<Header<'a>>,
    first_line: usize,
    lines: usize,
    start: usize,
    end: usize,
}

impl Open<'_> {
    fn takes(&self, bytes: usize) -> bool {
        self.lines < MAX_EVENT_LINES && self.end - self.start + bytes <= MAX_EVENT_BYTES
    }
}

/// A JSON record, whose members have been read.
#[derive(Debug, Clone, Copy)]
struct Record<'a> {
    names: Names,
    text: &'a [u8],
    /// Not all of its members have been read: there are too many.
    is_large: bool,
}

struct Assembler<'l, 'e, 'm> {
    bytes: &'l [u8],
    events: &'m mut Events<'e>,
    members: Vec<Member<'l>>,
    met: &'m mut Met<'l>,
    scratch: Vec<u8>,
    clock: Clock,
    /// The key of `source`, once there was one.
    source: Option<Key>,
    open: Option<Open<'l>>,
    /// Events before the open one that end in the line where it begins: that line is used as a whole or not at all.
    held: Vec<Open<'l>>,
}

impl<'l> Assembler<'l, '_, '_> {
    /// `cut`: the line before has no break, so that this one only goes on with it.
    #[inline]
    fn line(&mut self, place: Place, text: &'l [u8], cut: bool) {
        if cut {
            self.add(place, true);
        } else if text.first() == Some(&b'{') {
            self.json(place, text);
        } else {
            self.text(place, text);
        }
    }

    fn json(&mut self, place: Place, text: &'l [u8]) {
        if let Some(record) = self.read(text) {
            return self.structured(place, record);
        }
        // Half a JSON line, with a whole one glued to it?
        let glued =
            structured::BEGINNINGS.iter().filter_map(|beginning| memmem::rfind(text, beginning)).max();
        let glued =
            glued.filter(|at| *at > 0).and_then(|at| self.read(&text[at..]).map(|record| (at, record)));
        match glued {
            Some((at, record)) => {
                self.text(Place { end: place.start + at, ..place }, &text[..at]);
                self.structured(Place { start: place.start + at, ..place }, record);
            }
            None => self.text(place, text),
        }
    }

    /// Reads a JSON record into `members`.
    fn read(&mut self, text: &'l [u8]) -> Option<Record<'l>> {
        let Self { members, met, .. } = self;
        members.clear();
        let mut present = Present::default();
        let all = json::each_member(text, |name, value| {
            let (what, met) = met.look_up(name);
            present.add(what);
            members.push(Member { name: name.json.bytes(), value, what, met });
        })?;
        let names = Names::of(present)?;
        Some(Record { names, text, is_large: all > self.members.len() })
    }

    /// Makes the event of the record in `members`.
    fn structured(&mut self, place: Place, record: Record<'l>) {
        self.flush();
        let together = record.is_large || self.events.names() >= MAX_NAMES;
        let together = together.then(|| Json::parse(record.text)).flatten();
        let event = self.events.push(&self.bytes[place.start..place.end]);
        structured::describe(
            event,
            record.names,
            &self.members,
            together,
            self.met,
            &mut self.clock,
            &mut self.scratch,
        );
    }

    #[inline(never)]
    fn text(&mut self, place: Place, text: &'l [u8]) {
        let header = header::parse(text, &mut self.clock);
        let from = header.as_ref().map_or(0, |header| header.message);
        match self.glued(place, from, text) {
            None => self.piece(place, header, false),
            Some(glued) => self.pieces(place, text, header, glued),
        }
    }

    #[inline(never)]
    fn header(&mut self, text: &'l [u8]) -> Option<Header<'l>> {
        header::parse(text, &mut self.clock)
    }

    /// Where in the batch a record begins that was glued to the line, of whose text this is left from `from` on.
    #[inline]
    fn glued(&self, place: Place, from: usize, text: &[u8]) -> Option<usize> {
        let half_json = || structured::BEGINNINGS.iter().any(|beginning| text.starts_with(beginning));
        glued::find(self.bytes, place.start + from, place.start + text.len(), half_json)
    }

    /// A line that records were glued to, of which the first one begins at `glued` of the batch.
    #[inline(never)]
    fn pieces(&mut self, place: Place, text: &'l [u8], mut header: Option<Header<'l>>, glued: usize) {
        let mut piece = place;
        let mut next = Some(glued);
        while let Some(at) = next {
            self.piece(Place { end: at, ..piece }, header, piece.start > place.start);
            piece.start = at;
            let glued_header = self.header(&text[at - place.start..]);
            let from = at - place.start + glued_header.as_ref().map_or(1, |header| header.message);
            header = glued_header.or(header);
            next = self.glued(place, from, text);
        }
        self.piece(piece, header, piece.start > place.start);
    }

    /// A line, or a piece of one that begins in the middle.
    #[inline]
    fn piece(&mut self, place: Place, header: Option<Header<'l>>, in_the_middle: bool) {
        if header.is_none() {
            return self.add(place, false);
        }
        if in_the_middle {
            self.held.extend(self.open.take());
        } else {
            self.flush();
        }
        self.begin(place, header);
    }

    /// Adds a line to the open event, or begins one without a header.
    fn add(&mut self, place: Place, cut: bool) {
        let bytes = self.bytes;
        let goes_on = |open: &Open<'_>| {
            let (first, line) = (&bytes[open.start..open.end], &bytes[place.start..place.end]);
            open.takes(line.len()) && (cut || open.header.is_some() || goes_on(first, line))
        };
        match &mut self.open {
            Some(open) if goes_on(open) => {
                open.lines += 1;
                open.end = place.end;
            }
            _ => {
                self.flush();
                self.begin(place, None);
            }
        }
    }

    fn begin(&mut self, place: Place, header: Option<Header<'l>>) {
        let Place { line, start, end } = place;
        self.open = Some(Open { header, first_line: line, lines: 1, start, end });
    }

    #[inline]
    fn flush(&mut self) {
        if !self.held.is_empty() {
            self.flush_held();
        }
        if let Some(open) = &self.open {
            describe(self.events, self.bytes, open, &mut self.source);
            self.open = None;
        }
    }

    #[inline(never)]
    fn flush_held(&mut self) {
        for event in self.held.drain(..) {
            describe(self.events, self.bytes, &event, &mut self.source);
        }
    }

    /// How many of so many lines are used.
    fn finish(&mut self, lines: usize, last: bool) -> usize {
        match &self.open {
            Some(open) if !last && open.takes(1) => self.held.first().unwrap_or(open).first_line,
            _ => {
                self.flush();
                lines
            }
        }
    }
}

/// Whether a line goes on with lines before it that follow no record.
fn goes_on(before: &[u8], line: &[u8]) -> bool {
    matches!(line, [b' ' | b'\t', ..]) || TRACEBACKS.iter().any(|beginning| before.starts_with(beginning))
}

/// Makes the event of a text record.
#[inline(never)]
fn describe(events: &mut Events<'_>, bytes: &[u8], open: &Open<'_>, key: &mut Option<Key>) {
    let source = &bytes[open.start..open.end];
    let text = source.strip_suffix(b"\n").unwrap_or(source);
    let together = events.names() >= MAX_NAMES;
    let mut event = events.push(source);
    let text = match &open.header {
        Some(header) => {
            describe_header(&mut event, header, together, key);
            text.get(header.message..).unwrap_or_default()
        }
        None => text,
    };
    let (message, exception) = if open.lines == 1 { (text, None) } else { split_traceback(text) };
    event.message(message);
    if let Some(exception) = exception {
        event.attribute_text("exception", exception);
    }
}

/// `together`: the batch has no room for the names of fields. `key`: of `source`, once it was looked up.
#[inline]
fn describe_header(
    event: &mut EventBuilder<'_, '_>,
    header: &Header<'_>,
    together: bool,
    key: &mut Option<Key>,
) {
    event.severity(header.severity);
    match header.time {
        Time::At(timestamp) => _ = event.timestamp_ns(timestamp),
        Time::Claimed(text) => _ = event.attribute_text("claimed_timestamp", text),
    }
    if let Some(logger) = header.logger {
        event.attribute_text("logger", logger);
    }
    if let Some(source) = header.source {
        *key = key.or_else(|| event.key("source"));
        match *key {
            Some(key) => _ = event.keyed_text(key, source),
            None => _ = event.attribute_text("source", source),
        }
    }
    if let Some(level) = header.level {
        event.attribute_text("fields.level", level);
    }
    if !header.fields.is_empty() {
        describe_fields(event, header.fields, together);
    }
}

#[inline(never)]
fn describe_fields(event: &mut EventBuilder<'_, '_>, fields: &[u8], together: bool) {
    if together {
        event.attribute_text(structured::TOGETHER, fields);
        return;
    }
    for (name, value) in header::fields(fields) {
        structured::text_field(event, name, value);
    }
}

/// Splits a text where a traceback begins on a line of its own, other than the first.
///
/// Where it ends cannot be told (the exception's own text may have any lines), so it goes on to the end.
pub fn split_traceback(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let begins = blocks::within(b'\n', text, 0, text.len(), |at| {
        let line = &text[at + 1..];
        line.strip_prefix(OF_A_GROUP).unwrap_or(line).starts_with(TRACEBACK).then_some(at)
    });
    match begins {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}
