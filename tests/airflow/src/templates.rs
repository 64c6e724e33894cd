//! Whose log a file of the fixtures is: each set-up had a file name template of its own.

use crate::Identity;

const BY_RUN: &str =
    "{{ ti.dag_id }}/{{ ti.run_id }}/{{ ti.task_id }}.{{ ti.map_index }}.try{{ try_number }}.txt";
/// Airflow 3 knows no bare `try_number` when it writes, and does when it reads: so this is the name of what it wrote.
const BY_RUN_AS_WRITTEN: &str = "{{ ti.dag_id }}/{{ ti.run_id }}/{{ ti.task_id }}.{{ ti.map_index }}.try.txt";
const BY_TASK: &str = "{{ ti.dag_id }}/{{ ti.task_id }}/{{ try_number }}.log";

/// The try of a path, and the template that makes that path of it where it is not the default one. None for a trigger's
/// log, and for Elasticsearch's.
pub fn whose(path: &str) -> Option<(Identity, Option<&'static str>)> {
    Identity::of(path)
        .map(|identity| (identity, None))
        .or_else(|| by_run(path).map(|(identity, template)| (identity, Some(template))))
        .or_else(|| by_task(path).map(|identity| (identity, Some(BY_TASK))))
}

fn by_run(path: &str) -> Option<(Identity, &'static str)> {
    let (folder, name) = path.rsplit_once('/')?;
    let (dag, run) = folder.split_once('/')?;
    let (name, number) = name.strip_suffix(".txt")?.rsplit_once(".try")?;
    let (task, map_index) = name.rsplit_once('.')?;
    let identity = Identity::new(dag, run, task).mapped(map_index.parse().ok()?);
    match number.parse() {
        Ok(number) => Some((identity.retried(number), BY_RUN)),
        Err(_) => Some((identity, BY_RUN_AS_WRITTEN)),
    }
}

fn by_task(path: &str) -> Option<Identity> {
    let parts: Vec<&str> = path.split('/').collect();
    let [dag, task, number] = parts[..] else { return None };
    Some(Identity::new(dag, "any", task).retried(number.strip_suffix(".log")?.parse().ok()?))
}
