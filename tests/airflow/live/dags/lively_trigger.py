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
            await asyncio.sleep(1)
        yield TriggerEvent({"hop": self.hop})
