//! Writes what tests got into the text of a config, and leaves all else of it as it stands.

mod yaml;

use serde_json::{Value, json};
use toml_edit::{DocumentMut, Item, TableLike};

use super::Format;
use super::parse::parse;
use super::write::{self, Event};

/// What the `events` of one output are to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvents {
    /// Index of the test.
    pub test: usize,
    /// Index of the output in it.
    pub output: usize,
    /// The events.
    pub events: Vec<Event>,
}

/// Why a text cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// It is written in a way that nothing here can change by itself.
    #[error("test {} writes the output `{from}` in a way that cannot be changed from here (an anchor, an alias, a merge); write its events by hand", test + 1)]
    Shape {
        /// Index of the test.
        test: usize,
        /// Where the output is extracted from.
        from: String,
    },
    /// What would have come out says something else.
    #[error(
        "the text would say something else afterwards; this is a bug in Updraft, and nothing was changed"
    )]
    Differs,
    /// It is no config any more.
    #[error("{0}")]
    Broken(String),
}

/// The text with other events in some outputs of its tests. What comes out is read again before it is given back.
pub fn with_events(text: &str, format: Format, changes: &[NewEvents]) -> Result<String, RewriteError> {
    let read = |text: &str| match parse(text, format, "config") {
        Ok(document) => Ok(document.value),
        Err(error) => Err(RewriteError::Broken(error.to_string())),
    };
    let mut wanted = read(text)?;
    for NewEvents { test, output, events } in changes {
        let output =
            wanted.get_mut("tests").and_then(|it| it.get_mut(test)?.get_mut("outputs")?.get_mut(output));
        if let Some(Value::Object(output)) = output {
            output.insert("events".to_owned(), json!(events));
        }
    }
    match format {
        Format::Json => {
            let rest = text.trim_end().len();
            let new = serde_json::to_string_pretty(&wanted)
                .map_err(|error| RewriteError::Broken(error.to_string()))?;
            Ok(new + &text[rest..])
        }
        Format::Toml => {
            let new = toml(text, changes)?;
            // TOML has no null, so what was null is not there.
            if same_but_events(&read(&new)?, &wanted) { Ok(new) } else { Err(RewriteError::Differs) }
        }
        Format::Yaml => {
            // As people write it; and where that would be taken for something else, with all text between quotes.
            for quoted in [false, true] {
                let new = yaml::with_events(text, changes, quoted)?;
                if read(&new).is_ok_and(|new| new == wanted) {
                    return Ok(new);
                }
            }
            Err(RewriteError::Differs)
        }
    }
}

fn same_but_events(a: &Value, b: &Value) -> bool {
    let without = |value: &Value| {
        let mut value = value.clone();
        for test in value.get_mut("tests").and_then(Value::as_array_mut).into_iter().flatten() {
            for output in test.get_mut("outputs").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(output) = output.as_object_mut() {
                    output.shift_remove("events");
                }
            }
        }
        value
    };
    without(a) == without(b)
}

fn toml(text: &str, changes: &[NewEvents]) -> Result<String, RewriteError> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| RewriteError::Broken(error.to_string()))?;
    for NewEvents { test, output, events } in changes {
        let shape = || RewriteError::Shape { test: *test, from: format!("number {}", output + 1) };
        let tests = document.get_mut("tests").ok_or_else(shape)?;
        let outputs = nth(tests, *test).and_then(|it| it.get_mut("outputs")).ok_or_else(shape)?;
        let output = nth(outputs, *output).ok_or_else(shape)?;
        output.insert("events", Item::Value(write::toml(events).into()));
    }
    Ok(document.to_string())
}

/// One of several tables, whichever way they are written.
fn nth(tables: &mut Item, at: usize) -> Option<&mut dyn TableLike> {
    match tables {
        Item::ArrayOfTables(tables) => tables.get_mut(at).map(|table| table as &mut dyn TableLike),
        Item::Value(toml_edit::Value::Array(tables)) => {
            tables.get_mut(at)?.as_inline_table_mut().map(|table| table as &mut dyn TableLike)
        }
        _ => None,
    }
}
