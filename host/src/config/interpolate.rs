//! `${VAR}` and `${VAR:-default}` in the values of a config.

use std::collections::HashSet;

use serde_json::Value;

use super::Env;
use super::error::Report;
use super::parse::{item, member};

/// Replaces them in every string of the tree and returns which fields were touched: what came from a variable is a
/// string, and may still be meant for a number or a truth value.
pub(super) fn interpolate(value: &mut Value, env: &Env, report: &mut Report) -> HashSet<String> {
    let mut touched = HashSet::new();
    walk(value, "", env, report, &mut touched);
    touched
}

fn walk(value: &mut Value, field: &str, env: &Env, report: &mut Report, touched: &mut HashSet<String>) {
    match value {
        Value::String(text) if text.contains('$') => {
            match replace(text, env) {
                Ok(replaced) => *text = replaced,
                Err(Unreplaced { what, help }) => report.add_with_help(field, what, help),
            }
            touched.insert(field.to_owned());
        }
        Value::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                walk(value, &item(field, index), env, report, touched);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                walk(value, &member(field, key), env, report, touched);
            }
        }
        _ => {}
    }
}

#[derive(Debug)]
struct Unreplaced {
    what: String,
    help: String,
}

fn replace(text: &str, env: &Env) -> Result<String, Unreplaced> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (reference, after) = after.split_once('}').ok_or_else(|| Unreplaced {
                what: format!("`${{{after}` has no `}}`"),
                help: "write $${ for a literal ${".to_owned(),
            })?;
            out.push_str(&variable(reference, env)?);
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn variable(reference: &str, env: &Env) -> Result<String, Unreplaced> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let nested = default.is_some_and(|default| default.contains("${"));
    if name.is_empty() || !name.chars().all(word) || nested {
        return Err(Unreplaced {
            what: format!("`${{{reference}}}` is not understood"),
            help: "write ${NAME} or ${NAME:-default}, or $${ for a literal ${".to_owned(),
        });
    }
    match (env.get(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value.clone()),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Unreplaced {
            what: format!("the environment variable {name} is not set"),
            help: format!("set it, or write ${{{name}:-default}}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn env() -> Env {
        Env::from([
            ("A".into(), "1".into()),
            ("EMPTY".into(), String::new()),
            ("NESTED".into(), "${A}".into()),
        ])
    }

    fn replaced(text: &str) -> String {
        replace(text, &env()).expect(text)
    }

    #[test]
    fn variables_are_replaced_and_what_they_hold_is_not_looked_at_again() {
        assert_eq!(replaced("x${A}y${A}"), "x1y1");
        assert_eq!(replaced("${NESTED}"), "${A}");
        assert_eq!(replaced("[${EMPTY}]"), "[]");
    }

    #[test]
    fn a_default_stands_for_what_is_not_set_or_empty() {
        assert_eq!(replaced("${NO:-d:-e}"), "d:-e");
        assert_eq!(replaced("${NO:-}"), "");
        assert_eq!(replaced("${EMPTY:-d}"), "d");
        assert_eq!(replaced("${A:-d}"), "1");
    }

    #[test]
    fn a_dollar_that_begins_no_variable_stays() {
        assert_eq!(replaced("$$ $${A} a$ $A ^x$|y"), "$ ${A} a$ $A ^x$|y");
    }

    #[test]
    fn what_cannot_be_replaced_says_why() {
        assert_eq!(
            replace("${NO}", &env()).expect_err("unset").what,
            "the environment variable NO is not set"
        );
        assert!(replace("a${A", &env()).expect_err("open").what.contains("has no `}`"));
        for text in ["${}", "${A-b}", "${A B}", "${:-x}", "${NO:-${A}}"] {
            assert!(replace(text, &env()).expect_err(text).what.contains("not understood"));
        }
    }

    proptest! {
        #[test]
        fn text_without_a_dollar_stays_and_doubled_dollars_come_back(text in "[^$]*", n in 0usize..4) {
            prop_assert_eq!(replaced(&text), text.clone());
            let dollars = "$".repeat(n);
            prop_assert_eq!(replaced(&format!("{}{text}", dollars.repeat(2))), format!("{dollars}{text}"));
        }
    }
}
