//! The component's options, and what is wrong with them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// See the crate's documentation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default = "stars")]
    pub replacement: String,
    #[serde(default)]
    pub words: Vec<String>,
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Which of the built-in rules are on; those that are not named are.
    #[serde(default)]
    pub builtin: BTreeMap<String, bool>,
}

impl Config {
    pub fn parse(config: &str) -> Result<Self, String> {
        serde_json::from_str(config).map_err(|error| format!("config of mask-secrets: {error}"))
    }
}

fn stars() -> String {
    "***".to_owned()
}
