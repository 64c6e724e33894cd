//! What paths say.

use proptest::prelude::*;

use super::*;

fn identify(path: &str) -> (StreamKind, Option<TaskTry>) {
    super::identify(path, &[])
}

fn task(dag: &str, run: &str, task: &str, map_index: Option<u32>, try_number: u32) -> TaskTry {
    let (dag_id, run_id, task_id) = (dag.to_owned(), run.to_owned(), task.to_owned());
    TaskTry { dag_id, run_id, task_id, map_index, try_number }
}

#[test]
fn the_default_layout_is_known_at_any_depth() {
    let expected =
        (StreamKind::Task, Some(task("etl", "manual__2024-05-01T00:00:00+00:00", "load.copy-into", None, 3)));
    let path = "dag_id=etl/run_id=manual__2024-05-01T00:00:00+00:00/task_id=load.copy-into/attempt=3.log";
    assert_eq!(identify(path), expected);
    assert_eq!(identify(&format!("x/y/{path}")), expected);
    assert_eq!(identify(&format!("dag_id=outer/{path}")), expected, "the innermost folder that fits");
}

#[test]
fn ids_are_taken_as_they_stand() {
    let path = "dag_id=killed/run_id=run with spaces & ünïcode ✓/task_id=load.überprüfung_检查/attempt=1.log";
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
    assert_eq!(identify("dag_processor/2026-11-21/dags-folder/d01.py.log"), (StreamKind::DagProcessor, None));
    assert_eq!(identify("dag_processor_manager/dag_processor_manager.log"), (StreamKind::DagProcessor, None));
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

#[test]
fn a_pattern_finds_the_try_in_a_path_of_any_shape_and_that_of_its_triggerer() {
    let pattern = "(?P<dag_id>[^/]+)/(?P<run_id>[^/]+)/(?P<task_id>[^/]+)\\.(?P<map_index>-?\\d+)\\.try(?P<try_number>\\d+)\\.txt";
    let patterns = [PathPattern::parse(pattern).expect("a pattern")];
    let found = |path: &str| super::identify(path, &patterns);
    let mapped = || Some(task("jobs", "run:1", "a.defer", Some(0), 1));
    assert_eq!(found("jobs/run:1/a.defer.0.try1.txt"), (StreamKind::Task, mapped()));
    assert_eq!(found("jobs/run:1/a.defer.0.try1.txt.trigger.2.log"), (StreamKind::Trigger, mapped()));
    let single = Some(task("jobs", "run:1", "load", None, 12));
    assert_eq!(found("jobs/run:1/load.-1.try12.txt"), (StreamKind::Task, single));
    assert_eq!(found("more/jobs/run:1/load.-1.try1.txt").1, None, "the whole path, or nothing");
    assert_eq!(found("jobs/run:1/load.-1.try99999999999.txt").1, None, "no number of a try");
    let default = "dag_id=etl/run_id=r/task_id=t/attempt=1.log";
    assert_eq!(found(default), identify(default), "the default layout goes on being known");
}

#[test]
fn a_pattern_that_cannot_find_a_try_says_what_it_lacks() {
    let error = |pattern: &str| PathPattern::parse(pattern).expect_err("no pattern").to_string();
    let all = "(?P<dag_id>a)(?P<run_id>b)(?P<task_id>c)";
    assert_eq!(error(all), "it has no group `(?P<try_number>…)`");
    let other = format!("{all}(?P<try_number>1)(?P<atempt>1)");
    assert!(
        error(&other).starts_with("it has a group `atempt`; known are dag_id, run_id"),
        "{}",
        error(&other)
    );
    assert!(error("(").starts_with("not a regular expression: "), "{}", error("("));
    assert!(error("a)|(b").starts_with("not a regular expression: "), "it does not escape from its place");
}

#[test]
fn a_triggerers_lines_are_read_under_the_name_of_the_task() {
    let path = "dag_id=a/run_id=b/task_id=c/attempt=1.log";
    for suffix in ["", ".trigger.12.log", ".scheduler.log"] {
        assert_eq!(try_path(&format!("{path}{suffix}")), path);
    }
    assert_eq!(try_path("jobs/ct-run:1/defer.0.try1.txt.trigger.2.log"), "jobs/ct-run:1/defer.0.try1.txt");
    for other in
        ["a.trigger.x.log", ".trigger.2.log", "a.trigger.2.txt", "scheduler/x.log", "attempt=1.log.x.log"]
    {
        assert_eq!(try_path(other), other);
    }
}
