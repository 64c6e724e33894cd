//! What of a config cannot be taken over while the pipeline runs, by the names of its fields. No values: they may be
//! secrets.

use crate::config::{Branch, Config, SinkKind, Source};
use std::collections::BTreeSet;

/// What differs besides the transforms themselves; none: all of it can be taken over. That two are in another order means
/// nothing.
pub fn needs_restart(now: &Config, new: &Config) -> Vec<String> {
    let Config { data_dir, host, deployment, receipts, sources, transforms, routes, sinks, env, .. } = new;
    let mut fields: Vec<String> = [
        ("data_dir", *data_dir != now.data_dir),
        ("the name of this machine", *host != now.host),
        ("deployment", *deployment != now.deployment),
        ("receipts", *receipts != now.receipts),
        ("an environment variable of a template", *env != now.env),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(field, _)| field.to_owned())
    .collect();

    let of_letters = |id: &str| sources.iter().chain(&now.sources).any(|it| it.id == id && it.dead_letters);
    for id in ids(sources.iter().chain(&now.sources).map(|source| &*source.id)) {
        if source(now, id) != source(new, id) {
            let letters = "who takes dead letters (`dead_letter`)".to_owned();
            fields.push(if of_letters(id) { letters } else { format!("sources.{id}") });
        }
    }
    for id in ids(transforms.iter().chain(&now.transforms).map(|transform| &*transform.id)) {
        let there = |config: &Config| config.transforms.iter().any(|it| it.id == id);
        if there(now) != there(new) {
            fields.push(format!("transforms.{id} (added or removed)"));
        }
    }
    for id in ids(routes.iter().chain(&now.routes).map(|route| &*route.id)) {
        let there = |config: &Config| config.routes.iter().any(|it| it.id == id);
        if there(now) != there(new) {
            fields.push(format!("routes.{id} (added or removed)"));
        }
    }
    for id in ids(sinks.iter().chain(&now.sinks).map(|sink| &*sink.id)) {
        if sink(now, id) != sink(new, id) || route(now, id) != route(new, id) {
            fields.push(format!("sinks.{id}"));
        } else if ways(now, id) != ways(new, id) {
            fields.push(format!("the inputs on the way to sinks.{id}"));
        }
    }
    fields.dedup();
    fields
}

/// Each once, in order.
fn ids<'a>(all: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    all.collect()
}

fn source<'a>(config: &'a Config, id: &str) -> Option<&'a Source> {
    config.sources.iter().find(|source| source.id == id)
}

fn sink<'a>(config: &'a Config, id: &str) -> Option<&'a SinkKind> {
    config.sinks.iter().find(|sink| sink.id == id).map(|sink| &sink.kind)
}

/// Id of the route that a sink names.
fn route<'a>(config: &'a Config, sink: &str) -> Option<&'a str> {
    let sink = config.sinks.iter().find(|it| it.id == sink)?;
    config.routes.get(sink.route?).map(|route| &*route.id)
}

/// The ways that lead to a sink, by ids; none of dead letters.
fn ways<'a>(config: &'a Config, sink: &str) -> BTreeSet<Vec<&'a str>> {
    let way = |way: &Branch| {
        let source = config.sources.get(way.source).filter(|source| !source.dead_letters)?;
        let transforms = way.transforms.iter().filter_map(|&at| config.transforms.get(at));
        Some(std::iter::once(&*source.id).chain(transforms.map(|transform| &*transform.id)).collect())
    };
    let branches = config.sinks.iter().filter(|it| it.id == sink).flat_map(|it| &it.branches);
    branches.filter_map(way).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env, Format, from_str};

    const CONFIG: &str = "
data_dir: /data
sources: { a: { type: airflow, base_log_folder: /a }, b: { type: airflow, base_log_folder: /b } }
transforms:
  one: { type: wasm, inputs: [a], component: 'builtin:airflow', config: { secret: hunter2 } }
  two: { type: wasm, inputs: [b], component: 'builtin:airflow' }
sinks:
  s: { type: console, inputs: [one], encoding: { codec: json } }
  t: { type: file, inputs: [two], path: /out }
";

    fn differs(replace: &[(&str, &str)]) -> Vec<String> {
        let read = |text: &str| from_str(text, Format::Yaml, "c.yaml", &Env::new()).unwrap();
        let new = replace.iter().fold(CONFIG.to_owned(), |text, (what, by)| {
            assert!(text.contains(what), "{what}");
            text.replace(what, by)
        });
        needs_restart(&read(CONFIG), &read(&new))
    }

    #[test]
    fn what_a_transform_is_and_the_order_of_things_need_no_restart() {
        let one =
            "  one: { type: wasm, inputs: [a], component: 'builtin:airflow', config: { secret: hunter2 } }\n";
        let two = "  two: { type: wasm, inputs: [b], component: 'builtin:airflow' }\n";
        for replace in [
            vec![("hunter2", "other")],
            vec![("config: { secret: hunter2 }", "limits: { memory_mib: 8 }, on_error: drop")],
            vec![(one, ""), (two, "TWO"), ("TWO", &format!("{two}{one}"))],
        ] {
            assert_eq!(differs(&replace), [""; 0], "{replace:?}");
        }
    }

    #[test]
    fn all_else_does_and_is_named() {
        for (replace, fields) in [
            (vec![("/data", "/other")], vec!["data_dir"]),
            (vec![("base_log_folder: /a", "base_log_folder: /c")], vec!["sources.a"]),
            (vec![("codec: json", "codec: text")], vec!["sinks.s"]),
            (
                vec![("data_dir: /data", "receipts: { sha256: false }\ndata_dir: /data"), ("/out", "/in")],
                vec!["receipts", "sinks.t"],
            ),
            (vec![("inputs: [one]", "inputs: [a]")], vec!["the inputs on the way to sinks.s"]),
            (
                vec![(
                    "sinks:",
                    "  three: { type: wasm, inputs: [a], component: 'builtin:airflow' }\nsinks:",
                )],
                vec!["transforms.three (added or removed)"],
            ),
            (
                vec![
                    ("sinks:", "routes: { r: { type: wasm, component: 'builtin:airflow' } }\nsinks:"),
                    ("type: file", "type: file, route: r"),
                ],
                vec!["routes.r (added or removed)", "sinks.t"],
            ),
            (
                vec![("config: { secret: hunter2 }", "on_error: dead_letter, dead_letter: t")],
                vec!["who takes dead letters (`dead_letter`)"],
            ),
        ] {
            let differ = differs(&replace);
            // A sink knows whether it takes dead letters.
            let differ: Vec<_> = differ
                .iter()
                .filter(|it| !replace[0].1.contains("dead") || !it.starts_with("sinks"))
                .collect();
            assert_eq!(differ, fields, "{replace:?}");
        }
    }
}
