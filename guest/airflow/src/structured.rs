//! JSON lines: Airflow 3's (structlog), and those that Airflow 2 writes for Elasticsearch (`json_format`).

use crate::{assemble, exception, level};
use memchr::memmem;
use std::borrow::Cow;
use updraft_guest::json::{Json, Kind, Member};
use updraft_guest::{EventBuilder, timestamp};

/// How such a line begins: what to look for when one was glued to half a line.
pub const BEGINNINGS: [&[u8]; 2] = [b"{\"timestamp\":", b"{\"asctime\":"];

/// The attribute that keeps all fields of a record whose names would be too many.
pub const TOGETHER: &str = "more";

/// How the name of a field begins that must be told from an attribute of the same name.
const FIELD_PREFIX: &str = "fields.";

/// Attributes that stand at the top of the normalized event, or would be taken for what does, or that the host adds.
/// A field of the same name, which means something else, stands below `fields`.
const AT_THE_TOP: [&str; 13] = [
    "claimed_timestamp",
    "timestamp",
    "level",
    "message",
    "kind",
    "exception",
    "source",
    "logger",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
];

/// How a dialect calls the three members that every record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    time: &'static [u8],
    level: &'static [u8],
    message: &'static [u8],
}

impl Names {
    const STRUCTLOG: Self = Self { time: b"timestamp", level: b"level", message: b"event" };
    const ELASTIC: Self = Self { time: b"asctime", level: b"levelname", message: b"message" };
    const GENERIC: Self = Self { time: b"timestamp", level: b"level", message: b"message" };

    /// The dialect of an object; none when it is not a log record (somebody printed it).
    pub fn of(members: &[Member<'_>]) -> Option<Self> {
        let has = |wanted: &[u8]| members.iter().any(|(name, _)| name.plain() == Some(wanted));
        let records = [Self::STRUCTLOG, Self::ELASTIC].into_iter();
        let mut records = records.filter(|it| has(it.message) && (has(it.time) || has(it.level)));
        records.next().or_else(|| {
            let it = Self::GENERIC;
            (has(it.message) && has(it.time) && has(it.level)).then_some(it)
        })
    }
}

/// Members that are put together with others, or read. The last one of a name counts.
#[derive(Debug, Default)]
struct Known<'a> {
    message: Option<Json<'a>>,
    logger: Option<Json<'a>>,
    /// What Python's own formatter calls the logger.
    name: Option<Json<'a>>,
    time: Option<Json<'a>>,
    level: Option<Json<'a>>,
    filename: Option<Json<'a>>,
    lineno: Option<Json<'a>>,
    error_detail: Option<Json<'a>>,
    exception: Option<Json<'a>>,
}

