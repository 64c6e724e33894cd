//! Three syntaxes into one tree of values, remembering on which line each field stands.

use std::collections::HashMap;
use std::path::Path;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, ScanError, YamlData};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Error, Problem};

/// The syntax of a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2, with merge keys (`<<`).
    Yaml,
    /// TOML 1.1.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// By the file name's extension.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A config as its syntax has it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    pub(super) lines: Lines,
}

/// The line of each field, by its path as messages show it.
#[derive(Debug, Default)]
pub(super) struct Lines(HashMap<String, usize>);

impl Lines {
    /// Line of the field, or of the nearest one around it that is written down.
    pub(super) fn of(&self, field: &str) -> Option<usize> {
        let mut field = field;
        loop {
            if let Some(line) = self.0.get(field) {
                return Some(*line);
            }
            field = &field[..field.rfind(['.', '['])?];
        }
    }

    fn note(&mut self, field: &str, line: usize) {
        self.0.insert(field.to_owned(), line);
    }
}

/// `sinks` and `archive` → `sinks.archive`
pub(super) fn member(field: &str, key: &str) -> String {
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}

/// `inputs` and 0 → `inputs[0]`
pub(super) fn item(field: &str, index: usize) -> String {
    format!("{field}[{index}]")
}

pub(super) fn parse(text: &str, format: Format, name: &str) -> Result<Document, Error> {
    let document = match format {
        Format::Yaml => yaml(text),
        Format::Toml => toml(text),
        Format::Json => json(text),
    };
    document.map_err(|Broken { line, what }| Error { problems: vec![Problem::of_file(name, line, what)] })
}

/// Not what its syntax demands.
struct Broken {
    line: Option<usize>,
    what: String,
}

impl From<ScanError> for Broken {
    fn from(error: ScanError) -> Self {
        Self { line: Some(error.marker().line()), what: format!("not valid YAML: {}", error.info()) }
    }
}

fn yaml(text: &str) -> Result<Document, Broken> {
    let documents = MarkedYaml::load_from_str(text)?;
    let mut lines = Lines::default();
    let value = match &documents[..] {
        [] => Value::Null,
        [document] => yaml_value(document, "", &mut lines)?,
        [_, second, ..] => {
            let line = Some(second.span.start.line());
            return Err(Broken { line, what: "a second YAML document; a config is one".to_owned() });
        }
    };
    Ok(Document { value, lines })
}

fn yaml_value(node: &MarkedYaml<'_>, field: &str, lines: &mut Lines) -> Result<Value, Broken> {
    let broken =
        |what: &str| Broken { line: Some(node.span.start.line()), what: format!("not valid YAML: {what}") };
    Ok(match &node.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::from(*value),
            Scalar::Integer(value) => Value::from(*value),
            Scalar::FloatingPoint(value) => Value::from(value.into_inner()),
            Scalar::String(value) => Value::from(&**value),
        },
        YamlData::Sequence(items) => {
            let mut values = Vec::with_capacity(items.len());
            for (index, node) in items.iter().enumerate() {
                let field = item(field, index);
                lines.note(&field, node.span.start.line());
                values.push(yaml_value(node, &field, lines)?);
            }
            Value::Array(values)
        }
        YamlData::Mapping(entries) => {
            let (mut map, mut merged) = (Map::new(), Vec::new());
            for (key, node) in entries {
                let key_name = match &key.data {
                    YamlData::Value(Scalar::String(name)) => name.to_string(),
                    YamlData::Value(Scalar::Integer(number)) => number.to_string(),
                    _ => {
                        return Err(Broken {
                            line: Some(key.span.start.line()),
                            ..broken("a key that is no word")
                        });
                    }
                };
                if key_name == "<<" {
                    merged.push(yaml_value(node, field, lines)?);
                    continue;
                }
                let field = member(field, &key_name);
                lines.note(&field, key.span.start.line());
                map.insert(key_name, yaml_value(node, &field, lines)?);
            }
            for value in merged {
                merge(&mut map, value).map_err(|()| broken("`<<` wants a mapping or a list of them"))?;
            }
            Value::Object(map)
        }
        _ => return Err(broken("a tag or value that has no meaning here")),
    })
}

/// What `map` has itself wins. <https://yaml.org/type/merge.html>
fn merge(map: &mut Map<String, Value>, value: Value) -> Result<(), ()> {
    match value {
        Value::Object(merged) => {
            for (key, value) in merged {
                map.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(items) => items.into_iter().try_for_each(|item| merge(map, item)),
        _ => Err(()),
    }
}

/// `serde_json` for what it says; the YAML parser, which reads JSON too, for where it says it.
fn json(text: &str) -> Result<Document, Broken> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Broken { line: Some(error.line()), what: format!("not valid JSON: {error}") })?;
    let lines = match yaml(text) {
        Ok(document) => document.lines,
        Err(broken) if broken.what.contains("duplicated key") => {
            return Err(Broken { what: "not valid JSON: duplicated key".to_owned(), ..broken });
        }
        // The few things that JSON may and YAML may not, such as surrogate pairs: then without lines.
        Err(_) => Lines::default(),
    };
    Ok(Document { value, lines })
}

