//! `updraft check`: prints what is found, a line each, and makes an exit code of it.

use super::{Check, CheckFormat};
use updraft::StartError;
use updraft::check::{self, Described, Finding, Mark};
use updraft::config::{self, Env};

/// Something is to be mended.
const NOT_WELL: u8 = 1;
/// What is there is no pipeline.
const BAD_CONFIG: u8 = 2;

/// Looks at everything.
pub fn check(options: &Check, env: &Env) -> Result<u8, StartError> {
    let print = |finding: &Finding| print(finding, options.format);
    let loaded = match &options.config.path {
        Some(path) => config::load(path, env),
        None => config::from_environment(env),
    };
    let config = match loaded {
        Ok(config) => config,
        Err(error) => {
            if options.config.path.is_none() {
                check::variables(env).iter().filter(|finding| finding.mark == Mark::Wrong).for_each(print);
            }
            for mut problem in error.problems {
                let remedy = problem.help.take().unwrap_or_else(|| "see docs/config.md".to_owned());
                print(&Finding::wrong("config", problem.to_string(), remedy));
            }
            return Ok(BAD_CONFIG);
        }
    };
    let described = if options.config.path.is_some() { Described::ByFile } else { Described::ByEnvironment };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Threads)?;
    let mut well = true;
    runtime.block_on(check::check(&config, described, env, |finding| {
        well &= finding.mark != Mark::Wrong;
        print(&finding);
    }));
    runtime.shutdown_background();
    Ok(if well { 0 } else { NOT_WELL })
}

fn print(Finding { what, mark, text, remedy }: &Finding, format: CheckFormat) {
    let (sign, word) = match mark {
        Mark::Well => ("✓", "well"),
        Mark::Wrong => ("✗", "wrong"),
        Mark::NotApplicable => ("–", "not_applicable"),
    };
    match format {
        CheckFormat::Text => match remedy {
            Some(remedy) => anstream::println!("{sign} {what}: {text}; to mend it, {remedy}"),
            None => anstream::println!("{sign} {what}: {text}"),
        },
        CheckFormat::Json => {
            let line = serde_json::json!({"what": what, "mark": word, "text": text, "remedy": remedy});
            anstream::println!("{line}");
        }
    }
}
