//! `updraft replay`: a failure out of its capsule, once more.

use clap::Args;
use std::path::{Path, PathBuf};
use updraft::config::{Component, Env};
use updraft::{LoadError, ReplayError, Unfit};

/// It still fails.
const FAILS: u8 = 1;
/// It is no capsule, its config lacks variables, or the arguments are wrong.
const BAD_CAPSULE: u8 = 2;
/// The component cannot be used.
const NO_COMPONENT: u8 = 3;

/// Options of `replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// A file of the data dir's folder `capsules`
    #[arg(value_name = "CAPSULE")]
    pub capsule: PathBuf,
    /// A new build of the component, or builtin:airflow; default: the file that it was, wherever that is
    #[arg(long, value_name = "WASM")]
    pub component: Option<String>,
}

/// Runs it, and prints what came of it.
pub fn replay(options: &Replay, env: &Env) -> u8 {
    let component = options.component.as_deref().map(|name| Component::named(name, Path::new("")));
    let component = match component.transpose() {
        Ok(component) => component,
        Err(error) => {
            anstream::eprintln!("updraft: --component: {error}");
            return BAD_CAPSULE;
        }
    };
    match updraft::replay(&options.capsule, component, env) {
        Ok(replay) => {
            anstream::print!("{replay}");
            if replay.now.is_ok() { 0 } else { FAILS }
        }
        Err(error) => {
            let moved =
                matches!(&error, ReplayError::Component(LoadError::Unfit { why: Unfit::Read(_), .. }));
            let hint = if moved && options.component.is_none() { "; name it with --component" } else { "" };
            anstream::eprintln!("updraft: {error}{hint}");
            match error {
                ReplayError::Component(_) | ReplayError::Kind(_) => NO_COMPONENT,
                _ => BAD_CAPSULE,
            }
        }
    }
}
