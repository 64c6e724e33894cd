//! Promise: of everything that real Airflow 2 and 3 wrote, each line is in CloudWatch and each file in the bucket.

use std::collections::BTreeMap;

use serde_json::Value;
use updraft_tests::{Event, GROUP, LogFolder, Moto, REGION, files_in, fixture_sets, updraft};

#[test]
fn each_file_is_an_object_and_each_line_in_an_event() {
    for set in fixture_sets() {
        let moto = Moto::with_bucket();
        let logs = LogFolder::of(&set);
        let done = updraft!("run", "--once")
            .lifting(&logs, &moto)
            // A log stream for each file, so that a line is looked for where it belongs.
            .env("ASTRO_CLOUDWATCH_TASK_LOGS_GROUP_STREAM", "{{ path }}")
            .run();
        done.exits(0);

        let files = logs.task_files();
        assert!(moto.mirrored() == files, "{set}: the objects are not the files");
        let streams = moto.log_groups(REGION).remove(GROUP).unwrap_or_default();
        for (path, bytes) in &files {
            let name = path.replace([':', '*'], "_");
            check_lines(&format!("{set}/{path}"), bytes, streams.get(&name).map_or(&[], Vec::as_slice));
        }
    }
}

#[test]
fn joined_again_the_events_of_a_file_are_the_file() {
    const PIPELINE: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  local: { type: file, inputs: [normalize], path: '${OUT}' }
";
    for set in fixture_sets() {
        let (logs, out) = (LogFolder::of(&set), LogFolder::empty());
        updraft!("run", "--once")
            .deployed(&logs)
            .env("OUT", out.path())
            .config("pipeline.yaml", PIPELINE)
            .run()
            .exits(0);
        assert!(files_in(out.path()) == logs.task_files(), "{set}");
    }
}

/// Every line's text is in the events, in the order of the file where the file's times are in order.
fn check_lines(file: &str, bytes: &[u8], events: &[Event]) {
    let mut held = String::new();
    for event in events {
        all_text(&event.normalized(), &mut held);
    }
    let text = String::from_utf8_lossy(bytes);
    for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
        for part in texts_of(line) {
            assert!(held.contains(&part), "{file}: nowhere in its {} events: {part:?}", events.len());
        }
    }
}

/// What a reader would miss if it were gone: of JSON every string in it; of text what follows Airflow's prefix.
fn texts_of(line: &str) -> Vec<String> {
    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(line) {
        let said: BTreeMap<_, _> =
            object.into_iter().filter(|(key, _)| key == "event" || key == "message").collect();
        let mut text = String::new();
        all_text(&Value::Object(said.into_iter().collect()), &mut text);
        return text.split('\n').map(|part| part.trim().to_owned()).collect();
    }
    let message = LEVELS.iter().find_map(|level| line.split_once(&format!("}} {level} - ")));
    let message =
        message.or_else(|| LEVELS.iter().find_map(|level| line.split_once(&format!("| {level:<8} | "))));
    vec![message.map_or(line, |(_, message)| message).trim().to_owned()]
}

const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

fn all_text(value: &Value, into: &mut String) {
    match value {
        Value::String(text) => into.push_str(text),
        Value::Array(values) => values.iter().for_each(|value| all_text(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| all_text(value, into)),
        other => into.push_str(&other.to_string()),
    }
    into.push('\n');
}
