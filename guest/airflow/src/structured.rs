//! JSON lines: Airflow 3's (structlog), and those that Airflow 2 writes for Elasticsearch (`json_format`).

use crate::names::{Member, Met, Names, What};
use crate::{assemble, exception, level};
use std::borrow::Cow;
use updraft_guest::json::{Json, Kind};
use updraft_guest::timestamp::Clock;
use updraft_guest::{EventBuilder, Value};

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

/// Members that are put together with others, or read. The last one of a name counts.
#[derive(Debug, Default)]
struct Known<'m, 'a> {
    message: Option<Json<'a>>,
    logger: Option<&'m Member<'a>>,
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
    met: &mut Met<'_>,
    clock: &mut Clock,
    scratch: &mut Vec<u8>,
) {
    let mut known = Known::default();
    let event = &mut event;
    for member in members {
        let value = member.value;
        match member.what {
            what if what == names.message => known.message = Some(value),
            what if what == names.time => known.time = Some(value),
            what if what == names.level => known.level = Some(value),
            What::Logger => known.logger = Some(member),
            What::Name if names == Names::ELASTIC => known.name = Some(value),
            What::DagId | What::RunId | What::TaskId => match value.string(scratch) {
                Some(text) => put(event, member, met, Value::Text(text)),
                None => unless_null(event, member.what.name(), value),
            },
            What::MapIndex | What::TryNumber => match natural(value) {
                Some(digits) => put(event, member, met, Value::Json(digits)),
                None => unless_none(event, member.what.name(), value),
            },
            What::Filename => known.filename = Some(value),
            What::Lineno => known.lineno = Some(value),
            What::ErrorDetail => known.error_detail = Some(value),
            What::Exception => known.exception = Some(value),
            _ if together.is_some() => {}
            _ if value.is_unicode() => put(event, member, met, Value::Json(value.bytes())),
            _ => {
                let mut scratch = Vec::new();
                let text = value.string(&mut scratch).unwrap_or(value.bytes());
                put(event, member, met, Value::Text(text));
            }
        }
    }
    if let Some(record) = together {
        field(event, TOGETHER, record);
    }
    match (known.logger, known.name) {
        (Some(logger), name) => {
            match logger.value.string(scratch) {
                Some(text) => put(event, logger, met, Value::Text(text)),
                None => unless_null(event, "logger", logger.value),
            }
            if let Some(name) = name {
                field(event, "name", name);
            }
        }
        (None, Some(name)) => match name.string(scratch) {
            Some(text) => _ = event.attribute_text("logger", text),
            None => unless_null(event, "logger", name),
        },
        (None, None) => {}
    }
    message(event, names, &known, scratch);
    time_and_level(event, names, &known, clock, scratch);
    place(event, &known, scratch);
    exception(event, &known, scratch);
}

/// Makes an attribute of a member, whose name is looked up only when it is met for the first time.
#[inline]
fn put(event: &mut EventBuilder<'_, '_>, member: &Member<'_>, met: &mut Met<'_>, value: Value<'_>) {
    match (member.met.and_then(|place| *met.key(place)), value) {
        (Some(key), Value::Text(text)) => _ = event.keyed_text(key, text),
        (Some(key), Value::Json(json)) => _ = event.keyed_json(key, json),
        (None, _) => put_named(event, member, met, value),
    }
}

#[inline(never)]
fn put_named(event: &mut EventBuilder<'_, '_>, member: &Member<'_>, met: &mut Met<'_>, value: Value<'_>) {
    let name = attribute_name(member);
    match value {
        Value::Text(text) => _ = event.attribute_text(&name, text),
        Value::Json(json) => _ = event.attribute_json(&name, json),
    }
    if let Some(place) = member.met {
        *met.key(place) = event.key(&name);
    }
}

/// What stands at the top does so under its own name, all else as a field.
fn attribute_name<'a>(member: &Member<'a>) -> Cow<'a, str> {
    match member.what {
        What::DagId | What::RunId | What::TaskId | What::MapIndex | What::TryNumber | What::Logger => {
            Cow::Borrowed(member.what.name())
        }
        _ => {
            let mut scratch = Vec::new();
            let name =
                Json::parse(member.name).and_then(|name| name.string(&mut scratch)).unwrap_or_default();
            Cow::Owned(field_key(&String::from_utf8_lossy(name)).into_owned())
        }
    }
}

fn time_and_level(
    event: &mut EventBuilder<'_, '_>,
    names: Names,
    known: &Known<'_, '_>,
    clock: &mut Clock,
    scratch: &mut Vec<u8>,
) {
    if let Some(value) = known.time {
        let text = value.string(scratch).unwrap_or_default();
        match clock.parse(text).filter(|(_, end)| *end == text.len()) {
            Some((timestamp, _)) => _ = event.timestamp_ns(timestamp),
            None => field(event, names.time.name(), value),
        }
    }
    if let Some(value) = known.level {
        let level = value.plain().and_then(level::any_case);
        if let Some(level) = level {
            event.severity(level.severity);
        }
        if !level.is_some_and(|level| level.is_exact) {
            field(event, names.level.name(), value);
        }
    }
}

fn message(event: &mut EventBuilder<'_, '_>, names: Names, known: &Known<'_, '_>, scratch: &mut Vec<u8>) {
    let Some(value) = known.message else { return };
    let says = |value: Option<Json<'_>>| value.is_some_and(|value| value.kind() != Kind::Null);
    let has_own = says(known.exception) || says(known.error_detail);
    if let Some(text) = value.plain() {
        event.message(text);
    } else if let Some(text) = value.string(scratch) {
        // Python's formatter appends the traceback to the message; structlog keeps it apart.
        let is_appended = names == Names::ELASTIC && !has_own;
        let (text, traceback) = if is_appended { assemble::split_traceback(text) } else { (text, None) };
        event.message(text);
        if let Some(traceback) = traceback {
            event.attribute_text("exception", traceback);
        }
    } else {
        event.message(value.bytes());
    }
}

/// `file.py:123`, of two members.
fn place(event: &mut EventBuilder<'_, '_>, known: &Known<'_, '_>, scratch: &mut Vec<u8>) {
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
fn exception(event: &mut EventBuilder<'_, '_>, known: &Known<'_, '_>, scratch: &mut Vec<u8>) {
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

/// What should be a string and is none; null says nothing.
fn unless_null(event: &mut EventBuilder<'_, '_>, key: &str, value: Json<'_>) {
    if value.kind() != Kind::Null {
        field(event, key, value);
    }
}

/// What should be a number of the task's context and is none; -1 and null say nothing.
fn unless_none(event: &mut EventBuilder<'_, '_>, key: &str, value: Json<'_>) {
    if value.plain().unwrap_or(value.bytes()) != b"-1" {
        unless_null(event, key, value);
    }
}

/// The digits of a number of the task's context. Airflow 2 writes it as a string.
fn natural(value: Json<'_>) -> Option<&[u8]> {
    Some(value.plain().unwrap_or(value.bytes())).filter(|digits| is_natural(digits))
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
