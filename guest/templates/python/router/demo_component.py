"""Gives each team a log group and a folder of its own, by how its DAGs' ids begin, and sends debug nowhere."""

from updraft_guest import LogStream, LogStreamName, ObjectKey, Router, Sink, Target, export_router


class Teams(Router):
    """The component. Its config: `teams`, from the beginning of a DAG's id to the name of a team."""

    def __init__(self, config: dict) -> None:
        teams = config.get("teams")
        if not isinstance(teams, dict) or not all(isinstance(team, str) for team in teams.values()):
            raise ValueError('its config must name `teams`, such as {"etl": "data-platform"}')
        # Longest first: `etl_orders` says more than `etl`.
        self.teams = sorted(teams.items(), key=lambda pair: -len(pair[0]))

    def route(self, origin: LogStream, label: str, sink: Sink, standard: Target) -> Target | None:
        # So a transform of the pipeline may have labelled it.
        if label == "debug":
            return None
        dag_id = origin.task.dag_id if origin.task else ""
        team = next((team for prefix, team in self.teams if dag_id.startswith(prefix)), None)
        if team is None:
            return standard
        match standard:
            case LogStreamName(_, name):
                return LogStreamName(f"/airflow/{team}", name)
            case ObjectKey(key):
                return ObjectKey(f"{team}/{key}")


export_router(Teams)
