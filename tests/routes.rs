//! Promise: a component chooses names and says what goes where. It is asked once for each file, label and sink; when it
//! fails, or gives a name that the service does not take, the sink's own name is used, and that is said.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use updraft_tests::{
    BUCKET, Finished, LogFolder, Moto, TRY, Updraft, eventually, files_in, guest, series, updraft,
};

const OTHER: &str = "dag_id=other/run_id=r/task_id=t/attempt=2.log";
const GROUP: &str = "/airflow/etl";

fn line(second: u32, level: &str, message: &str) -> String {
    format!("[2026-11-21T12:00:{second:02}.000+0000] {{load.py:7}} {level} - {message}\n")
}

/// A line of each kind that the guests tell apart.
fn all_kinds() -> String {
    [
        line(0, "INFO", "hello"),
        line(1, "ERROR", "boom"),
        line(2, "INFO", "DEBUG noise"),
        line(3, "INFO", "AUDIT who"),
        line(4, "INFO", "bye"),
    ]
    .concat()
}

/// Logs of every kind on their way through the guests that label and name.
struct Lift {
    moto: Moto,
    logs: LogFolder,
    data: LogFolder,
    out: LogFolder,
    deed: &'static str,
    sinks: &'static str,
}

impl Lift {
    fn to(sinks: &'static str) -> Self {
        let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
        logs.append(TRY, all_kinds());
        Self { moto, logs, data: LogFolder::empty(), out: LogFolder::empty(), deed: "name", sinks }
    }

