//! Promise: each example does, in the pipeline that stands beside it and on lines that real Airflow wrote, what
//! its first lines say.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use updraft_tests::{
    LogFolder, Moto, REGION, TRY, Updraft, example, files_in, javascript_router, line, python_router, updraft,
};

/// An example's pipeline, as a user copies it, with its component beside it.
fn pipeline(name: &str) -> (String, String) {
    let component = example(name, env!("CARGO_TARGET_TMPDIR"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/components").join(name);
    let text = std::fs::read_to_string(folder.join("pipeline.yaml")).expect("it has a pipeline");
    (text, component.with_file_name("").to_string_lossy().into_owned())
}

fn set_up(command: Updraft, name: &str, logs: &LogFolder) -> Updraft {
    let (text, components) = pipeline(name);
    command
        .env("COMPONENTS", components)
        .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
        .config("pipeline.yaml", &text)
}

/// Every event that the example sends to CloudWatch, by log group, and the objects of its bucket.
struct Landed {
    events: BTreeMap<String, Vec<Value>>,
    objects: BTreeMap<String, Vec<u8>>,
}

impl Landed {
    fn of(name: &str, logs: &LogFolder) -> Self {
        let moto = Moto::with_bucket();
        set_up(updraft!("run", "--once"), name, logs).on(&moto).as_anyone().run().exits(0);
        let events = moto.log_groups(REGION).into_iter().map(|(group, streams)| {
            (group, streams.values().flatten().map(updraft_tests::Event::normalized).collect())
        });
        let objects = moto.objects("my-bucket").into_iter().map(|(key, object)| (key, object.body));
        Self { events: events.collect(), objects: objects.collect() }
    }

    fn messages(&self) -> Vec<&str> {
        self.events.values().flatten().filter_map(|event| event["message"].as_str()).collect()
    }
}

#[test]
fn the_pipelines_are_good() {
    for name in ["mask-secrets", "drop-noise", "cost-tags", "route-by-team", "errors-to-own-group"] {
        let done = set_up(updraft!("validate"), name, &LogFolder::with_lines(0..1)).run();
        done.exits(0);
        assert!(!done.stderr.contains("WARN"), "{name}: {}", done.stderr);
    }
}

#[test]
fn mask_secrets_hides_what_it_is_told_to_and_nothing_that_airflow_says_by_itself() {
    for set in ["airflow2/default_utc", "airflow3/default_utc"] {
        let logs = LogFolder::of(set);
        let before = logs.task_files();
        logs.append(TRY, line(0).replace("line 0", "hunter2 of customer-12345678, bob@example.org"));
        let landed = Landed::of("mask-secrets", &logs);
        assert!(landed.messages().contains(&"*** of ***, ***"));
        // One DAG of the fixtures speaks of secrets, to see what Airflow itself hides.
        for (path, bytes) in before.into_iter().filter(|(path, _)| !path.contains("dag_id=secrets_masked/")) {
            let object = landed.objects.get(&format!("logs/{path}")).unwrap_or_else(|| panic!("no {path}"));
            assert!(*object == bytes, "{set} {path} is changed: {}", String::from_utf8_lossy(object));
        }
    }
}

#[test]
fn drop_noise_leaves_what_tasks_say_and_the_copy_has_it_all() {
    for set in ["airflow2/default_utc", "airflow3/default_utc"] {
        let logs = LogFolder::of(set);
        let landed = Landed::of("drop-noise", &logs);
        let messages = landed.messages();
        let has = |what: &str| messages.iter().any(|message| message.starts_with(what));
        for noise in [
            "::group::",
            "::endgroup::",
            "Dependencies all met",
            "Worker startup parse",
            "Filling up the DagBag",
        ] {
            assert!(!has(noise), "{set} has {noise}");
        }
        for said in ["report for 2024-05-01", "Task failed with exception", "polling remote job"] {
            assert!(messages.iter().any(|message| message.contains(said)), "{set} lacks {said}");
        }
        let all = logs.task_files();
        assert_eq!(landed.objects.len(), all.len());
    }
}

#[test]
fn cost_tags_says_who_pays() {
    let logs = LogFolder::of("airflow3/default_utc");
    logs.append_lines(0..3);
    let landed = Landed::of("cost-tags", &logs);
    for event in landed.events.values().flatten() {
        let is_etl = event["dag_id"].as_str().is_some_and(|dag| dag.starts_with("etl"));
        let (team, cost_centre) = if is_etl { ("data", Some("4712")) } else { ("platform", None) };
        assert_eq!(event["fields"]["team"], team, "{event}");
        assert_eq!(event["fields"]["cost_centre"].as_str(), cost_centre, "{event}");
    }
    assert_eq!(landed.events["/airflow/etl"].len(), 3);
}

#[test]
fn a_component_that_labels_and_routes_is_taken_as_a_transform() {
    let component = example("errors-to-own-group", env!("CARGO_TARGET_TMPDIR"));
    let (moto, logs) = (Moto::with_bucket(), LogFolder::with_lines(0..3));
    logs.append(TRY, line(3).replace("INFO", "ERROR"));
    let pipeline = "
sources: { airflow: { type: airflow } }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: builtin:airflow }
  label: { type: wasm, inputs: [normalize], component: '${COMPONENT}' }
sinks:
  cloudwatch: { type: aws_cloudwatch_logs, inputs: [label], group_name: '/airflow/{{ label }}' }
";
    let run = updraft!("run", "--once").env("COMPONENT", &component).on(&moto).as_anyone();
    let run = run.env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path());
    run.config("pipeline.yaml", pipeline).run().exits(0);
    let events = |group: &str| moto.log_groups(REGION)[group].values().map(Vec::len).sum::<usize>();
    assert_eq!((events("/airflow/default"), events("/airflow/errors")), (3, 1));

    for name in ["errors-to-own-group", "route-by-team"] {
        let seen = updraft!("inspect").arg(example(name, env!("CARGO_TARGET_TMPDIR"))).run();
        assert!(seen.exits(0).stdout.contains("updraft:pipeline/route@0.1.0"), "{}", seen.stdout);
    }
}

