//! Tells from a file's path which try wrote it.

use crate::event::{StreamKind, TaskTry};

/// What a path below the log folder says: the kind of the stream and, where a `dag_id=` folder begins Airflow's default
/// layout at any depth, the try.
///
/// `dag_id=D/run_id=R/task_id=T[/map_index=M]/attempt=N.log[.trigger.J.log | .WORD.log]`, the default of
/// `[logging] log_filename_template`. Nothing in it is escaped.
pub fn identify(rel_path: &str) -> (StreamKind, Option<TaskTry>) {
    let starts = rel_path.match_indices("dag_id=").map(|(at, _)| at);
    let mut starts = starts.filter(|&at| at == 0 || rel_path.as_bytes()[at - 1] == b'/');
    if let Some((kind, task)) = starts.find_map(|at| task_try(&rel_path[at..])) {
        return (kind, Some(task));
    }
    let kind = match rel_path.split_once('/') {
        Some(("scheduler", _)) => StreamKind::Scheduler,
        Some((folder, _)) if folder.starts_with("dag_processor") => StreamKind::DagProcessor,
        _ => StreamKind::Other,
    };
    (kind, None)
}

fn task_try(path: &str) -> Option<(StreamKind, TaskTry)> {
    let (dag_id, rest) = path.strip_prefix("dag_id=")?.split_once("/run_id=")?;
    // The one id that may hold a `/`, where `[scheduler] allowed_run_id_pattern` lets it.
    let (run_id, rest) = rest.split_once("/task_id=")?;
    let (task_id, rest) = rest.split_once('/')?;
    let (map_index, file) = match rest.strip_prefix("map_index=") {
        Some(rest) => {
            let (index, file) = rest.split_once('/')?;
            (if index == "-1" { None } else { Some(number(index)?) }, file)
        }
        None => (None, rest),
    };
    let (try_number, suffix) = file.strip_prefix("attempt=")?.split_once(".log")?;
    let kind = kind_by_suffix(suffix)?;
    if [dag_id, run_id, task_id].contains(&"") || dag_id.contains('/') {
        return None;
    }
    let task = TaskTry {
        dag_id: dag_id.to_owned(),
        run_id: run_id.to_owned(),
        task_id: task_id.to_owned(),
        map_index,
        try_number: number(try_number)?,
    };
    Some((kind, task))
}

