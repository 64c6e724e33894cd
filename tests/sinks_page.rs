//! Promise: docs/sinks.md has every option of every sink, with its default and with tests that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use updraft_tests::updraft;

/// One row: what the option's default is, and which tests are named.
#[derive(Debug)]
struct Row {
    default: String,
    tests: Vec<String>,
}

type Table = BTreeMap<String, Row>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tables of the page by the heading before them.
fn page() -> BTreeMap<String, Table> {
    let text = fs::read_to_string(repository().join("docs/sinks.md")).expect("the page");
    let (mut tables, mut heading) = (BTreeMap::<String, Table>::new(), String::new());
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut heading);
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", option, _, default, tests, ""] = cells[..]
            && let Some(option) = option.strip_prefix('`').and_then(|option| option.strip_suffix('`'))
        {
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let row = Row { default: default.to_owned(), tests };
            let before = tables.entry(heading.clone()).or_default().insert(option.to_owned(), row);
            assert!(before.is_none(), "{heading}: {option} twice");
        }
    }
    tables
}

/// The options of a sink with their defaults, as the schema has them.
fn options(schema: &Value, sink: &str) -> BTreeMap<String, Option<Value>> {
    let kinds =
        schema["properties"]["sinks"]["additionalProperties"]["oneOf"].as_array().expect("kinds of sinks");
    let kind = kinds
        .iter()
        .map(|kind| resolve(schema, kind))
        .find(|kind| kind["properties"]["type"]["const"] == sink);
    let mut options = BTreeMap::new();
    gather(schema, &kind.expect("the sink"), "", &mut options);
    options.remove("type");
    options
}

fn gather(
    schema: &Value,
    section: &Map<String, Value>,
    before: &str,
    into: &mut BTreeMap<String, Option<Value>>,
) {
    for (name, option) in section["properties"].as_object().expect("options") {
        let inner = resolve(schema, option);
        let name = format!("{before}{name}");
        if inner.contains_key("properties") {
            gather(schema, &inner, &format!("{name}."), into);
        } else {
            into.insert(name, option.get("default").cloned());
        }
    }
}

/// What a reference stands for.
fn resolve(schema: &Value, value: &Value) -> Map<String, Value> {
    let reference = |value: &Value| value["$ref"].as_str().map(str::to_owned);
    let of_one = || value["anyOf"].as_array()?.iter().find_map(reference);
    let target = reference(value).or_else(of_one);
    let target = target.and_then(|path| schema.pointer(path.trim_start_matches('#')).cloned());
    target.as_ref().unwrap_or(value).as_object().expect("a schema").clone()
}

/// Every test function of the repository.
fn functions() -> BTreeSet<String> {
    let mut folders = vec![repository().join("tests"), repository().join("host/src")];
    let mut functions = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(path).expect("a text");
                let mut lines = text.lines().map(str::trim);
                while let Some(line) = lines.next() {
                    if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                        let function = lines.find_map(|line| line.split_once("fn ")).unwrap_or_default().1;
                        functions.insert(function.split('(').next().unwrap_or_default().to_owned());
                    }
                }
            }
        }
    }
    functions
}

fn same(shown: &str, default: &Value) -> bool {
    let shown = shown.trim_matches('`');
    match default {
        Value::String(text) => shown == text || text.is_empty() && shown == "the empty text",
        default => serde_json::from_str::<Value>(shown).is_ok_and(|shown| shown == *default),
    }
}

#[test]
fn each_option_of_each_sink_is_on_the_page_with_its_default_and_a_test_that_exists() {
    let schema: Value =
        serde_json::from_str(&updraft!("config", "schema").run().exits(0).stdout).expect("the schema");
    let (page, functions) = (page(), functions());
    let sections = [
        ("aws_cloudwatch_logs", vec!["Both AWS sinks", "`aws_cloudwatch_logs`"]),
        ("aws_s3", vec!["Both AWS sinks", "`aws_s3`"]),
        ("file", vec!["`file`"]),
        ("console", vec!["`console`, `blackhole`"]),
        ("blackhole", vec!["`console`, `blackhole`"]),
    ];
    let mut wrong = Vec::new();
    for (sink, headings) in sections {
        let options = options(&schema, sink);
        let mut rows: BTreeMap<&String, &Row> = headings.iter().flat_map(|heading| &page[*heading]).collect();
        for (option, default) in options {
            let Some(row) = rows.remove(&option) else {
                wrong.push(format!("{sink}: {option} is missing"));
                continue;
            };
            // Empty lists and maps are shown, and left out, as it reads best.
            let empty = matches!(&default, Some(Value::Array(list)) if list.is_empty());
            if let Some(default) = default.filter(|default| !default.is_null() && !empty)
                && !same(&row.default, &default)
            {
                wrong.push(format!("{sink}: the default of {option} is {default}, not {}", row.default));
            }
            if row.tests.is_empty() {
                wrong.push(format!("{sink}: {option} has no test"));
            }
            let missing = row.tests.iter().filter(|test| !functions.contains(*test));
            wrong.extend(missing.map(|test| format!("{sink}: {option}: there is no test {test}")));
        }
        wrong.extend(rows.keys().map(|option| format!("{sink} has no option {option}")));
    }
    assert!(wrong.is_empty(), "docs/sinks.md:\n{}", wrong.join("\n"));
}
