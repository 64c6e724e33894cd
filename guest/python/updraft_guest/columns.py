"""Events as they cross the border: the WIT's `events`, column by column."""

from dataclasses import dataclass, field
from enum import IntEnum

from . import host

NO_TIMESTAMP = -(2**63)
DROPPED = 0xFFFF
# Indices are 16 bits wide in the WIT.
MAX_KEYS = 1 << 16

Span = tuple[int, int]
Text = str | bytes | Span
# An attribute: event, index of its key, start, end, whether it is JSON.
Row = tuple[int, int, int, int, bool]


class Severity(IntEnum):
    """OpenTelemetry's SeverityNumber."""

    NONE = 0
    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARNING = 13
    ERROR = 17
    CRITICAL = 21


@dataclass
class Columns:
    """Events as they cross the border; the WIT documents each column."""

    arena: bytearray | bytes = field(default_factory=bytearray)
    timestamps: list[int] = field(default_factory=list)
    severities: bytearray | bytes = field(default_factory=bytearray)
    source_ends: list[int] = field(default_factory=list)
    raw_starts: list[int] = field(default_factory=list)
    raw_ends: list[int] = field(default_factory=list)
    message_starts: list[int] = field(default_factory=list)
    message_ends: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    label_names: list[str] = field(default_factory=lambda: ["default"])
    attribute_events: list[int] = field(default_factory=list)
    attribute_keys: list[int] = field(default_factory=list)
    key_names: list[str] = field(default_factory=list)
    attribute_starts: list[int] = field(default_factory=list)
    attribute_ends: list[int] = field(default_factory=list)
    attribute_json: list[bool] = field(default_factory=list)

    def rows(self) -> tuple[list, ...]:
        """The columns of the attributes."""
        return (
            self.attribute_events,
            self.attribute_keys,
            self.attribute_starts,
            self.attribute_ends,
            self.attribute_json,
        )

    def label(self, name: str) -> int:
        """The index of a label, added where it is new. There are a handful per batch."""
        if name not in self.label_names:
            self.label_names.append(name)
        return self.label_names.index(name)

    def frozen(self) -> "Columns":
        """The same, of the types that cross the border."""
        self.arena = bytes(self.arena)
        self.severities = bytes(self.severities)
        return self


class Keys(dict):
    """Indices of attribute names. Of equal names the first one's counts."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        for at, name in enumerate(names):
            self.setdefault(name, at)

    def add(self, name: str) -> int | None:
        """None, and counted, when there are too many others already."""
        key = self.get(name)
        if key is None:
            if len(self.names) == MAX_KEYS:
                host.count("attributes_left_out", 1)
                return None
            key = self[name] = len(self.names)
            self.names.append(name)
        return key


def encoded(text: str | bytes) -> bytes:
    return text.encode(errors="replace") if isinstance(text, str) else text
