//! One section of a config (a source, a transform, a sink) into its raw type, with every problem in it and not only the
//! first.

use std::collections::HashSet;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::error::{Report, suggest};
use super::parse::{item, member};

/// The section at `field`. What is wrong in it is reported and left out, so that the rest can still be looked at; none
/// when what is left does not make a section.
pub(super) fn section<T: DeserializeOwned>(
    mut value: Value,
    field: &str,
    from_variables: &HashSet<String>,
    report: &mut Report,
) -> Option<T> {
    let mut left_out = false;
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(section) => return Some(section),
            Err(error) => error,
        };
        let at = field_of(field, error.path());
        if from_variables.contains(&at) && find(&mut value, error.path()).is_some_and(retype) {
            continue;
        }
        let message = error.inner().to_string();
        // What was left out is missing, and what a variable should have held is reported already.
        if !(left_out && message.starts_with("missing field") || report.has(&at)) {
            describe(&message, &at, report);
        }
        if !remove(&mut value, error.path()) {
            return None;
        }
        left_out = true;
    }
}

fn field_of(field: &str, path: &Path) -> String {
    path.iter().fold(field.to_owned(), |field, segment| match segment {
        Segment::Seq { index } => item(&field, *index),
        Segment::Map { key } | Segment::Enum { variant: key } => member(&field, key),
        Segment::Unknown => field,
    })
}

/// serde's words into ours.
fn describe(message: &str, at: &str, report: &mut Report) {
    let quoted: Vec<_> = message.split('`').skip(1).step_by(2).collect();
    match &quoted[..] {
        [word, known @ ..] if message.starts_with("unknown") => {
            let kind = if message.starts_with("unknown field") { "key" } else { "value" };
            report.add_with_help(
                at,
                format!("unknown {kind} `{word}`"),
                suggest(word, known.iter().copied()),
            );
        }
        [name] if message.starts_with("missing field") => report.add(at, format!("`{name}` is missing")),
        _ => match message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
            // A proxy's URL in the wrong place is still a URL with a password.
            Some((_, expected)) if at.split('.').any(|part| part == "proxy") => {
                report.add(at, format!("expected {}", plain(expected)));
            }
            Some((found, expected)) => report.add(at, format!("expected {}, found {found}", plain(expected))),
            None => report.add(at, message),
        },
    }
}

fn plain(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a mapping",
        other if other.starts_with("struct ") => "a mapping",
        other => other,
    }
}

fn find<'v>(value: &'v mut Value, path: &Path) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(index),
        Segment::Map { key } => value.get_mut(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

/// A string that spells a number or a truth value becomes one.
fn retype(value: &mut Value) -> bool {
    let Value::String(text) = value else { return false };
    match serde_json::from_str::<Value>(text.trim()) {
        Ok(scalar @ (Value::Bool(_) | Value::Number(_))) => {
            *value = scalar;
            true
        }
        _ => false,
    }
}

/// Takes out the member that the path leads through last.
fn remove(value: &mut Value, path: &Path) -> bool {
    let segments: Vec<_> = path.iter().collect();
    let Some(last) = segments.iter().rposition(|segment| matches!(segment, Segment::Map { .. })) else {
        return false;
    };
    let Segment::Map { key } = segments[last] else { return false };
    let parent = segments[..last].iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(index),
        Segment::Map { key } => value.get_mut(key),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    parent.and_then(Value::as_object_mut).is_some_and(|map| map.shift_remove(key).is_some())
}
