"""What this router promises. `python3 -m unittest` in this folder."""

import sys
import unittest
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "guest/python"))

from naming import Naming
from updraft_guest import LogStreamName, ObjectKey, StreamKind, TaskTry, testing

TEAMS = {"teams": {"sales": "crm", "sales_eu": "crm-eu", "продажи": "crm-ru"}}
STREAM = LogStreamName("/airflow", "load/attempt=1.log")


def named(standard, dag_id="sales_orders", label="default", run_id="scheduled__2026-01-01T00:00:00+00:00"):
    task = TaskTry(dag_id, run_id, "load", None, 1)
    return testing.route(Naming(TEAMS), standard, label, origin=testing.origin(task=task))


class Promises(unittest.TestCase):
    def test_each_team_has_a_log_group_and_the_longest_beginning_counts(self):
        self.assertEqual(named(STREAM), LogStreamName("/airflow/crm", "load/attempt=1.log"))
        self.assertEqual(named(STREAM, "sales_eu_orders").group, "/airflow/crm-eu")
        self.assertEqual(named(STREAM, "продажи_день").group, "/airflow/crm-ru")

    def test_errors_have_log_streams_of_their_own(self):
        self.assertEqual(named(STREAM, label="errors"), LogStreamName("/airflow/crm", "load/attempt=1.log/errors"))

    def test_keys_stand_below_the_day_of_the_run(self):
        self.assertEqual(named(ObjectKey("a.log")), ObjectKey("crm/2026-01-01/a.log"))
        self.assertEqual(named(ObjectKey("a.log"), run_id="nightly"), ObjectKey("crm/no-day/a.log"))

    def test_a_dag_of_no_team_is_said(self):
        with redirect_stderr(StringIO()) as said:
            self.assertEqual(named(STREAM, "billing").group, "/airflow/unowned")
        self.assertIn("DAG billing is of no team", said.getvalue())

    def test_debug_goes_nowhere_and_what_is_of_no_task_stays_where_it_is(self):
        self.assertIsNone(named(STREAM, label="debug"))
        scheduler = testing.origin(kind=StreamKind.SCHEDULER, task=None)
        self.assertEqual(testing.route(Naming(TEAMS), STREAM, origin=scheduler), STREAM)


if __name__ == "__main__":
    unittest.main()
