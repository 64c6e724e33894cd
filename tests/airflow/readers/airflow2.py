"""Airflow 2: a TaskInstance that never meets a database, and the reader that the web server asks."""

import importlib
from types import SimpleNamespace

from airflow.config_templates import airflow_local_settings
from airflow.configuration import conf
from airflow.logging_config import configure_logging
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.operators.empty import EmptyOperator
from airflow.utils import timezone
from airflow.utils.log.log_reader import TaskLogReader
from airflow.utils.state import State

STARTED = timezone.parse("2026-11-21T00:00:00Z")


def configure() -> None:
    """The handlers are decided when this module is read."""
    importlib.reload(airflow_local_settings)
    configure_logging()


def path(question: dict) -> str:
    return TaskLogReader().log_handler._render_filename(task_instance(question), question["try_number"])


def answer(question: dict) -> dict:
    ti = task_instance(question)
    reader = TaskLogReader()
    handler, number = reader.log_handler, question["try_number"]
    wanted = "S3TaskHandler" if question["remote_base"].startswith("s3:") else "CloudwatchTaskHandler"
    assert type(handler).__name__ == wanted, f"Airflow made a {type(handler)}"
    said, raw = handler._read_remote_logs(ti, number)
    (((_, text),),), _ = reader.read_log_chunks(ti, number, {})
    return {
        "path": path(question),
        "raw": raw,
        "said": said,
        "shown": text.split("\n"),
    }


def task_instance(question: dict) -> TaskInstance:
    ti = TaskInstance(task=EmptyOperator(task_id="any"), run_id=question["run_id"], map_index=question["map_index"])
    ti.dag_id, ti.task_id, ti.try_number = question["dag_id"], question["task_id"], question["try_number"]
    # Without it the template sees ti, ts and try_number alone, as in the web server.
    ti.task, ti.hostname = None, ""
    ti.state = State.SUCCESS if question["local"] is None else State.UP_FOR_RETRY
    ti.end_date = question["end_date"] and timezone.parse(question["end_date"])
    run = DagRun(dag_id=question["dag_id"], run_id=question["run_id"], execution_date=STARTED)
    template = question["template"] or conf.get("logging", "log_filename_template")
    run.get_log_template = lambda session=None: SimpleNamespace(filename=template)
    ti.__dict__["dag_run"] = run
    ti.get_dagrun = lambda session=None: run
    return ti
