//! `updraft explain`: what becomes of some lines, printed.

use super::{ConfigFile, run};
use clap::{Args, ValueEnum};
use std::ops::Range;
use std::path::PathBuf;
use updraft::StartError;
use updraft::config::Env;
use updraft::rehearsal::{ExplainError, explain as account};

/// No source reads such a file, or it has no such line.
const NO_SUCH: u8 = 2;
/// It is there and cannot be read.
const UNREADABLE: u8 = 3;

/// Options of `explain`.
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// A log file, from here or below the log folder; with a line, or the first and the last: `FILE:7`, `FILE:7-9`
    #[arg(value_name = "FILE[:LINE[-LINE]]")]
    pub lines: String,
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Show also what each sink would write
    #[arg(long)]
    pub written: bool,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table, for people.
    Text,
    /// A JSON object for each source that reads the file, one a line.
    Json,
}

/// Prints it.
pub fn explain(options: &Explain, env: &Env) -> Result<u8, StartError> {
    let config = run::load(&options.config, env)?;
    let (file, lines) = match asked(&options.lines) {
        Ok(asked) => asked,
        Err(error) => {
            anstream::eprintln!("updraft: {error}");
            return Ok(NO_SUCH);
        }
    };
    match account(&config, &file, lines.as_ref()) {
        Ok(accounts) => {
            for account in accounts {
                match options.format {
                    Format::Text => anstream::print!("{}", account.to_text(options.written)),
                    Format::Json => anstream::println!("{}", account.to_json()),
                }
            }
            Ok(0)
        }
        Err(ExplainError::Start(error)) => Err(error),
        Err(error) => {
            anstream::eprintln!("updraft: {error}");
            Ok(if matches!(error, ExplainError::Pass { .. }) { UNREADABLE } else { NO_SUCH })
        }
    }
}

/// The file, and which of its lines, from 1. Airflow's own paths have colons in them, and perhaps a name ends in one and
/// digits.
fn asked(text: &str) -> Result<(PathBuf, Option<Range<u64>>), String> {
    let whole = PathBuf::from(text);
    if whole.is_file() {
        return Ok((whole, None));
    }
    let Some((file, lines)) = text.rsplit_once(':') else { return Ok((whole, None)) };
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Ok((whole, None));
    }
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last && last < u64::MAX => {
            Ok((file.into(), Some(first..last + 1)))
        }
        _ => Err(format!("`{lines}` are no lines: they count from 1, and the first one comes first")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_stands_behind_the_last_colon_if_it_is_a_number() {
        let path = "dag_id=a/run_id=manual__2026-01-01T00:00:00+00:00/task_id=b/attempt=1.log";
        assert_eq!(asked(path), Ok((path.into(), None)));
        assert_eq!(asked(&format!("{path}:7")), Ok((path.into(), Some(7..8))));
        assert_eq!(asked(&format!("{path}:7-9")), Ok((path.into(), Some(7..10))));
        assert_eq!(asked("a.log:x"), Ok(("a.log:x".into(), None)));
        for lines in ["0", "9-7", "99999999999999999999"] {
            assert!(asked(&format!("a.log:{lines}")).expect_err(lines).contains("count from 1"));
        }
    }
}
