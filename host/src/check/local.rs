//! What can be looked at without asking anybody: variables, log folder, data dir, components.

use std::fs::File;
use std::path::Path;

use super::{Described, Finding, Subject};
use crate::config::{self, Config, Env, Source};
use crate::cursor::{self, DataDirLock, StoreError};
use crate::pipeline;
use crate::source::discover::Discovery;

/// Files that are opened to see whether they can be read; the rest will be like them.
const OPENED: usize = 100;

const VARIABLES: &str = "variables";

/// Those of the pages: spelt as there, and of effect. `remarks`: what else the config says of them.
pub fn variables(env: &Env, remarks: &[String]) -> Vec<Finding> {
    let misspelt = config::misspelt(env).into_iter().map(|variable| {
        let remedy = match variable.meant {
            Some(meant) => format!("rename it to {meant}"),
            None => "unset it; the names that there are stand in the README".to_owned(),
        };
        Finding::wrong(VARIABLES, format!("{}: {variable}", variable.name), remedy)
    });
    // What was turned off by somebody is meant so.
    let forgotten = config::idle(env).into_iter().filter(|(_, switch)| !env.contains_key(*switch));
    let forgotten = forgotten.map(|(name, switch)| {
        let text = format!("{name} has no effect: {switch} is not set");
        Finding::wrong(VARIABLES, text, format!("set {switch} to true, or unset {name}"))
    });
    let wrong: Vec<Finding> = misspelt.chain(forgotten).collect();
    if wrong.is_empty() {
        return vec![Finding::well(
            VARIABLES,
            remarked("all are set that are needed, and spelt as the pages have them", remarks),
        )];
    }
    wrong
}

/// What looks like a mistake but is none for certain is no fault.
pub fn remarked(text: &str, remarks: &[String]) -> String {
    std::iter::once(text).chain(remarks.iter().map(String::as_str)).collect::<Vec<_>>().join("; but ")
}

/// There, readable, and how much of it is ours.
pub async fn log_folder(source: &Source, subject: &Subject<'_>) -> Finding {
    let folder = source.base_log_folder.display().to_string();
    let what = match subject.described {
        Described::ByEnvironment => "log folder".to_owned(),
        Described::ByFile => format!("source {}: log folder", source.id),
    };
    let place = match subject.described {
        Described::ByEnvironment => "AIRFLOW__LOGGING__BASE_LOG_FOLDER (or AIRFLOW_HOME)".to_owned(),
        Described::ByFile => format!("sources.{}.base_log_folder", source.id),
    };
    let elsewhere = format!("mount Airflow's log folder there, or set {place} to where it is");
    let readable = "let the user that updraft runs as read the folder and all below it";
    let discovery = match Discovery::new(&source.base_log_folder, &source.include, &source.exclude) {
        Ok(discovery) => discovery,
        Err(error) => return Finding::wrong(what, error.to_string(), "correct the pattern"),
    };
    let looked = tokio::task::spawn_blocking(move || {
        let scan = discovery.scan();
        let mut unreadable = scan.unreadable;
        for found in scan.files.iter().take(OPENED) {
            if let Err(error) = File::open(&found.abs) {
                unreadable.push((found.abs.clone(), error));
            }
        }
        (scan.files.len(), unreadable)
    });
    let Ok((files, unreadable)) = looked.await else {
        return Finding::wrong(what, format!("{folder} could not be looked through"), "check again");
    };
    match unreadable.first() {
        Some((path, error)) if *path == source.base_log_folder => {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let remedy = if missing { elsewhere } else { readable.to_owned() };
            Finding::wrong(what, format!("{folder}: {error}"), remedy)
        }
        Some((path, error)) => {
            let more = match unreadable.len() {
                1 => String::new(),
                some => format!(", and {} more", some - 1),
            };
            Finding::wrong(what, format!("{}: {error}{more}", path.display()), readable)
        }
        None if files == 0 => Finding::well(
            what,
            format!("{folder} is there and can be read; no file in it matches yet (`include`, `exclude`)"),
        ),
        None => Finding::well(what, format!("{folder} is there and can be read; {files} files match")),
    }
}

/// It can be written, and nobody else's cursors are in it; an updraft that runs with it is fine.
pub fn data_dir(dir: &Path) -> Finding {
    let what = "data dir";
    let shown = dir.display();
    match try_data_dir(dir) {
        Ok(()) => Finding::well(what, format!("{shown} can be written")),
        Err(StoreError::InUse { .. }) => {
            Finding::well(what, format!("{shown} is in use by a running updraft"))
        }
        Err(StoreError::Unusable { error, .. }) => Finding::wrong(
            what,
            format!("{shown} cannot be used: {error}"),
            "give a folder that this user may write, on a volume that outlives the process, as UPDRAFT_DATA_DIR or \
             `data_dir`",
        ),
        Err(error @ StoreError::Newer { .. }) => {
            Finding::wrong(what, error.to_string(), "run the newer version, or give another data dir")
        }
        Err(error) => {
            Finding::wrong(what, error.to_string(), "move the file away (all is sent anew) or restore it")
        }
    }
}

/// Takes the lock, tries to write, and leaves everything as it was.
fn try_data_dir(dir: &Path) -> Result<(), StoreError> {
    let made: Vec<&Path> =
        dir.ancestors().take_while(|it| !it.as_os_str().is_empty() && !it.exists()).collect();
    let lock = dir.join("lock");
    let lock_was_there = lock.exists();
    let tried = DataDirLock::take(dir).and_then(|_lock| cursor::try_store(dir));
    // They are as another user would have to make them: this one may not be the one that runs.
    if !lock_was_there && !matches!(tried, Err(StoreError::InUse { .. })) {
        std::fs::remove_file(&lock).ok();
    }
    for folder in made {
        // Only if it is empty.
        std::fs::remove_dir(folder).ok();
    }
    tried
}

/// They load.
pub fn components(config: &Config) -> Finding {
    let what = "components";
    if config.components().next().is_none() {
        return Finding::not_applicable(what, "the pipeline has none");
    }
    match pipeline::load_components(config) {
        Ok(()) => {
            let ids: Vec<&str> = config.components().map(|it| it.id.as_str()).collect();
            Finding::well(what, format!("{} load", ids.join(", ")))
        }
        Err(error) => {
            Finding::wrong(what, error.to_string(), "build the component anew, or correct its options")
        }
    }
}
