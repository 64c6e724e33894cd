"""Who a stream is: what a component is told with every batch."""

from dataclasses import dataclass, field
from enum import Enum


class StreamKind(Enum):
    """Kinds of logs that Airflow writes."""

    TASK = "task"
    TRIGGER = "trigger"
    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag-processor"
    OTHER = "other"


@dataclass
class TaskTry:
    """One attempt of one task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None
    try_number: int


@dataclass
class Deployment:
    """Ids that the platform injects."""

    cluster_id: str | None = None
    workspace_id: str | None = None
    deployment_id: str | None = None


@dataclass
class LogStream:
    """Who a stream is; the same for all its lines."""

    source: str
    path: str
    host: str
    kind: StreamKind
    task: TaskTry | None = None
    deployment: Deployment = field(default_factory=Deployment)
