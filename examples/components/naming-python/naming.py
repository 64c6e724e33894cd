"""Names log groups, log streams and objects the way a platform team does for many others: each team has a log group
and a key prefix, found by how a DAG's id begins; errors have log streams of their own, so that an alarm can watch them;
keys stand below the day of the run, so that old days can expire; and debug goes nowhere. Build it from the repository's
root, once `cargo xtask setup` has run:

    VIRTUAL_ENV=target/componentize-py target/componentize-py/bin/componentize-py \\
        --wit-path wit/v0.1 --world router componentize \\
        --python-path guest/python --python-path examples/components/naming-python naming --output naming.wasm

and name it in a pipeline as `routes: {naming: {type: wasm, component: ./naming.wasm, config: {teams: {sales: crm}}}}`
and `route: naming` in a sink.
"""

import re

from updraft_guest import LogStream, LogStreamName, ObjectKey, Router, Severity, Sink, Target, export_router, host

NOBODY = "unowned"
DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Naming(Router):
    """Config: `teams`, from how the ids of a team's DAGs begin to its name."""

    def __init__(self, config: dict) -> None:
        teams = config.get("teams", {})
        # Longest first: `sales_eu` says more than `sales`.
        self.teams = sorted(teams.items(), key=lambda pair: -len(pair[0]))

    def route(self, origin: LogStream, label: str, sink: Sink, standard: Target) -> Target | None:
        if label == "debug":
            return None
        task = origin.task
        if task is None:
            # The scheduler's own logs and the like stay where the sink has them.
            return standard
        team = self.team(task.dag_id)
        match standard:
            case LogStreamName(_, name):
                return LogStreamName(f"/airflow/{team}", f"{name}/errors" if label == "errors" else name)
            case ObjectKey(key):
                day = DAY.search(task.run_id)
                return ObjectKey(f"{team}/{day[0] if day else 'no-day'}/{key}")

    def team(self, dag_id: str) -> str:
        """The team whose DAG it is."""
        for prefix, team in self.teams:
            if dag_id.startswith(prefix):
                return team
        host.log(Severity.WARNING, f"DAG {dag_id} is of no team")
        host.count("unowned")
        return NOBODY


export_router(Naming)
