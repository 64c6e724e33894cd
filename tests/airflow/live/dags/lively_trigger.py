"""The trigger of the live test: importable, as the triggerer wants it, and it speaks."""

import asyncio

from airflow.triggers.base import BaseTrigger, TriggerEvent


class Countdown(BaseTrigger):
    def __init__(self, hop: int):
        super().__init__()
        self.hop = hop

    def serialize(self):
        return ("lively_trigger.Countdown", {"hop": self.hop})

    async def run(self):
        for left in (3, 2, 1):
            self.log.info("hop %d: %d to go", self.hop, left)
            # Long enough for the scheduler to notice that the task is away: back too soon, it is failed now and then.
            await asyncio.sleep(2.5)
        yield TriggerEvent({"hop": self.hop})