/// What follows `attempt=N.log`.
fn kind_by_suffix(suffix: &str) -> Option<StreamKind> {
    if suffix.is_empty() {
        return Some(StreamKind::Task);
    }
    let word = suffix.strip_prefix('.')?.strip_suffix(".log")?;
    match word.strip_prefix("trigger.") {
        Some(job) if number(job).is_some() => Some(StreamKind::Trigger),
        _ if !word.is_empty() && !word.contains('/') => Some(StreamKind::Task),
        _ => None,
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn task(dag: &str, run: &str, task: &str, map_index: Option<u32>, try_number: u32) -> TaskTry {
        let (dag_id, run_id, task_id) = (dag.to_owned(), run.to_owned(), task.to_owned());
        TaskTry { dag_id, run_id, task_id, map_index, try_number }
    }

    #[test]
    fn the_default_layout_is_known_at_any_depth() {
        let expected = (
            StreamKind::Task,
            Some(task("etl", "manual__2024-05-01T00:00:00+00:00", "load.copy-into", None, 3)),
        );
        let path = "dag_id=etl/run_id=manual__2024-05-01T00:00:00+00:00/task_id=load.copy-into/attempt=3.log";
        assert_eq!(identify(path), expected);
        assert_eq!(identify(&format!("x/y/{path}")), expected);
        assert_eq!(identify(&format!("dag_id=outer/{path}")), expected, "the innermost folder that fits");
    }

    #[test]
    fn ids_are_taken_as_they_stand() {
        let path =
            "dag_id=killed/run_id=run with spaces & ünïcode ✓/task_id=load.überprüfung_检查/attempt=1.log";
        assert_eq!(
            identify(path),
            (
                StreamKind::Task,
                Some(task("killed", "run with spaces & ünïcode ✓", "load.überprüfung_检查", None, 1))
            )
        );
        let path = "dag_id=a/run_id=x/y=1,z;/task_id=b/attempt=1.log";
        assert_eq!(identify(path).1, Some(task("a", "x/y=1,z;", "b", None, 1)));
    }

    #[test]
    fn mapped_tasks_have_their_index() {
        let path = |index: &str| format!("dag_id=a/run_id=b/task_id=c/map_index={index}/attempt=2.log");
        assert_eq!(identify(&path("17")), (StreamKind::Task, Some(task("a", "b", "c", Some(17), 2))));
        assert_eq!(identify(&path("-1")), (StreamKind::Task, Some(task("a", "b", "c", None, 2))));
        assert_eq!(identify(&path("x")), (StreamKind::Other, None));
    }

    #[test]
    fn a_triggerers_file_belongs_to_the_same_try() {
        let path = "dag_id=a/run_id=b/task_id=c/attempt=1.log.trigger.12.log";
        assert_eq!(identify(path), (StreamKind::Trigger, Some(task("a", "b", "c", None, 1))));
        let path = "dag_id=a/run_id=b/task_id=c/map_index=0/attempt=1.log.trigger.2.log";
        assert_eq!(identify(path), (StreamKind::Trigger, Some(task("a", "b", "c", Some(0), 1))));
        let relayed = "dag_id=a/run_id=b/task_id=c/attempt=1.log.scheduler.log";
        assert_eq!(identify(relayed), (StreamKind::Task, Some(task("a", "b", "c", None, 1))));
    }

    #[test]
    fn airflows_other_folders_are_known() {
        assert_eq!(identify("scheduler/2026-11-21/d01.py.log"), (StreamKind::Scheduler, None));
        assert_eq!(
            identify("dag_processor/2026-11-21/dags-folder/d01.py.log"),
            (StreamKind::DagProcessor, None)
        );
        assert_eq!(
            identify("dag_processor_manager/dag_processor_manager.log"),
            (StreamKind::DagProcessor, None)
        );
    }

    #[test]
    fn everything_else_is_other() {
        for path in [
            "",
            "scheduler",
            "daily_report/report/1.log",
            "deferrable_jobs/ct-run:1/defer_mapped.0.try.txt.trigger.1.log",
            "dag_id=a",
            "dag_id=a/run_id=b/task_id=c/attempt=.log",
            "dag_id=a/run_id=b/task_id=c/attempt=+1.log",
            "dag_id=a/run_id=b/task_id=c/attempt=99999999999.log",
            "dag_id=a/run_id=b/task_id=c/attempt=1.txt",
            "dag_id=a/run_id=b/task_id=c/d/attempt=1.log",
            "dag_id=/run_id=b/task_id=c/attempt=1.log",
            "xdag_id=a/run_id=b/task_id=c/attempt=1.log",
        ] {
            assert_eq!(identify(path), (StreamKind::Other, None), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_ids_airflow_allows_come_back(
            dag in "[^/]{1,20}", run in "[^/]{1,40}", name in "[^/]{1,20}", index in any::<Option<u32>>(), attempt in any::<u32>(),
        ) {
            prop_assume!(!dag.starts_with("run_id=") && !run.starts_with("task_id="));
            let folder = index.map(|index| format!("map_index={index}/")).unwrap_or_default();
            let path = format!("dag_id={dag}/run_id={run}/task_id={name}/{folder}attempt={attempt}.log");
            prop_assert_eq!(identify(&path), (StreamKind::Task, Some(task(&dag, &run, &name, index, attempt))));
        }

        #[test]
        fn no_path_makes_it_panic(path in "(dag_id=|run_id=|task_id=|map_index=|attempt=|[.]log|/|é|1|.){0,12}") {
            let _ = identify(&path);
        }
    }
}
