//! The JSON Schema of the config file and the page that explains it, both from the raw types.

use std::fmt::Write;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::raw;
use crate::route::template::NAMES;

/// JSON Schema of the config file, for editors.
pub fn schema() -> Value {
    SchemaGenerator::default().into_root_schema_for::<raw::Root>().to_value()
}

/// What goes under `sources`.
pub(super) fn any_source(generator: &mut SchemaGenerator) -> Schema {
    any_of_type(&[tagged::<raw::Airflow>("airflow", generator)])
}

/// What goes under `transforms`.
pub(super) fn any_transform(generator: &mut SchemaGenerator) -> Schema {
    any_of_type(&[tagged::<raw::Wasm>("wasm", generator)])
}

/// What goes under `routes`.
pub(super) fn any_route(generator: &mut SchemaGenerator) -> Schema {
    any_of_type(&[tagged::<raw::Router>("wasm", generator)])
}

/// What goes under `sinks`.
pub(super) fn any_sink(generator: &mut SchemaGenerator) -> Schema {
    any_of_type(&[
        tagged::<raw::CloudWatch>("aws_cloudwatch_logs", generator),
        tagged::<raw::S3>("aws_s3", generator),
        tagged::<raw::File>("file", generator),
        tagged::<raw::Console>("console", generator),
        tagged::<raw::Blackhole>("blackhole", generator),
    ])
}

/// What goes under `tests`.
pub(super) fn any_test(generator: &mut SchemaGenerator) -> Schema {
    Vec::<raw::Test>::json_schema(generator)
}

fn any_of_type(kinds: &[Value]) -> Schema {
    schemars::json_schema!({ "type": "object", "additionalProperties": { "oneOf": kinds } })
}

/// The schema of a section with its `type`, which is looked at before the section is read.
fn tagged<T: JsonSchema>(name: &str, generator: &mut SchemaGenerator) -> Value {
    let mut schema = T::json_schema(generator).to_value();
    let mut properties = Map::from_iter([("type".to_owned(), json!({ "const": name }))]);
    if let Some(own) = schema["properties"].as_object() {
        properties.extend(own.clone());
    }
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    schema["required"] = std::iter::once(json!("type")).chain(required).collect();
    schema["properties"] = Value::Object(properties);
    schema
}

/// The reference page, in Markdown.
pub fn reference() -> String {
    let schema = schema();
    let page = Page { definitions: &schema["$defs"] };
    let mut text =
        String::from("<!-- Made by `updraft config reference > docs/config.md`. -->\n# Config file\n\n");
    let _ = writeln!(text, "{}\n", prose(&schema));
    let top: Vec<_> =
        ["data_dir", "deployment", "receipts"].map(|name| (name, &schema["properties"][name])).to_vec();
    page.table(&mut text, &top, &[]);
    for kind in ["sources", "transforms", "routes", "sinks"] {
        let section = &schema["properties"][kind];
        let _ = writeln!(text, "\n## {kind}\n\n{}", prose(section));
        for one in section["additionalProperties"]["oneOf"].as_array().into_iter().flatten() {
            let name = one["properties"]["type"]["const"].as_str().unwrap_or_default();
            let _ = writeln!(text, "\n### `type: {name}`\n\n{}\n", prose(one));
            page.table(&mut text, &members(one), &required(one));
        }
    }
    let tests = &schema["properties"]["tests"];
    let _ = writeln!(text, "\n## tests\n\n{}\n", prose(tests));
    let shape = page.resolve(&tests["items"]);
    page.table(&mut text, &members(shape), &required(shape));
    let _ = write!(
        text,
        "\n## Templates\n\nJinja, over these names: {}, and `env.NAME`. An unknown name is an error. A name that a stream \
         lacks is `none`; a template that would print it gives the stream's path instead, unless it says otherwise with \
         `default()` or `{{% if %}}`.\n",
        NAMES.map(|name| format!("`{name}`")).join(", ")
    );
    text
}

struct Page<'s> {
    definitions: &'s Value,
}

