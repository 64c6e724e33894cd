//! `error_detail` of Airflow 3, printed as Python's `traceback` module prints exceptions whose source it cannot find.
//!
//! <https://github.com/python/cpython/blob/3.11/Lib/traceback.py>, `TracebackException.format`. What structlog leaves
//! out (the module of an exception's class, the source lines) is left out here.

use std::borrow::Cow;
use updraft_guest::json::{Json, Kind, Reader, ShortName};

/// Equal frames in a row that are printed before Python only counts them.
const RECURSIVE_CUTOFF: usize = 3;
/// Members of a group that are printed.
const MAX_GROUP_WIDTH: usize = 15;
/// Groups within groups that are printed.
const MAX_GROUP_DEPTH: usize = 10;

/// Longest `error_detail` that is printed: a tree of a longer one could fill a component's memory.
const MAX_DETAIL: usize = 1024 * 1024;

const CAUSE: &[u8] = b"\nThe above exception was the direct cause of the following exception:\n\n";
const CONTEXT: &[u8] = b"\nDuring handling of the above exception, another exception occurred:\n\n";

/// The text of an `error_detail`, without a line break at its end. None: it has another shape, or is too long.
pub fn print(error_detail: Json<'_>) -> Option<Vec<u8>> {
    if error_detail.bytes().len() > MAX_DETAIL {
        return None;
    }
    let chain = read_chain(&mut Reader::new(error_detail)).filter(|chain| !chain.is_empty())?;
    let mut printer = Printer::default();
    printer.chain(&chain);
    printer.out.truncate(printer.out.len() - usize::from(printer.out.ends_with(b"\n")));
    Some(printer.out)
}

/// Of a string or a number as written.
type Text<'a> = Cow<'a, [u8]>;

/// One exception; its chain goes on with what caused it.
#[derive(Debug)]
struct Exception<'a> {
    name: Text<'a>,
    value: Text<'a>,
    notes: Vec<Text<'a>>,
    syntax: Option<Syntax<'a>>,
    /// Whether the exception before it in the chain was raised `from` this one.
    is_cause: bool,
    frames: Vec<Frame<'a>>,
    /// The chains of a group's members.
    members: Option<Vec<Vec<Exception<'a>>>>,
}

#[derive(Debug, Default, PartialEq)]
struct Frame<'a> {
    // First, since frames that follow each other mostly differ here.
    line: Text<'a>,
    file: Text<'a>,
    name: Text<'a>,
}

/// What a `SyntaxError` points at.
#[derive(Debug, Default)]
struct Syntax<'a> {
    file: Text<'a>,
    line: Text<'a>,
    text: Text<'a>,
    offset: Text<'a>,
    message: Text<'a>,
}

const EXC_TYPE: ShortName = ShortName::known("exc_type");
const EXC_VALUE: ShortName = ShortName::known("exc_value");
const EXC_NOTES: ShortName = ShortName::known("exc_notes");
const SYNTAX_ERROR: ShortName = ShortName::known("syntax_error");
const IS_CAUSE: ShortName = ShortName::known("is_cause");
const IS_GROUP: ShortName = ShortName::known("is_group");
const FRAMES: ShortName = ShortName::known("frames");
const EXCEPTIONS: ShortName = ShortName::known("exceptions");
const FILENAME: ShortName = ShortName::known("filename");
const LINENO: ShortName = ShortName::known("lineno");
const NAME: ShortName = ShortName::known("name");
const LINE: ShortName = ShortName::known("line");
const OFFSET: ShortName = ShortName::known("offset");
const MSG: ShortName = ShortName::known("msg");

/// None: it is no array, or one of its elements no exception.
fn read_chain<'a>(reader: &mut Reader<'a>) -> Option<Vec<Exception<'a>>> {
    let mut chain = Some(Vec::new());
    reader.elements(|reader| {
        let exception = read_exception(reader);
        chain = chain.take().zip(exception).map(|(mut chain, exception)| {
            chain.push(exception);
            chain
        });
    })?;
    chain
}

