"""The lines that a normalizer reads, and the events it makes of them."""

from collections.abc import Iterator
from datetime import datetime, timezone
from functools import lru_cache

from .columns import NO_TIMESTAMP, Columns, Keys, Span, Text, encoded

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


# Lines of the same moment are common, and reading it is a good part of what a line costs.
@lru_cache(maxsize=256)
def timestamp_ns(text: str | bytes) -> int:
    """Nanoseconds since the epoch of an ISO 8601 time (UTC where it names no zone); NO_TIMESTAMP if it is none."""
    try:
        time = datetime.fromisoformat(text if isinstance(text, str) else text.decode())
        since = (time if time.tzinfo else time.replace(tzinfo=timezone.utc)) - _EPOCH
    except (ValueError, OverflowError):
        return NO_TIMESTAMP
    ns = (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
    return ns if -(2**63) < ns < 2**63 else NO_TIMESTAMP


class Lines:
    """Consecutive lines of one stream: `for start, end in lines`, its bytes being `lines.bytes[start:end]`."""

    def __init__(self, data: bytes, ends: list[int], last: bool) -> None:
        self.bytes = data
        self.ends = ends
        # Nothing follows for now: all lines must be used.
        self.last = last

    def __len__(self) -> int:
        return len(self.ends)

    def __iter__(self) -> Iterator[Span]:
        return zip([0, *self.ends], self.ends)

    def text(self, start: int, end: int) -> str:
        """A piece as text, without a line break at its end; what is not UTF-8 replaced."""
        return self.bytes[start:end].removesuffix(b"\n").decode(errors="replace")


class Events:
    """The events that a normalizer makes, in the order of the lines they came from.

    `columns` may be written to directly, too; `raw`, and labels that nobody set, are filled in at the end.
    """

    def __init__(self, lines: Lines) -> None:
        self.bytes = lines.bytes
        self.columns = Columns()
        self._keys = Keys(self.columns.key_names)
        self._given: dict[int, int] = {}  # the last event of each key: an attribute set twice is found at once

    def __len__(self) -> int:
        return len(self.columns.source_ends)

    def push(
        self, end: int, timestamp: int = NO_TIMESTAMP, severity: int = 0, message: Text | None = None, label: str = ""
    ) -> None:
        """Adds an event whose source ends at byte `end`. It begins where the one before ended: no byte is without one.

        Its message is the source without the line break, unless one is given.
        """
        columns = self.columns
        if message is None:
            start = columns.source_ends[-1] if columns.source_ends else 0
            stop = end - 1 if end > start and self.bytes[end - 1] == 10 else end
        else:
            start, stop = message if type(message) is tuple else self._copied(message)
        columns.source_ends.append(end)
        columns.timestamps.append(timestamp)
        columns.severities.append(severity)
        columns.message_starts.append(start)
        columns.message_ends.append(stop)
        if label:
            self._fill_labels(len(columns.source_ends) - 1)
            columns.labels.append(columns.label(label))

    def attribute_text(self, key: str, text: Text, is_json: bool = False) -> None:
        """An attribute of the event pushed last. Given again under the same key, it replaces the one before."""
        index = self._keys.get(key)
        if index is None and (index := self._keys.add(key)) is None:
            return
        start, end = text if type(text) is tuple else self._copied(text)
        columns = self.columns
        event = len(columns.source_ends) - 1
        if self._given.get(index) == event:
            self._remove(event, index)
        self._given[index] = event
        # Each on a line of its own: a loop over the columns takes twice as long.
        columns.attribute_events.append(event)
        columns.attribute_keys.append(index)
        columns.attribute_starts.append(start)
        columns.attribute_ends.append(end)
        columns.attribute_json.append(is_json)

    def attribute_json(self, key: str, text: Text) -> None:
        """The same with a JSON value, as JSON text in one line."""
        self.attribute_text(key, text, True)

    def _remove(self, event: int, key: int) -> None:
        row = len(self.columns.attribute_events) - 1
        while (self.columns.attribute_events[row], self.columns.attribute_keys[row]) != (event, key):
            row -= 1
        for column in self.columns.rows():
            del column[row]

    def _copied(self, text: str | bytes) -> Span:
        start = len(self.bytes) + len(self.columns.arena)
        self.columns.arena += encoded(text)
        return start, len(self.bytes) + len(self.columns.arena)

    def _fill_labels(self, count: int) -> None:
        self.columns.labels.extend([0] * (count - len(self.columns.labels)))

    def finish(self) -> Columns:
        """The columns that cross the border."""
        columns = self.columns
        self._fill_labels(len(self))
        columns.raw_starts = [0, *columns.source_ends][: len(self)]
        columns.raw_ends = columns.source_ends
        return columns.frozen()
