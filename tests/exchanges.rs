//! Promise: while lines are written and components are exchanged again and again, each line arrives once in every sink,
//! in the order of its file, as some build of them made it.
//!
//! For longer: `UPDRAFT_EXCHANGES=200 cargo nextest run -p updraft --test exchanges --no-capture`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use updraft_tests::{BUCKET, LogFolder, MIB, Moto, Running, eventually, files_in, guest, updraft};

/// The group of log streams.
const GROUP: &str = "exchanges";
/// The writer's rhythm: more than one batch fits between two exchanges.
const PAUSE: Duration = Duration::from_millis(4);
/// Files that grow.
const FILES: [&str; 4] = ["a", "b", "c", "d"];

/// A pipeline of two components in a folder of its own.
struct Host {
    moto: Moto,
    folder: LogFolder,
    running: Option<Running>,
}

impl Host {
    fn start(options: &str, sinks: &str) -> Self {
        let (moto, folder) = (Moto::with_bucket(), LogFolder::empty());
        fs::copy(guest("mask", env!("CARGO_TARGET_TMPDIR")), folder.path().join("mask.wasm"))
            .expect("a thread");
        fs::create_dir(folder.path().join("logs")).expect("a thread");
        let pipeline = format!(
            "
data_dir: data
sources: {{ airflow: {{ type: airflow, base_log_folder: logs, rescan_secs: 0.2, join_ms: 1 }} }}
transforms:
  normalize: {{ type: wasm, inputs: [airflow], component: 'builtin:airflow' }}
  mask: {{ type: wasm, inputs: [normalize], component: mask.wasm, config: {{ with: BUILD }}{options} }}
sinks:
{sinks}"
        );
        fs::write(folder.path().join("template"), pipeline).expect("a thread");
        let mut host = Self { moto, folder, running: None };
        host.config(0);
        let run = updraft!("run", "--config", host.at("p.yaml")).on(&host.moto).as_anyone();
        host.running = Some(run.spawn());
        eventually("its control socket", || host.at("data/control.sock").exists().then_some(()));
        host
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, build: usize) {
        let text = fs::read_to_string(self.at("template")).expect("it can be read");
        fs::write(self.at("p.yaml"), text.replace("BUILD", &format!("build{build}")))
            .expect("it can be written");
    }

    /// Another build takes over, each third time another component as well.
    fn exchange(&self, build: usize) {
        if build.is_multiple_of(3) {
            let mut bytes = fs::read(self.at("mask.wasm")).expect("it can be read");
            // A custom section that says nothing. <https://webassembly.github.io/spec/core/binary/modules.html>
            bytes.extend_from_slice(&[0, 2, 1, b'x']);
            fs::write(self.at("new"), bytes).expect("it can be written");
            fs::rename(self.at("new"), self.at("mask.wasm")).expect("it can be written");
        }
        self.config(build);
        updraft!("reload", "--data-dir", self.at("data")).run().exits(0);
    }

    fn ends(&mut self) {
        let running = self.running.take().expect("it runs");
        running.terminate();
        running.wait().exits(0);
    }

    fn objects(&self, prefix: &str) -> BTreeMap<String, String> {
        let objects = self.moto.objects(BUCKET).into_iter().filter_map(|(key, object)| {
            Some((key.strip_prefix(prefix)?.to_owned(), String::from_utf8(object.body).expect("it is text")))
        });
        objects.collect()
    }
}

/// A line as Airflow 2 writes it, 10 ms after the one before it.
fn line(file: &str, number: u64) -> String {
    let ms = number * 10;
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!(
        "[2026-11-21T{hour:02}:{minute:02}:{second:02}.{ms:03}+0000] {{load.py:7}} INFO - {file} line {number} by hunter2\n"
    )
}

fn path(file: &str) -> String {
    format!("dag_id=etl/run_id=r/task_id={file}/attempt=1.log")
}

/// What arrived of a file, in order: the numbers of its lines, and which build made each.
fn arrived(file: &str, text: &str) -> Vec<(u64, usize)> {
    let of = |line: &str| -> Option<(u64, usize)> {
        let (_, rest) = line.split_once(&format!("INFO - {file} line "))?;
        let (number, build) = rest.split_once(" by build")?;
        let digits = build.find(|it: char| !it.is_ascii_digit()).unwrap_or(build.len());
        Some((number.parse().ok()?, build[..digits].parse().ok()?))
    };
    text.lines().map(|line| of(line).unwrap_or_else(|| panic!("{file}: {line}"))).collect()
}