/// Says everything that a record's members say. `together`: the record itself, where its fields must not become
/// attributes each.
pub fn describe(
    mut event: EventBuilder<'_, '_>,
    names: Names,
    members: &[Member<'_>],
    together: Option<Json<'_>>,
    traceback: &memmem::Finder<'_>,
    scratch: &mut Vec<u8>,
) {
    let mut known = Known::default();
    let event = &mut event;
    for (name, value) in members {
        let value = *value;
        let Some(plain) = name.plain() else {
            if together.is_some() {
                continue;
            }
            let unescaped =
                name.string(scratch).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            field(event, &unescaped, value);
            continue;
        };
        match plain {
            _ if plain == names.message => known.message = Some(value),
            _ if plain == names.time => known.time = Some(value),
            _ if plain == names.level => known.level = Some(value),
            b"logger" => known.logger = Some(value),
            b"name" if names == Names::ELASTIC => known.name = Some(value),
            b"dag_id" => text(event, "dag_id", value, scratch),
            b"run_id" => text(event, "run_id", value, scratch),
            b"task_id" => text(event, "task_id", value, scratch),
            b"map_index" => number(event, "map_index", value),
            b"try_number" => number(event, "try_number", value),
            b"filename" => known.filename = Some(value),
            b"lineno" => known.lineno = Some(value),
            b"error_detail" => known.error_detail = Some(value),
            b"exception" => known.exception = Some(value),
            _ if together.is_some() => {}
            _ => field(event, std::str::from_utf8(plain).unwrap_or_default(), value),
        }
    }
    if let Some(record) = together {
        field(event, TOGETHER, record);
    }
    if let Some(logger) = known.logger.or(known.name) {
        text(event, "logger", logger, scratch);
    }
    if let Some(name) = known.name.filter(|_| known.logger.is_some()) {
        field(event, "name", name);
    }
    message(event, names, &known, traceback, scratch);
    time_and_level(event, names, &known, scratch);
    place(event, &known, scratch);
    exception(event, &known, scratch);
}

fn time_and_level(event: &mut EventBuilder<'_, '_>, names: Names, known: &Known<'_>, scratch: &mut Vec<u8>) {
    if let Some(value) = known.time {
        let text = value.string(scratch).unwrap_or_default();
        match timestamp::parse(text).filter(|(_, end)| *end == text.len()) {
            Some((timestamp, _)) => _ = event.timestamp_ns(timestamp),
            None => field(event, std::str::from_utf8(names.time).unwrap_or_default(), value),
        }
    }
    if let Some(value) = known.level {
        let level = value.plain().and_then(level::any_case);
        if let Some(level) = level {
            event.severity(level.severity);
        }
        if !level.is_some_and(|level| level.is_exact) {
            field(event, std::str::from_utf8(names.level).unwrap_or_default(), value);
        }
    }
}

fn message(
    event: &mut EventBuilder<'_, '_>,
    names: Names,
    known: &Known<'_>,
    traceback: &memmem::Finder<'_>,
    scratch: &mut Vec<u8>,
) {
    let Some(value) = known.message else { return };
    let says = |value: Option<Json<'_>>| value.is_some_and(|value| value.kind() != Kind::Null);
    let has_own = says(known.exception) || says(known.error_detail);
    if let Some(text) = value.plain() {
        event.message(text);
    } else if let Some(text) = value.string(scratch) {
        // Python's formatter appends the traceback to the message; structlog keeps it apart.
        let is_appended = names == Names::ELASTIC && !has_own;
        let (text, traceback) =
            if is_appended { assemble::split_traceback(text, traceback) } else { (text, None) };
        event.message(text);
        if let Some(traceback) = traceback {
            event.attribute_text("exception", traceback);
        }
    } else {
        event.message(value.bytes());
    }
}

/// `file.py:123`, of two members.
fn place(event: &mut EventBuilder<'_, '_>, known: &Known<'_>, scratch: &mut Vec<u8>) {
    let line = known.lineno.filter(|line| is_natural(line.bytes()));
    let named = known.filename.is_some_and(|name| matches!(name.kind(), Kind::Plain | Kind::Escaped));
    if let Some(name) = known.filename.filter(|_| named) {
        // An escaped name unescapes into the scratch space; put a plain one there, too.
        match name.plain() {
            Some(plain) => {
                scratch.clear();
                scratch.extend_from_slice(plain);
            }
            None => _ = name.string(scratch),
        }
        // The end mark of Elasticsearch's files has `""` and 0.
        if !scratch.is_empty() {
            if let Some(line) = line {
                scratch.push(b':');
                scratch.extend_from_slice(line.bytes());
            }
            event.attribute_text("source", &*scratch);
        }
    }
    for (name, value, used) in
        [("filename", known.filename, named), ("lineno", known.lineno, named && line.is_some())]
    {
        if let Some(value) = value.filter(|_| !used) {
            field(event, name, value);
        }
    }
}

/// The traceback, printed as Python would; a text that somebody else printed; else the value as it came.
fn exception(event: &mut EventBuilder<'_, '_>, known: &Known<'_>, scratch: &mut Vec<u8>) {
    let printed = known.error_detail.and_then(exception::print);
    if let Some(text) = &printed {
        event.attribute_text("exception", text);
    } else if let Some(value) = known.error_detail {
        field(event, "error_detail", value);
    }
    if let Some(value) = known.exception {
        match value.string(scratch).filter(|_| printed.is_none()) {
            Some(text) => _ = event.attribute_text("exception", text),
            None => field(event, "exception", value),
        }
    }
}

/// A string of the task's context or the logger's name; null says nothing.
fn text(event: &mut EventBuilder<'_, '_>, key: &str, value: Json<'_>, scratch: &mut Vec<u8>) {
    if let Some(text) = value.string(scratch) {
        event.attribute_text(key, text);
    } else if value.kind() != Kind::Null {
        field(event, key, value);
    }
}

/// A number of the task's context. Airflow 2 writes it as a string; -1 and null say nothing.
fn number(event: &mut EventBuilder<'_, '_>, key: &str, value: Json<'_>) {
    let digits = value.plain().unwrap_or(value.bytes());
    if is_natural(digits) {
        event.attribute_json(key, digits);
    } else if digits != b"-1" && value.kind() != Kind::Null {
        field(event, key, value);
    }
}

fn is_natural(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text[0] != b'0')
}

/// Any other member, under its own name.
fn field(event: &mut EventBuilder<'_, '_>, name: &str, value: Json<'_>) {
    let key = field_key(name);
    if value.is_unicode() {
        event.attribute_json(&key, value.bytes());
    } else {
        let mut scratch = Vec::new();
        event.attribute_text(&key, value.string(&mut scratch).unwrap_or(value.bytes()));
    }
}

/// A field of a text record's header, under its own name.
pub fn text_field(event: &mut EventBuilder<'_, '_>, name: &[u8], value: &[u8]) {
    event.attribute_text(&field_key(&String::from_utf8_lossy(name)), value);
}

fn field_key(name: &str) -> Cow<'_, str> {
    if AT_THE_TOP.contains(&name) || name.starts_with(FIELD_PREFIX) {
        Cow::Owned(format!("{FIELD_PREFIX}{name}"))
    } else {
        Cow::Borrowed(name)
    }
}
