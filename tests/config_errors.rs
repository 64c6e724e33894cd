//! Promise: a config that is wrong is refused before anything runs, with file, line and field, and exit code 2.

use updraft_tests::updraft;

const SOURCE: &str = "sources:\n  airflow: { type: airflow, base_log_folder: /tmp }\n";

/// Validates `text` as a file of that name; all of `words` must be in one line of what it says.
fn refused(name: &str, text: &str, words: &[&str]) {
    let done = updraft!("validate").config(name, text).run();
    done.exits(2);
    let said =
        done.stderr.lines().any(|line| line.contains(name) && words.iter().all(|word| line.contains(word)));
    assert!(said, "no line of it has {words:?}:\n{}", done.stderr);
    assert!(done.stdout.is_empty(), "{}", done.stdout);
}

#[test]
fn a_key_that_does_not_exist_is_named_with_the_one_that_was_meant() {
    let text = format!(
        "{SOURCE}sinks:\n  cloudwatch:\n    type: aws_cloudwatch_logs\n    inputs: [airflow]\n    grup_name: a\n"
    );
    refused("pipeline.yaml", &text, &["pipeline.yaml:7", "sinks.cloudwatch", "grup_name", "group_name"]);
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_field() {
    let text = format!(
        "{SOURCE}sinks:\n  cloudwatch:\n    type: aws_cloudwatch_logs\n    inputs: [airflow]\n    group_name: a\n    create_missing_group: perhaps\n"
    );
    refused("pipeline.yaml", &text, &["pipeline.yaml:8", "sinks.cloudwatch.create_missing_group"]);
}

#[test]
fn a_name_that_templates_do_not_have_is_refused() {
    let text = format!(
        "{SOURCE}sinks:\n  cloudwatch:\n    type: aws_cloudwatch_logs\n    inputs: [airflow]\n    group_name: '/airflow/{{{{ dag }}}}'\n"
    );
    refused("pipeline.yaml", &text, &["pipeline.yaml:7", "sinks.cloudwatch.group_name", "`dag`"]);
}

#[test]
fn a_component_that_is_not_there_is_named() {
    let text = format!(
        "{SOURCE}transforms:\n  mine: {{ type: wasm, inputs: [airflow], component: ./mine.wasm }}\nsinks:\n  console: {{ type: console, inputs: [mine], encoding: {{ codec: json }} }}\n"
    );
    refused("pipeline.yaml", &text, &["transforms.mine.component", "mine.wasm"]);
}

#[test]
fn a_pipeline_without_a_sink_is_refused() {
    refused("pipeline.yaml", SOURCE, &["sink"]);
}

#[test]
fn an_input_that_nothing_is_called_is_named() {
    let text = format!("{SOURCE}sinks:\n  local: {{ type: file, inputs: [airflw], path: ./out }}\n");
    refused("pipeline.yaml", &text, &["pipeline.yaml:4", "sinks.local.inputs", "airflw", "airflow"]);
}

#[test]
fn toml_and_json_are_refused_in_the_same_words() {
    let toml = "[sources.airflow]\ntype = \"airflow\"\n\n[sinks.local]\ntype = \"file\"\ninputs = [\"airflow\"]\npth = \"./out\"\n";
    refused("pipeline.toml", toml, &["pipeline.toml:7", "sinks.local", "pth", "path"]);
    let json = "{\n  \"sources\": { \"airflow\": { \"type\": \"airflow\" } },\n  \"sinks\": { \"local\": {\n    \"type\": \"file\", \"inputs\": [\"airflow\"],\n    \"pth\": \"./out\"\n  } }\n}\n";
    refused("pipeline.json", json, &["pipeline.json:5", "sinks.local", "pth", "path"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let done = updraft!("validate", "--config", "nowhere.yaml").run();
    done.exits(2);
    assert!(done.stderr.contains("nowhere.yaml"), "{}", done.stderr);
}

#[test]
fn a_good_config_is_called_good() {
    let text = format!(
        "{SOURCE}transforms:\n  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}\nsinks:\n  console: {{ type: console, inputs: [normalize] }}\n"
    );
    updraft!("validate").config("pipeline.yaml", &text).run().exits(0);
}

#[test]
fn a_certificate_that_is_none_is_named_before_anything_runs() {
    let folder = tempfile::tempdir().expect("the temp folder can be written");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "no PEM").expect("written");
    let text = format!(
        "{SOURCE}sinks:\n  s3: {{ type: aws_s3, inputs: [airflow], bucket: b, tls: {{ ca_file: '{}' }} }}\n",
        file.display()
    );
    let done = updraft!("validate").config("pipeline.yaml", &text).run();
    done.exits(2);
    assert!(done.stderr.contains("sink s3: tls.ca_file"), "{}", done.stderr);
    assert!(done.stderr.contains("it holds no PEM certificate"), "{}", done.stderr);
}

#[test]
fn the_password_of_a_proxy_in_the_wrong_place_is_not_shown() {
    let text = format!(
        "{SOURCE}sinks:\n  s3: {{ type: aws_s3, inputs: [airflow], bucket: b, proxy: 'http://u:hunter2@p:1' }}\n"
    );
    refused("pipeline.yaml", &text, &["pipeline.yaml:4", "sinks.s3.proxy", "expected a mapping"]);
    let done = updraft!("validate").config("pipeline.yaml", &text).run();
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
}
