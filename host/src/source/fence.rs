//! Has the try ended? What the last lines of its log say of that: pure, and never enough alone.
//!
//! A stream counts as ended when it has been quiet for [`SETTLED`] and its last lines are those with which Airflow
//! ends a try, or when it has been quiet for [`SILENT`], whatever it says (a worker that was killed writes no end). When
//! it grows again it is open again. The words alone would be fooled by a task that prints such a line and goes on, the
//! quiet alone by a task that thinks for a while.
//!
//! - Airflow 2 ends a try with `Task exited with return code N`, and nothing after it but what its supervisor writes
//!   (how many downstream tasks were scheduled, `::endgroup::`, Elasticsearch's `end_of_log`).
//! - Airflow 3 ends it with the `::endgroup::` of its group `Post Execute`, or says how the process died. What the task
//!   had printed last may come after that through its own pipe. Versions without groups (3.0, 3.1) say how it failed or
//!   that it was skipped; of a success they tell only where Airflow's example listener prints the state.
//! - A task that was deferred or rescheduled ends in the same words, but goes on later in the same file: no end.
//! - A trigger's file ends when its trigger has fired or completed. The next deferral of the same try opens it again.

use crate::event::StreamKind;
use serde::Deserialize;
use std::borrow::Cow;
use std::time::Duration;

/// Quiet for so long after an end line, a try has ended. (Between the end line and the lines after it are up to
/// 0.3 s in the logs of real Airflows.)
pub const SETTLED: Duration = Duration::from_secs(2);
/// Quiet for so long without one, it counts as ended. Airflow itself gives up on a task without heartbeat after 5 minutes
/// (`[scheduler] task_instance_heartbeat_timeout`, in Airflow 2 `scheduler_zombie_task_threshold`):
/// <https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#task-instance-heartbeat-timeout>
pub const SILENT: Duration = Duration::from_mins(10);
/// So many bytes at the end of a file are looked at.
pub const TAIL: u64 = 32 << 10;

/// The end of the file of a task's process in Airflow 2.
const EXITED: &str = "Task exited with return code ";
/// The files of Airflow 2 that write it, by version.
const SUPERVISORS: [&str; 2] = ["local_task_job_runner.py", "local_task_job.py"];
/// What Airflow 2 may write after it.
const EPILOGUE: [&str; 3] =
    ["::endgroup::", "downstream tasks scheduled from follow-on schedule check", "Heartbeat recovered after"];
/// What its Elasticsearch handler writes last.
const END_OF_LOG: &str = "end_of_log";
/// The task goes on in this file, later.
const GOES_ON: [&str; 2] = ["Pausing task as DEFERRED", "marking task as UP_FOR_RESCHEDULE"];
/// The last words about a task of Airflow 3 where there are no groups.
const FAILED: [&str; 4] = ["Task failed with exception", "Task exited", "Skipping task.", "Pushing xcom"];
/// What the listener prints that Airflow 3 has for an example, and that many run with.
/// <https://github.com/apache/airflow/blob/3.0.0/airflow-core/src/airflow/example_dags/plugins/event_listener.py>
const STATES: [&str; 2] = ["Task instance in success state", "Task instance in failure state"];
/// A process of Airflow 2 begins, or the one before it has ended: what is before that is of another one. (Versions
/// before 2.10 write no groups.)
const OTHERS: [&str; 2] = ["::group::Pre task execution logs", EXITED];

/// Whether these last bytes of a file say that it has ended. `whole`: they are all of it, or begin a line.
pub fn says_ended(tail: &[u8], whole: bool, kind: StreamKind) -> bool {
    if matches!(kind, StreamKind::Scheduler | StreamKind::DagProcessor | StreamKind::DeadLetter) {
        return false;
    }
    let mut lines: Vec<&[u8]> = tail.split(|byte| *byte == b'\n').collect();
    if !whole {
        lines.remove(0);
    }
    let records =
        || lines.iter().rev().filter(|line| !line.trim_ascii().is_empty()).map(|line| Record::of(line));
    if !may_have_ended(records()) {
        return false;
    }
    let records: Vec<Record> = records().collect();
    // A file whose name follows another template may be either.
    let (task, trigger) = match kind {
        StreamKind::Task => (true, false),
        StreamKind::Trigger => (false, true),
        _ => (true, true),
    };
    (task && (airflow2_ended(&records) || airflow3_ended(&records)))
        || (trigger && records.first().is_some_and(trigger_ended))
}

/// One line, as far as it matters here.
struct Record<'a> {
    /// What was logged; of a line of text all of it.
    message: Cow<'a, str>,
    /// Only in JSON.
    logger: Option<Cow<'a, str>>,
    /// The source file that logged it, where the line says so.
    file: Option<Cow<'a, str>>,
    json: bool,
}

