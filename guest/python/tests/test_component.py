"""What is exported, with bindings such as componentize-py makes."""

import sys
import types
import unittest
from dataclasses import dataclass
from enum import Enum

from updraft_guest import (
    LogStreamName,
    Normalizer,
    ObjectKey,
    Router,
    Transformer,
    component,
    export_normalizer,
    export_router,
    export_transformer,
    testing,
)

Kind = Enum("StreamKind", "TASK TRIGGER")


DEPLOYMENT = types.SimpleNamespace(cluster_id="c", workspace_id=None, deployment_id=None)
# As the bindings have it, with a kind of their own.
ORIGIN = types.SimpleNamespace(
    source="airflow", path="a.log", host="h", kind=Kind.TASK, task=None, deployment=DEPLOYMENT
)


@dataclass
class Wrapped:
    """A case of the bindings' `target`."""

    value: object


class EveryLine(Normalizer):
    """Fails where it is told to."""

    def __init__(self, config):
        self.poison = config["poison"]

    def normalize(self, origin, lines, events):
        for start, end in lines:
            if lines.text(start, end) == self.poison:
                raise ValueError("poisoned")
            events.push(end, label=origin.kind.value)


class Quiet(Transformer):
    """Drops all."""

    def transform(self, origin, events):
        for event in events:
            event.drop()


class Names(Router):
    """Sends objects elsewhere, streams nowhere, and makes a mistake."""

    def route(self, origin, label, sink, standard):
        match standard:
            case ObjectKey(key):
                return ObjectKey(f"{sink.id}/{key}")
            case LogStreamName("wrong", _):
                return "wrong"
            case LogStreamName("none", _):
                return None
            case LogStreamName(group, name):
                return LogStreamName(group.upper(), name)


class Exporting(unittest.TestCase):
    def setUp(self):
        self.module = sys.modules[__name__]

    def test_a_normalizer(self):
        export_normalizer(EveryLine)
        normalize = self.module.Normalize()
        with self.assertRaisesRegex(component.Err, "called before `configure`"):
            normalize.process(ORIGIN, testing.lines("x\n"))
        with self.assertRaisesRegex(component.Err, r"KeyError: 'poison' \(test_component.py:\d+\)"):
            self.module.Lifecycle().configure("{}")
        self.module.Lifecycle().configure('{"poison":"é"}')
        normalized = normalize.process(ORIGIN, testing.lines("x\ny\n"))
        self.assertEqual((normalized.consumed, normalized.events.label_names[1:]), (2, ["task"]))
        with self.assertRaisesRegex(component.Err, r"ValueError: poisoned \(test_component.py:\d+\)"):
            normalize.process(ORIGIN, testing.lines("é\n"))

    def test_a_transformer(self):
        export_transformer(Quiet)
        self.module.Lifecycle().configure("{}")
        batch = testing.events(["x"])
        columns = self.module.Transform().process(ORIGIN, batch.bytes, batch.columns)
        self.assertEqual((columns.labels, type(columns.severities)), ([65535], bytes))

    def test_a_router(self):
        names = {"Target_LogStream": Wrapped, "Target_ObjectKey": Wrapped, "LogStreamName": LogStreamName}
        wit = types.SimpleNamespace(route=types.SimpleNamespace(**names))
        sys.modules["wit_world"] = types.SimpleNamespace(exports=wit)
        sys.modules["wit_world.exports"] = wit
        self.addCleanup(lambda: (sys.modules.pop("wit_world"), sys.modules.pop("wit_world.exports")))
        export_router(Names)
        self.module.Lifecycle().configure("{}")

        def ask(standard):
            return self.module.Route().route(
                ORIGIN, "default", types.SimpleNamespace(id="s", kind="file"), Wrapped(standard)
            )

        self.assertEqual(ask("k"), Wrapped("s/k"))
        self.assertEqual(ask(LogStreamName("g", "n")), Wrapped(LogStreamName("G", "n")))
        self.assertIsNone(ask(LogStreamName("none", "n")))
        with self.assertRaisesRegex(component.Err, "not 'wrong'"):
            ask(LogStreamName("wrong", "n"))


if __name__ == "__main__":
    unittest.main()
