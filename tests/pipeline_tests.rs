//! Promise: a config can say what its pipeline makes of some lines, and `updraft test` says whether it does, needs nothing
//! but the config and its components, and writes down what comes where nobody has said it yet.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use updraft_tests::{Finished, LogFolder, Updraft, guest, updraft};

const PATH: &str = "dag_id=etl/run_id=manual__2026-01-01T00:00:00+00:00/task_id=load/attempt=1.log";

const PIPELINE: &str = r"# Our pipeline.
sources:
  airflow: { type: airflow }   # where the log folder is, the environment says
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
  mask: { type: wasm, inputs: [normalize], component: '${MASK}' }
  labels: { type: wasm, inputs: [mask], component: '${LABELS}' }
routes:
  naming: { type: wasm, component: '${NAMER}' }
sinks:
  cloudwatch:
    type: aws_cloudwatch_logs
    inputs: [labels]
    route: naming
    group_name: /airflow/{{ dag_id }}
  archive: { type: aws_s3, inputs: [airflow], bucket: b, key_prefix: logs/ }
  audit: { type: aws_s3, inputs: [labels], route: naming, bucket: b, layout: batch, key: 'date=%F' }
  console: { type: console, inputs: [mask], encoding: { codec: text } }
";

/// A folder with a config in it.
struct Bench(LogFolder);

impl Bench {
    fn new(name: &str, text: &str) -> Self {
        let folder = LogFolder::empty();
        folder.append(name, text);
        Self(folder)
    }

