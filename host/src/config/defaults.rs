//! What a pipeline gets that nobody wrote down, from a file and from the environment alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dead_letter::FOLDER as DEAD_LETTERS;
use crate::event::Deployment;
use crate::source::discover::DATA_DIR_NAME;

use super::{Config, Env, Layout, Limits, ReadFrom, Receipts, SinkKind, Source, raw};

/// Airflow's own variable for `[logging] base_log_folder`.
pub(super) const BASE_LOG_FOLDER: &str = "AIRFLOW__LOGGING__BASE_LOG_FOLDER";
/// Its home, with `logs` in it by default.
pub(super) const AIRFLOW_HOME: &str = "AIRFLOW_HOME";
/// Ours, for where cursors live.
pub(super) const DATA_DIR: &str = "UPDRAFT_DATA_DIR";
const MIB: u64 = 1 << 20;
const SECONDS_OF_DAY: f64 = 86_400.0;
/// What to say when neither is set.
pub(super) const NO_LOG_FOLDER: &str = "where Airflow's logs are is not known";

/// A variable that is set to something.
pub(super) fn variable<'e>(env: &'e Env, name: &str) -> Option<&'e str> {
    env.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

pub(super) fn base_log_folder(env: &Env) -> Option<PathBuf> {
    let named = variable(env, BASE_LOG_FOLDER).map(PathBuf::from);
    named.or_else(|| Some(Path::new(variable(env, AIRFLOW_HOME)?).join("logs")))
}

/// The same variables, with folders for whoever reads and writes none: where Airflow's image has them.
pub(super) fn with_folders(env: &Env) -> Env {
    let mut env = env.clone();
    if base_log_folder(&env).is_none() {
        env.insert(BASE_LOG_FOLDER.to_owned(), "/opt/airflow/logs".to_owned());
    }
    if variable(&env, DATA_DIR).is_none() {
        env.insert(DATA_DIR.to_owned(), "/var/lib/updraft".to_owned());
    }
    env
}

pub(super) fn deployment(env: &Env) -> Deployment {
    let id = |name| variable(env, name).map(str::to_owned);
    Deployment {
        cluster_id: id("ASTRO_CLUSTER_ID"),
        workspace_id: id("ASTRO_WORKSPACE_ID"),
        deployment_id: id("ASTRO_DEPLOYMENT_ID"),
    }
}

/// What is kept of receipts. More days than there can be are for ever.
pub(super) fn receipts(raw: &raw::Receipts) -> Receipts {
    let age = Duration::try_from_secs_f64(raw.keep_days * SECONDS_OF_DAY).unwrap_or(Duration::MAX);
    Receipts { age, most: raw.keep_count, sha256: raw.sha256 }
}

/// What a component may take.
pub(super) fn limits(raw: &raw::Limits) -> Limits {
    Limits {
        memory_bytes: raw.memory_mib.saturating_mul(MIB),
        timeout: Duration::from_millis(raw.timeout_ms),
        result_bytes: raw.result_mib.unwrap_or(raw.memory_mib).saturating_mul(MIB),
        log_lines_per_sec: raw.log_lines_per_sec,
        table_elements: raw.table_elements,
        core_instances: raw.core_instances,
    }
}

pub(super) fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// An endpoint of one's own rarely has a DNS name for each bucket.
pub(super) fn force_path_style(endpoint: Option<&str>, env: &Env) -> bool {
    endpoint.is_some()
        || ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| variable(env, name).is_some())
}

