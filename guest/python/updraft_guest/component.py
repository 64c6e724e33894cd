"""The three roles of a component, and what makes a component of a class that has one."""

import json
import sys
from dataclasses import dataclass

from .columns import Columns
from .edit import EventSet
from .normalize import Events, Lines
from .origin import Deployment, LogStream, StreamKind, TaskTry
from .route import LogStreamName, ObjectKey, Sink, Target

try:
    from componentize_py_types import Err
except ImportError:
    # Natively nobody calls what is exported.
    Err = RuntimeError


class _Component:
    def __init__(self, config: object) -> None:
        """Called once, before anything else, with the component's `config` of the pipeline (`{}` without one)."""


class Normalizer(_Component):
    """Turns lines into events."""

    def normalize(self, origin: LogStream, lines: Lines, events: Events) -> int | None:
        """Makes events of the lines, in order, and says how many lines it used; all of them, if it says nothing.

        What it did not use it sees again, with more lines or with `lines.last`; then it must use all.
        """
        raise NotImplementedError


class Transformer(_Component):
    """Changes events: mask, enrich, drop, label."""

    def transform(self, origin: LogStream, events: EventSet) -> None:
        """Changes what it likes."""
        raise NotImplementedError


class Router(_Component):
    """Names log groups, streams and objects. Asked once per (stream, label, sink) and cached."""

    def route(self, origin: LogStream, label: str, sink: Sink, standard: Target) -> Target | None:
        """Where events of this stream and label go. `standard` is what the sink's own templates say: return it, or a
        part of it changed, or None: not to this sink."""
        raise NotImplementedError


@dataclass
class Normalized:
    """What a normalizer gives back: how many lines it used, and what became of them."""

    consumed: int
    events: Columns


def run_normalizer(normalizer: Normalizer, origin: LogStream, lines: Lines) -> Normalized:
    """Runs a normalizer on a batch."""
    events = Events(lines)
    consumed = normalizer.normalize(origin, lines, events)
    return Normalized(len(lines) if consumed is None else consumed, events.finish())


def run_transformer(transformer: Transformer, origin: LogStream, data: bytes, columns: Columns) -> Columns:
    """Runs a transformer on a batch. The arena of what comes back holds only what it added."""
    events = EventSet(data, columns)
    transformer.transform(origin, events)
    return events.finish()


def export_normalizer(component: type[Normalizer]) -> None:
    """Makes a component of the module that the class is in. Natively nobody looks at that."""

    def process(_self, origin, lines):
        lines = Lines(lines.bytes, lines.ends, lines.last)
        return _said(run_normalizer, _configured(component), _origin(origin), lines)

    _export(component, Normalize=process)


def export_transformer(component: type[Transformer]) -> None:
    """Makes a component of the module that the class is in. Natively nobody looks at that."""

    def process(_self, origin, data, events):
        return _said(run_transformer, _configured(component), _origin(origin), data, Columns(**vars(events)))

    _export(component, Transform=process)


def export_router(component: type[Router]) -> None:
    """Makes a component of the module that the class is in. Natively nobody looks at that."""

    def route(_self, origin, label, sink, standard):
        # The bindings' own classes: they exist only where a component is being made.
        from wit_world.exports import route as wit

        name = standard.value
        standard = ObjectKey(name) if isinstance(name, str) else LogStreamName(name.group, name.name)
        sink = Sink(sink.id, sink.kind)
        match _said(_configured(component).route, _origin(origin), label, sink, standard):
            case LogStreamName(group, name):
                return wit.Target_LogStream(wit.LogStreamName(group, name))
            case ObjectKey(key):
                return wit.Target_ObjectKey(key)
            case None:
                return None
            case other:
                raise Err(f"route must give a LogStreamName, an ObjectKey or None, not {other!r}")

    _export(component, Route=route)


_instances: dict[type, _Component] = {}


def _configured(component: type) -> _Component:
    if component not in _instances:
        raise Err("called before `configure`")
    return _instances[component]


def _export(component: type, **interface) -> None:
    """Puts the two classes where componentize-py looks for them: at the top of the author's module."""

    def configure(_self, config: str) -> None:
        _instances[component] = _said(component, json.loads(config))

    module = sys.modules[component.__module__]
    module.Lifecycle = type("Lifecycle", (), {"configure": configure})
    for name, function in interface.items():
        setattr(module, name, type(name, (), {function.__name__: function}))


def _said(call, *arguments):
    """Calls the author's code. What it raises is the component's error, with the place: a trap would lose its words."""
    try:
        return call(*arguments)
    except Exception as error:
        at = error.__traceback__
        while at.tb_next:
            at = at.tb_next
        file = at.tb_frame.f_code.co_filename.rpartition("/")[2]
        raise Err(f"{type(error).__name__}: {error} ({file}:{at.tb_lineno})") from error


def _origin(wit) -> LogStream:
    task = wit.task and TaskTry(**vars(wit.task))
    kind = StreamKind[wit.kind.name]
    return LogStream(wit.source, wit.path, wit.host, kind, task, Deployment(**vars(wit.deployment)))
