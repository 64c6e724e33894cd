"""The events that a transformer reads and changes."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, MutableMapping

from .columns import DROPPED, Columns, Keys, Row, Span, encoded
from .replace import Finder, is_json

# Names that the contract gives, which hide nothing: a mask leaves them alone.
_NAMES = {"logger", "source", "dag_id", "run_id", "task_id", "map_index", "try_number", "exception"}


class Attributes(MutableMapping):
    """An event's attributes: a `str` is a text, anything else a JSON value."""

    def __init__(self, events: "EventSet", at: int) -> None:
        self._events = events
        self._at = at

    def raw(self, key: str) -> tuple[bytes, bool] | None:
        """The bytes of a value, and whether they are JSON."""
        for _, index, start, end, holds_json in self._events.rows(self._at):
            if self._events.columns.key_names[index] == key:
                return self._events.read(start, end), holds_json
        return None

    def set_raw(self, key: str, value: bytes, holds_json: bool) -> None:
        """Sets a value by its bytes."""
        index = self._events.keys.add(key)
        if index is None:
            return
        rows = self._events.changed_rows(self._at)
        new = (self._at, index, *self._events.made(value), holds_json)
        for row, (_, known, *_) in enumerate(rows):
            if known == index:
                rows[row] = new
                return
        rows.append(new)

    def __getitem__(self, key: str) -> object:
        found = self.raw(key)
        if found is None:
            raise KeyError(key)
        value, holds_json = found
        return json.loads(value) if holds_json else value.decode(errors="replace")

    def __setitem__(self, key: str, value: object) -> None:
        is_text = isinstance(value, str)
        text = value if is_text else json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self.set_raw(key, text.encode(errors="replace"), not is_text)

    def __delitem__(self, key: str) -> None:
        if self.raw(key) is None:
            raise KeyError(key)
        names = self._events.columns.key_names
        rows = self._events.changed_rows(self._at)
        rows[:] = [row for row in rows if names[row[1]] != key]

    def __iter__(self) -> Iterator[str]:
        return iter([self._events.columns.key_names[row[1]] for row in self._events.rows(self._at)])

    def __len__(self) -> int:
        return len(self._events.rows(self._at))


class Event:
    """One event of a set; nothing of it is read before it is asked for."""

    __slots__ = ("_events", "at")

    def __init__(self, events: "EventSet", at: int) -> None:
        self._events = events
        # Its place in each column.
        self.at = at

    @property
    def message(self) -> bytes:
        """What it says; perhaps not UTF-8. To hide something in it, use `replace`: `raw` says it, too."""
        columns, at = self._events.columns, self.at
        return self._events.read(columns.message_starts[at], columns.message_ends[at])

    @message.setter
    def message(self, text: str | bytes) -> None:
        columns, at = self._events.columns, self.at
        columns.message_starts[at], columns.message_ends[at] = self._events.made(text)

    @property
    def text(self) -> str:
        """The message as text, what is not UTF-8 replaced."""
        return self.message.decode(errors="replace")

    @property
    def raw(self) -> bytes:
        """What codec `raw` ships: the bytes of the file, line breaks included, unless they were replaced."""
        columns, at = self._events.columns, self.at
        return self._events.read(columns.raw_starts[at], columns.raw_ends[at])

    @raw.setter
    def raw(self, text: str | bytes) -> None:
        columns, at = self._events.columns, self.at
        columns.raw_starts[at], columns.raw_ends[at] = self._events.made(text)

    @property
    def timestamp(self) -> int:
        """Nanoseconds since the Unix epoch, UTC; NO_TIMESTAMP where none was found."""
        return self._events.columns.timestamps[self.at]

    @timestamp.setter
    def timestamp(self, timestamp: int) -> None:
        self._events.columns.timestamps[self.at] = timestamp

    @property
    def severity(self) -> int:
        """How bad it is."""
        return self._events.columns.severities[self.at]

    @severity.setter
    def severity(self, severity: int) -> None:
        self._events.columns.severities[self.at] = severity

    @property
    def label(self) -> str:
        """A short word that routes tell events apart by."""
        columns = self._events.columns
        return columns.label_names[columns.labels[self.at]]

    @label.setter
    def label(self, name: str) -> None:
        columns = self._events.columns
        columns.labels[self.at] = columns.label(name)

    @property
    def attributes(self) -> Attributes:
        """Its attributes, by name."""
        return Attributes(self._events, self.at)

    def drop(self) -> None:
        """Drops the event. The host counts it."""
        self._events.columns.labels[self.at] = DROPPED

    def replace(self, what: "str | bytes | re.Pattern[bytes]", by: str | bytes) -> None:
        """Replaces every match in message, attributes (names and values) **and** `raw`: what a mask hides is gone."""
        self._events.replace(what, by, [self.at])


