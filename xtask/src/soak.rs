//! How much a component in trouble takes from the pipeline beside it: the time that a healthy pipeline needs for its
//! logs, beside one whose component traps, fails or loops, over the same beside one whose component is well.

use std::time::{Duration, Instant};

use updraft_tests::{LogFolder, Updraft, guest, line};

use crate::run::{Outcome, cargo, cargos, heading, run};
use crate::setup;

const FILES: u32 = 100;
/// Two batches in a file have poison in them, of all those that `--lines` comes to.
const POISON: &str = "[2026-11-21T12:00:09.000+0000] {load.py:7} INFO - POISON\n";
const ROUNDS: usize = 5;

const PIPELINE: &str = r"
sources:
  bad: { type: airflow, base_log_folder: '${BAD}' }
  good: { type: airflow, base_log_folder: '${GOOD}' }
transforms:
  tested:
    type: wasm
    inputs: [bad]
    component: '${COMPONENT}'
    config: { do: '${DO}', every: '100' }
    limits: { timeout_ms: 200 }
    on_error: drop
  healthy: { type: wasm, inputs: [good], component: builtin:airflow }
sinks:
  out: { type: blackhole, inputs: [tested] }
  well: { type: blackhole, inputs: [healthy] }
";

/// What came of one run.
struct Lap {
    /// Until the healthy pipeline had all.
    well: Duration,
    errors: u64,
}

/// `arguments`: `--lines N`, lines of each of the 100 files of each pipeline; `--binary PATH`, one that is built already.
pub fn soak(arguments: &[String]) -> Outcome {
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let lines: u32 = match value("--lines") {
        Some(lines) => lines.parse().map_err(|_| format!("--lines: `{lines}` is no number"))?,
        None => 40_000,
    };
    let binary = if let Some(binary) = value("--binary") {
        binary.into()
    } else {
        setup::wasm_target()?;
        heading("build");
        run(cargo(&["build", "--locked", "--quiet", "--release", "--package", "updraft"]))?;
        cargos().join("release/updraft")
    };
    let component = guest("hostile", &cargos().join("tmp").to_string_lossy());
    let (good, bad) = (LogFolder::empty(), LogFolder::empty());
    for file in 0..FILES {
        let path = format!("dag_id=etl/run_id=r/task_id=t{file}/attempt=1.log");
        let text: String = (0..lines).map(line).collect();
        good.append(&path, &text);
        bad.append(&path, text.replacen("line 700\n", &format!("line 700\n{POISON}"), 1));
    }
    let total = u64::from(lines) * u64::from(FILES);
    println!(
        "   {FILES} files of {lines} lines in each of two pipelines; one more in each file of the first is poison"
    );

    let lap = |deed: &str| -> Outcome<Lap> {
        let data = LogFolder::empty();
        let running = Updraft::at(&binary)
            .arg("run")
            .observed()
            .env("BAD", bad.path())
            .env("GOOD", good.path())
            .env("UPDRAFT_DATA_DIR", data.path())
            .env("COMPONENT", &component)
            .env("DO", deed)
            .config("pipeline.yaml", PIPELINE)
            .spawn();
        let (mut began, mut well) = (None, None);
        loop {
            let series = running.scrape();
            let of = |sink: &str| series.count(&format!("updraft_lines_total{{sink=\"{sink}\"}}"));
            let (bad, good) = (of("out"), of("well"));
            if good > 0 {
                began.get_or_insert_with(Instant::now);
            }
            if good == total {
                well.get_or_insert_with(Instant::now);
            }
            if good > total || bad > total + u64::from(FILES) {
                return Err(format!("{deed}: {good} and {bad} lines, more than there are").into());
            }
            if let (Some(began), Some(well)) = (began, well)
                && bad == total + u64::from(FILES)
            {
                let errors =
                    series.0.iter().filter(|(name, _)| name.starts_with("updraft_component_errors_total"));
                let errors = errors.map(|(_, count)| *count as u64).sum();
                running.terminate();
                running.wait().exits(0);
                return Ok(Lap { well: well - began, errors });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    for (deed, words) in [
        ("random-trap", "traps on every 100th batch"),
        ("panic", "panics on one line of each file"),
        ("loop", "loops on one line of each file"),
    ] {
        heading(&format!("a component that {words}"));
        let (mut before, mut beside, mut errors) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            before.push(lap("nothing")?.well);
            let sick = lap(deed)?;
            beside.push(sick.well);
            errors += sick.errors;
        }
        let (before, beside) = (median(before), median(beside));
        println!(
            "   healthy pipeline: {before:.2?} beside a component that is well, {beside:.2?} beside this one: {:.2} of its rate ({errors} failed calls in {ROUNDS} runs; nothing lost)",
            before.as_secs_f64() / beside.as_secs_f64()
        );
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
