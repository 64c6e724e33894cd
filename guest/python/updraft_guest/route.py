"""Where events go: what a router is asked and what it answers."""

from dataclasses import dataclass


@dataclass
class Sink:
    """The sink that asks where events go; its kind is `aws_cloudwatch_logs`, `aws_s3`, `file` or `console`."""

    id: str
    kind: str


@dataclass
class LogStreamName:
    """A log group and a log stream in it: where events go in CloudWatch Logs."""

    group: str
    name: str


@dataclass
class ObjectKey:
    """The key of an object: where events go in S3, or below a folder."""

    key: str


Target = LogStreamName | ObjectKey