class EventSet:
    """The events that a transformer reads and changes: `for event in events`, without those dropped before.

    What is not touched goes back as it came. `columns` may be read and written directly, too.
    """

    def __init__(self, data: bytes, given: Columns) -> None:
        self.bytes = data
        self.columns = given
        self.columns.severities = bytearray(given.severities)
        self.keys = Keys(given.key_names)
        self._arena = given.arena
        given.arena = bytearray()
        self._border = len(data)
        self._new = len(data) + len(self._arena)
        self._changed: dict[int, list[Row]] = {}

    def __len__(self) -> int:
        return len(self.columns.labels)

    def __iter__(self) -> Iterator[Event]:
        labels = self.columns.labels
        return (Event(self, at) for at in range(len(labels)) if labels[at] != DROPPED)

    def read(self, start: int, end: int) -> bytes:
        """The bytes of a span."""
        if end <= self._border:
            return self.bytes[start:end]
        if start < self._new:
            return self._arena[start - self._border : end - self._border]
        return bytes(self.columns.arena[start - self._new : end - self._new])

    def made(self, text: str | bytes) -> Span:
        """The span of a text that is no piece of what was given."""
        start = self._new + len(self.columns.arena)
        self.columns.arena += encoded(text)
        return start, self._new + len(self.columns.arena)

    def rows(self, at: int) -> list[Row]:
        """The attributes of an event."""
        if (rows := self._changed.get(at)) is not None:
            return rows
        first = bisect_left(self.columns.attribute_events, at)
        last = bisect_left(self.columns.attribute_events, at + 1, first)
        return list(zip(*(column[first:last] for column in self.columns.rows())))

    def changed_rows(self, at: int) -> list[Row]:
        """The same, to be changed."""
        return self._changed.setdefault(at, self.rows(at))

    def replace(
        self, what: "str | bytes | re.Pattern[bytes]", by: str | bytes, among: Iterable[int] | None = None
    ) -> None:
        """`Event.replace` on all events at once: much faster, since it looks first whether there is any match."""
        finder = Finder(what, encoded(by))
        columns = self.columns
        texts = (self.bytes, self._arena, bytes(columns.arena), *(name.encode() for name in columns.key_names))
        if among is None and not any(map(finder.may_match, texts)):
            return
        for at in range(len(self)) if among is None else among:
            if columns.labels[at] != DROPPED:
                self._replace(at, finder)

    def _replace(self, at: int, finder: "Finder") -> None:
        columns = self.columns
        message = finder.replaced(self.read(columns.message_starts[at], columns.message_ends[at]))
        if message is not None:
            columns.message_starts[at], columns.message_ends[at] = self.made(message)
        raw = finder.replaced(self.read(columns.raw_starts[at], columns.raw_ends[at]))
        if raw is not None:
            columns.raw_starts[at], columns.raw_ends[at] = self.made(raw)
        given = self.rows(at)
        if not given:
            return
        rows, taken = [], {row[1] for row in given}
        for row in given:
            _, key, start, end, holds_json = row
            replaced = finder.replaced(self.read(start, end))
            if replaced is not None:
                holds_json = holds_json and is_json(replaced)
                start, end = self.made(replaced)
            key = self._renamed(key, taken, finder)
            if key is not None:
                rows.append((at, key, start, end, holds_json))
        if rows != given:
            self._changed[at] = rows

    def _renamed(self, key: int, taken: set[int], finder: "Finder") -> int | None:
        """The key of the name with its matches replaced; one that is taken then gets a `_` more."""
        name = self.columns.key_names[key]
        replaced = None if name in _NAMES else finder.replaced(name.encode())
        if replaced is None:
            return key
        name = replaced.decode(errors="replace")
        taken.discard(key)
        while self.keys.get(name) in taken:
            name += "_"
        renamed = self.keys.add(name)
        if renamed is not None:
            taken.add(renamed)
        return renamed

    def finish(self) -> Columns:
        """The columns that cross the border; the arena holds only what was made here."""
        columns = self.columns
        if self._changed:
            rows: list[Row] = []
            done = 0
            for at in sorted(self._changed):
                first = bisect_left(columns.attribute_events, at)
                rows += zip(*(column[done:first] for column in columns.rows()))
                rows += self._changed[at]
                done = bisect_left(columns.attribute_events, at + 1, first)
            rows += zip(*(column[done:] for column in columns.rows()))
            for column, values in zip(columns.rows(), zip(*rows) if rows else [()] * 5):
                column[:] = values
        return columns.frozen()
