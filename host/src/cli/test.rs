//! `updraft test`: runs the tests of config files, and prints what came of them.

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use updraft::StartError;
use updraft::config::{self, Env};
use updraft::rehearsal::{Outcome, TestError, Tested, run_tests, update};

/// A test failed.
const FAILED: u8 = 1;
/// A config is bad, or has no tests.
const BAD_CONFIG: u8 = 2;
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
/// What a config needs to have tests.
const HINT: &str = "\
write one under `tests`, such as
  tests:
    - name: errors are errors
      inputs:
        - path: dag_id=etl/run_id=r/task_id=load/attempt=1.log
          lines: [\"[2026-01-01T00:00:00.000+0000] {a.py:1} ERROR - boom\"]
      outputs:
        - extract_from: NAME_OF_A_TRANSFORM_OR_SINK
and have `updraft test --update` write what comes of it; see docs/testing.md";

/// Options of `test`.
#[derive(Debug, Clone, Args)]
pub struct Test {
    /// Config files: .yaml, .yml, .toml or .json
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Write what came into the files where that is not what they expect
    #[arg(long)]
    pub update: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line each, for people.
    Text,
    /// A JSON object for each file, one a line.
    Json,
}

/// Runs the tests of all files.
pub fn test(options: &Test, env: &Env) -> Result<u8, StartError> {
    let (mut code, mut passed, mut failed) = (0, 0, 0);
    for file in &options.files {
        match of_file(options, file, env)? {
            Some(tested) => {
                let good = tested.iter().filter(|test| test.good()).count();
                passed += good;
                failed += tested.len() - good;
            }
            None => code = BAD_CONFIG,
        }
    }
    if options.format == Format::Text && passed + failed > 0 {
        anstream::println!("{passed} passed, {failed} failed");
    }
    Ok(if failed > 0 { code.max(FAILED) } else { code })
}

/// None: that is said, and it is no config with tests.
fn of_file(options: &Test, file: &Path, env: &Env) -> Result<Option<Vec<Tested>>, StartError> {
    let bad = |error: &dyn std::fmt::Display| {
        anstream::eprintln!("updraft: {error}");
        Ok(None)
    };
    let read = || -> Result<Result<Vec<Tested>, String>, StartError> {
        let config = match config::load_for_tests(file, env) {
            Ok(config) => config,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if config.tests.is_empty() {
            return Ok(Err(format!("{}: there are no tests in it; {HINT}", file.display())));
        }
        match run_tests(&config, syntax(file)) {
            Ok(tested) => Ok(Ok(tested)),
            Err(TestError::Start(error)) => Err(error),
            Err(error) => Ok(Err(format!("{}: {error}", file.display()))),
        }
    };
    let mut tested = match read()? {
        Ok(tested) => tested,
        Err(error) => return bad(&error),
    };
    let mut changed = Vec::new();
    if options.update {
        match update(file, syntax(file), &tested) {
            Ok(updated) => changed = updated.outputs,
            Err(error) => return bad(&error),
        }
        // As it stands in the file now.
        if !changed.is_empty() {
            tested = match read()? {
                Ok(tested) => tested,
                Err(error) => return bad(&error),
            };
        }
    }
    match options.format {
        Format::Text => print(file, options.files.len() > 1, &tested, &changed),
        Format::Json => anstream::println!("{}", object(file, &tested, &changed)),
    }
    Ok(Some(tested))
}

/// Whatever cannot be told was refused when it was read.
fn syntax(file: &Path) -> config::Format {
    config::Format::of(file).unwrap_or(config::Format::Yaml)
}

fn print(file: &Path, several: bool, tested: &[Tested], changed: &[(String, String, usize)]) {
    if several {
        anstream::println!("{}", file.display());
    }
    for (test, output, events) in changed {
        let events = count(*events);
        anstream::println!("wrote {events} into output `{output}` of test `{test}`");
    }
    for test in tested {
        if test.good() {
            anstream::println!("test {} ... {GREEN}ok{GREEN:#}", test.name);
            continue;
        }
        anstream::println!("test {} ... {RED}FAILED{RED:#}", test.name);
        for outcome in test.outputs.iter().filter(|outcome| !outcome.good) {
            outcome_of(outcome);
        }
        for failure in &test.failures {
            anstream::println!("    {failure}");
        }
    }
}

fn outcome_of(outcome: &Outcome) {
    let from = &outcome.from;
    let Some(expected) = &outcome.expected else {
        let got = count(outcome.got.len());
        anstream::println!(
            "  {from}: it does not say what it expects; `updraft test --update` writes {got}, which came"
        );
        return;
    };
    anstream::println!(
        "  {from}: not what is expected (- expected {}, + got {}):",
        count(expected.len()),
        count(outcome.got.len())
    );
    for line in outcome.difference.lines() {
        let style = match line.as_bytes().first() {
            Some(b'-') => RED,
            Some(b'+') => GREEN,
            _ => Style::new(),
        };
        anstream::println!("    {style}{}{style:#}", line.trim_end());
    }
}

fn count(events: usize) -> String {
    format!("{events} event{}", if events == 1 { "" } else { "s" })
}

fn object(file: &Path, tested: &[Tested], changed: &[(String, String, usize)]) -> Value {
    let output = |outcome: &Outcome| {
        json!({
            "extract_from": outcome.from,
            "ok": outcome.good,
            "expected": outcome.expected,
            "got": outcome.got,
            "difference": outcome.difference,
        })
    };
    let test = |test: &Tested| {
        json!({
            "name": test.name,
            "ok": test.good(),
            "halted": test.halted,
            "failures": test.failures,
            "outputs": test.outputs.iter().map(output).collect::<Vec<_>>(),
        })
    };
    let passed = tested.iter().filter(|test| test.good()).count();
    json!({
        "file": file.display().to_string(),
        "passed": passed,
        "failed": tested.len() - passed,
        "updated": changed.iter().map(|(test, output, events)| {
            json!({ "test": test, "extract_from": output, "events": events })
        }).collect::<Vec<_>>(),
        "tests": tested.iter().map(test).collect::<Vec<_>>(),
    })
}