/// A line of JSON: `event` in Airflow 3, `message` in what Airflow 2 writes for Elasticsearch.
#[derive(Deserialize)]
struct Json<'a> {
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    logger: Option<Cow<'a, str>>,
    #[serde(borrow)]
    filename: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    fn of(line: &'a [u8]) -> Self {
        if line.first() == Some(&b'{')
            && let Ok(Json { event, message, logger, filename }) = serde_json::from_slice(line)
            && let Some(message) = event.or(message)
        {
            let file = filename.filter(|name| !name.is_empty());
            return Self { message, logger, file, json: true };
        }
        let message = String::from_utf8_lossy(line);
        let file = file_of(&message).map(|file| Cow::Owned(file.to_owned()));
        Self { message, logger: None, file, json: false }
    }

    /// A line of Airflow 3's own about the task, not of the task itself.
    fn is_of_supervisor(&self) -> bool {
        self.json && self.logger.as_deref() == Some("task")
    }

    /// A line that the task of Airflow 3 printed.
    fn is_printed(&self) -> bool {
        self.json && matches!(self.logger.as_deref(), Some("task.stdout" | "task.stderr"))
    }

    /// The task's process of Airflow 2 is over.
    fn is_exit(&self) -> bool {
        let written = self.message.find(EXITED).filter(|at| !self.json || *at == 0);
        let Some(at) = written else { return false };
        let after = &self.message[at + EXITED.len()..];
        let code = after.strip_prefix('-').unwrap_or(after).trim_start_matches(|c: char| c.is_ascii_digit());
        let has_code = code.len() < after.trim_start_matches('-').len();
        // A task that prints such a line is told by the file that printed it, where the format shows that.
        let by_supervisor = self.file.as_deref().is_none_or(|file| SUPERVISORS.contains(&file));
        let alone = code.trim_end().is_empty() || code.starts_with(". For more information");
        has_code && by_supervisor && alone
    }

    /// What Airflow 2 may write after the process is over.
    fn is_epilogue(&self) -> bool {
        let message = self.message.trim_end();
        EPILOGUE.iter().any(|words| message.contains(words)) || (self.json && message == END_OF_LOG)
    }

    fn says_it_goes_on(&self) -> bool {
        GOES_ON.iter().any(|words| self.message.contains(words))
    }
}

/// `{file.py:12}`, as Airflow 2's own format shows where a line comes from.
fn file_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" {")?;
    let (file, rest) = rest.split_once(':')?;
    let (number, _) = rest.split_once("} ")?;
    let is_place = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_place && !file.contains([' ', '{', '}'])).then_some(file)
}

/// Whether it is worth while to look at all lines: most files are open, and their last line says so. The last line first.
fn may_have_ended<'a>(mut records: impl Iterator<Item = Record<'a>>) -> bool {
    records
        .find_map(|record| {
            let is_end = trigger_ended(&record)
                || record.is_exit()
                || record.is_of_supervisor()
                || (record.is_printed() && STATES.contains(&record.message.trim_end()));
            let goes_on = !record.is_printed() && !record.is_epilogue();
            (is_end || goes_on).then_some(is_end)
        })
        .unwrap_or(false)
}

/// The last line first.
fn airflow2_ended(records: &[Record<'_>]) -> bool {
    let Some(at) = records.iter().position(|record| !record.is_epilogue()) else { return false };
    let is_of_other = |record: &&Record<'_>| OTHERS.iter().any(|words| record.message.contains(words));
    let mut of_this_process = records[at + 1..].iter().take_while(|record| !is_of_other(record));
    records[at].is_exit() && !of_this_process.any(Record::says_it_goes_on)
}

/// The last line first.
fn airflow3_ended(records: &[Record<'_>]) -> bool {
    let printed = records.iter().take_while(|record| record.is_printed()).count();
    let (printed, said) = records.split_at(printed);
    let of_process = || said.iter().take_while(|record| !begins_airflow3(record));
    if of_process().any(|record| record.is_of_supervisor() && record.says_it_goes_on()) {
        return false;
    }
    if printed.iter().any(|record| STATES.contains(&record.message.trim_end())) {
        return true;
    }
    let Some(last) = said.first().filter(|last| last.is_of_supervisor()) else { return false };
    match last.message.trim_end() {
        "::endgroup::" => {
            of_process().find(|it| is_group(it, "")).is_some_and(|group| is_group(group, "Post Execute"))
        }
        "Process exited abnormally" | "Task killed!" => true,
        words if FAILED.contains(&words) => {
            !said.iter().any(|it| it.is_of_supervisor() && it.message.starts_with("::"))
        }
        died => died.starts_with("Process terminated by signal") || died.contains("Received SIGSEGV"),
    }
}

/// A process of Airflow 3 begins.
fn begins_airflow3(record: &Record<'_>) -> bool {
    is_group(record, "Pre Execute") || (record.json && record.message.starts_with("DAG bundles loaded"))
}

/// A group of Airflow 3 begins whose name begins so.
fn is_group(record: &Record<'_>, name: &str) -> bool {
    record.is_of_supervisor()
        && record.message.strip_prefix("::group::").is_some_and(|group| group.starts_with(name))
}

/// A trigger has done what it was there for.
fn trigger_ended(last: &Record<'_>) -> bool {
    if last.json && last.message == "trigger completed" {
        return true;
    }
    let by_triggerer = last.file.as_deref().is_none_or(|file| file == "triggerer_job_runner.py");
    let fired = last.message.contains(") fired: TriggerEvent<")
        || last.message.starts_with("Trigger exited without sending an event");
    fired && by_triggerer
}

#[cfg(test)]
mod tests;
