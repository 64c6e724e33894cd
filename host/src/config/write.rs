//! Events as a config file has them, in each of the three syntaxes.

use saphyr::Scalar;
use serde_json::{Map, Value};
use std::fmt::Write;
use toml_edit::{Array, InlineTable};

use super::Format;

/// An event as a test has it.
pub type Event = Map<String, Value>;

/// Words that other readers of YAML take for a truth value or for nothing.
const TAKEN: [&str; 11] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];

/// Events in the syntax of a config, a line each where there is room: to be read, and compared line by line.
pub fn events(format: Format, events: &[Event]) -> String {
    match format {
        Format::Yaml if events.is_empty() => "[]\n".to_owned(),
        Format::Yaml => yaml_block(events, 0, false) + "\n",
        Format::Toml => format!("{}\n", toml(events).to_string().trim()),
        Format::Json => serde_json::to_string_pretty(events).unwrap_or_default() + "\n",
    }
}

/// A block sequence of YAML, each line indented, without a line break at its end. `quoted`: all text is between quotes.
pub(super) fn yaml_block(events: &[Event], indent: usize, quoted: bool) -> String {
    let mut text = String::new();
    for event in events {
        if event.is_empty() {
            let _ = writeln!(text, "{:indent$}- {{}}", "");
        }
        for (at, (name, value)) in event.iter().enumerate() {
            let dash = if at == 0 { '-' } else { ' ' };
            let value = match value {
                Value::String(value) => scalar(value, indent + 4, quoted),
                other => flow(other),
            };
            let _ =
                writeln!(text, "{:indent$}{dash} {}: {value}", "", scalar(name, 0, true).trim_matches('"'));
        }
    }
    text.pop();
    text
}

/// A flow sequence of YAML.
pub(super) fn yaml_flow(events: &[Event]) -> String {
    let events = events.iter().map(|event| {
        let members = event.iter().map(|(name, value)| format!("{name}: {}", flow(value)));
        format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
    });
    format!("[{}]", events.collect::<Vec<_>>().join(", "))
}

/// As JSON, which YAML is a superset of, but for characters that it does not print.
fn flow(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if is_printed(c) {
            text.push(c);
        } else {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        }
    }
    text
}

/// <https://yaml.org/spec/1.2.2/#51-character-set>
fn is_printed(c: char) -> bool {
    !matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn scalar(text: &str, indent: usize, quoted: bool) -> String {
    if !quoted && is_plain(text) {
        return text.to_owned();
    }
    let readable = text.chars().all(|c| c == '\n' || !c.is_control() && is_printed(c));
    let begins = text.lines().next().is_some_and(|first| !first.is_empty() && !first.starts_with(' '));
    let body = text.trim_end_matches('\n');
    if !quoted && readable && begins && body.contains('\n') && text.len() - body.len() <= 1 {
        let mut block = if body.len() == text.len() { "|-".to_owned() } else { "|".to_owned() };
        for line in body.split('\n') {
            let indent = if line.is_empty() { 0 } else { indent };
            let _ = write!(block, "\n{:indent$}{line}", "");
        }
        return block;
    }
    flow(&Value::from(text))
}

/// It needs no quotes, and everybody takes it for text.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " _-./+=:@%,()<>;'\"*|&!?$~^[]{}".contains(c);
    let first = |c: char| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '_' | '/');
    text.starts_with(first)
        && text.chars().all(allowed)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !TAKEN.contains(&text.to_ascii_lowercase().as_str())
        && matches!(Scalar::parse_from_cow(text.into()), Scalar::String(_))
}

/// An array of TOML, an inline table on each line. What is null is left out: TOML has none.
pub(super) fn toml(events: &[Event]) -> Array {
    let mut array = Array::new();
    for event in events {
        let mut table = toml_edit::Value::InlineTable(toml_table(event));
        table.decor_mut().set_prefix("\n  ");
        array.push_formatted(table);
    }
    if !events.is_empty() {
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array
}

fn toml_table(event: &Event) -> InlineTable {
    event.iter().filter_map(|(name, value)| Some((name, toml_value(value)?))).collect()
}

fn toml_value(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => toml_edit::Value::Array(items.iter().filter_map(toml_value).collect()),
        Value::Object(members) => toml_edit::Value::InlineTable(toml_table(members)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse::parse;
    use proptest::prelude::*;
    use serde_json::json;

    fn event(members: Value) -> Event {
        let Value::Object(event) = members else { panic!("no object") };
        event
    }

    #[test]
    fn text_is_quoted_only_where_it_would_be_taken_for_something_else() {
        let written = events(
            Format::Yaml,
            &[event(json!({"message": "boom: 5", "level": "error", "logger": "yes", "n": 5, "t": "5"}))],
        );
        assert_eq!(
            written,
            "- message: \"boom: 5\"\n  level: error\n  logger: \"yes\"\n  n: 5\n  t: \"5\"\n"
        );
    }

    #[test]
    fn a_traceback_is_a_block_of_lines() {
        let written = events(Format::Yaml, &[event(json!({"exception": "Traceback:\n  File x\nE: y"}))]);
        assert_eq!(written, "- exception: |-\n    Traceback:\n      File x\n    E: y\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            texts in prop::collection::vec("(\\PC|[ :#\"'\\\\\n\t\r\u{85}\u{7f}\u{2028}-])*", 1..4),
            number in any::<i64>(),
        ) {
            let members = texts.iter().enumerate().map(|(at, text)| (format!("m{at}"), json!(text)));
            let it = event(members.chain([("number".to_owned(), json!(number))]).collect::<Map<_, _>>().into());
            for format in [Format::Toml, Format::Json] {
                let text = events(format, std::slice::from_ref(&it));
                let text = if format == Format::Toml { format!("events = {text}") } else { format!("{{\"events\": {text}}}") };
                let read = parse(&text, format, "test").map(|document| document.value["events"].clone());
                prop_assert_eq!(read, Ok(json!([it])), "{}", text);
            }
            // What is between quotes is always read again; the rest is tried before it is kept.
            let text = format!("events:\n{}", yaml_block(std::slice::from_ref(&it), 2, true));
            let read = parse(&text, Format::Yaml, "test").map(|document| document.value["events"].clone());
            prop_assert_eq!(read, Ok(json!([it])), "{}", text);
        }
    }
}
