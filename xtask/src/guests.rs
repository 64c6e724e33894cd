//! What components cost: the throughput of the templates of `updraft new` in each language, and what a router in Python
//! adds to a pipeline whose names come from templates. Every figure is a ratio against a baseline of the same run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use updraft_tests::{LogFolder, fixture_sets};

use crate::run::{Outcome, cargo, cargos, heading, ours, run};
use crate::setup;

const FILES: usize = 40;
const ROUNDS: usize = 5;
const NAMES_MORE: usize = 10;
const LANGUAGES: [&str; 3] = ["rust", "python", "javascript"];

const NORMALIZING: &str = "
data_dir: data
sources: { airflow: { type: airflow, base_log_folder: logs } }
transforms:
  normalize: { type: wasm, inputs: [airflow], component: 'COMPONENT', limits: { memory_mib: 256, timeout_ms: 10000 } }
sinks: { out: { type: blackhole, inputs: [normalize] } }
";

const NAMING: &str = "
data_dir: data
sources: { airflow: { type: airflow, base_log_folder: logs } }
transforms: { normalize: { type: wasm, inputs: [airflow], component: 'builtin:airflow' } }
routes: { naming: { type: wasm, component: 'COMPONENT', config: { teams: { etl: data } } } }
sinks:
  out:
    type: file
    inputs: [normalize]
    ROUTE
    path: out
    layout: batch
    compression: none
    key: 'dag_id={{ dag_id }}/date=%F'
";

/// What one run took, in seconds.
#[derive(Clone, Copy)]
struct Took {
    /// Of processors, ours and the system's for us.
    cpu: f64,
    wall: f64,
}

