"""Runs a component natively, holds it to the contract as the host does, and gives back readable events.

    batch = testing.normalize(Airflow({}), "[2024-01-01T00:00:00+0000] {a.py:1} INFO - hello\\n")
    assert batch.rows()[0].text == "hello"

Only the host's limits of time and size are not looked at.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .columns import DROPPED, NO_TIMESTAMP, Columns, encoded
from .component import Normalizer, Router, Transformer, run_normalizer, run_transformer
from .normalize import Events, Lines
from .origin import LogStream, StreamKind, TaskTry
from .replace import is_json
from .route import LogStreamName, ObjectKey, Sink, Target

# The host reads JSON no deeper.
_MAX_DEPTH = 127
_WIDTHS = {"timestamps": 64, "severities": 8, "labels": 16, "attribute_keys": 16}


class ContractBroken(AssertionError):
    """What the host would refuse."""


@dataclass
class Row:
    """One event, readable. Its label is None where it is dropped, its timestamp where none was found."""

    message: bytes
    raw: bytes = b""
    source: bytes = b""
    timestamp: int | None = None
    severity: int = 0
    label: str | None = "default"
    attributes: dict[str, object] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The message as text, what is not UTF-8 replaced."""
        return self.message.decode(errors="replace")


@dataclass
class Batch:
    """What a component made of a batch: the bytes of the lines that it used, and events as they cross the border."""

    bytes: bytes
    columns: Columns
    consumed: int = 0

    def rows(self) -> list[Row]:
        """The events in order, dropped ones included."""
        columns = self.columns
        whole = self.bytes + columns.arena
        rows = []
        for at, timestamp in enumerate(columns.timestamps):
            source_start = columns.source_ends[at - 1] if at else 0
            label = columns.labels[at]
            rows.append(
                Row(
                    message=whole[columns.message_starts[at] : columns.message_ends[at]],
                    raw=whole[columns.raw_starts[at] : columns.raw_ends[at]],
                    source=whole[source_start : columns.source_ends[at]],
                    timestamp=None if timestamp == NO_TIMESTAMP else timestamp,
                    severity=columns.severities[at],
                    label=None if label == DROPPED else columns.label_names[label],
                )
            )
        for event, key, start, end, is_json_value in zip(*columns.rows()):
            value = whole[start:end]
            value = json.loads(value) if is_json_value else value.decode(errors="replace")
            rows[event].attributes[columns.key_names[key]] = value
        return rows


def origin(**changes: object) -> LogStream:
    """The first try of a task, as Airflow's default layout has it."""
    task = TaskTry("etl", "manual__1", "load", None, 1)
    path = "dag_id=etl/run_id=manual__1/task_id=load/attempt=1.log"
    return replace(LogStream("airflow", path, "worker-0", StreamKind.TASK, task), **changes)


def lines(data: str | bytes, last: bool = True) -> Lines:
    """Cuts bytes into lines as the host does."""
    data = encoded(data)
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    if data and not data.endswith(b"\n"):
        ends.append(len(data))
    return Lines(data, ends, last)


def normalize(normalizer: Normalizer, data: str | bytes, last: bool = True, origin: LogStream = origin()) -> Batch:
    """Feeds a normalizer some bytes."""
    given = lines(data, last)
    normalized = run_normalizer(normalizer, origin, given)
    consumed, columns = normalized.consumed, normalized.events
    _hold(consumed <= len(given), f"consumed {consumed} of {len(given)} lines")
    _hold(
        not last or consumed == len(given), f"only {consumed} of {len(given)} lines consumed, though they are the last"
    )
    end = given.ends[consumed - 1] if consumed else 0
    _check(columns, len(given.bytes), b"", end, given.bytes)
    # As the host does: what was not used is gone, and spans into the arena move up to it.
    cut = len(given.bytes) - end
    for column in (columns.message_starts, columns.message_ends, columns.attribute_starts, columns.attribute_ends):
        column[:] = [at - cut if at >= len(given.bytes) else at for at in column]
    return Batch(given.bytes[:end], columns, consumed)


