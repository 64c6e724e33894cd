//! Which lines make one event, and how far a batch can be used.
//!
//! A line that begins a text record opens an event; lines that begin nothing are added to the open one (a traceback,
//! the rest of a message), until it would be too large. A JSON line is an event at once. The last text event of a
//! batch is left to the next one, since more of it may come, unless nothing follows for now.

use crate::header::{self, Header};
use crate::structured;
use memchr::memmem;
use updraft_guest::json::{self, Member};
use updraft_guest::{EventBuilder, Events, Line, Lines};

/// Lines are added to an event as long as it has no more bytes than this. A single line may be longer.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Lines are added to an event as long as it has no more of them than this.
pub const MAX_EVENT_LINES: usize = 1000;

/// How a traceback begins that Python printed.
const TRACEBACK: &[u8] = b"Traceback (most recent call last):";
/// What stands before it when it is an exception group's.
const OF_A_GROUP: &[u8] = b"  + Exception Group ";

/// Makes events of the lines; returns how many of them it used.
pub fn assemble(lines: &Lines, events: &mut Events<'_>) -> usize {
    let mut assembler = Assembler {
        bytes: lines.bytes(),
        events,
        members: Vec::new(),
        scratch: Vec::new(),
        glue: memmem::Finder::new(header::GLUE),
        traceback: memmem::Finder::new(TRACEBACK),
        open: None,
        held: Vec::new(),
        records: false,
    };
    let (mut at, mut cut) = (0, false);
    for (index, line) in lines.iter().enumerate() {
        assembler.line(Place { line: index, start: at, end: at + line.bytes().len() }, line, cut);
        at += line.bytes().len();
        cut = !line.has_break();
    }
    assembler.finish(lines)
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

struct Assembler<'l, 'e> {
    bytes: &'l [u8],
    events: &'l mut Events<'e>,
    members: Vec<Member<'l>>,
    scratch: Vec<u8>,
    // Made once a batch: making one costs more than searching a line.
    glue: memmem::Finder<'static>,
    traceback: memmem::Finder<'static>,
    open: Option<Open<'l>>,
    /// Events before the open one that end in the line where it begins: that line is used as a whole or not at all.
    held: Vec<Open<'l>>,
    /// Whether a record with a level was seen: then a mere time at a line's beginning is no record.
    records: bool,
}

impl<'l> Assembler<'l, '_> {
    /// `cut`: the line before has no break, so that this one only goes on with it.
    fn line(&mut self, place: Place, line: Line<'l>, cut: bool) {
        let text = line.text();
        if cut {
            self.add(place);
        } else if text.first() == Some(&b'{') {
            self.json(place, text);
        } else {
            self.text(place, text);
        }
    }

    fn json(&mut self, place: Place, text: &'l [u8]) {
        if let Some(names) = self.read(text) {
            return self.structured(place, names);
        }
        // Half a JSON line, with a whole one glued to it?
        let glued =
            structured::BEGINNINGS.iter().filter_map(|beginning| memmem::rfind(text, beginning)).max();
        let glued = glued.filter(|at| *at > 0).and_then(|at| self.read(&text[at..]).map(|names| (at, names)));
        match glued {
            Some((at, names)) => {
                self.text(Place { end: place.start + at, ..place }, &text[..at]);
                self.structured(Place { start: place.start + at, ..place }, names);
            }
            None => self.text(place, text),
        }
    }

    /// Reads a JSON record into `members`.
    fn read(&mut self, text: &'l [u8]) -> Option<structured::Names> {
        json::read_object(text, &mut self.members).then(|| structured::Names::of(&self.members))?
    }

    /// Makes the event of the record in `members`.
    fn structured(&mut self, place: Place, names: structured::Names) {
        self.flush();
        self.records = true;
        let event = self.events.push(&self.bytes[place.start..place.end]);
        structured::describe(event, names, &self.members, &self.traceback, &mut self.scratch);
    }

    fn text(&mut self, place: Place, text: &'l [u8]) {
        let header = header::parse(text);
        self.records |= header.is_some();
        let header = header.or_else(|| if self.records { None } else { header::bare(text) });
        let half_json = structured::BEGINNINGS.iter().any(|beginning| text.starts_with(beginning));
        let mut from = header.map_or(0, |header| header.message);
        let mut piece = place;
        let mut glued_header = None;
        while let Some(at) = header::find_glued(&text[from..], &self.glue, half_json) {
            let at = from + at;
            self.piece(
                Place { end: place.start + at, ..piece },
                glued_header.or(header),
                piece.start > place.start,
            );
            piece.start = place.start + at;
            glued_header = header::parse(&text[at..]);
            from = at + glued_header.map_or(1, |header| header.message);
        }
        self.piece(piece, glued_header.or(header), piece.start > place.start);
    }

    /// A line, or a piece of one that begins in the middle.
    fn piece(&mut self, place: Place, header: Option<Header<'l>>, in_the_middle: bool) {
        match header {
            Some(_) if in_the_middle => {
                self.held.extend(self.open.take());
                self.begin(place, header);
            }
            Some(_) => {
                self.flush();
                self.begin(place, header);
            }
            None => self.add(place),
        }
    }

    /// Adds a line to the open event, or begins one without a header.
    fn add(&mut self, place: Place) {
        match &mut self.open {
            Some(open) if open.takes(place.end - place.start) => {
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

    fn flush(&mut self) {
        for event in self.held.drain(..).chain(self.open.take()) {
            describe(self.events, self.bytes, &event, &self.traceback);
        }
    }

    fn finish(mut self, lines: &Lines) -> usize {
        match &self.open {
            Some(open) if !lines.is_last() && open.takes(1) => self.held.first().unwrap_or(open).first_line,
            _ => {
                self.flush();
                lines.len()
            }
        }
    }
}

/// Makes the event of a text record.
fn describe(events: &mut Events<'_>, bytes: &[u8], open: &Open<'_>, traceback: &memmem::Finder<'_>) {
    let source = &bytes[open.start..open.end];
    let text = source.strip_suffix(b"\n").unwrap_or(source);
    let mut event = events.push(source);
    let text = match &open.header {
        Some(header) => {
            describe_header(&mut event, header);
            text.get(header.message..).unwrap_or_default()
        }
        None => text,
    };
    let (message, exception) = if open.lines == 1 { (text, None) } else { split_traceback(text, traceback) };
    event.message(message);
    if let Some(exception) = exception {
        event.attribute_text("exception", exception);
    }
}

fn describe_header(event: &mut EventBuilder<'_, '_>, header: &Header<'_>) {
    event.timestamp_ns(header.timestamp).severity(header.severity);
    if let Some(logger) = header.logger {
        event.attribute_text("logger", logger);
    }
    if let Some(source) = header.source {
        event.attribute_text("source", source);
    }
    if let Some(level) = header.level {
        event.attribute_text("fields.level", level);
    }
    for (name, value) in header::fields(header) {
        structured::text_field(event, name, value);
    }
}

/// Splits a text where a traceback begins on a line of its own, other than the first.
///
/// Where it ends cannot be told (the exception's own text may have any lines), so it goes on to the end.
pub fn split_traceback<'t>(text: &'t [u8], traceback: &memmem::Finder<'_>) -> (&'t [u8], Option<&'t [u8]>) {
    let begins = traceback.find_iter(text).find_map(|at| {
        let line = text[..at].strip_suffix(OF_A_GROUP).map_or(at, <[u8]>::len);
        (line > 0 && text[line - 1] == b'\n').then_some(line)
    });
    match begins {
        Some(line) => (&text[..line - 1], Some(&text[line..])),
        None => (text, None),
    }
}
