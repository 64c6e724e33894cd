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
        let mut streams = moto.log_groups(REGION).remove(GROUP).unwrap_or_default();
        for (path, bytes) in &files {
            let events = streams.remove(&path.replace([':', '*'], "_")).unwrap_or_default();
            check_lines(&format!("{set}/{path}"), bytes, &events);
        }
        assert!(streams.is_empty(), "{set}: log streams of no file: {:?}", streams.keys());
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

#[test]
#[should_panic(expected = r#"missing [("again", 1)], too many []"#)]
fn a_repeated_line_that_is_lost_is_noticed() {
    check_lines("f", b"again\nagain\n", &[event("again")]);
}

#[test]
#[should_panic(expected = r#"missing [], too many [("once", 1)]"#)]
fn an_event_that_came_twice_is_noticed() {
    check_lines("f", b"once\n", &[event("once"), event("once")]);
}

fn event(message: &str) -> Event {
    Event { timestamp: 0, message: serde_json::json!({ "message": message }).to_string() }
}

/// Each line's text is in the events as often as in the file, and there is nothing else in them.
fn check_lines(file: &str, bytes: &[u8], events: &[Event]) {
    let mut written = Texts::default();
    String::from_utf8_lossy(bytes).split('\n').for_each(|line| written.add_line(line.trim()));
    let mut held = Texts::default();
    for event in whole_events(file, events) {
        held.add_event(&event, written.made > 0);
    }
    // Loggers are told apart from messages in the custom format only.
    if written.beside.is_empty() {
        held.beside.clear();
    }
    for (what, written, held) in [
        ("lines of messages and exceptions", &written.lines, &held.lines),
        ("loggers and process ids", &written.beside, &held.beside),
    ] {
        let (missing, surplus) = (more(written, held), more(held, written));
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{file}, {what}: missing {missing:?}, too many {surplus:?}"
        );
    }
    assert_eq!(written.made, held.made, "{file}: exceptions that are made of JSON");
}

/// The normalized events, those that were too large for one put together again. Each part must be there once.
fn whole_events(file: &str, events: &[Event]) -> Vec<Value> {
    let mut whole = Vec::new();
    let mut split: BTreeMap<String, BTreeMap<u64, Value>> = BTreeMap::new();
    for event in events.iter().map(Event::normalized) {
        match (event["part_id"].as_str().map(str::to_owned), event["part"].as_u64()) {
            (Some(id), Some(part)) => {
                let twice = split.entry(id).or_default().insert(part, event);
                assert!(twice.is_none(), "{file}: a part came twice: {twice:?}");
            }
            _ => whole.push(event),
        }
    }
    for parts in split.into_values() {
        let all: Vec<u64> = (1..=parts[&1]["parts"].as_u64().unwrap_or(0)).collect();
        assert!(parts.keys().eq(&all), "{file}: parts {:?} of {all:?}", parts.keys());
        let together = |key: &str| parts.values().filter_map(|part| part[key].as_str()).collect::<String>();
        let mut event = parts[&1].clone();
        (event["message"], event["exception"]) = (together("message").into(), together("exception").into());
        whole.push(event);
    }
    whole
}

/// What a reader would miss if it were gone, and how often it is there.
#[derive(Default)]
struct Texts {
    /// Of messages and exceptions, trimmed; none of them empty.
    lines: BTreeMap<String, usize>,
    /// Logger and process id of each record in the custom format.
    beside: BTreeMap<String, usize>,
    /// Exceptions that Airflow writes as JSON of its own and events show as Python prints them. Counted only: how they
    /// look is a promise of the component's own tests.
    made: usize,
}

impl Texts {
    fn add(&mut self, text: &str) {
        for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
            *self.lines.entry(line.to_owned()).or_default() += 1;
        }
    }

    fn add_beside(&mut self, text: &str) {
        *self.beside.entry(text.trim().to_owned()).or_default() += 1;
    }

    /// `made`: the file's exceptions are JSON. No file of the fixtures has exceptions of both kinds.
    fn add_event(&mut self, event: &Value, made: bool) {
        self.add(event["message"].as_str().unwrap_or_default());
        match event["exception"].as_str() {
            Some(_) if made => self.made += 1,
            Some(exception) => self.add(exception),
            None => {}
        }
        for (name, value) in [("logger", &event["logger"]), ("pid", &event["fields"]["pid"])] {
            if !value.is_null() {
                self.add_beside(&format!("{name}={}", as_text(value)));
            }
        }
    }

    /// Of JSON what was said; of text what follows Airflow's prefix; else the line itself.
    fn add_line(&mut self, line: &str) {
        // Half of a surrogate pair, as Python escapes what was no text; it is U+FFFD to everybody else.
        let json: Vec<String> = line.split(r"\\").map(|part| part.replace(r"\udc80", r"\ufffd")).collect();
        if let Ok(Value::Object(object)) = serde_json::from_str(&json.join(r"\\")) {
            ["event", "message"]
                .iter()
                .filter_map(|key| object.get(*key))
                .for_each(|said| self.add(&as_text(said)));
            self.made += usize::from(object.contains_key("error_detail"));
            return;
        }
        // From behind, since a record may be glued to another whose line break a full disk swallowed.
        let prefix = LEVELS.iter().filter_map(|level| line.rsplit_once(&format!("}} {level} -")));
        if let Some((prefix, message)) = prefix.max_by_key(|(before, _)| before.len()) {
            let before = prefix.rfind("[20").map_or("", |at| prefix[..at].trim());
            if !before.is_empty() {
                self.add_line(before);
            }
            self.add(message);
        } else {
            self.add_custom_format(line);
        }
    }

    /// `time | LEVEL | logger | pid=1 | message`, as one of the set-ups has it; else the line itself.
    fn add_custom_format(&mut self, line: &str) {
        let rest = LEVELS.iter().find_map(|level| line.split_once(&format!("| {level:<8} |")));
        let parts: Vec<&str> = rest.map_or_else(Vec::new, |(_, rest)| rest.splitn(3, '|').collect());
        let [logger, pid, message] = parts[..] else { return self.add(line) };
        self.add_beside(&format!("logger={}", logger.trim()));
        self.add_beside(pid);
        self.add(message);
    }
}

const LEVELS: [&str; 5] = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What `counts` have that is not in `others`, or not so often, and how often more.
fn more<'t>(counts: &'t BTreeMap<String, usize>, others: &BTreeMap<String, usize>) -> Vec<(&'t str, usize)> {
    let excess = |(text, count): (&'t String, &usize)| {
        (text.as_str(), count.saturating_sub(others.get(text).copied().unwrap_or(0)))
    };
    counts.iter().map(excess).filter(|(_, count)| *count > 0).collect()
}
