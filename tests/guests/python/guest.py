"""A normalizer in Python: each line is an event as it stands, and at `POISON` it does what its config says (`trap`, `loop`)."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.normalize import Normalized
from wit_world.imports.types import Events, Lines, LogStream

NO_TIMESTAMP = -(2**63)

deed = ""


class Lifecycle(exports.Lifecycle):
    def configure(self, config: str) -> None:
        global deed
        try:
            deed = json.loads(config)["do"]
        except (ValueError, KeyError, TypeError) as error:
            raise Err(f"the config says not what to `do`: {error!r}") from error


class Normalize(exports.Normalize):
    def process(self, origin: LogStream, lines: Lines) -> Normalized:
        if b"POISON" in lines.bytes:
            misbehave()
        count = len(lines.ends)
        starts = [0, *lines.ends][:count]
        events = Events(
            arena=b"",
            timestamps=[NO_TIMESTAMP] * count,
            severities=bytes(count),
            source_ends=lines.ends,
            raw_starts=starts,
            raw_ends=lines.ends,
            message_starts=starts,
            message_ends=lines.ends,
            labels=[0] * count,
            label_names=["default"],
            attribute_events=[],
            attribute_keys=[],
            key_names=[],
            attribute_starts=[],
            attribute_ends=[],
            attribute_json=[],
        )
        return Normalized(consumed=count, events=events)


def misbehave() -> None:
    if deed == "trap":
        # Anything but an `Err` has no place in the WIT's result, so it is a trap.
        raise RuntimeError("poisoned")
    while deed == "loop":
        pass