/// Compared with what was written: how many lines are lost, how many doubled.
#[derive(Debug, Default, PartialEq, Eq)]
struct Books {
    lost: usize,
    doubled: usize,
    out_of_order: usize,
}

impl Books {
    fn add(&mut self, written: u64, arrived: &[(u64, usize)], ordered: bool) {
        let mut times = BTreeMap::<u64, usize>::new();
        for (number, _) in arrived {
            *times.entry(*number).or_default() += 1;
        }
        self.lost += (0..written).filter(|number| !times.contains_key(number)).count();
        self.doubled += times.values().map(|times| times - 1).sum::<usize>();
        // Nor does an old build come back once another has taken over.
        let in_order = |pair: &[(u64, usize)]| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1;
        self.out_of_order +=
            if ordered { arrived.windows(2).filter(|pair| !in_order(pair)).count() } else { 0 };
    }
}

/// Appends to all files until it is told to stop; how many lines of each were written.
fn write(logs: &Path, stop: &AtomicBool) -> BTreeMap<&'static str, u64> {
    let mut written = BTreeMap::new();
    let mut files = FILES.map(|file| {
        let path = logs.join(path(file));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        (file, fs::File::create(path).expect("it can be written"), 0)
    });
    while !stop.load(Ordering::Relaxed) {
        for (file, handle, number) in &mut files {
            let text: String = (*number..*number + 3).map(|number| line(file, number)).collect();
            std::io::Write::write_all(handle, text.as_bytes()).expect("it can be written");
            *number += 3;
            written.insert(*file, *number);
        }
        thread::sleep(PAUSE);
    }
    written
}

