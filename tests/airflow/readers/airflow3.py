"""Airflow 3: what stands in for a row of the database, and the reader that the API server asks."""

from types import SimpleNamespace

import pendulum
from airflow import logging_config
from airflow.configuration import conf
from airflow.utils.log.log_reader import TaskLogReader
from airflow.utils.state import TaskInstanceState

STARTED = pendulum.parse("2026-11-21T00:00:00Z")

logging_config.configure_logging()


def configure() -> None:
    """Has Airflow choose its remote reader anew."""
    logging_config._load_logging_config()


def path(question: dict) -> str:
    return TaskLogReader().log_handler._render_filename(task_instance(question), question["try_number"])


def answer(question: dict) -> dict:
    ti = task_instance(question)
    remote, reader, number = logging_config.get_remote_task_log(), TaskLogReader(), question["try_number"]
    wanted = "S3RemoteLogIO" if question["remote_base"].startswith("s3:") else "CloudWatchRemoteLogIO"
    assert type(remote).__name__ == wanted, f"Airflow made a {type(remote)}"
    said, raw = remote.read(path(question), ti)
    return {"path": path(question), "raw": raw or [], "said": said, "shown": list(reader.read_log_stream(ti, number, {}))}


def task_instance(question: dict) -> SimpleNamespace:
    template = question["template"] or conf.get("logging", "log_filename_template")
    run = SimpleNamespace(
        logical_date=STARTED,
        run_after=STARTED,
        data_interval_start=None,
        data_interval_end=None,
        get_log_template=lambda session=None: SimpleNamespace(filename=template),
    )
    return SimpleNamespace(
        **{name: question[name] for name in ("dag_id", "run_id", "task_id", "map_index", "try_number")},
        state=TaskInstanceState.SUCCESS if question["local"] is None else TaskInstanceState.UP_FOR_RETRY,
        hostname="",
        executor=None,
        executor_config={},
        triggerer_job=None,
        is_trigger_log_context=False,
        task=None,
        end_date=question["end_date"] and pendulum.parse(question["end_date"]),
        updated_at=None,
        get_dagrun=lambda session=None: run,
    )