impl Page<'_> {
    fn table(&self, text: &mut String, options: &[(&str, &Value)], required: &[&str]) {
        text.push_str("| option | type | default | |\n|---|---|---|---|\n");
        for (name, option) in options {
            self.rows(text, name, option, required.contains(name));
        }
    }

    /// One row, or one for each member of a mapping.
    fn rows(&self, text: &mut String, name: &str, option: &Value, must: bool) {
        if name == "type" {
            return;
        }
        let shape = self.resolve(option);
        let options = members(shape);
        let each = self.resolve(&shape["items"]);
        if !members(each).is_empty() {
            for (member, inner) in members(each) {
                self.rows(text, &format!("{name}[].{member}"), inner, required(each).contains(&member));
            }
        } else if options.is_empty() {
            let default = match option.get("default") {
                Some(Value::Null) | None if must => match name.rsplit_once('.') {
                    Some((parent, _)) => format!("required in `{}`", parent.trim_end_matches("[]")),
                    None => "required".to_owned(),
                },
                Some(Value::Null) | None => String::new(),
                Some(value) => format!("`{}`", value.to_string().replace('|', "\\|")),
            };
            let said = if option["description"].is_string() { option } else { shape };
            let _ = writeln!(
                text,
                "| `{name}` | {} | {default} | {}{} |",
                kind(shape),
                prose(said),
                choices(shape)
            );
        } else {
            for (member, inner) in options {
                let mut inner = inner.clone();
                if let Some(default) = option["default"].get(member) {
                    inner["default"] = default.clone();
                }
                let must = required(shape).contains(&member) && inner.get("default").is_none();
                self.rows(text, &format!("{name}.{member}"), &inner, must);
            }
        }
    }

    /// Through `$ref`, and through what an `Option` adds.
    fn resolve<'v>(&'v self, option: &'v Value) -> &'v Value {
        let one = option["anyOf"].as_array().and_then(|any| any.first()).unwrap_or(option);
        match one["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => &self.definitions[name],
            None => one,
        }
    }
}

fn members(schema: &Value) -> Vec<(&str, &Value)> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, option)| (name.as_str(), option))
        .collect()
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The description as one paragraph.
fn prose(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn kind(schema: &Value) -> &'static str {
    let named = match &schema["type"] {
        Value::Array(any) => any.first().and_then(Value::as_str),
        one => one.as_str(),
    };
    match named {
        Some("array") => "list",
        Some("integer") => "whole number",
        Some("number") => "number",
        Some("boolean") => "true or false",
        Some("string") if schema["enum"].is_array() => "word",
        Some("string") => "text",
        Some("object") => "mapping",
        _ if schema["oneOf"].is_array() => "word",
        _ => "any",
    }
}

/// The words that an option may be, each with its meaning where it does not go without saying.
fn choices(schema: &Value) -> String {
    let plain = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let plain: Vec<_> = plain.map(|word| format!("`{word}`")).collect();
    if !plain.is_empty() {
        return format!(" One of {}.", plain.join(", "));
    }
    let mut text = String::new();
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        let _ = write!(text, " `{}`: {}", choice["const"].as_str().unwrap_or_default(), prose(choice));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_in_the_repository_is_the_one_that_is_made() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == reference(), "out of date; run: updraft config reference > docs/config.md");
    }

    #[test]
    fn every_option_is_explained() {
        for line in reference().lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert!(
                !cells[1].is_empty() && cells[1] != "any" || cells[0].contains("config"),
                "no type: {line}"
            );
            assert!(cells.last().is_some_and(|said| said.ends_with('.')), "no explanation: {line}");
        }
    }

    #[test]
    fn the_schema_knows_every_type_and_refuses_unknown_keys() {
        let schema = schema();
        let kinds =
            schema["properties"]["sinks"]["additionalProperties"]["oneOf"].as_array().expect("kinds").clone();
        let names: Vec<_> = kinds.iter().map(|kind| kind["properties"]["type"]["const"].clone()).collect();
        assert_eq!(names, ["aws_cloudwatch_logs", "aws_s3", "file", "console", "blackhole"]);
        assert!(
            kinds.iter().all(|kind| kind["additionalProperties"] == false && kind["required"][0] == "type")
        );
    }
}
