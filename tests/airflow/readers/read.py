"""Asks the log readers of the Airflow that this Python has: questions as JSON on stdin, answers as JSON on stdout.

    {"endpoint": URL of AWS, "keys": [access key, secret], "questions": [{
        "remote_base": "s3://bucket/prefix" or "cloudwatch://arn:aws:logs:REGION:ACCOUNT:log-group:NAME",
        "dag_id": …, "run_id": …, "task_id": …, "map_index": -1, "try_number": 1,
        "end_date": when the task ended, or null, "template": log_filename_template, or null for the default,
        "local": what the log folder has of a task that has not ended, or null}]}

For each an answer: {"path": what Airflow takes the log's name for, "raw": what the remote reader hands back, each object
or stream a text, "said": what it says besides, "shown": what the web UI gets, lines as it has them}.

One process answers many: importing Airflow takes seconds. There is no database.
"""

import json
import os
import sys
import tempfile
import warnings
from pathlib import Path


REMOTE_BASE = "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"


def prepare(endpoint: str, keys: list[str], remote_base: str, home: str) -> None:
    """What Airflow takes its configuration from."""
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "AWS"))]:
        del os.environ[name]
    os.makedirs(f"{home}/logs")
    os.environ |= {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{home}/logs",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        REMOTE_BASE: remote_base,
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_of_the_test",
        # Airflow 2 takes no run id with a space otherwise.
        "AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN": "^.+$",
        "AIRFLOW_CONN_AWS_OF_THE_TEST": "aws://?region_name=us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "AWS_ENDPOINT_URL": endpoint,
    }


def main() -> None:
    # Airflow's own loggers print to stdout.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    warnings.showwarning = lambda *_, **__: None
    asked = json.load(sys.stdin)
    questions, all_answers = asked["questions"], []
    with tempfile.TemporaryDirectory(prefix="airflow-reader-") as home:
        prepare(asked["endpoint"], asked["keys"], questions[0]["remote_base"], home)
        import airflow

        if airflow.__version__.startswith("2."):
            import airflow2 as reader
        else:
            import airflow3 as reader
        for question in questions:
            if question["remote_base"] != os.environ[REMOTE_BASE]:
                os.environ[REMOTE_BASE] = question["remote_base"]
                reader.configure()
            if question["local"] is not None:
                log = Path(home, "logs", reader.path(question))
                log.parent.mkdir(parents=True, exist_ok=True)
                log.write_text(question["local"], encoding="utf-8")
            all_answers.append(reader.answer(question))
        json.dump(all_answers, answers)
        answers.close()
        # Without whatever Airflow would do at its end.
        os._exit(0)


if __name__ == "__main__":
    main()