fn toml(text: &str) -> Result<Document, Broken> {
    let line_at = |offset: usize| text[..offset].matches('\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| Broken {
        line: error.span().map(|span| line_at(span.start)),
        what: format!("not valid TOML: {}", error.message()),
    })?;
    let mut lines = Lines::default();
    let value = toml_table(table.get_ref(), "", &mut |field, offset| lines.note(field, line_at(offset)))?;
    Ok(Document { value, lines })
}

fn toml_table(table: &DeTable<'_>, field: &str, note: &mut impl FnMut(&str, usize)) -> Result<Value, Broken> {
    // As the text has them, not as the alphabet does.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut map = Map::new();
    for (key, value) in entries {
        let field = member(field, key.get_ref());
        note(&field, key.span().start);
        map.insert(key.get_ref().to_string(), toml_value(value, &field, note)?);
    }
    Ok(Value::Object(map))
}

fn toml_value(
    value: &Spanned<DeValue<'_>>,
    field: &str,
    note: &mut impl FnMut(&str, usize),
) -> Result<Value, Broken> {
    let bad_number =
        |text: &str| Broken { line: None, what: format!("not valid TOML: {field}: the number {text}") };
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::from(&**text),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| bad_number(number.as_str()))?,
        DeValue::Float(number) => {
            number.as_str().parse::<f64>().map(Value::from).map_err(|_| bad_number(number.as_str()))?
        }
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for (index, value) in items.iter().enumerate() {
                let field = item(field, index);
                note(&field, value.span().start);
                values.push(toml_value(value, &field, note)?);
            }
            Value::Array(values)
        }
        DeValue::Table(table) => toml_table(table, field, note)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const YAML: &str = "a: 1\nb:\n  c: [x,\n      {d: 2.5}]\n  e: true\n  f:\n";
    const TOML: &str = "a = 1\n\n[b]\nc = ['x',\n  {d = 2.5}]\ne = true\n";
    const JSON: &str = "{\n\t\"a\": 1,\n\t\"b\": {\"c\": [\"x\",\n {\"d\": 2.5}],\n\"e\": true}}";

    fn parsed(text: &str, format: Format) -> Document {
        parse(text, format, "test").expect(text)
    }

    fn broken(text: &str, format: Format) -> String {
        parse(text, format, "test").expect_err(text).to_string()
    }

    #[test]
    fn the_three_syntaxes_say_the_same() {
        let value = json!({"a": 1, "b": {"c": ["x", {"d": 2.5}], "e": true}});
        assert_eq!(parsed(TOML, Format::Toml).value, value);
        assert_eq!(parsed(JSON, Format::Json).value, value);
        let mut with_null = value;
        with_null["b"]["f"] = Value::Null;
        assert_eq!(parsed(YAML, Format::Yaml).value, with_null);
        assert_eq!(parsed("", Format::Yaml).value, Value::Null);
    }

    #[test]
    fn every_field_knows_its_line() {
        let line = |text, format, field| parsed(text, format).lines.of(field);
        for (text, format, lines) in [
            (YAML, Format::Yaml, [1, 3, 4, 5]),
            (TOML, Format::Toml, [1, 4, 5, 6]),
            (JSON, Format::Json, [2, 3, 4, 5]),
        ] {
            for (field, expected) in ["a", "b.c", "b.c[1].d", "b.e"].into_iter().zip(lines) {
                assert_eq!(line(text, format, field), Some(expected), "{format:?} {field}");
            }
        }
        assert_eq!(line(YAML, Format::Yaml, "b.missing.deep"), Some(2), "the nearest around it");
        assert_eq!(line(YAML, Format::Yaml, "missing"), None);
    }

    #[test]
    fn broken_text_names_the_line() {
        assert!(broken("a: [1\nb: 2\n", Format::Yaml).starts_with("test:2: not valid YAML:"));
        assert!(broken("a = 1\nb = = 2\n", Format::Toml).starts_with("test:2: not valid TOML:"));
        assert!(broken("{\"a\": 1,\n}", Format::Json).starts_with("test:2: not valid JSON:"));
    }

    #[test]
    fn a_key_given_twice_is_an_error_in_every_syntax() {
        assert_eq!(broken("a: 1\na: 2\n", Format::Yaml), "test:2: not valid YAML: duplicated key in mapping");
        assert!(broken("a = 1\na = 2\n", Format::Toml).contains("duplicate key"));
        assert_eq!(broken("{\"a\": 1,\n\"a\": 2}", Format::Json), "test:2: not valid JSON: duplicated key");
    }

    #[test]
    fn a_second_yaml_document_is_an_error() {
        assert!(broken("a: 1\n---\nb: 2\n", Format::Yaml).contains("second YAML document"));
    }

    #[test]
    fn yaml_anchors_and_merge_keys_work() {
        let text = "x: &aws {region: r, endpoint: e}\ny:\n  <<: *aws\n  region: own\n";
        assert_eq!(parsed(text, Format::Yaml).value["y"], json!({"region": "own", "endpoint": "e"}));
        assert!(broken("y:\n  <<: 5\n", Format::Yaml).contains("`<<`"));
    }

    #[test]
    fn json_that_yaml_cannot_read_is_still_read() {
        let document = parsed(r#"{"a": "\ud83d\ude00"}"#, Format::Json);
        assert_eq!(document.value["a"], "😀");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "([-a: \n\\[\\]{},\"'=&*<!|>#.$]|é|\t|1){0,60}") {
            for format in [Format::Yaml, Format::Toml, Format::Json] {
                let _ = parse(&text, format, "test");
            }
        }
    }
}
