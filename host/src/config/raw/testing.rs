//! Tests of a pipeline, as a config file has them.

use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A test of the pipeline.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Test {
    /// What it shows, in a few words.
    pub(in crate::config) name: String,
    /// Files that are there, each a stream of its own.
    #[schemars(schema_with = "list_of::<Input>")]
    pub(in crate::config) inputs: Vec<Value>,
    /// What is to come of them.
    #[schemars(schema_with = "list_of::<Output>")]
    pub(in crate::config) outputs: Vec<Value>,
}

/// A file that is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Input {
    /// Its path below the log folder.
    pub(in crate::config) path: String,
    /// The source that reads it; may be left out where there is one.
    pub(in crate::config) source: Option<String>,
    /// Its lines: a list of them, or one block of text.
    #[serde(default)]
    #[schemars(schema_with = "lines")]
    pub(in crate::config) lines: Option<Value>,
    /// Instead of `lines`: a file that holds them, relative to the folder of the config file.
    pub(in crate::config) file: Option<PathBuf>,
}

/// What is to come of the inputs at one place of the pipeline.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Output {
    /// Name of a transform: what leaves it. Name of a sink: what goes there.
    pub(in crate::config) extract_from: String,
    /// The events there, in order and number. Of each, what is written down is compared: the members of the normalized
    /// event, `label` (left out: `default`), `raw`, and of sinks `group` and `stream` or `key`, and `written` (the text in
    /// the sink's codec). `null`: must be absent. Left out altogether: `updraft test --update` writes them.
    #[serde(default)]
    #[schemars(schema_with = "events")]
    pub(in crate::config) events: Option<Vec<Value>>,
}

fn list_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    Vec::<T>::json_schema(generator)
}

fn lines(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({ "type": ["string", "array"], "items": { "type": "string" } })
}

fn events(generator: &mut SchemaGenerator) -> Schema {
    Vec::<Map<String, Value>>::json_schema(generator)
}