    /// The pipeline with these tests.
    fn yaml(tests: &str) -> Self {
        Self::new("pipeline.yaml", &format!("{PIPELINE}tests:\n{tests}"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).expect("it is there")
    }

    fn test(&self, name: &str, options: &[&str]) -> Finished {
        test(&self.file(name), options)
    }
}

fn test(file: &Path, options: &[&str]) -> Finished {
    let guest = |name: &str| guest(name, env!("CARGO_TARGET_TMPDIR"));
    let run = updraft!("test")
        .arg(file)
        .env("MASK", guest("mask"))
        .env("LABELS", guest("labels"))
        .env("NAMER", guest("namer"));
    options.iter().fold(run, Updraft::arg).run()
}

#[track_caller]
fn says(done: &Finished, words: &[&str]) {
    let said = format!("{}{}", done.stdout, done.stderr);
    for word in words {
        assert!(said.contains(word), "no `{word}` in\n{said}");
    }
}

/// A test of one error, with these outputs.
fn of_an_error(outputs: &str) -> String {
    format!(
        "  - name: errors have a group of their own
    inputs:
      - path: {PATH}
        lines:
          - \"[2026-01-01T00:00:00.000+0000] {{a.py:1}} ERROR - boom hunter2 ${{HOME}}\"
          - \"[2026-01-01T00:00:01.000+0000] {{a.py:2}} INFO - NOISE\"
    outputs:
{outputs}"
    )
}

#[test]
fn a_pipeline_is_tested_at_its_transforms_and_sinks_with_nothing_around_it() {
    let stream = PATH.replace(':', "_");
    let bench = Bench::yaml(&of_an_error(&format!(
        "      - extract_from: normalize
        events:
          - {{ level: error, message: 'boom hunter2 ${{HOME}}', source: 'a.py:1', dag_id: etl, logger: null }}
          - {{ level: info }}
      - extract_from: labels
        events:
          - {{ label: errors, timestamp: '2026-01-01T01:00:00+01:00', fields: {{ team: data }} }}
      - extract_from: cloudwatch
        events:
          - {{ message: 'boom *** ${{HOME}}', label: errors, group: /airflow/errors, stream: '{stream}' }}
      - extract_from: audit
        events: []
      - extract_from: archive
        events:
          - {{ key: 'logs/{PATH}', message: '[2026-01-01T00:00:00.000+0000] {{a.py:1}} ERROR - boom hunter2 ${{HOME}}' }}
          - {{ key: 'logs/{PATH}' }}
      - extract_from: console
        events:
          - {{ written: 'boom *** ${{HOME}}' }}
          - {{ written: NOISE }}
"
    )));
    let done = bench.test("pipeline.yaml", &[]);
    done.exits(0);
    says(&done, &["test errors have a group of their own ... ok", "1 passed, 0 failed"]);
}

#[test]
fn a_test_that_fails_shows_the_difference_in_the_config_s_own_syntax() {
    let bench = Bench::yaml(&of_an_error(
        "      - extract_from: mask
        events:
          - { level: error, message: bang }
      - extract_from: cloudwatch
        events: []
",
    ));
    let done = bench.test("pipeline.yaml", &[]);
    done.exits(1);
    says(&done, &["... FAILED", "0 passed, 1 failed"]);
    let difference = "  mask: not what is expected (- expected 1 event, + got 2 events):
    - level: error
    -   message: bang
    +   message: boom *** ${HOME}
    + - timestamp: 2026-01-01T00:00:01Z
    +   level: info
    +   message: NOISE
";
    let difference = difference.replace("    - level: error", "      - level: error");
    says(&done, &[&difference, "(- expected 0 events, + got 1 event)", "+   group: /airflow/errors"]);
    let done = bench.test("pipeline.yaml", &["--format", "json"]);
    let object: Value = serde_json::from_str(&done.exits(1).stdout).expect("one object");
    assert_eq!((&object["passed"], &object["failed"]), (&0.into(), &1.into()));
    assert_eq!(object["tests"][0]["outputs"][0]["got"][0]["message"], "boom *** ${HOME}");
}

#[test]
fn lines_may_be_a_block_or_a_file_beside_the_config_and_have_the_same_times_whenever_it_runs() {
    let tests = "  - name: all of them
    inputs:
      - path: a.log
        lines: |
          no time
          [2099-01-01T00:00:00.000+0000] {a.py:1} INFO - later than now
      - path: b.log
        file: samples/b.log
    outputs:
      - extract_from: normalize
        events:
          - { message: no time, timestamp: '2099-01-01T00:00:00Z', kind: other }
          - { message: later than now, timestamp: '2099-01-01T00:00:00Z' }
          - { message: never any, timestamp: '1970-01-01T00:00:00Z' }
";
    let bench = Bench::yaml(tests);
    says(&bench.test("pipeline.yaml", &[]), &["samples/b.log", "cannot read"]);
    bench.0.append("samples/b.log", "never any");
    bench.test("pipeline.yaml", &[]).exits(0);
}

#[test]
fn what_is_wrong_in_a_test_is_refused_with_its_line_and_what_was_meant() {
    let lines = "        lines: [x]\n";
    for (tests, words) in [
        (
            of_an_error("      - extract_from: normalise\n"),
            "there is no transform or sink `normalise`; did you mean `normalize`?",
        ),
        (
            of_an_error("      - extract_from: mask\n        events: [{ mesage: x }]\n"),
            "an event has no `mesage` here; did you mean `message`?",
        ),
        (
            of_an_error("      - extract_from: mask\n        events: [{ group: x }]\n"),
            "an event has no `group` here",
        ),
        (
            format!(
                "  - name: a\n    inputs:\n      - path: scheduler/x.log\n{lines}    outputs: [{{ extract_from: mask, events: [] }}]\n"
            ),
            "`scheduler/**` in its `exclude`",
        ),
        (
            format!(
                "  - name: a\n    inputs:\n      - path: x.log\n        source: air\n{lines}    outputs: [{{ extract_from: mask, events: [] }}]\n"
            ),
            "there is no source `air`",
        ),
        (
            "  - name: a\n    inputs: []\n    output: []\n".to_owned(),
            "unknown key `output`; did you mean `outputs`?",
        ),
    ] {
        let bench = Bench::yaml(&tests);
        let done = bench.test("pipeline.yaml", &[]);
        done.exits(2);
        says(&done, &[words, "pipeline.yaml:"]);
    }
}

#[test]
fn a_run_accepts_a_config_with_tests_and_a_config_without_is_told_how_to_write_one() {
    let bench = Bench::yaml(&of_an_error("      - extract_from: mask\n        events: []\n"));
    let guest = |name: &str| guest(name, env!("CARGO_TARGET_TMPDIR"));
    let validate = updraft!("validate", "--config")
        .arg(bench.file("pipeline.yaml"))
        .env("AIRFLOW_HOME", bench.0.path())
        .env("MASK", guest("mask"))
        .env("LABELS", guest("labels"))
        .env("NAMER", guest("namer"));
    validate.run().exits(0);
    let none = Bench::new("pipeline.yaml", PIPELINE);
    let done = none.test("pipeline.yaml", &[]);
    done.exits(2);
    says(&done, &["there are no tests in it", "extract_from", "--update"]);
}

#[test]
fn a_component_that_cannot_be_used_ends_it_with_3_and_one_that_halts_fails_the_test() {
    let tests = of_an_error("      - extract_from: mask\n        events: []\n");
    let bench = Bench::yaml(&tests.replace("boom", "POISON"));
    let done = bench.test("pipeline.yaml", &[]);
    done.exits(1);
    says(&done, &["transform `mask` halts at byte 0", "poisoned"]);
    bench.0.append("no.wasm", "nothing");
    let broken = updraft!("test")
        .arg(bench.file("pipeline.yaml"))
        .env("MASK", bench.file("no.wasm"))
        .env("LABELS", bench.file("no.wasm"))
        .env("NAMER", bench.file("no.wasm"));
    broken.run().exits(3);
}

#[test]
fn update_writes_what_came_into_yaml_and_leaves_every_other_byte_as_it_was() {
    let tests = of_an_error(
        "      # flow, and wrong
      - extract_from: normalize   # the first stage
        events: [{ level: info }] # why
      - extract_from: mask # block, and wrong
        events:
          # what we want
          - level: info   # not so
          - message: x  # nor so

      # nothing yet
      - extract_from: cloudwatch  # here
      - { extract_from: audit, events: [{ message: x }] } # flow in flow
      - extract_from: console
        events: # good already
        - { message: 'boom *** ${HOME}' }
        - message: NOISE
  # the end
",
    );
    let bench = Bench::yaml(&tests);
    let before = bench.text("pipeline.yaml");
    let failed = bench.test("pipeline.yaml", &[]);
    failed.exits(1);
    says(
        &failed,
        &["cloudwatch: it does not say what it expects; `updraft test --update` writes 1 event, which came"],
    );
    let done = bench.test("pipeline.yaml", &["--update"]);
    done.exits(0);
    says(&done, &["wrote 2 events into output `normalize`", "1 passed, 0 failed"]);
    bench.test("pipeline.yaml", &[]).exits(0);

    let stream = PATH.replace(':', "_");
    let normalized = "          - timestamp: 2026-01-01T00:00:00Z
            level: error
            message: boom hunter2 ${HOME}
            source: a.py:1
          - timestamp: 2026-01-01T00:00:01Z
            level: info
            message: NOISE
            source: a.py:2";
    let masked = normalized.replace("hunter2", "***");
    let expected = before
        .replace("        events: [{ level: info }] # why", &format!("        events: # why\n{normalized}"))
        .replace(
            "          - level: info   # not so\n          - message: x  # nor so",
            &format!("{masked}  # nor so"),
        )
        .replace(
            "      - extract_from: cloudwatch  # here\n",
            &format!(
                "      - extract_from: cloudwatch  # here
        events:
          - timestamp: 2026-01-01T00:00:00Z
            level: error
            message: boom *** ${{HOME}}
            source: a.py:1
            fields: {{\"team\":\"data\"}}
            label: errors
            group: /airflow/errors
            stream: {stream}
"
            ),
        )
        .replace("events: [{ message: x }] }", "events: [] }");
    let after = bench.text("pipeline.yaml");
    assert!(after == expected, "it is\n{after}\nand should be\n{expected}");

    let again = bench.test("pipeline.yaml", &["--update"]);
    assert!(!again.stdout.contains("wrote"), "{}", again.stdout);
    assert_eq!(bench.text("pipeline.yaml"), after, "nothing differs, nothing is written");
}

#[test]
fn update_writes_tracebacks_as_blocks_and_what_is_no_plain_text_between_quotes() {
    let tests = format!(
        "  - name: a traceback
    inputs:
      - path: {PATH}
        lines: |
          [2026-01-01T00:00:00.000+0000] {{a.py:1}} ERROR - \"yes: #1\"
          Traceback (most recent call last):
            File \"a.py\", line 2, in f
          ValueError: boom
    outputs:
      - extract_from: normalize
"
    );
    let bench = Bench::yaml(&tests);
    bench.test("pipeline.yaml", &["--update"]).exits(0);
    let text = bench.text("pipeline.yaml");
    assert!(text.contains("message: \"\\\"yes: #1\\\"\"\n"), "{text}");
    let block = "            exception: |-
              Traceback (most recent call last):
                File \"a.py\", line 2, in f
              ValueError: boom";
    assert!(text.contains(block), "{text}");
    bench.test("pipeline.yaml", &[]).exits(0);
}

#[test]
fn update_keeps_line_breaks_of_windows() {
    let tests = of_an_error("      - extract_from: labels\n        events:\n          - level: info\n");
    let bench = Bench::new("pipeline.yaml", &format!("{PIPELINE}tests:\n{tests}").replace('\n', "\r\n"));
    bench.test("pipeline.yaml", &["--update"]).exits(0);
    let text = bench.text("pipeline.yaml");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text}");
    assert!(text.contains("level: error\r\n"), "{text}");
}

#[test]
fn update_keeps_the_rest_of_a_toml_file() {
    let text = format!(
        "# Ours.
[sources.airflow]
type = \"airflow\" # here

[transforms.normalize]
type = 'wasm'
inputs = ['airflow']
component = 'builtin:airflow'

[sinks.console]
type = \"console\"
inputs = [ \"normalize\" ]

[[tests]]
name = \"one line\"
[[tests.inputs]]
path = \"{PATH}\"
lines = [\"[2026-01-01T00:00:00.000+0000] {{a.py:1}} ERROR - boom\"]

[[tests.outputs]]
extract_from = \"normalize\" # the first
events = [{{ level = \"info\" }}]

[[tests.outputs]] # what is printed
extract_from = \"console\"
"
    );
    let bench = Bench::new("pipeline.toml", &text);
    says(
        bench.test("pipeline.toml", &[]).exits(1),
        &["-   { level = \"info\" },", "+   { level = \"error\" },"],
    );
    bench.test("pipeline.toml", &["--update"]).exits(0);
    bench.test("pipeline.toml", &[]).exits(0);
    let event = "[\n  { timestamp = \"2026-01-01T00:00:00Z\", level = \"error\", message = \"boom\", source = \"a.py:1\" },\n]";
    let expected = text.replace("[{ level = \"info\" }]", event) + &format!("events = {event}\n");
    assert_eq!(bench.text("pipeline.toml"), expected);
}

#[test]
fn update_keeps_the_order_of_a_json_file() {
    let text = format!(
        r#"{{
  "sources": {{ "airflow": {{ "type": "airflow" }} }},
  "tests": [
    {{
      "name": "one line",
      "inputs": [{{ "path": "{PATH}", "lines": ["[2026-01-01T00:00:00.000+0000] {{a.py:1}} ERROR - boom"] }}],
      "outputs": [{{ "extract_from": "console" }}]
    }}
  ],
  "sinks": {{ "console": {{ "type": "console", "inputs": ["normalize"] }} }},
  "transforms": {{ "normalize": {{ "type": "wasm", "inputs": ["airflow"], "component": "builtin:airflow" }} }}
}}
"#
    );
    let bench = Bench::new("pipeline.json", &text);
    bench.test("pipeline.json", &["--update"]).exits(0);
    bench.test("pipeline.json", &[]).exits(0);
    let mut expected: Value = serde_json::from_str(&text).expect("JSON");
    let event = serde_json::json!({"timestamp": "2026-01-01T00:00:00Z", "level": "error", "message": "boom", "source": "a.py:1"});
    expected["tests"][0]["outputs"][0]["events"] = serde_json::json!([event]);
    let after = bench.text("pipeline.json");
    assert_eq!(serde_json::from_str::<Value>(&after).expect("JSON"), expected);
    assert!(
        after.find("\"sources\"") < after.find("\"tests\"")
            && after.find("\"tests\"") < after.find("\"sinks\"")
    );
}

#[test]
fn what_the_config_had_of_raw_and_written_is_kept_up_to_date() {
    let bench = Bench::yaml(&of_an_error(
        "      - extract_from: console\n        events:\n          - written: no\n          - raw: no\n",
    ));
    bench.test("pipeline.yaml", &["--update"]).exits(0);
    let text = bench.text("pipeline.yaml");
    assert!(text.contains("written: boom *** ${HOME}\n") && text.contains("raw: "), "{text}");
}
