//! Promise: a router takes nothing from what a sink promises in trouble: dead log streams leave room for others, what was
//! written down before a kill is put again the same, and no label of one build is named by the router of another.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use updraft_tests::{
    BUCKET, Keys, LogFolder, Moto, REGION, TRY, Updraft, allow, eventually, files_in, guest, line, updraft,
};

/// Logs on their way through components that label and name.
struct Lift {
    moto: Moto,
    logs: LogFolder,
    data: LogFolder,
    out: LogFolder,
    sinks: String,
}

impl Lift {
    fn to(sinks: &str) -> Self {
        let (moto, logs) = (Moto::with_bucket(), LogFolder::empty());
        Self { moto, logs, data: LogFolder::empty(), out: LogFolder::empty(), sinks: sinks.to_owned() }
    }

    /// With these configs of the component that labels and of the one that names.
    fn config(&self, labels: &str, naming: &str) -> String {
        let [label, namer] = ["labels", "namer"].map(|name| guest(name, env!("CARGO_TARGET_TMPDIR")));
        format!(
            "
data_dir: {data}
sources: {{ airflow: {{ type: airflow, base_log_folder: {logs}, rescan_secs: 0.1, join_ms: 10 }} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
  label: {{ type: wasm, inputs: [normalize], component: {label}, config: {{ {labels} }} }}
routes:
  naming: {{ type: wasm, component: {namer}, config: {{ {naming} }} }}
sinks:
{sinks}
",
            data = self.data.path().display(),
            logs = self.logs.path().display(),
            label = label.display(),
            namer = namer.display(),
            sinks = self.sinks.replace("OUT", &self.out.path().display().to_string()),
        )
    }

    fn set_up(&self, updraft: Updraft, naming: &str) -> Updraft {
        updraft.on(&self.moto).as_anyone().config("pipeline.yaml", &self.config("", naming))
    }

    /// Key and body of each object.
    fn objects(&self) -> Vec<(String, String)> {
        let objects = self.moto.objects(BUCKET).into_iter();
        objects.map(|(key, it)| (key, String::from_utf8(it.body).expect("it is text"))).collect()
    }

    /// Keys of somebody who may deliver to these log groups, and from now on nobody to others.
    fn allow_only(&self, groups: &[&str]) -> Keys {
        let actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
        let groups: Vec<String> =
            groups.iter().map(|group| format!("arn:aws:logs:*:*:log-group:{group}:*")).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let keys = self.moto.create_user("airflow", &allow(&actions, &groups));
        self.moto.enforce_iam();
        keys
    }

    /// How many events each log stream of a group has.
    fn counts(&self, group: &str) -> BTreeMap<String, usize> {
        let streams = self.moto.log_groups(REGION).remove(group).unwrap_or_default();
        streams.into_iter().map(|(name, events)| (name, events.len())).collect()
    }
}

fn file_of(dag: &str, task: u32) -> String {
    format!("dag_id={dag}/run_id=r/task_id=t{task}/attempt=1.log")
}

/// The bytes of so many lines of that level, 10 kB each.
fn long_lines(count: u32, level: &str) -> String {
    let filler = "x".repeat(10_000);
    let long = |number| line(number).replace(" INFO ", &format!(" {level} ")).trim_end().to_owned();
    (0..count).map(|number| long(number) + " " + &filler + "\n").collect()
}

/// So many log streams with so many events each.
fn each(tasks: u32, events: usize) -> BTreeMap<String, usize> {
    (0..tasks).map(|task| (format!("t{task}"), events)).collect()
}

const BY_TASK: &str =
    "  cw: { type: aws_cloudwatch_logs, inputs: [label], route: naming, group_name: '{{ dag_id }}',
    stream_name: '{{ task_id }}', encoding: { codec: text }, healthcheck: { enabled: false } }";

/// Whatever is denied of 100 files that are there, more than the sink holds, those of DAG `good` arrive; and the rest, once,
/// when it is mended.
fn good_ones_go_on_beside(allowed: &[&str], fill: impl Fn(&LogFolder), in_the_end: &[(&str, usize)]) {
    let lift = Lift::to(BY_TASK);
    let keys = lift.allow_only(allowed);
    fill(&lift.logs);
    let running = lift.set_up(updraft!("run"), "do: name").signing_with(&keys).spawn();
    running.says(&["AccessDeniedException"]);

    for tasks in [0..20, 20..40] {
        tasks.clone().for_each(|task| lift.logs.append(&file_of("good", task), long_lines(30, "INFO")));
        eventually("all of the good group", || (lift.counts("good") == each(tasks.end, 30)).then_some(()));
    }
    lift.moto.stop_enforcing_iam();
    eventually("what was denied", || {
        in_the_end.iter().all(|(group, events)| lift.counts(group) == each(100, *events)).then_some(())
    });
    running.terminate();
    running.wait().exits(0);
    for (group, events) in in_the_end {
        assert_eq!(lift.counts(group), each(100, *events), "{group}: each event once");
    }
}

#[test]
fn denied_log_streams_take_no_room_of_others_though_a_router_names_them() {
    let denied = |logs: &LogFolder| {
        for task in 0..100 {
            logs.append(&file_of("denied", task), long_lines(30, "INFO"));
        }
    };
    good_ones_go_on_beside(&["good"], denied, &[("denied", 30)]);
}

#[test]
fn files_of_which_one_label_is_denied_take_no_room_of_others() {
    let half_denied = |logs: &LogFolder| {
        for task in 0..100 {
            logs.append(&file_of("half", task), long_lines(30, "ERROR") + &line(30));
        }
    };
    good_ones_go_on_beside(&["good", "half"], half_denied, &[("half", 1), ("/airflow/errors", 30)]);
}

#[test]
fn a_label_that_is_denied_takes_no_more_room_than_its_own_events() {
    let sinks = BY_TASK.replace("route: naming, ", "").replace("{{ dag_id }}", "{{ dag_id }}-{{ label }}");
    let lift = Lift::to(&sinks);
    let keys = lift.allow_only(&["half-default", "good-default", "good-errors"]);
    // More than may wait of batches that go to several log streams, and of each little that is denied.
    let twenty: String = long_lines(19, "INFO") + &long_lines(1, "ERROR");
    lift.logs.append(&file_of("half", 0), twenty.repeat(75));
    let running = lift.set_up(updraft!("run"), "do: name").signing_with(&keys).spawn();
    running.says(&["AccessDeniedException"]);

    let of_one_file = |events| BTreeMap::from([("t0".to_owned(), events)]);
    eventually("the rest of that file", || {
        (lift.counts("half-default") == of_one_file(75 * 19)).then_some(())
    });
    lift.logs.append(&file_of("good", 0), long_lines(3, "INFO") + &long_lines(3, "ERROR"));
    eventually("a file with two healthy labels", || {
        let counts = ["good-default", "good-errors"].map(|group| lift.counts(group));
        (counts == [of_one_file(3), of_one_file(3)]).then_some(())
    });
    lift.moto.stop_enforcing_iam();
    eventually("what was denied", || (lift.counts("half-errors") == of_one_file(75)).then_some(()));
    running.terminate();
    running.wait().exits(0);
    assert_eq!(lift.counts("half-default"), of_one_file(75 * 19), "each event once");
}

const LAKE: &str = "  lake: { type: aws_s3, inputs: [label], route: naming, bucket: my-bucket, layout: batch, compression: none,
    key: 'dag={{ dag_id }}', encoding: { codec: text }, batch: { timeout_secs: 0, min_bytes: 0 } }";

