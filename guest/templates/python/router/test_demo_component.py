"""What this router promises."""

import unittest

from demo_component import Teams
from updraft_guest import LogStreamName, ObjectKey, TaskTry, testing

TEAMS = {"teams": {"etl": "data-platform", "etl_orders": "orders"}}


def routed(standard, dag_id="etl", label="default"):
    task = TaskTry(dag_id, "manual__1", "load", None, 1)
    return testing.route(Teams(TEAMS), standard, label, origin=testing.origin(task=task))


class Promises(unittest.TestCase):
    def test_a_team_has_a_log_group_and_a_folder_of_its_own(self):
        stream = LogStreamName("/airflow", "attempt=1.log")
        self.assertEqual(routed(stream), LogStreamName("/airflow/data-platform", "attempt=1.log"))
        self.assertEqual(routed(ObjectKey("a.log")), ObjectKey("data-platform/a.log"))

    def test_the_longest_beginning_counts(self):
        self.assertEqual(routed(ObjectKey("a.log"), "etl_orders_eu"), ObjectKey("orders/a.log"))

    def test_what_is_of_no_team_goes_where_the_sink_says(self):
        self.assertEqual(routed(ObjectKey("a.log"), "billing"), ObjectKey("a.log"))
        self.assertEqual(
            testing.route(Teams(TEAMS), ObjectKey("s.log"), origin=testing.origin(task=None)), ObjectKey("s.log")
        )

    def test_debug_goes_nowhere(self):
        self.assertIsNone(routed(ObjectKey("a.log"), label="debug"))

    def test_without_teams_it_does_not_start(self):
        for config in ({}, {"teams": {"etl": 7}}, {"teams": "etl"}):
            with self.assertRaisesRegex(ValueError, "must name `teams`"):
                Teams(config)
