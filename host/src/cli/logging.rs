//! Our own log, on stderr: short lines for people, JSON for machines.

use super::{LogFormat, Logging};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// What the SDK warns of at each try, with the whole answer, and our own message says once.
const SAID_BY_US: [&str; 4] = [
    "aws_config::meta",
    "aws_config::profile::credentials",
    "aws_config::sts",
    "aws_config::web_identity_token",
];

/// Starts logging; fails on a level that is none.
pub fn start(options: &Logging) -> Result<(), String> {
    // The SDK's own chatter (every request, every credential lookup) is for those who ask for it by name.
    let level = &options.log_level;
    let directives = if level.contains(['=', ',']) {
        level.clone()
    } else {
        let twice = SAID_BY_US.map(|target| format!("{target}=error")).join(",");
        format!("warn,{twice},updraft={level}")
    };
    let filter = EnvFilter::try_new(&directives).map_err(|error| {
        format!("--log-level {level:?}: {error}; write error, warn, info, debug or trace")
    })?;
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match options.log_format {
        LogFormat::Json => {
            builder.json().flatten_event(true).with_timer(Clock("%Y-%m-%dT%H:%M:%S%.6fZ")).init();
        }
        LogFormat::Human => {
            builder
                .compact()
                .with_ansi(std::io::stderr().is_terminal())
                .with_timer(Clock("%H:%M:%S%.3f"))
                .init();
        }
    }
    Ok(())
}

/// UTC, in a strftime format.
struct Clock(&'static str);

impl FormatTime for Clock {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        write!(out, "{}", jiff::Timestamp::now().strftime(self.0))
    }
}