/// `$UPDRAFT_DATA_DIR`, else beside the logs where that can be written, else the XDG state dir.
/// <https://specifications.freedesktop.org/basedir-spec/latest/>
pub(super) fn data_dir(base_log_folder: &Path, env: &Env) -> PathBuf {
    if let Some(named) = variable(env, DATA_DIR) {
        return PathBuf::from(named);
    }
    let beside_logs = base_log_folder.join(DATA_DIR_NAME);
    if can_write(&beside_logs) {
        return beside_logs;
    }
    let state = variable(env, "XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(Path::new(variable(env, "HOME")?).join(".local/state")));
    // Without even a home there is nothing better than where we cannot write: opening it says so.
    state.map_or(beside_logs, |state| state.join("updraft"))
}

/// Tries it, by a folder in the nearest one that exists, and leaves nothing behind: permissions alone do not tell of a
/// file system that is mounted read-only.
fn can_write(dir: &Path) -> bool {
    let Some(nearest) = dir.ancestors().find(|ancestor| ancestor.exists()) else { return false };
    let probe = nearest.join(format!("{DATA_DIR_NAME}-probe-{}-{:x}", std::process::id(), fastrand::u64(..)));
    fs::create_dir(&probe).is_ok() && fs::remove_dir(&probe).is_ok()
}

/// Keeps cursors that lie below the logs from being read as logs; false where they would lie among them.
pub(super) fn exclude_data_dir(source: &mut Source, data_dir: &Path) -> bool {
    match absolute(data_dir).strip_prefix(absolute(&source.base_log_folder)) {
        Ok(below) if below.as_os_str().is_empty() => return false,
        Ok(below) => source.exclude.push(format!("{}/**", globset::escape(&below.to_string_lossy()))),
        Err(_) => {}
    }
    true
}

/// Without looking at the file system, where neither path need be yet.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The dead letters for one sink, as files in the data dir.
pub(super) fn dead_letters(data_dir: &Path, sink: &str) -> Source {
    Source {
        id: format!("{DEAD_LETTERS}:{sink}"),
        base_log_folder: data_dir.join(DEAD_LETTERS).join(sink),
        // What is still being written has another ending.
        include: vec!["*.ndjson".to_owned()],
        exclude: Vec::new(),
        path_patterns: Vec::new(),
        read_from: ReadFrom::Beginning,
        // Each is written whole.
        join: Duration::ZERO,
        partial_line: Duration::from_secs_f64(raw::partial_line_secs()),
        rescan: Duration::from_secs_f64(raw::rescan_secs()),
        watch: true,
        dead_letters: true,
    }
}

/// Keeps of the environment what templates name, and warns of names that no stream will have.
pub(super) fn settle_templates(config: &mut Config, env: &Env) {
    for sink in &config.sinks {
        let templates = match &sink.kind {
            SinkKind::CloudWatch(sink) => vec![&sink.group_name, &sink.stream_name],
            SinkKind::S3(sink) => sink.objects.tags.values().chain(sink.objects.metadata.values()).collect(),
            SinkKind::File(_) | SinkKind::Console(_) | SinkKind::Blackhole(_) => vec![],
        };
        let templates = templates.into_iter().chain(sink.kind.layout().map(|layout| match layout {
            Layout::Mirror(mirror) => &mirror.key,
            Layout::Batch(batch) => batch.folder.template(),
        }));
        for template in templates {
            let ids = [
                ("cluster_id", &config.deployment.cluster_id),
                ("workspace_id", &config.deployment.workspace_id),
                ("deployment_id", &config.deployment.deployment_id),
            ];
            let ids = ids
                .into_iter()
                .filter(|(name, id)| id.is_none() && template.uses(name))
                .map(|(name, _)| name.to_owned());
            let (set, unset): (Vec<_>, Vec<_>) =
                template.variables().iter().partition(|name| env.contains_key(*name));
            for lacking in ids.chain(unset.into_iter().map(|name| format!("env.{name}"))) {
                config.warnings.push(format!(
                    "sink `{}`: the template `{template}` uses {lacking}, which is not set: without a default() it falls back to the path",
                    sink.id
                ));
            }
            config
                .env
                .extend(set.into_iter().filter_map(|name| Some((name.clone(), env.get(name)?.clone()))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_log_folder_is_airflows_own() {
        let both = env(&[(BASE_LOG_FOLDER, "/l"), (AIRFLOW_HOME, "/h")]);
        assert_eq!(base_log_folder(&both), Some(PathBuf::from("/l")));
        assert_eq!(
            base_log_folder(&env(&[(BASE_LOG_FOLDER, ""), (AIRFLOW_HOME, "/h")])),
            Some(PathBuf::from("/h/logs"))
        );
        assert_eq!(base_log_folder(&Env::new()), None);
    }

    #[test]
    fn cursors_live_beside_the_logs_and_looking_leaves_nothing_behind() {
        let logs = tempfile::tempdir().expect("folder");
        assert_eq!(data_dir(logs.path(), &Env::new()), logs.path().join(".updraft"));
        let later = logs.path().join("not/there/yet");
        assert_eq!(data_dir(&later, &Env::new()), later.join(".updraft"));
        assert_eq!(fs::read_dir(logs.path()).expect("folder").count(), 0);
    }

    #[test]
    fn where_the_logs_cannot_be_written_cursors_live_in_the_state_dir() {
        let env = env(&[("HOME", "/home/airflow")]);
        assert_eq!(
            data_dir(Path::new("/proc/nowhere"), &env),
            Path::new("/home/airflow/.local/state/updraft")
        );
        let mut with_state = env.clone();
        with_state.insert("XDG_STATE_HOME".into(), "/state".into());
        assert_eq!(data_dir(Path::new("/proc/nowhere"), &with_state), Path::new("/state/updraft"));
    }

    #[test]
    fn a_folder_without_write_permission_is_found_out() {
        let logs = tempfile::tempdir().expect("folder");
        fs::set_permissions(logs.path(), fs::Permissions::from_mode(0o500)).expect("mode");
        let as_root = fs::create_dir(logs.path().join("x")).is_ok();
        assert_eq!(can_write(&logs.path().join(".updraft")), as_root);
    }

    #[test]
    fn a_data_dir_that_is_named_is_taken() {
        let env = env(&[("UPDRAFT_DATA_DIR", "/data")]);
        assert_eq!(data_dir(Path::new("/logs"), &env), Path::new("/data"));
    }

    #[test]
    fn an_endpoint_means_path_style() {
        assert!(!force_path_style(None, &Env::new()));
        assert!(force_path_style(Some("http://127.0.0.1:5000"), &Env::new()));
        assert!(force_path_style(None, &env(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")])));
        assert!(force_path_style(None, &env(&[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:5000")])));
    }
}
