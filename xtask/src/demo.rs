//! The main job before a newcomer's eyes: logs of real Airflow 2 and 3, lifted to local files, then to a moto server.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use updraft_tests::{ACCOUNT, Finished, LogFolder, Moto, REGION, Updraft, files_in, fixture_sets};

use crate::run::{Outcome, heading, ours, root};
use crate::{binary, setup};

/// The embedded default: through the built-in normalizer to the console, and byte for byte to local files.
const LOCAL_PIPELINE: &str = r"
data_dir: ${DATA}
sources:
  airflow: { type: airflow, base_log_folder: '${LOGS}' }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  local: { type: file, inputs: [airflow], path: '${OUT}' }
  console: { type: console, inputs: [normalize], encoding: { codec: json } }
";
const EVENTS_SHOWN: usize = 2;
const BUCKET: &str = "airflow-logs";
const GROUP: &str = "/astro/demo-cluster/demo-workspace";

type Files = BTreeMap<String, Vec<u8>>;

pub fn demo() -> Outcome {
    setup::wasm_target()?;
    setup::python_environment()?;
    heading("build");
    let binary = binary::updraft(&[])?;
    to_local_files(&binary)?;
    to_moto(&binary)?;
    println!(
        "\nEvery file arrived byte for byte, both times. The local copies and the pipeline are in target/demo."
    );
    Ok(())
}

fn to_local_files(binary: &Path) -> Outcome {
    heading("1. from Airflow's log folders to local files and the console");
    let demo = ours().join("demo");
    fs::remove_dir_all(&demo).ok();
    let pipeline = demo.join("pipeline.yaml");
    fs::create_dir_all(&demo)
        .and_then(|()| fs::write(&pipeline, LOCAL_PIPELINE))
        .map_err(|error| format!("{}: {error}", demo.display()))?;
    for set in fixture_sets() {
        let logs = LogFolder::of(&set);
        let out = demo.join(&set);
        let updraft = Updraft::at(binary)
            .arg("run")
            .arg("--once")
            .arg("--config")
            .arg(&pipeline)
            .env("LOGS", logs.path())
            .env("OUT", &out)
            .env("DATA", demo.join(".data").join(&set));
        let done = all_delivered(&set, updraft.run())?;
        for event in done.stdout.lines().take(EVENTS_SHOWN) {
            println!("   {event}");
        }
        println!("   … {} events in all", done.stdout.lines().count());
        same_files(&set, &logs.task_files(), &files_in(&out))?;
    }
    Ok(())
}

fn to_moto(binary: &Path) -> Outcome {
    heading("2. the same logs to CloudWatch Logs and S3, by environment variables alone (moto is AWS here)");
    let moto = Moto::start();
    moto.create_bucket(BUCKET, REGION);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/airflow-logs");
    let mut sent: Files = BTreeMap::new();
    for set in fixture_sets() {
        let logs = LogFolder::of(&set);
        let updraft = Updraft::at(binary)
            .arg("run")
            .arg("--once")
            .on(&moto)
            .envs([("AWS_ACCESS_KEY_ID", "demo"), ("AWS_SECRET_ACCESS_KEY", "demo")])
            .envs([("ASTRO_CLUSTER_ID", "demo-cluster"), ("ASTRO_WORKSPACE_ID", "demo-workspace")])
            .env("ASTRO_DEPLOYMENT_ID", deployment(&set))
            .envs([("ASTRO_CLOUDWATCH_TASK_LOGS_ENABLED", "True"), ("ASTRO_CLOUDWATCH_ROLE_ARN", &role)])
            .env("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BUCKET_ENABLED", "true")
            .env("AIRFLOW__ASTRO_SECONDARY_LOGS__S3_BASE_LOG_FOLDER", format!("s3://{BUCKET}/{set}"))
            .env("AIRFLOW__ASTRO_SECONDARY_LOGS__ROLE_ARN", &role)
            .env("AIRFLOW__LOGGING__BASE_LOG_FOLDER", logs.path());
        all_delivered(&set, updraft.run())?;
        sent.extend(logs.task_files().into_iter().map(|(path, bytes)| (format!("{set}/{path}"), bytes)));
    }

    heading("what landed");
    let groups = moto.log_groups(REGION);
    for (group, streams) in &groups {
        println!("   log group {group}");
        for (stream, events) in streams {
            println!("     log stream {stream}: {} events", events.len());
        }
    }
    for set in fixture_sets() {
        let events = groups.get(GROUP).and_then(|streams| streams.get(&deployment(&set)));
        if events.is_none_or(Vec::is_empty) {
            return Err(format!("{set}: no events in log stream {} of {GROUP}", deployment(&set)).into());
        }
    }
    let objects: Files = moto.objects(BUCKET).into_iter().map(|(key, object)| (key, object.body)).collect();
    let bytes: usize = objects.values().map(Vec::len).sum();
    println!("   bucket {BUCKET}: {} objects, {bytes} bytes", objects.len());
    same_files(BUCKET, &sent, &objects)
}

/// One log stream for each set.
fn deployment(set: &str) -> String {
    set.replace('/', "-")
}

/// Shows what the run said of itself, and stands in for a reader of its exit code.
fn all_delivered(set: &str, done: Finished) -> Outcome<Finished> {
    println!("\n   {}", root().join("tests/fixtures/logs").join(set).display());
    for line in done.stderr.lines() {
        println!("   {line}");
    }
    match done.code() {
        Some(0) => Ok(done),
        _ => Err(format!("updraft ended with {} over {set}", done.status).into()),
    }
}

fn same_files(place: &str, sent: &Files, landed: &Files) -> Outcome {
    let missing =
        sent.keys().filter(|path| !landed.contains_key(*path)).map(|path| format!("{path} is missing"));
    let extra =
        landed.keys().filter(|path| !sent.contains_key(*path)).map(|path| format!("{path} is not of ours"));
    let differing =
        sent.iter().filter(|(path, bytes)| landed.get(*path).is_some_and(|there| there != *bytes));
    let differing = differing.map(|(path, _)| format!("{path} differs"));
    let wrong: Vec<String> = missing.chain(extra).chain(differing).collect();
    if wrong.is_empty() {
        println!("   {} files, byte for byte", sent.len());
        return Ok(());
    }
    Err(format!("{place}: not the files that were sent:\n  {}", wrong.join("\n  ")).into())
}