#[test]
fn objects_that_were_being_put_at_a_kill_wait_for_a_router_that_fails_and_are_then_put_the_same() {
    let lift = Lift::to(LAKE);
    lift.logs.append(TRY, line(0) + &line(1).replace("INFO", "ERROR") + &line(2));
    lift.moto.hold("PutObject");
    let running = lift.set_up(updraft!("run"), "do: name").spawn();
    eventually("both objects under way", || (lift.moto.requests_of("PutObject").len() == 2).then_some(()));
    running.kill();
    lift.moto.release();
    eventually("the puts carried out", || {
        lift.moto.requests_of("PutObject").iter().all(|put| put.ended.is_some()).then_some(())
    });
    let before = lift.objects();
    let folders: Vec<&str> =
        before.iter().map(|(key, _)| key.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
    assert_eq!(folders, ["dag=etl", "errors/dag=etl"]);
    for (key, _) in &before {
        lift.moto.delete_object(BUCKET, key);
    }

    // The file goes on, and another one comes.
    lift.logs.append(TRY, line(3));
    lift.logs.append("dag_id=other/run_id=r/task_id=t/attempt=1.log", line(4).replace("INFO", "ERROR"));
    lift.set_up(updraft!("run", "--once", "--give-up", "3s"), "do: trap").run().exits(1);
    let meanwhile = lift.objects();
    assert_eq!(
        meanwhile.len(),
        1,
        "only what nobody named before goes by the sink's own name: {meanwhile:?}"
    );
    assert!(meanwhile[0].0.starts_with("dag=other/"), "{meanwhile:?}");

    lift.set_up(updraft!("run", "--once"), "do: name").run().exits(0);
    let after = lift.objects();
    assert!(before.iter().all(|object| after.contains(object)), "the very same: {before:?} {after:?}");
    let mut lines: Vec<&str> = after.iter().flat_map(|(_, body)| body.lines()).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["line 0", "line 1", "line 2", "line 3", "line 4"]);
}