/// `arguments`: `--megabytes N` of log; `--binary PATH`, one that is built already; `--only normalizers` or `--only names`.
pub fn guests(arguments: &[String]) -> Outcome {
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let megabytes: usize = match value("--megabytes") {
        Some(number) => number.parse().map_err(|_| format!("--megabytes: `{number}` is no number"))?,
        None => 64,
    };
    setup::setup()?;
    let binary = if let Some(binary) = value("--binary") {
        PathBuf::from(binary)
    } else {
        heading("build");
        run(cargo(&["build", "--locked", "--quiet", "--release", "--package", "updraft"]))?;
        cargos().join("release/updraft")
    };
    let binary = fs::canonicalize(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let bench = Bench { binary, place: ours().join("measured") };
    fs::remove_dir_all(&bench.place).ok();
    let only = value("--only").map(String::as_str);
    if only != Some("names") {
        bench.normalizers(megabytes)?;
    }
    // What it takes to ask once for each file is to be little beside its lines, as it is where lines are many.
    if only != Some("normalizers") {
        bench.names(megabytes * NAMES_MORE)?;
    }
    Ok(())
}

struct Bench {
    binary: PathBuf,
    place: PathBuf,
}

impl Bench {
    fn normalizers(&self, megabytes: usize) -> Outcome {
        let bytes = self.make_logs(megabytes)?;
        heading("normalizers over real lines of Airflow 2 and 3, into a blackhole");
        let builtin = self.rate(NORMALIZING, "builtin:airflow", bytes)?;
        println!("   {:24}{builtin:8.1} MB of log per CPU-second", "builtin:airflow");
        for language in LANGUAGES {
            let component = self.project("normalizer", language)?;
            let rate = self.rate(NORMALIZING, &component, bytes)?;
            println!(
                "   {language:24}{rate:8.1} MB of log per CPU-second, {:.2} of the built-in's",
                rate / builtin
            );
        }
        Ok(())
    }

    fn names(&self, megabytes: usize) -> Outcome {
        self.make_logs(megabytes)?;
        heading("names by templates, and by a router in Python");
        let router = self.project("router", "python")?;
        let without = NAMING.replace("ROUTE", "").replace("routes:", "# routes:");
        let with = NAMING.replace("ROUTE", "route: naming");
        let [mut by_templates, mut by_naming] = [Vec::new(), Vec::new()];
        // By turns, so that whatever else the machine does meets both.
        for _ in 0..ROUNDS {
            by_templates.push(self.net(&without, &router)?);
            by_naming.push(self.net(&with, &router)?);
        }
        for (what, of) in [("CPU", (|it: &Took| it.cpu) as fn(&Took) -> f64), ("wall", |it| it.wall)] {
            let [before, after] = [&by_templates, &by_naming].map(|laps| median(laps.iter().map(of)));
            println!(
                "   {what:5} {before:.2} s by templates, {after:.2} s by the router: {:.3}",
                after / before
            );
        }
        Ok(())
    }

    /// The fixtures' files, as often as it takes, in `FILES` of them; returns how many bytes.
    fn make_logs(&self, megabytes: usize) -> Outcome<usize> {
        let mut real = Vec::new();
        for set in fixture_sets() {
            real.extend(LogFolder::of(&set).task_files().into_values().flat_map(whole_lines));
        }
        let each = megabytes * 1_000_000 / FILES;
        let repeated: Vec<u8> = real.iter().copied().cycle().take(each).collect();
        let text = whole_lines(repeated);
        for file in 0..FILES {
            let folder = self.place.join(format!("logs/dag_id=etl_{file}/run_id=r/task_id=t"));
            write(&folder.join("attempt=1.log"), &text)?;
        }
        fs::create_dir_all(self.place.join("none")).map_err(|error| error.to_string())?;
        Ok(text.len() * FILES)
    }

    /// A new project of that kind, built as its README says; the path of its component.
    fn project(&self, kind: &str, language: &str) -> Outcome<String> {
        let (name, folder) = (format!("{kind}-{language}"), self.place.join(format!("{kind}-{language}")));
        let mut new = Command::new(&self.binary);
        new.args(["new", kind, &name, "--lang", language, "--path"]).arg(&folder);
        run(new)?;
        let readme = fs::read_to_string(folder.join("README.md")).map_err(|error| error.to_string())?;
        let build = readme.split_once("## Build").and_then(|(_, rest)| rest.split("```").nth(1));
        let commands = build
            .and_then(|block| block.strip_prefix("sh\n"))
            .ok_or("its README says no build".to_owned())?;
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", commands]).current_dir(&folder);
        run(shell)?;
        let places = ["target/wasm32-wasip2/release", "."].map(|place| folder.join(place));
        let found = places.iter().find_map(|place| {
            let files = fs::read_dir(place).ok()?.flatten().map(|entry| entry.path());
            files.into_iter().find(|path| path.extension().is_some_and(|it| it == "wasm"))
        });
        let found =
            found.ok_or_else(|| format!("{} was built, and there is no component", folder.display()))?;
        Ok(found.display().to_string())
    }

    /// MB of log per CPU-second, the median of some runs.
    fn rate(&self, pipeline: &str, component: &str, bytes: usize) -> Outcome<f64> {
        let pipeline = pipeline.replace("COMPONENT", component);
        let mut took = Vec::new();
        for _ in 0..ROUNDS.min(3) {
            took.push(self.net(&pipeline, component)?.cpu);
        }
        Ok(bytes as f64 / 1e6 / median(took.into_iter()))
    }

    /// What a run takes, less what one over no logs takes.
    fn net(&self, pipeline: &str, component: &str) -> Outcome<Took> {
        let pipeline = pipeline.replace("COMPONENT", component);
        let idle = self.take(&pipeline.replace("base_log_folder: logs", "base_log_folder: none"))?;
        let busy = self.take(&pipeline)?;
        Ok(Took { cpu: busy.cpu - idle.cpu, wall: busy.wall - idle.wall })
    }

    /// One run with compiled components and no cursors.
    fn take(&self, pipeline: &str) -> Outcome<Took> {
        for left in ["cursors.sqlite", "cursors.sqlite-wal", "cursors.sqlite-shm"] {
            fs::remove_file(self.place.join("data").join(left)).ok();
        }
        fs::remove_dir_all(self.place.join("out")).ok();
        write(&self.place.join("pipeline.yaml"), pipeline.as_bytes())?;
        let mut shell = Command::new("bash");
        shell
            .args([
                "-c",
                "TIMEFORMAT='%U %S %R'; time \"$0\" --log-level error run --once --config pipeline.yaml",
            ])
            .arg(&self.binary)
            .current_dir(&self.place);
        let done = shell.output().map_err(|error| format!("bash: {error}"))?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let times: Vec<f64> =
            said.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
        match times[..] {
            [user, system, wall] if done.status.success() => Ok(Took { cpu: user + system, wall }),
            _ => Err(format!("the run failed: {said}").into()),
        }
    }
}

/// Without the last line if that is no whole one.
fn whole_lines(mut text: Vec<u8>) -> Vec<u8> {
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    text.truncate(end);
    text
}

fn write(path: &Path, bytes: &[u8]) -> Outcome {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(path, bytes)).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
