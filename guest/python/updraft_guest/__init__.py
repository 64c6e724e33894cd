"""Write Updraft components in Python: a normalizer, a transformer or a router is a class with one method.

    from updraft_guest import Transformer, export_transformer

    class Audit(Transformer):
        '''Labels what must be kept for seven years.'''

        def transform(self, origin, events):
            for event in events:
                if event.message.startswith(b"AUDIT"):
                    event.label = "audit"

    export_transformer(Audit)

A batch crosses the border as columns (see `wit/v0.1/pipeline.wit`): one blob of bytes and a few lists of integers.
Offsets count bytes, not characters, and logs need not be UTF-8: so texts are `bytes` here, and are decoded when
somebody asks for a `str`. A text that is a piece of the batch goes back as a span, `(start, end)`; anything else is
copied once.

The same file runs natively, from Python 3.11 on: see `updraft_guest.testing`.
"""

from . import host
from .columns import DROPPED, NO_TIMESTAMP, Columns, Severity, Span, Text
from .component import (
    Normalized,
    Normalizer,
    Router,
    Transformer,
    export_normalizer,
    export_router,
    export_transformer,
)
from .edit import Attributes, Event, EventSet
from .normalize import Events, Lines, timestamp_ns
from .origin import Deployment, LogStream, StreamKind, TaskTry
from .replace import is_json
from .route import LogStreamName, ObjectKey, Sink, Target

__all__ = [
    "Attributes",
    "Columns",
    "DROPPED",
    "Deployment",
    "Event",
    "EventSet",
    "Events",
    "Lines",
    "LogStream",
    "LogStreamName",
    "NO_TIMESTAMP",
    "Normalized",
    "Normalizer",
    "ObjectKey",
    "Router",
    "Severity",
    "Sink",
    "Span",
    "StreamKind",
    "Target",
    "TaskTry",
    "Text",
    "Transformer",
    "export_normalizer",
    "export_router",
    "export_transformer",
    "host",
    "is_json",
    "timestamp_ns",
]