/// The longest time in which nothing was added to the files of a folder, in ms, until it is told to stop.
fn longest_silence(folder: &Path, stop: &AtomicBool, so_far: &AtomicU64) {
    let (mut size, mut since) = (0, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let now: u64 = FILES
            .iter()
            .filter_map(|file| fs::metadata(folder.join(path(file))).ok())
            .map(|it| it.len())
            .sum();
        if now != size {
            // Before the first line there was nothing to wait for.
            if size > 0 {
                so_far.fetch_max(since.elapsed().as_millis() as u64, Ordering::Relaxed);
            }
            (size, since) = (now, Instant::now());
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn each_line_arrives_once_in_every_sink_while_components_are_exchanged() {
    let exchanges: usize =
        std::env::var("UPDRAFT_EXCHANGES").ok().and_then(|it| it.parse().ok()).unwrap_or(20);
    let mut host = Host::start("", &format!(
        "  local: {{ type: file, inputs: [mask], path: out }}
  cw: {{ type: aws_cloudwatch_logs, inputs: [mask], group_name: {GROUP}, encoding: {{ codec: text }}, batch: {{ timeout_secs: 0.2 }} }}
  mirror: {{ type: aws_s3, inputs: [mask], bucket: {BUCKET}, key_prefix: mirror/, refresh_secs: 0.5 }}
  lake: {{ type: aws_s3, inputs: [mask], bucket: {BUCKET}, key_prefix: lake/, layout: batch, key: '{{{{ task_id }}}}/', encoding: {{ codec: raw }}, compression: none, batch: {{ timeout_secs: 0.5, max_wait_secs: 0.5 }} }}
"
    ));
    let (stop, silence) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = thread::spawn({
        let (logs, stop) = (host.at("logs"), stop.clone());
        move || write(&logs, &stop)
    });
    let listener = thread::spawn({
        let (out, stop, silence) = (host.at("out"), stop.clone(), silence.clone());
        move || longest_silence(&out, &stop, &silence)
    });
    let began = Instant::now();
    (1..=exchanges).for_each(|build| host.exchange(build));
    let took = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let written = writer.join().unwrap();
    listener.join().unwrap();
    host.ends();

    let local = files_in(&host.at("out"));
    let mirror = host.objects("mirror/");
    let lake = host.objects("lake/");
    let mut books = BTreeMap::<&str, Books>::new();
    let mut builds = BTreeMap::<&str, usize>::new();
    for (file, &lines) in &written {
        let name = path(file);
        let events = host.moto.log_events(GROUP, &name);
        let said: Vec<String> = events.iter().map(|event| format!("INFO - {}", event.message)).collect();
        let said = said.join("\n");
        let in_lake: String = lake
            .iter()
            .filter(|(key, _)| key.starts_with(&format!("{file}/")))
            .map(|(_, text)| &**text)
            .collect();
        for (sink, text, ordered) in [
            ("local", std::str::from_utf8(&local[&name]).unwrap(), true),
            ("cw", &*said, true),
            ("mirror", &mirror[&name], true),
            // Between objects there is no order.
            ("lake", &in_lake, false),
        ] {
            let arrived = arrived(file, text);
            let mut seen: Vec<usize> = arrived.iter().map(|(_, build)| *build).collect();
            seen.sort_unstable();
            seen.dedup();
            books.entry(sink).or_default().add(lines, &arrived, ordered);
            let most = builds.entry(sink).or_default();
            *most = (*most).max(seen.len());
        }
    }
    let lines: u64 = written.values().sum();
    let silence = silence.load(Ordering::Relaxed);
    println!("{exchanges} exchanges in {took:.1?} while {lines} lines were written: {books:?}");
    println!("the longest time in which no line arrived: {silence} ms; builds seen of one file: {builds:?}");
    assert!(books.values().all(|books| *books == Books::default()), "{books:?}");
    // A mirror's object is made anew as a whole while it is small.
    assert!(["local", "cw", "lake"].iter().all(|sink| builds[sink] > 1), "{builds:?}");
}

/// So many bytes of lines from that number on; the number after the last.
fn many(from: u64, bytes: usize) -> (String, u64) {
    let (mut text, mut number) = (String::new(), from);
    while text.len() < bytes {
        text += &line("a", number);
        number += 1;
    }
    (text, number)
}

#[test]
fn an_object_whose_parts_one_build_began_is_gone_on_with_by_the_next() {
    let mut host = Host::start(
        "",
        &format!(
            "  mirror: {{ type: aws_s3, inputs: [mask], bucket: {BUCKET}, key_prefix: mirror/, refresh_secs: 0.1 }}\n"
        ),
    );
    // The second part is on its way when the other build takes over.
    host.moto.hold_after(1, "UploadPart");
    let (text, after) = many(0, 24 * MIB);
    let log = format!("logs/{}", path("a"));
    host.folder.append(&log, &text);
    eventually("the second part", || (host.moto.requests_of("UploadPart").len() == 2).then_some(()));
    host.exchange(1);
    host.moto.release();
    let whole = || Some(host.objects("mirror/").remove(&path("a"))?.lines().count() as u64);
    eventually("the object", || (whole() == Some(after)).then_some(()));

    // What is added to an object is made by the third, what is there is copied.
    host.exchange(2);
    let (text, after) = many(after, MIB);
    host.folder.append(&log, &text);
    eventually("the grown object", || (whole() == Some(after)).then_some(()));
    host.ends();

    let arrived = arrived("a", &host.objects("mirror/")[&path("a")]);
    let mut books = Books::default();
    books.add(after, &arrived, true);
    assert_eq!(books, Books::default());
    assert!(
        [0, 1, 2].iter().all(|build| arrived.iter().any(|(_, by)| by == build)),
        "all three made some of it"
    );
    assert_eq!(host.moto.requests_of("CreateMultipartUpload").len(), 2);
}

#[test]
fn a_line_that_both_builds_fail_on_is_one_dead_letter() {
    let mut host = Host::start(
        ", on_error: dead_letter, dead_letter: dead",
        &format!(
            "  mirror: {{ type: aws_s3, inputs: [mask], bucket: {BUCKET}, key_prefix: mirror/, refresh_secs: 0.1 }}
  dead: {{ type: file, path: dead }}
"
        ),
    );
    let log = format!("logs/{}", path("a"));
    let has = |host: &Host, what: &str| {
        eventually(what, || {
            host.objects("mirror/").get(&path("a")).is_some_and(|it| it.contains(what)).then_some(())
        });
    };
    let poison = line("a", 1).replace("hunter2", "POISON");
    host.folder.append(&log, [line("a", 0), poison, line("a", 2)].concat());
    has(&host, "line 2 by build0");
    host.exchange(1);
    host.folder.append(&log, line("a", 3));
    has(&host, "line 3 by build1");
    host.ends();

    // All of the object was made anew, by the new build.
    let object = arrived("a", &host.objects("mirror/")[&path("a")]);
    assert_eq!(object, [(0, 1), (2, 1), (3, 1)]);
    let dead: Vec<u8> = files_in(&host.at("dead")).into_values().flatten().collect();
    assert_eq!(String::from_utf8(dead).unwrap().matches("POISON").count(), 1);
}