def events(rows: Iterable[Row | str | bytes]) -> Batch:
    """Events for a transformer: of lines as they stand, or of rows that say more (`raw`, if not given: the message)."""
    rows = [row if isinstance(row, Row) else Row(encoded(row)) for row in rows]
    raws = [row.raw or row.message + b"\n" for row in rows]
    made = Events(Lines(b"".join(raws), [], True))
    end = 0
    for row, raw in zip(rows, raws):
        end += len(raw)
        timestamp = NO_TIMESTAMP if row.timestamp is None else row.timestamp
        made.push(end, timestamp, row.severity, row.message, row.label or "")
        for key, value in row.attributes.items():
            if isinstance(value, str):
                made.attribute_text(key, value)
            else:
                made.attribute_json(key, json.dumps(value))
    return Batch(made.bytes, made.finish(), len(rows))


def transform(
    transformer: Transformer, batch: Batch | Iterable[Row | str | bytes], origin: LogStream = origin()
) -> Batch:
    """Feeds a transformer what the stage before it made, or events as `events` takes them."""
    batch = batch if isinstance(batch, Batch) else events(batch)
    # A copy, as the border makes one: the batch may be used again.
    given = Columns(**{name: column[:] for name, column in vars(batch.columns).items()})
    columns = run_transformer(transformer, origin, batch.bytes, given)
    ends = set(columns.source_ends)
    for end in batch.columns.source_ends:
        _hold(end in ends, f"no event ends at byte {end} any more: events are never merged")
    _check(columns, len(batch.bytes), batch.columns.arena, len(batch.bytes), batch.bytes)
    columns.arena = batch.columns.arena + columns.arena
    return Batch(batch.bytes, columns, batch.consumed)


def route(
    router: Router,
    standard: Target,
    label: str = "default",
    sink: Sink = Sink("logs", "aws_cloudwatch_logs"),
    origin: LogStream = origin(),
) -> Target | None:
    """Asks a router."""
    target = router.route(origin, label, sink, standard)
    _hold(target is None or isinstance(target, LogStreamName | ObjectKey), f"route gave {target!r}")
    return target


def _hold(kept: bool, words: str) -> None:
    if not kept:
        raise ContractBroken(words)


def _check(columns: Columns, border: int, older: bytes, end: int, data: bytes) -> None:
    """What the host checks: lengths, types, spans, indices, and that the sources cover every byte up to `end`."""
    count, rows = len(columns.timestamps), len(columns.attribute_events)
    for name, column in vars(columns).items():
        if name in ("arena", "label_names", "key_names"):
            continue
        wanted = rows if name.startswith("attribute_") else count
        _hold(len(column) == wanted, f"{name} has {len(column)} entries, not {wanted}")
        bits = _WIDTHS.get(name, 32)
        low, high = (-(2**63), 2**63) if bits == 64 else (0, 2**bits)
        _hold(all(low <= value < high for value in column), f"{name} holds more than {bits} bits")
    ends = columns.source_ends
    _hold(all(one <= next_ for one, next_ in zip(ends, ends[1:])), "source_ends decrease")
    last = ends[-1] if ends else 0
    _hold(last == end, f"the last event ends at byte {last}, not where the consumed lines end, {end}")
    _hold(all(at == DROPPED or at < len(columns.label_names) for at in columns.labels), "a label has no name")
    _hold(all(at < len(columns.key_names) for at in columns.attribute_keys), "an attribute has no name")
    order = columns.attribute_events
    _hold(order == sorted(order), "attributes are not ordered by event")
    _hold(not order or order[-1] < count, "an attribute has no event")
    whole = data + older + columns.arena
    for name in ("raw", "message", "attribute"):
        spans = zip(getattr(columns, f"{name}_starts"), getattr(columns, f"{name}_ends"))
        for at, (start, stop) in enumerate(spans):
            fits = start <= stop and (stop <= end or (border <= start and stop <= len(whole)))
            _hold(fits, f"{name} {at} is no span of the consumed bytes or the arena: {start} to {stop}")
    for _, key, start, stop, is_json_value in zip(*columns.rows()):
        if is_json_value:
            value = whole[start:stop]
            _hold(_is_json(value), f"attribute {columns.key_names[key]} is not JSON in one line: {value!r}")


def _is_json(value: bytes) -> bool:
    return is_json(value) and _depth(json.loads(value)) <= _MAX_DEPTH


def _depth(value: object) -> int:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if values is None else 1 + max(map(_depth, values), default=0)