/// Of members that have the same name, the last one counts.
fn read_exception<'a>(reader: &mut Reader<'a>) -> Option<Exception<'a>> {
    let mut name = None;
    let mut value = Text::default();
    let (mut notes, mut frames) = (Vec::new(), Vec::new());
    let mut syntax = None;
    let (mut is_cause, mut is_group) = (false, false);
    let mut members = None;
    reader.members(|member, reader| match member.short {
        Some(EXC_TYPE) => name = text(reader),
        Some(EXC_VALUE) => value = text(reader).unwrap_or_default(),
        Some(EXC_NOTES) => {
            notes.clear();
            reader.elements(|reader| notes.extend(text(reader)));
        }
        Some(SYNTAX_ERROR) => syntax = read_syntax(reader),
        Some(IS_CAUSE) => is_cause = is_true(reader),
        Some(IS_GROUP) => is_group = is_true(reader),
        Some(FRAMES) => {
            frames.clear();
            reader.elements(|reader| frames.push(read_frame(reader)));
        }
        Some(EXCEPTIONS) => members = read_members(reader),
        _ => {}
    });
    let members = if is_group { Some(members?) } else { None };
    Some(Exception { name: name?, value, notes, syntax, is_cause, frames, members })
}

/// What is no array has no members. None: one of them is no chain of exceptions.
fn read_members<'a>(reader: &mut Reader<'a>) -> Option<Vec<Vec<Exception<'a>>>> {
    let mut members = Some(Vec::new());
    reader.elements(|reader| {
        let chain = read_chain(reader);
        members = members.take().zip(chain).map(|(mut members, chain)| {
            members.push(chain);
            members
        });
    });
    members
}

fn read_frame<'a>(reader: &mut Reader<'a>) -> Frame<'a> {
    let mut frame = Frame::default();
    reader.members(|member, reader| match member.short {
        Some(FILENAME) => frame.file = text(reader).unwrap_or_default(),
        Some(LINENO) => frame.line = text(reader).unwrap_or_default(),
        Some(NAME) => frame.name = text(reader).unwrap_or_default(),
        _ => {}
    });
    frame
}

fn read_syntax<'a>(reader: &mut Reader<'a>) -> Option<Syntax<'a>> {
    let mut syntax = Syntax::default();
    reader.members(|member, reader| match member.short {
        Some(FILENAME) => syntax.file = text(reader).unwrap_or_default(),
        Some(LINENO) => syntax.line = text(reader).unwrap_or_default(),
        Some(LINE) => syntax.text = text(reader).unwrap_or_default(),
        Some(OFFSET) => syntax.offset = text(reader).unwrap_or_default(),
        Some(MSG) => syntax.message = text(reader).unwrap_or_default(),
        _ => {}
    })?;
    Some(syntax)
}

fn is_true(reader: &mut Reader<'_>) -> bool {
    reader.value().is_some_and(|value| value.bytes() == b"true")
}

/// A string's text, or a number as written.
fn text<'a>(reader: &mut Reader<'a>) -> Option<Text<'a>> {
    let json = reader.value()?;
    match json.kind() {
        Kind::Number => Some(Cow::Borrowed(json.bytes())),
        Kind::Plain => json.plain().map(Cow::Borrowed),
        Kind::Escaped => {
            let mut unescaped = Vec::new();
            json.string(&mut unescaped)?;
            Some(Cow::Owned(unescaped))
        }
        _ => None,
    }
}

/// Python's `_ExceptionPrintContext` and what it has printed.
#[derive(Debug, Default)]
struct Printer {
    out: Vec<u8>,
    depth: usize,
    /// The frame around a group's members is still to be closed.
    need_close: bool,
}

impl Printer {
    /// Oldest first, as Python prints.
    fn chain(&mut self, chain: &[Exception<'_>]) {
        for (at, exception) in chain.iter().enumerate().rev() {
            if let Some(older) = chain.get(at + 1) {
                self.emit(&[if older.is_cause { CAUSE } else { CONTEXT }], '|');
            }
            match &exception.members {
                Some(_) if self.depth > MAX_GROUP_DEPTH => {
                    self.line(&format!("... (max_group_depth is {MAX_GROUP_DEPTH})"));
                }
                Some(members) => self.group(exception, members),
                None => {
                    // An exception that was never raised has no frames, and then Python prints no heading.
                    if !exception.frames.is_empty() {
                        self.emit(&[b"Traceback (most recent call last):\n"], '|');
                        self.frames(&exception.frames);
                    }
                    self.exception_only(exception);
                }
            }
        }
    }

    fn group(&mut self, exception: &Exception<'_>, members: &[Vec<Exception<'_>>]) {
        let is_top = self.depth == 0;
        if is_top {
            self.depth = 1;
        }
        if !exception.frames.is_empty() {
            let margin = if is_top { '+' } else { '|' };
            self.emit(&[b"Exception Group Traceback (most recent call last):\n"], margin);
            self.frames(&exception.frames);
        }
        self.exception_only(exception);
        let shown = members.len().min(MAX_GROUP_WIDTH + 1);
        self.need_close = false;
        for (at, member) in members.iter().take(shown).enumerate() {
            let is_last = at + 1 == shown;
            // A group at the end of this one may close the frame.
            self.need_close |= is_last;
            let title = if at < MAX_GROUP_WIDTH { (at + 1).to_string() } else { "...".to_owned() };
            let joint = if at == 0 { "+-" } else { "  " };
            let line = format!("{}{joint}+---------------- {title} ----------------\n", self.indent());
            self.out.extend_from_slice(line.as_bytes());
            self.depth += 1;
            if at < MAX_GROUP_WIDTH {
                self.chain(member);
            } else {
                let left = members.len() - MAX_GROUP_WIDTH;
                self.line(&format!("and {left} more exception{}", if left > 1 { "s" } else { "" }));
            }
            if is_last && self.need_close {
                let line = format!("{}+------------------------------------\n", self.indent());
                self.out.extend_from_slice(line.as_bytes());
                self.need_close = false;
            }
            self.depth -= 1;
        }
        if is_top {
            self.depth = 0;
        }
    }

