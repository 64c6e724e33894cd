//! `updraft reload`: asks a running host to take over what its config says by now, and says what came of it.

use super::ConfigFile;
use clap::Args;
use std::path::PathBuf;
use updraft::StartError;
use updraft::config::{self, Env};
use updraft::control::{self, Answer, AskError, Verb};

/// It goes on as before.
const NOT_TAKEN_OVER: u8 = 1;
/// The config cannot be used.
const BAD_CONFIG: u8 = 2;
/// No host runs there, or it does not answer.
const NO_HOST: u8 = 3;

/// Options of `reload`.
#[derive(Debug, Clone, Args)]
pub struct Reload {
    /// Data dir of the running updraft; default: the one that `run` would use, given the same config or environment
    #[arg(long, value_name = "DIR", conflicts_with = "path_of_config")]
    pub data_dir: Option<PathBuf>,
    /// Where the pipeline is described.
    #[command(flatten)]
    pub config: ConfigFile,
}

/// Asks, waits, and says on stderr what came of it.
pub fn reload(options: &Reload, env: &Env) -> Result<u8, StartError> {
    let data_dir = match (&options.data_dir, &options.config.path) {
        (Some(dir), _) => dir.clone(),
        (None, Some(path)) => config::load(path, env)?.data_dir,
        (None, None) => config::from_environment(env)?.data_dir,
    };
    let (said, code) = match control::ask(&data_dir, Verb::Reload {}, |_| {}) {
        Ok(Answer::Reloaded(reloaded)) => (reloaded.to_string(), 0),
        Ok(Answer::NotReloaded { bad_config, why }) => {
            let code = if bad_config { BAD_CONFIG } else { NOT_TAKEN_OVER };
            (format!("updraft: nothing is exchanged, what runs goes on: {why}"), code)
        }
        Ok(other) => (format!("updraft: the host answers something else: {other:?}"), NO_HOST),
        Err(error @ AskError::Refused { .. }) => (format!("updraft: {error}"), NOT_TAKEN_OVER),
        Err(error) => (format!("updraft: {error}"), NO_HOST),
    };
    anstream::eprintln!("{said}");
    Ok(code)
}
