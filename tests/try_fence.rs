//! Promise: when a try has ended, its last line is visible and its object final within seconds, whatever the config would
//! have waited for; a deferred task has not ended.

use std::collections::BTreeMap;

use updraft_tests::{BUCKET, LogFolder, Moto, REGION, Running, eventually, updraft};

/// As Airflow 2 ends the log of a task's process.
fn exit(code: &str) -> String {
    format!(
        "[2026-11-21T12:00:02.000+0000] {{local_task_job_runner.py:266}} INFO - Task exited with return code {code}\n\
         [2026-11-21T12:00:02.100+0000] {{local_task_job_runner.py:245}} INFO - ::endgroup::\n"
    )
}

const WORK: &str = "[2026-11-21T12:00:00.000+0000] {load.py:7} INFO - at work\n";
const DEFERRED: &str = "[2026-11-21T12:00:01.000+0000] {taskinstance.py:297} INFO - Pausing task as DEFERRED. dag_id=d, task_id=t\n";
/// What Airflow 3 says of a process that was killed; a line of its own pipe comes last, cut off.
const KILLED: &str = r#"{"timestamp":"2026-11-21T12:00:02Z","level":"critical","event":"Process terminated by signal. Likely out of memory error (OOM).","signal":-9,"logger":"task"}
{"timestamp":"2026-11-21T12:00:02Z","level":"info","event":"its last words","logger":"task.stdout"}"#;

fn path(task: &str, attempt: u32) -> String {
    format!("dag_id=d/run_id=r/task_id={task}/attempt={attempt}.log")
}

/// To CloudWatch and to two mirrors, by a config that waits for an hour wherever it may.
fn start(logs: &LogFolder, moto: &Moto) -> Running {
    let config = "
sources: { airflow: { type: airflow, join_ms: 60000, partial_line_secs: 3600 } }
transforms: { normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' } }
sinks:
  cw: { type: aws_cloudwatch_logs, inputs: [normalize], group_name: tries, stream_name: '{{ path }}' }
  copied: { type: aws_s3, inputs: [airflow], bucket: my-bucket, refresh_secs: 3600 }
  masked: { type: aws_s3, inputs: [normalize], bucket: my-bucket, key_prefix: masked/, refresh_secs: 3600 }
  once: { type: aws_s3, inputs: [airflow], bucket: my-bucket, key_prefix: once/, write_once: true, quiet_secs: 3600 }
";
    updraft!("run").on(moto).deployed(logs).as_anyone().config("fence.yaml", config).spawn()
}

fn objects(moto: &Moto) -> BTreeMap<String, Vec<u8>> {
    moto.objects(BUCKET).into_iter().map(|(key, object)| (key, object.body)).collect()
}

#[test]
fn the_object_of_an_ended_try_is_final_and_its_last_line_visible_while_a_deferred_one_still_waits() {
    let moto = Moto::start();
    moto.create_bucket(BUCKET, REGION);
    let logs = LogFolder::empty();
    let (retried, again) = (path("retried", 1), path("retried", 2));
    let (killed, deferred) = (path("killed", 1), path("deferred", 1));
    let all = [&retried, &again, &killed, &deferred];
    for file in all {
        logs.append(file, WORK);
    }
    let _running = start(&logs, &moto);
    eventually("a first object of each", || {
        let objects = objects(&moto);
        all.iter().all(|file| objects.contains_key(*file)).then_some(())
    });
    let before = objects(&moto);

    // Nobody has ended by this, though all are quiet for long enough in what follows.
    logs.append(&deferred, [DEFERRED, &exit("100 (task deferral)")].concat());
    logs.append(&again, "[2026-11-21T12:00:02.000+0000] {load.py:8} INFO - Task exited with return code 0\n");
    logs.append(&retried, exit("1").trim_end());
    logs.append(&killed, KILLED);

    let files = logs.task_files();
    let ended = [&retried, &killed];
    for file in ended {
        eventually("the object to be final", || {
            let objects = objects(&moto);
            let copied = objects.get(file) == Some(&files[file]);
            let masked = objects.get(&format!("masked/{file}")) == Some(&files[file]);
            (copied && masked).then_some(())
        });
        let lines = files[file].split(|byte| *byte == b'\n').count();
        eventually("its last line", || (moto.log_events("tries", file).len() == lines).then_some(()));
    }
    let now = objects(&moto);
    for file in [&again, &deferred] {
        assert_eq!(now[file], before[file], "{file}: its try has not ended");
    }
    assert!(!now.keys().any(|key| key.starts_with("once/")), "who writes once waits for `quiet_secs`");

    logs.append(&deferred, [WORK, &exit("0")].concat());
    let files = logs.task_files();
    eventually("the deferred one to be final after it came back", || {
        (objects(&moto).get(&deferred) == Some(&files[&deferred])).then_some(())
    });

    // It says so, and yet goes on: open again.
    logs.append(&retried, "\nsomething else\n");
    logs.append(&retried, exit("1"));
    let files = logs.task_files();
    eventually("what came after the end", || {
        (objects(&moto).get(&retried) == Some(&files[&retried])).then_some(())
    });
}
