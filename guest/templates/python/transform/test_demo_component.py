"""What this transformer promises."""

import unittest

from demo_component import Mask
from updraft_guest import Severity, testing
from updraft_guest.testing import Row


def masked(*rows):
    return testing.transform(Mask({"secret": "hunter2"}), rows).rows()


class Promises(unittest.TestCase):
    def test_the_secret_is_gone_from_message_attributes_and_raw(self):
        raw = rb'{"event":"password=hunter2","url":"p\u00e4ss:hunter\u0032@db"}'
        (row,) = masked(Row(b"password=hunter2", raw=raw, attributes={"url": "päss:hunter2@db"}))
        self.assertEqual(row.text, "password=***")
        self.assertEqual(row.attributes, {"url": "päss:***@db"})
        self.assertNotIn(b"hunter", row.raw)

    def test_errors_are_labelled_and_debug_is_dropped(self):
        severities = [Severity.NONE, Severity.DEBUG, Severity.INFO, Severity.ERROR]
        rows = masked(*[Row(b"x", severity=severity) for severity in severities])
        self.assertEqual([row.label for row in rows], ["default", None, "default", "errors"])

    def test_without_a_secret_it_does_not_start(self):
        for config in ({}, {"secret": ""}, {"secret": 7}):
            with self.assertRaisesRegex(ValueError, "must name the `secret`"):
                Mask(config)