#[test]
fn routers_in_python_and_javascript_name_what_teams_own() {
    let tmp = env!("CARGO_TARGET_TMPDIR");
    for router in [python_router(tmp), javascript_router(tmp)] {
        let (logs, out) = (LogFolder::with_lines(0..3), LogFolder::empty());
        logs.append("dag_id=unknown/run_id=r/task_id=t/attempt=1.log", line(0));
        let pipeline = format!(
            "
sources: {{ airflow: {{ type: airflow }} }}
transforms: {{ normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }} }}
routes: {{ naming: {{ type: wasm, component: {}, config: {{ teams: {{ etl: crm }} }} }} }}
sinks: {{ out: {{ type: file, inputs: [normalize], route: naming, path: {} }} }}
",
            router.display(),
            out.path().display()
        );
        let done = updraft!("run", "--once")
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path())
            .config("pipeline.yaml", &pipeline)
            .run();
        done.exits(0);
        let names: Vec<String> = files_in(out.path()).into_keys().collect();
        let unowned = "unowned/no-day/dag_id=unknown/run_id=r/task_id=t/attempt=1.log";
        assert_eq!(names, [format!("crm/2026-11-21/{TRY}"), unowned.to_owned()], "{}", router.display());
        assert!(done.stderr.contains("DAG unknown is of no team"), "{}", done.stderr);
        assert!(done.stderr.contains("1 unowned"), "what it counts is in the summary: {}", done.stderr);
    }
}

#[test]
fn errors_have_a_log_group_of_their_own_and_each_team_has_one() {
    let logs = LogFolder::with_lines(0..2);
    logs.append(TRY, line(2).replace("INFO", "ERROR"));
    let landed = Landed::of("errors-to-own-group", &logs);
    assert_eq!(landed.events["/airflow/errors"].len(), 1);
    assert_eq!(landed.events["/airflow/etl"].len(), 2);

    let logs = LogFolder::with_lines(0..2);
    logs.append("dag_id=billing/run_id=r/task_id=t/attempt=1.log", line(0));
    let landed = Landed::of("route-by-team", &logs);
    let groups: Vec<&String> = landed.events.keys().collect();
    assert_eq!(groups, ["/airflow/finance", "/airflow/platform"]);
    let keys: Vec<&String> = landed.objects.keys().collect();
    assert_eq!(
        keys,
        ["logs/finance/dag_id=billing/run_id=r/task_id=t/attempt=1.log", &format!("logs/platform/{TRY}")]
    );
}