    fn config(&self) -> String {
        let [labels, namer] = ["labels", "namer"].map(|name| guest(name, env!("CARGO_TARGET_TMPDIR")));
        format!(
            "
data_dir: {}
sources: {{ airflow: {{ type: airflow, rescan_secs: 0.1, join_ms: 10 }} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
  label: {{ type: wasm, inputs: [normalize], component: {} }}
routes:
  naming: {{ type: wasm, component: {}, config: {{ do: {} }}, limits: {{ timeout_ms: 50 }} }}
sinks:
{}
",
            self.data.path().display(),
            labels.display(),
            namer.display(),
            self.deed,
            self.sinks
        )
    }

    fn set_up(&self, updraft: Updraft) -> Updraft {
        let config = self.config().replace("OUT", &self.out.path().display().to_string());
        updraft
            .on(&self.moto)
            .as_anyone()
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", self.logs.path())
            .config("pipeline.yaml", &config)
    }

    fn lift(&self) -> Finished {
        self.set_up(updraft!("run", "--once")).run()
    }

    fn messages(&self, group: &str, stream: &str) -> Vec<String> {
        let events = self.moto.log_events(group, stream);
        events.iter().map(updraft_tests::Event::normalized_message).collect()
    }

    fn written(&self) -> Vec<(String, String)> {
        let files = files_in(self.out.path()).into_iter();
        files.map(|(name, bytes)| (name, String::from_utf8(bytes).expect("it is text"))).collect()
    }
}

/// The name of the one log stream of these tests.
fn stream() -> String {
    TRY.replace(':', "_")
}

const CLOUDWATCH: &str = "  cw: { type: aws_cloudwatch_logs, inputs: [label], route: naming, group_name: '/airflow/{{ dag_id }}' }";

#[test]
fn labels_of_one_file_go_to_log_groups_of_their_own_and_some_nowhere() {
    let lift = Lift::to(CLOUDWATCH);
    let done = lift.lift();
    done.exits(0);
    assert_eq!(lift.messages(GROUP, &stream()), ["hello", "bye"]);
    assert_eq!(lift.messages("/airflow/errors", &stream()), ["boom"]);
    assert!(done.stderr.contains("2 not for this sink, by its route"), "{}", done.stderr);

    let prove = lift.set_up(updraft!("prove", "--format", "json")).run();
    let proof: Value = serde_json::from_str(prove.exits(0).stdout.trim()).expect("a proof");
    let targets = proof["sinks"][0]["targets"].as_array().expect("targets");
    let not_here: Vec<_> = targets.iter().filter(|it| it["outcome"] == "not_here").collect();
    assert_eq!((not_here.len(), &not_here[0]["events"]), (1, &2.into()), "{proof:#}");
    let bytes: u64 = targets.iter().filter_map(|it| it["bytes"].as_u64()).sum();
    assert_eq!(bytes, all_kinds().len() as u64, "every byte is accounted for");
}

#[test]
fn a_label_may_go_to_a_sink_of_its_own_and_to_no_other() {
    let lift = Lift::to(
        "  audit: { type: aws_s3, inputs: [label], route: naming, bucket: my-bucket, key_prefix: audit/ }
  main: { type: file, inputs: [label], route: naming, path: OUT, encoding: { codec: text } }",
    );
    lift.lift().exits(0);
    let objects = lift.moto.objects(BUCKET);
    let object = &objects[&format!("audit/{TRY}")];
    assert_eq!(String::from_utf8_lossy(&object.body), line(3, "INFO", "AUDIT who"));
    assert_eq!(objects.len(), 1);
    // A file has one name, that of the label that nearly all have: `errors` is in it.
    assert_eq!(lift.written(), [(TRY.to_owned(), "hello\nboom\nbye\n".to_owned())]);
}

#[test]
fn a_file_of_which_nothing_is_for_a_mirror_has_no_object_and_is_counted() {
    let lift = Lift::to("  audit: { type: aws_s3, inputs: [label], route: naming, bucket: my-bucket }");
    lift.logs.append(OTHER, line(0, "INFO", "nothing to see"));
    let done = lift.lift();
    done.exits(0);
    assert_eq!(lift.moto.objects(BUCKET).keys().collect::<Vec<_>>(), [TRY]);
    assert!(done.stderr.contains("5 not for this sink, by its route"), "{}", done.stderr);
}

#[test]
fn what_was_kept_from_a_mirror_does_not_get_there_because_its_router_fails() {
    for inputs in ["label", "airflow"] {
        let sinks = "  audit: { type: aws_s3, inputs: [INPUTS], route: naming, bucket: my-bucket }";
        let mut lift = Lift::to(sinks.replace("INPUTS", inputs).leak());
        lift.lift().exits(0);
        let before = lift.moto.objects(BUCKET);
        assert_eq!(before.len(), usize::from(inputs == "label"));
        lift.deed = "trap";
        lift.logs.append(TRY, line(5, "INFO", "more"));
        lift.set_up(updraft!("run", "--once", "--give-up", "2s")).run().exits(1);
        let bodies = |objects: &std::collections::BTreeMap<String, updraft_tests::Object>| {
            objects.iter().map(|(key, object)| (key.clone(), object.body.clone())).collect::<Vec<_>>()
        };
        assert_eq!(bodies(&lift.moto.objects(BUCKET)), bodies(&before), "{inputs}");
        lift.deed = "name";
        lift.lift().exits(0);
    }
}

#[test]
fn a_test_of_a_pipeline_whose_router_fails_fails_and_is_left_alone() {
    let lift = Lift { deed: "bad_name", ..Lift::to(CLOUDWATCH) };
    let test = "
tests:
  - name: names
    inputs: [{ path: a.log, lines: [hello] }]
    outputs: [{ extract_from: cw, events: [{ message: hello }] }]
";
    let file = lift.data.path().join("p.yaml");
    let config = format!("{}{test}", lift.config());
    fs::write(&file, &config).expect("it can be written");
    for update in [false, true] {
        let run = if update { updraft!("test", "--update", &file) } else { updraft!("test", &file) };
        let done = run.run();
        done.exits(1);
        assert!(done.stdout.contains("named the log stream"), "{}", done.stdout);
        assert_eq!(fs::read_to_string(&file).expect("it is there"), config);
    }
}

#[test]
fn labels_go_to_folders_of_their_own_with_the_events_time_in_them() {
    let lift = Lift::to(
        "  lake: { type: file, inputs: [label], route: naming, path: OUT, layout: batch, compression: none, \
         key: 'dag={{ dag_id }}/date=%F', encoding: { codec: text } }",
    );
    lift.lift().exits(0);
    let written = lift.written();
    let texts: Vec<_> = written
        .iter()
        .map(|(name, text)| (name.rsplit_once('/').map_or("", |(folder, _)| folder), text.as_str()))
        .collect();
    assert_eq!(
        texts,
        [("dag=etl/date=2026-11-21", "hello\nbye\n"), ("errors/dag=etl/date=2026-11-21", "boom\n")]
    );
}

#[test]
fn a_file_that_goes_nowhere_is_passed_by_and_so_is_what_is_left_out_of_standard_output() {
    // To a mirror straight from the source all is of label `default`, which this namer keeps from sinks of that name.
    let lift = Lift::to(
        "  audit: { type: aws_s3, inputs: [airflow], route: naming, bucket: my-bucket }
  audit-file: { type: file, inputs: [airflow], route: naming, path: OUT }
  console: { type: console, inputs: [label], route: naming, encoding: { codec: text } }",
    );
    let done = lift.lift();
    done.exits(0);
    assert!(lift.moto.objects(BUCKET).is_empty() && lift.written().is_empty());
    assert_eq!(done.stdout, "hello\nboom\nbye\n");
    lift.logs.append(TRY, line(5, "INFO", "more"));
    assert_eq!(lift.lift().exits(0).stdout, "more\n", "what is passed is not read again");
    let lift = Lift::to("  out: { type: blackhole, inputs: [label], route: naming }");
    let done = lift.lift();
    assert!(done.exits(0).stderr.contains("2 not for this sink, by its route"), "{}", done.stderr);
}

#[test]
fn a_bad_name_is_said_with_the_rule_and_the_component_and_the_line_goes_to_the_sinks_own_name() {
    let lift = Lift { deed: "bad_name", ..Lift::to(CLOUDWATCH) };
    let done = lift.lift();
    done.exits(0);
    assert_eq!(lift.messages(GROUP, &stream()), ["hello", "boom", "DEBUG noise", "AUDIT who", "bye"]);
    let said = done.stderr.lines().filter(|line| line.contains("route `naming`")).collect::<Vec<_>>();
    assert_eq!(said.len(), 1, "said once, not once for each label: {said:?}");
    for part in [
        &format!(r#"named the log stream "{}:""#, stream()),
        "CloudWatch allows no ':' and no '*' in it",
        "component=",
        &format!("log stream \"{}\" of log group \"{GROUP}\", which is the sink's own name", stream()),
    ] {
        assert!(said[0].contains(part), "{part}\n{}", said[0]);
    }
    let lift = Lift {
        deed: "bad_name",
        ..Lift::to(
            "  local: { type: file, inputs: [label], route: naming, path: OUT/in, encoding: { codec: text } }",
        )
    };
    let done = lift.lift();
    done.exits(0);
    assert!(done.stderr.contains(r#"a part of it is "..", which leads elsewhere"#), "{}", done.stderr);
    assert_eq!(lift.written()[0].0, format!("in/{TRY}"));
}

#[test]
fn a_router_that_fails_costs_no_line_and_not_much_time() {
    for (deed, said) in [
        ("trap", "wasm `unreachable`"),
        ("refuse", "said: no name for label `"),
        ("loop", "ms for one call, computing (limits.timeout_ms: 50)"),
    ] {
        let lift = Lift { deed, ..Lift::to(CLOUDWATCH) };
        for number in 0..30 {
            lift.logs.append(&format!("dag_id=many/run_id=r/task_id=t{number}/attempt=1.log"), all_kinds());
        }
        let done = lift.lift();
        done.exits(0);
        assert_eq!(lift.messages(GROUP, &stream()).len(), 5, "{deed}");
        for number in 0..30 {
            let stream = format!("dag_id=many/run_id=r/task_id=t{number}/attempt=1.log");
            assert_eq!(lift.messages("/airflow/many", &stream).len(), 5, "{deed}");
        }
        assert!(done.stderr.contains(said), "{deed}: {}", done.stderr);
        // After 20 failures nobody asks it for a while.
        assert!(done.stderr.contains("failed too often: it is put aside for 5 s"), "{deed}: {}", done.stderr);
    }
}

#[test]
fn it_is_asked_once_for_each_file_label_and_sink_and_again_after_a_reload() {
    let lift = Lift::to(CLOUDWATCH);
    lift.logs.append(OTHER, line(0, "INFO", "hello"));
    let config = lift.data.path().join("p.yaml");
    let write = |deed| {
        let text = lift.config().replace("do: name", &format!("do: {deed}"));
        fs::write(&config, text).expect("it can be written");
    };
    write("name");
    let running = updraft!("run", "--config", &config, "--metrics-address", "0")
        .on(&lift.moto)
        .as_anyone()
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", lift.logs.path())
        .spawn();
    eventually("all of it", || (lift.messages(GROUP, &stream()).len() == 2).then_some(()));
    eventually("the other", || (lift.messages("/airflow/other", OTHER).len() == 1).then_some(()));
    let asked = |running: &updraft_tests::Running| {
        running.scrape().count("updraft_component_call_seconds_count{transform=\"naming\"}")
    };
    // Four labels of one file, one of the other.
    assert_eq!(asked(&running), 5);
    for second in 5..9 {
        lift.logs.append(TRY, line(second, "ERROR", "again"));
        eventually("the line", || {
            (lift.messages("/airflow/errors", &stream()).len() == second as usize - 3).then_some(())
        });
    }
    assert_eq!(asked(&running), 5);

    write("bad_name");
    let reload = updraft!("reload", "--config", &config)
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", lift.logs.path())
        .run();
    assert_eq!(reload.code(), Some(1), "it fails on what the present one answers: {}", reload.stderr);
    assert!(
        reload.stderr.contains("route `naming`: ") && reload.stderr.contains("named the log"),
        "{}",
        reload.stderr
    );
    // What it answered before is known still; only the trial of the other one has asked.
    let before = asked(&running);
    lift.logs.append(TRY, line(10, "ERROR", "still"));
    eventually("the line", || (lift.messages("/airflow/errors", &stream()).len() == 6).then_some(()));
    assert_eq!(asked(&running), before);

    let text = lift.config().replace("timeout_ms: 50", "timeout_ms: 500");
    fs::write(&config, text).expect("it can be written");
    let reload = updraft!("reload", "--config", &config)
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", lift.logs.path())
        .run();
    assert!(reload.exits(0).stderr.contains("route `naming`: exchanged"), "{}", reload.stderr);
    let before = asked(&running);
    lift.logs.append(TRY, line(11, "ERROR", "after"));
    eventually("the line", || (lift.messages("/airflow/errors", &stream()).len() == 7).then_some(()));
    assert_eq!(asked(&running), before + 1);
}

#[test]
fn dead_letters_go_where_they_are_to_go_whatever_a_router_says() {
    let lift = Lift::to(
        "  cw: { type: aws_cloudwatch_logs, inputs: [label], group_name: g, dead_letter: audit }
  audit: { type: file, route: naming, path: OUT }",
    );
    lift.logs.append(TRY, "[2026-10-01T12:00:00.000+0000] {load.py:7} INFO - too old\n");
    lift.logs.append(OTHER, "[2026-10-01T12:00:00.000+0000] {load.py:7} INFO - too old\n");
    lift.lift().exits(0);
    let letters: String = lift.written().into_iter().map(|(_, text)| text).collect();
    assert!(letters.contains("too old"), "{letters}");
}

#[test]
fn what_is_no_router_is_refused_at_start_and_a_router_is_no_transform() {
    let start = |component: &str, namer: PathBuf| {
        let config = format!(
            "
sources: {{ airflow: {{ type: airflow, base_log_folder: . }} }}
transforms: {{ label: {{ type: wasm, inputs: [airflow], component: '{}' }} }}
routes: {{ naming: {{ type: wasm, component: '{component}' }} }}
sinks: {{ c: {{ type: console, inputs: [label], route: naming }} }}
",
            namer.display()
        );
        updraft!("run", "--once").config("p.yaml", &config).run()
    };
    let [labels, namer] = ["labels", "namer"].map(|name| guest(name, env!("CARGO_TARGET_TMPDIR")));
    let done = start("builtin:airflow", labels);
    done.exits(3);
    assert!(
        done.stderr.contains("route `naming`: builtin:airflow exports no `updraft:pipeline/route@0.1.0`"),
        "{}",
        done.stderr
    );
    let done = start(&namer.display().to_string(), namer.clone());
    done.exits(3);
    assert!(
        done.stderr.contains("transform `label`: ")
            && done.stderr.contains("exports neither `updraft:pipeline/normalize"),
        "{}",
        done.stderr
    );
    let seen = updraft!("inspect", "--format", "json", &namer).run();
    let seen: Value = serde_json::from_str(&seen.exits(0).stdout).expect("JSON");
    assert_eq!(seen["problem"], Value::Null, "{seen:#}");
}

#[test]
fn the_metrics_tell_what_is_not_for_a_sink() {
    let lift = Lift::to(CLOUDWATCH);
    let running = lift.set_up(updraft!("run", "--metrics-address", "0")).spawn();
    eventually("all of it", || (lift.messages(GROUP, &stream()).len() == 2).then_some(()));
    let (_, text) = running.ask("/metrics");
    let events = |outcome: &str| {
        series(&text).count(&format!("updraft_events_total{{sink=\"cw\",outcome=\"{outcome}\"}}"))
    };
    assert_eq!((events("not_here"), events("dropped")), (2, 0), "{text}");
}
