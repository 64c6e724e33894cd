//! `error_detail` of Airflow 3, printed as Python's `traceback` module prints exceptions whose source it cannot find.
//!
//! <https://github.com/python/cpython/blob/3.11/Lib/traceback.py>, `TracebackException.format`. What structlog leaves
//! out (the module of an exception's class, the source lines) is left out here.

use updraft_guest::json::{Json, Kind};

/// Equal frames in a row that are printed before Python only counts them.
const RECURSIVE_CUTOFF: usize = 3;
/// Members of a group that are printed.
const MAX_GROUP_WIDTH: usize = 15;
/// Groups within groups that are printed.
const MAX_GROUP_DEPTH: usize = 10;

/// Longest `error_detail` that is printed: a tree of a longer one could fill a component's memory.
const MAX_DETAIL: usize = 1024 * 1024;

const CAUSE: &str = "\nThe above exception was the direct cause of the following exception:\n\n";
const CONTEXT: &str = "\nDuring handling of the above exception, another exception occurred:\n\n";

/// The text of an `error_detail`, without a line break at its end. None: it has another shape, or is too long.
pub fn print(error_detail: Json<'_>) -> Option<String> {
    if error_detail.bytes().len() > MAX_DETAIL {
        return None;
    }
    let chain = read_chain(error_detail).filter(|chain| !chain.is_empty())?;
    let mut printer = Printer::default();
    printer.chain(&chain);
    printer.out.truncate(printer.out.len() - usize::from(printer.out.ends_with('\n')));
    Some(printer.out)
}

/// One exception; its chain goes on with what caused it.
#[derive(Debug)]
struct Exception {
    name: String,
    value: String,
    notes: Vec<String>,
    syntax: Option<Syntax>,
    /// Whether the exception before it in the chain was raised `from` this one.
    is_cause: bool,
    frames: Vec<Frame>,
    /// The chains of a group's members.
    members: Option<Vec<Vec<Exception>>>,
}

#[derive(Debug, PartialEq)]
struct Frame {
    file: String,
    line: String,
    name: String,
}

/// What a `SyntaxError` points at.
#[derive(Debug)]
struct Syntax {
    file: String,
    line: String,
    text: String,
    offset: usize,
    message: String,
}

fn read_chain(json: Json<'_>) -> Option<Vec<Exception>> {
    (json.kind() == Kind::Array).then(|| json.elements().into_iter().map(read_exception).collect())?
}

fn read_exception(json: Json<'_>) -> Option<Exception> {
    let get = getter(json);
    let members = match get("is_group") {
        Some(flag) if flag.bytes() == b"true" => {
            Some(get("exceptions")?.elements().into_iter().map(read_chain).collect::<Option<_>>()?)
        }
        _ => None,
    };
    Some(Exception {
        name: text(get("exc_type")?)?,
        value: get("exc_value").and_then(text).unwrap_or_default(),
        notes: get("exc_notes")
            .map(Json::elements)
            .unwrap_or_default()
            .into_iter()
            .filter_map(text)
            .collect(),
        syntax: get("syntax_error").and_then(read_syntax),
        is_cause: get("is_cause").is_some_and(|flag| flag.bytes() == b"true"),
        frames: get("frames").map(Json::elements).unwrap_or_default().into_iter().map(read_frame).collect(),
        members,
    })
}

fn read_frame(json: Json<'_>) -> Frame {
    let get = getter(json);
    let part = |name| get(name).and_then(text).unwrap_or_default();
    Frame { file: part("filename"), line: part("lineno"), name: part("name") }
}

fn read_syntax(json: Json<'_>) -> Option<Syntax> {
    if json.kind() != Kind::Object {
        return None;
    }
    let get = getter(json);
    let part = |name| get(name).and_then(text).unwrap_or_default();
    Some(Syntax {
        file: part("filename"),
        line: part("lineno"),
        text: part("line"),
        offset: part("offset").parse().unwrap_or(0),
        message: part("msg"),
    })
}

fn getter<'a>(json: Json<'a>) -> impl Fn(&str) -> Option<Json<'a>> {
    let members = json.members();
    move |wanted| {
        members.iter().rfind(|(name, _)| name.plain() == Some(wanted.as_bytes())).map(|(_, value)| *value)
    }
}

/// A string's text, or a number as written.
fn text(json: Json<'_>) -> Option<String> {
    let mut scratch = Vec::new();
    match json.kind() {
        Kind::Number => Some(String::from_utf8_lossy(json.bytes()).into_owned()),
        _ => json.string(&mut scratch).map(|text| String::from_utf8_lossy(text).into_owned()),
    }
}

/// Python's `_ExceptionPrintContext` and what it has printed.
#[derive(Debug, Default)]
struct Printer {
    out: String,
    depth: usize,
    /// The frame around a group's members is still to be closed.
    need_close: bool,
}

