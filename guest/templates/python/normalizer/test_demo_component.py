"""What this normalizer promises."""

import unittest
from pathlib import Path

from demo_component import Airflow
from updraft_guest import Severity, testing

TEXT = """\
[2026-01-01T00:00:03.512+0000] {warehouse.py:24} INFO - Connected as Łukasz
[2026-01-01T02:00:04.101+0200] {taskinstance.py:3336} ERROR - Task failed with exception
Traceback (most recent call last):
ConnectionError: lost the connection
"""
JSON = (
    r'{"timestamp":"2026-01-02T00:00:03.512402Z","level":"warning","event":"3 \u00fc","logger":"load",'
    r'"filename":"load.py","lineno":31,"orders":[17]}'
)


def events(log, last=True):
    return testing.normalize(Airflow({}), log, last)


class Promises(unittest.TestCase):
    def test_a_header_gives_time_level_source_and_message(self):
        first, second = events(TEXT).rows()
        self.assertEqual((first.text, first.severity), ("Connected as Łukasz", Severity.INFO))
        self.assertEqual(
            (first.timestamp, first.attributes), (1_767_225_603_512_000_000, {"source": "warehouse.py:24"})
        )
        self.assertEqual(second.timestamp, 1_767_225_604_101_000_000, "offsets are taken off")

    def test_lines_without_a_header_belong_to_the_event_before(self):
        rows = events(TEXT).rows()
        self.assertEqual(len(rows), 2)
        self.assertTrue(rows[1].text.endswith("call last):\nConnectionError: lost the connection"))

    def test_a_json_line_gives_the_same_and_its_other_members(self):
        (row,) = events(JSON).rows()
        self.assertEqual((row.text, row.severity, row.timestamp), ("3 ü", Severity.WARNING, 1_767_312_003_512_402_000))
        self.assertEqual(row.attributes, {"source": "load.py:31", "logger": "load", "orders": [17]})

    def test_the_last_record_waits_for_its_lines_until_nothing_follows(self):
        self.assertEqual([events(TEXT, last).consumed for last in (False, True)], [1, 4])
        self.assertEqual(events(JSON, last=False).consumed, 1)

    def test_what_is_no_record_is_an_event_all_the_same(self):
        for log in ("no header\n[2026-01-01] {} LOUD - neither\n", '{"event": 7}\n', '{"event": "torn', "{}\n", "[1]"):
            (row,) = events(log).rows()
            self.assertEqual((row.text, row.timestamp), (log.removesuffix("\n"), None))

    def test_a_record_without_end_is_cut(self):
        self.assertEqual([row.source.count(b"\n") for row in events("x\n" * 1200).rows()], [500, 500, 200])

    def test_the_logs_of_this_project_are_read_whole(self):
        for path in Path(__file__).parent.glob("logs/**/*.log"):
            rows = events(path.read_bytes()).rows()
            self.assertTrue(all(row.timestamp and row.severity for row in rows), path)
