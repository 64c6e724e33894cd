//! `cargo xtask torture`: one long run, or a scenario, by seed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use updraft_torture::{Disturbance, Plan, run, scenario};

const HELP: &str = "\
updraft-torture --binary UPDRAFT [--minutes N] [--seed S] [--without renames,copies,…] [--short]
                [--scenario s3-down|cloudwatch-down]";

fn main() -> ExitCode {
    match torture(std::env::args().skip(1)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn torture(mut arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let (mut binary, mut minutes, mut seed) = (None, 1.0, 1);
    let (mut without, mut short, mut away) = (String::new(), false, None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{HELP}"));
        match argument.as_str() {
            "--binary" => {
                // The host starts in a home of its own.
                let path = PathBuf::from(value()?);
                binary = Some(path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?);
            }
            "--minutes" => {
                minutes = value()?.parse::<f64>().map_err(|error| format!("--minutes: {error}"))?;
            }
            "--seed" => seed = value()?.parse().map_err(|error| format!("--seed: {error}"))?,
            "--without" => without = value()?,
            "--short" => short = true,
            "--scenario" => away = Some(scenario::named(&value()?).ok_or(HELP)?),
            _ => return Err(format!("what is {argument}?\n{HELP}")),
        }
    }
    let binary = binary.ok_or(HELP)?;
    let mut plan =
        if short { Plan::short(seed) } else { Plan::long(seed, Duration::from_secs_f64(minutes * 60.0)) };
    plan.disturbances = Disturbance::all_but(&without)?;
    if let Some(away) = away {
        let measured = scenario::run(&plan, away, &binary);
        return measured.map(|it| it.to_string()).map_err(|failure| failure.to_string());
    }
    run(&plan, &binary).map(|card| card.to_string()).map_err(|failure| failure.to_string())
}