/// Each build labels all events by a name of its own, and its router sends no others anywhere.
#[test]
fn no_router_is_asked_about_the_labels_of_another_build() {
    let lift = Lift::to(
        "  mirror: { type: aws_s3, inputs: [label], route: naming, bucket: my-bucket, refresh_secs: 0.1 }
  local: { type: file, inputs: [label], route: naming, path: OUT }
  cw: { type: aws_cloudwatch_logs, inputs: [label], route: naming, group_name: g, stream_name: '{{ task_id }}' }",
    );
    let file = lift.data.path().join("p.yaml");
    let of_build = |build: u32| {
        let config = lift.config(&format!("all: build{build}"), &format!("do: only build{build}"));
        fs::write(&file, config).expect("it can be written");
    };
    of_build(0);
    let running = updraft!("run", "--config", &file).on(&lift.moto).as_anyone().spawn();
    eventually("its control socket", || lift.data.path().join("control.sock").exists().then_some(()));
    // Files come all the while, each one batch; labelling takes its time, so that builds are exchanged in the midst of it.
    let stop = AtomicBool::new(false);
    let tasks = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut tasks = 0;
            while !stop.load(Ordering::Relaxed) {
                lift.logs.append(&file_of("etl", tasks), line(tasks));
                tasks += 1;
                thread::sleep(Duration::from_millis(20));
            }
            tasks
        });
        for build in 1..=6 {
            of_build(build);
            updraft!("reload", "--data-dir", lift.data.path()).run().exits(0);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().expect("it wrote")
    });
    running.terminate();
    let done = running.wait();
    done.exits(0);
    assert!(!done.stderr.contains("not for this sink"), "{}", done.stderr);
    assert_eq!(lift.counts("g"), each(tasks, 1));
    let written: BTreeMap<String, String> =
        (0..tasks).map(|task| (file_of("etl", task), line(task))).collect();
    assert_eq!(lift.objects().into_iter().collect::<BTreeMap<_, _>>(), written);
    assert_eq!(files_in(lift.out.path()).len(), written.len());
}
