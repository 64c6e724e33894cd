//! Promise: a codec means the same in every sink: what CloudWatch holds of an event is the line that a console prints and
//! a file gets.

use serde_json::Value;
use updraft_tests::{Finished, LogFolder, Moto, TRY, files_in, line, updraft};

const GROUP: &str = "g";
const STREAM: &str = "s";

/// Two records, a traceback that belongs to the second, a line that is no UTF-8, and one without its break.
fn logs() -> LogFolder {
    let logs = LogFolder::with_lines(0..2);
    logs.append(
        TRY,
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'a'\n",
    );
    logs.append(TRY, [line(2).trim_end().as_bytes(), b" caf\xe9\n"].concat());
    logs.append(TRY, line(3).trim_end());
    logs
}

struct Landed {
    cloudwatch: Vec<String>,
    console: String,
    file: Vec<u8>,
    done: Finished,
}

fn run(codec: &str) -> Landed {
    let (moto, logs, out) = (Moto::start(), logs(), LogFolder::empty());
    let pipeline = format!(
        "
sources: {{ airflow: {{ type: airflow }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
sinks:
  cloudwatch:
    {{ type: aws_cloudwatch_logs, inputs: [normalize], group_name: {GROUP}, stream_name: {STREAM}, encoding: {{ codec: {codec} }} }}
  screen: {{ type: console, inputs: [normalize], encoding: {{ codec: {codec} }} }}
  copy: {{ type: file, inputs: [normalize], path: '${{OUT}}', encoding: {{ codec: {codec} }} }}
  hole: {{ type: blackhole, inputs: [normalize], encoding: {{ codec: {codec} }} }}
"
    );
    let done = updraft!("run", "--once")
        .on(&moto)
        .as_anyone()
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
        .env("OUT", out.path())
        .config("pipeline.yaml", &pipeline)
        .run();
    done.exits(0);
    let cloudwatch = moto.log_events(GROUP, STREAM).into_iter().map(|event| event.message).collect();
    let mut files = files_in(out.path());
    let file = files.remove(TRY).expect("the copy");
    assert!(files.is_empty());
    Landed { cloudwatch, console: done.stdout.clone(), file, done }
}

/// The events one after the other, each with a line break.
fn lines(events: &[String]) -> String {
    events.join("\n") + "\n"
}

#[test]
fn json_is_one_object_a_line_and_the_same_in_every_sink() {
    let landed = run("json");
    assert_eq!(landed.console, lines(&landed.cloudwatch));
    assert_eq!(landed.file, landed.console.as_bytes());
    let events: Vec<Value> =
        landed.console.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let messages: Vec<_> = events.iter().map(|event| event["message"].as_str()).collect();
    assert_eq!(messages, [Some("line 0"), Some("line 1"), Some("line 2 caf\u{fffd}"), Some("line 3")]);
    assert!(events[1]["exception"].as_str().is_some_and(|text| text.ends_with("KeyError: 'a'")));
}

#[test]
fn text_is_the_message_and_its_traceback_and_the_same_in_every_sink() {
    let landed = run("text");
    // CloudWatch takes UTF-8 only; a console and a file get the bytes as they are.
    assert_eq!(String::from_utf8_lossy(&landed.file), lines(&landed.cloudwatch));
    assert_eq!(landed.console, lines(&landed.cloudwatch));
    assert!(landed.file.starts_with(b"line 0\nline 1\nTraceback (most recent call last):\n"));
    assert!(landed.file.ends_with(b"KeyError: 'a'\nline 2 caf\xe9\nline 3\n"));
}

#[test]
fn raw_is_the_bytes_of_the_file_and_the_same_in_every_sink() {
    let landed = run("raw");
    let original = logs().task_files().remove(TRY).expect("the log");
    // Where lines are all that keeps events apart, each has a break; a copy is a copy.
    assert_eq!(landed.file, original);
    assert_eq!(landed.console, lines(&landed.cloudwatch));
    assert_eq!(landed.console, String::from_utf8_lossy(&original) + "\n");
    assert_eq!(landed.cloudwatch.len(), 4);
}

#[test]
fn a_blackhole_counts_what_it_throws_away() {
    for codec in ["json", "text", "raw"] {
        let said = run(codec).done.stderr;
        let line = said.lines().find(|line| line.starts_with("sink hole:")).unwrap_or_default().to_owned();
        assert!(line.contains("1 files, 7 lines in, 4 events delivered, 0 rejected"), "{said}");
    }
}