    fn frames(&mut self, frames: &[Frame<'_>]) {
        let mut repeated = 0;
        for (at, frame) in frames.iter().enumerate() {
            repeated = if at > 0 && frames[at - 1] == *frame { repeated + 1 } else { 1 };
            if repeated <= RECURSIVE_CUTOFF {
                let Frame { file, line, name } = frame;
                if **line == *b"-1" {
                    // structlog's own: "Skipped frames: 21".
                    self.emit(&[b"  [", name, b"]\n"], '|');
                } else {
                    self.emit(&[b"  File \"", file, b"\", line ", line, b", in ", name, b"\n"], '|');
                }
            }
            if repeated > RECURSIVE_CUTOFF && frames.get(at + 1) != Some(frame) {
                let times = repeated - RECURSIVE_CUTOFF;
                let plural = if times > 1 { "s" } else { "" };
                self.line(&format!("  [Previous line repeated {times} more time{plural}]"));
            }
        }
    }

    fn exception_only(&mut self, exception: &Exception<'_>) {
        let value = match &exception.syntax {
            Some(syntax) => {
                self.syntax(syntax);
                &syntax.message
            }
            None => &exception.value,
        };
        match &**value {
            b"" => self.emit(&[&exception.name, b"\n"], '|'),
            value => self.emit(&[&exception.name, b": ", value, b"\n"], '|'),
        }
        for line in exception.notes.iter().flat_map(|note| note.split(|byte| *byte == b'\n')) {
            self.emit(&[line, b"\n"], '|');
        }
    }

    fn syntax(&mut self, syntax: &Syntax<'_>) {
        self.emit(&[b"  File \"", &syntax.file, b"\", line ", &syntax.line, b"\n"], '|');
        let given = String::from_utf8_lossy(&syntax.text);
        let whole = given.trim_end_matches('\n');
        let text = whole.trim_start_matches([' ', '\n', '\x0c']);
        if given.is_empty() {
            return;
        }
        self.line(&format!("    {text}"));
        let indented = whole.chars().count() - text.chars().count();
        let offset = std::str::from_utf8(&syntax.offset).ok().and_then(|offset| offset.parse().ok());
        if let Some(column) = offset.unwrap_or(0_usize).checked_sub(1 + indented) {
            let blank = |character: char| if character.is_whitespace() { character } else { ' ' };
            let blanks: String = text.chars().take(column).map(blank).collect();
            self.line(&format!("    {blanks}^"));
        }
    }

    fn indent(&self) -> String {
        " ".repeat(2 * self.depth)
    }

    fn line(&mut self, line: &str) {
        self.emit(&[line.as_bytes(), b"\n"], '|');
    }

    /// Prints lines, of these pieces; within a group behind its margin.
    fn emit(&mut self, pieces: &[&[u8]], margin: char) {
        if self.depth == 0 {
            for piece in pieces {
                self.out.extend_from_slice(piece);
            }
            return;
        }
        let margin = format!("{}{margin} ", self.indent());
        let pieces = pieces.concat();
        for line in String::from_utf8_lossy(&pieces).split_inclusive(ends_line) {
            // `\r\n` is one break.
            if line != "\n" || !self.out.ends_with(b"\r") {
                self.out.extend_from_slice(margin.as_bytes());
            }
            self.out.extend_from_slice(line.as_bytes());
        }
    }
}

/// What Python's `str.splitlines` splits at.
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
