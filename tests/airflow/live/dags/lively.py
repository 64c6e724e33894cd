"""The DAG of the live test: tasks that speak while they run, fail once, are many, and wait outside of a worker."""

import logging
import time
from datetime import timedelta

from airflow.sdk import DAG, BaseOperator, task
from lively_trigger import Countdown

log = logging.getLogger("lively")


class TwiceAway(BaseOperator):
    """Defers, comes back, and defers again."""

    def execute(self, context):
        log.info("first away")
        self.defer(trigger=Countdown(hop=1), method_name="back", kwargs={"hop": 1})

    def back(self, context, event, hop):
        log.info("back from hop %d", hop)
        if hop == 1:
            self.defer(trigger=Countdown(hop=2), method_name="back", kwargs={"hop": 2})


with DAG("lively.dag_ü検", schedule=None) as dag:

    @task
    def chatty():
        # As many as TICKS in tests/live.rs.
        for tick in range(32):
            log.info("tick %d at %.3f", tick, time.time())
            time.sleep(1)

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def flaky(ti=None):
        log.info("try %d", ti.try_number)
        if ti.try_number == 1:
            raise ValueError("not the first time")

    @task
    def mapped(number: int):
        log.info("one of many: %d", number)

    chatty()
    flaky()
    mapped.expand(number=[0, 1])
    TwiceAway(task_id="twice_away")
