"""Runs a whole Airflow 3 for the live test: a database, scheduler, triggerer and DAG processor that log to files, and two
API servers that see none of these files: one reads logs from S3, one from CloudWatch Logs.

    run.py AIRFLOW HOME ENDPOINT S3_FOLDER CLOUDWATCH_FOLDER DAG

Prints {"ports": {"objects": N, "events": N}, "token": …} once both servers answer and the DAG is known, and ends all of it
when its standard input closes: that happens even when whoever started it is killed.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

airflow, home, endpoint, s3_folder, cloudwatch_folder, dag = sys.argv[1:]
home = Path(home)
processes = []


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


objects_port, events_port, *closed_ports = free_ports(4)


DAGS = Path(__file__).parent / "dags"
# What all of them share. Nobody listens on the ports by which workers and triggerer would serve their logs.
ENVIRONMENT = {
    "PATH": f"{Path(airflow).parent}:{os.environ['PATH']}",
    "HOME": str(home),
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(DAGS),
    "AIRFLOW_HOME": str(home),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{objects_port}/execution/",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
    "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(closed_ports[0]),
    "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(closed_ports[1]),
    # Run ids with spaces and umlauts.
    "AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN": "^.+$",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


def of_a_ui(remote_folder: str) -> dict:
    """What docs/airflow-ui.md says of API servers; the log folder is an empty one, as on a machine of its own."""
    return {
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "no-logs"),
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": remote_folder,
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws_logs",
        "AIRFLOW_CONN_AWS_LOGS": "aws://?region_name=us-east-1",
        "AWS_ACCESS_KEY_ID": "setup",
        "AWS_SECRET_ACCESS_KEY": "setup",
        "AWS_ENDPOINT_URL": endpoint,
    }


def start(name: str, arguments: list[str], variables: dict | None = None) -> None:
    with open(home / f"{name}.out", "wb") as output:
        processes.append(
            subprocess.Popen(
                [airflow, *arguments],
                env=ENVIRONMENT | (variables or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=home,
                start_new_session=True,
            )
        )


def end() -> None:
    """All of them, with whatever they have started."""
    for patience in (15, 0):
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGTERM if patience else signal.SIGKILL)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(process.poll() is None for process in processes):
            time.sleep(0.1)
    os._exit(0)


def end_with_parent() -> None:
    sys.stdin.buffer.read()
    end()


def answer(port: int, path: str, token: str = "") -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def until_answered(port: int, path: str, token: str = "") -> dict:
    deadline = time.monotonic() + 150
    while True:
        try:
            return answer(port, path, token)
        except (OSError, TimeoutError) as error:
            refused = isinstance(error, urllib.error.HTTPError) and error.code != 404
            dead = [process.args for process in processes if process.poll() is not None]
            if refused or dead or time.monotonic() > deadline:
                print(f"{path}: {error}; ended by themselves: {dead}", file=sys.stderr)
                for output in home.glob("*.out"):
                    print(output.name, *output.read_text(errors="replace").splitlines()[-20:], sep="\n  ", file=sys.stderr)
                end()
            time.sleep(0.3)


def main() -> None:
    threading.Thread(target=end_with_parent, daemon=True).start()
    (home / "no-logs").mkdir()
    with open(home / "migrate.out", "wb") as output:
        migrate = [airflow, "db", "migrate"]
        subprocess.run(migrate, env=ENVIRONMENT, check=True, stdout=output, stderr=subprocess.STDOUT, cwd=home)
    for name, port, folder in (("objects", objects_port, s3_folder), ("events", events_port, cloudwatch_folder)):
        server = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        start(name, server, of_a_ui(folder))
    start("dag-processor", ["dag-processor"])
    start("scheduler", ["scheduler", "--skip-serve-logs"])
    start("triggerer", ["triggerer", "--skip-serve-logs"])
    token = until_answered(objects_port, "/auth/token")["access_token"]
    for port in (objects_port, events_port):
        until_answered(port, f"/api/v2/dags/{quote(dag)}", token)
    print(json.dumps({"ports": {"objects": objects_port, "events": events_port}, "token": token}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