impl Printer {
    /// Oldest first, as Python prints.
    fn chain(&mut self, chain: &[Exception]) {
        for (at, exception) in chain.iter().enumerate().rev() {
            if let Some(older) = chain.get(at + 1) {
                self.emit(if older.is_cause { CAUSE } else { CONTEXT }, '|');
            }
            match &exception.members {
                Some(_) if self.depth > MAX_GROUP_DEPTH => {
                    self.emit(&format!("... (max_group_depth is {MAX_GROUP_DEPTH})\n"), '|');
                }
                Some(members) => self.group(exception, members),
                None => {
                    // An exception that was never raised has no frames, and then Python prints no heading.
                    if !exception.frames.is_empty() {
                        self.emit("Traceback (most recent call last):\n", '|');
                        self.frames(&exception.frames);
                    }
                    self.exception_only(exception);
                }
            }
        }
    }

    fn group(&mut self, exception: &Exception, members: &[Vec<Exception>]) {
        let is_top = self.depth == 0;
        if is_top {
            self.depth = 1;
        }
        if !exception.frames.is_empty() {
            let margin = if is_top { '+' } else { '|' };
            self.emit("Exception Group Traceback (most recent call last):\n", margin);
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
            self.out.push_str(&line);
            self.depth += 1;
            if at < MAX_GROUP_WIDTH {
                self.chain(member);
            } else {
                let left = members.len() - MAX_GROUP_WIDTH;
                self.emit(&format!("and {left} more exception{}\n", if left > 1 { "s" } else { "" }), '|');
            }
            if is_last && self.need_close {
                let line = format!("{}+------------------------------------\n", self.indent());
                self.out.push_str(&line);
                self.need_close = false;
            }
            self.depth -= 1;
        }
        if is_top {
            self.depth = 0;
        }
    }

    fn frames(&mut self, frames: &[Frame]) {
        let mut repeated = 0;
        for (at, frame) in frames.iter().enumerate() {
            repeated = if at > 0 && frames[at - 1] == *frame { repeated + 1 } else { 1 };
            if repeated <= RECURSIVE_CUTOFF {
                let line = if frame.line == "-1" {
                    // structlog's own: "Skipped frames: 21".
                    format!("  [{}]\n", frame.name)
                } else {
                    format!("  File \"{}\", line {}, in {}\n", frame.file, frame.line, frame.name)
                };
                self.emit(&line, '|');
            }
            if repeated > RECURSIVE_CUTOFF && frames.get(at + 1) != Some(frame) {
                let times = repeated - RECURSIVE_CUTOFF;
                let plural = if times > 1 { "s" } else { "" };
                self.emit(&format!("  [Previous line repeated {times} more time{plural}]\n"), '|');
            }
        }
    }

    fn exception_only(&mut self, exception: &Exception) {
        let value = match &exception.syntax {
            Some(syntax) => {
                self.syntax(syntax);
                &syntax.message
            }
            None => &exception.value,
        };
        let line = if value.is_empty() {
            format!("{}\n", exception.name)
        } else {
            format!("{}: {value}\n", exception.name)
        };
        self.emit(&line, '|');
        for note in exception.notes.iter().flat_map(|note| note.split('\n')) {
            self.emit(&format!("{note}\n"), '|');
        }
    }

    fn syntax(&mut self, syntax: &Syntax) {
        self.emit(&format!("  File \"{}\", line {}\n", syntax.file, syntax.line), '|');
        let whole = syntax.text.trim_end_matches('\n');
        let text = whole.trim_start_matches([' ', '\n', '\x0c']);
        if syntax.text.is_empty() {
            return;
        }
        self.emit(&format!("    {text}\n"), '|');
        let indented = whole.chars().count() - text.chars().count();
        if let Some(column) = syntax.offset.checked_sub(1 + indented) {
            let blank = |character: char| if character.is_whitespace() { character } else { ' ' };
            let blanks: String = text.chars().take(column).map(blank).collect();
            self.emit(&format!("    {blanks}^\n"), '|');
        }
    }

    fn indent(&self) -> String {
        " ".repeat(2 * self.depth)
    }

    /// Prints lines, within a group behind its margin.
    fn emit(&mut self, text: &str, margin: char) {
        if self.depth == 0 {
            self.out.push_str(text);
            return;
        }
        let margin = format!("{}{margin} ", self.indent());
        for line in text.split_inclusive(ends_line) {
            // `\r\n` is one break.
            if line != "\n" || !self.out.ends_with('\r') {
                self.out.push_str(&margin);
            }
            self.out.push_str(line);
        }
    }
}

/// What Python's `str.splitlines` splits at.
fn ends_line(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}
