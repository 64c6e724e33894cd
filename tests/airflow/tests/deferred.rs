//! Promise: what a triggerer writes for a deferred task is in the task's log, by the time, also what it wiped itself.

use std::{fs, thread};

use updraft_airflow_tests::awkward::{json_line, text_line};
use updraft_airflow_tests::readers::{Airflow, Question, ask};
use updraft_airflow_tests::{Identity, records, shelf};
use updraft_tests::{BUCKET, LogFolder, Moto, REGION, eventually};

/// A log that grows as that of a task that defers twice, and what has been written of it.
struct Deferred {
    airflow: Airflow,
    logs: LogFolder,
    task: String,
    written: Vec<Vec<u8>>,
}

impl Deferred {
    fn new(airflow: Airflow, identity: &Identity) -> Self {
        Self { airflow, logs: LogFolder::empty(), task: identity.path(), written: Vec::new() }
    }

    fn line(&self, second: u32, message: &str) -> String {
        match self.airflow {
            Airflow::Two => text_line(&format!("12:00:{second:02}.000"), message),
            Airflow::Three => json_line(&format!("12:00:{second:02}.000000"), &message.into()),
        }
    }

    /// The task writes two lines.
    fn works(&mut self, second: u32, message: &str) {
        let lines = self.line(second, message) + &self.line(second + 1, &format!("{message}, and more"));
        self.append(&self.task.clone(), lines);
    }

    /// The triggerer writes two lines. That of Airflow 3 empties the file first.
    fn waits(&mut self, second: u32, message: &str) {
        let trigger = format!("{}.trigger.4.log", self.task);
        let path = self.logs.path().join(&trigger);
        if self.airflow == Airflow::Three && path.exists() {
            fs::File::create(path).expect("it can be emptied");
        }
        let lines = self.line(second, message) + &self.line(second + 1, &format!("{message}, and more"));
        self.append(&trigger, lines);
    }

    fn append(&mut self, path: &str, lines: String) {
        self.logs.append(path, &lines);
        self.written.push(lines.into_bytes());
    }

    /// All that was written is in both services.
    fn wait(&self, moto: &Moto) {
        eventually("both services to have all of it", || {
            let stream = self.task.replace(':', "_");
            let events = moto.log_events("/ui", &stream).len();
            let bytes: usize = moto.sizes(BUCKET).values().sum();
            (events == 2 * self.written.len() && bytes == self.written.concat().len()).then_some(())
        });
    }
}

const BOTH: &str = r"
sources:
  airflow: { type: airflow }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' }
sinks:
  events: { type: aws_cloudwatch_logs, inputs: [normalize], for: airflow-ui, group_name: /ui }
  objects: { type: aws_s3, inputs: [airflow], for: airflow-ui, bucket: my-bucket, key_prefix: ui/ }
";

#[test]
fn both_hops_of_a_task_that_defers_twice_stand_between_its_own_lines() {
    thread::scope(|scope| {
        for airflow in Airflow::BOTH {
            scope.spawn(move || defers_twice(airflow));
        }
    });
}

fn defers_twice(airflow: Airflow) {
    let moto = Moto::start();
    moto.create_bucket(BUCKET, REGION);
    let identity = Identity::new("deferrable", "manual__2026-11-21T12:00:00+00:00", "twice");
    let mut log = Deferred::new(airflow, &identity);
    log.works(0, "submitted");
    let running = shelf::running(&log.logs, &moto, BOTH).spawn();
    log.wait(&moto);
    log.waits(10, "first hop");
    log.wait(&moto);
    log.works(20, "back, and away again");
    log.waits(30, "second hop");
    log.wait(&moto);
    log.works(40, "back for good");
    log.wait(&moto);
    running.terminate();
    running.wait().exits(0);

    let questions =
        [Question::events("/ui", &identity), Question::objects(&format!("{BUCKET}/ui"), &identity)];
    let answers = ask(airflow, &moto, &questions);
    let wanted = records::expected(&log.written);
    let difference = records::difference(&wanted, &records::read_back(airflow, &answers[0]));
    assert!(difference.is_none(), "{airflow:?}: {}", difference.unwrap_or_default());

    let mut lines: Vec<&str> = answers[1].raw.iter().flat_map(|text| text.lines()).collect();
    let written = String::from_utf8(log.written.concat()).expect("it is text");
    let mut all: Vec<&str> = written.lines().collect();
    lines.sort_unstable();
    all.sort_unstable();
    assert_eq!(lines, all, "{airflow:?}");

    for answer in &answers {
        let page = answer.shown.concat();
        let messages = ["submitted", "first hop", "back, and away again", "second hop", "back for good"];
        let places: Vec<_> = messages.iter().map(|message| page.find(message)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{airflow:?}: {page}");
    }
}
