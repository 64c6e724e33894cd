//! `updraft replay`: a failure out of its capsule, once more.

use clap::Args;
use std::path::PathBuf;
use updraft::ReplayError;
use updraft::config::Env;

/// It still fails.
const FAILS: u8 = 1;
/// It is no capsule, or its config lacks variables.
const BAD_CAPSULE: u8 = 2;
/// The component cannot be used.
const NO_COMPONENT: u8 = 3;

/// Options of `replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// A file of the data dir's folder `capsules`
    #[arg(value_name = "CAPSULE")]
    pub capsule: PathBuf,
    /// A new build of the component; default: the file that it was, wherever that is
    #[arg(long, value_name = "WASM")]
    pub component: Option<PathBuf>,
}

/// Runs it, and prints what came of it.
pub fn replay(options: &Replay, env: &Env) -> u8 {
    match updraft::replay(&options.capsule, options.component.as_deref(), env) {
        Ok(replay) => {
            anstream::print!("{replay}");
            if replay.now.is_ok() { 0 } else { FAILS }
        }
        Err(error) => {
            anstream::eprintln!("updraft: {error}");
            match error {
                ReplayError::Component(_) => NO_COMPONENT,
                _ => BAD_CAPSULE,
            }
        }
    }
}
