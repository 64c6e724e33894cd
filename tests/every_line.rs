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
    let mut split: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
    for event in events.iter().map(Event::normalized) {
        all_text(&event, &mut held);
        if let (Some(id), Some(part)) = (event["part_id"].as_str(), event["part"].as_u64()) {
            split.entry(id.into()).or_default().insert(part, event["message"].as_str().unwrap_or("").into());
        }
    }
    // What was too large for one event says how it is put together again.
    for parts in split.into_values() {
        held.extend(parts.into_values());
        held.push('\n');
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
    // Half of a surrogate pair, as Python escapes what was no text; it is U+FFFD to everybody else.
    let json: Vec<String> = line.split(r"\\").map(|part| part.replace(r"\udc80", r"\ufffd")).collect();
    let json = json.join(r"\\");
    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(&json) {
        let said: BTreeMap<_, _> =
            object.into_iter().filter(|(key, _)| key == "event" || key == "message").collect();
        let mut text = String::new();
        all_text(&Value::Object(said.into_iter().collect()), &mut text);
        return text.split('\n').map(|part| part.trim().to_owned()).collect();
    }
    // From behind, since a record may be glued to another whose line break a full disk swallowed.
    let prefix = LEVELS.iter().filter_map(|level| line.rsplit_once(&format!("}} {level} -")));
    let prefix = prefix.max_by_key(|(before, _)| before.len());
    let Some((prefix, message)) = prefix else { return texts_of_custom_format(line) };
    let before = prefix.rfind("[20").map_or("", |at| prefix[..at].trim());
    let mut texts = if before.is_empty() { Vec::new() } else { texts_of(before) };
    texts.extend(Some(message.trim().to_owned()).filter(|text| !text.is_empty()));
    texts
}

/// `time | LEVEL | logger | pid=1 | message`, as one of the set-ups has it; else the line itself.
fn texts_of_custom_format(line: &str) -> Vec<String> {
    let Some((_, rest)) = LEVELS.iter().find_map(|level| line.split_once(&format!("| {level:<8} |"))) else {
        return vec![line.to_owned()];
    };
    rest.split(" | ")
        .map(|part| part.trim_end_matches('|').trim().trim_start_matches("pid=").to_owned())
        .collect()
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
