"""Dead letters for clinic records that cannot be read: written by intake alone, and once over all restarts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from homecall.contract import topics
from homecall.runtime import metrics
from homecall.runtime.failpoint import failpoint
from homecall.runtime.kafka.global_table import GlobalTable
from homecall.runtime.kafka.producer import Producer
from services.intake.store import IntakeStore


@dataclass(frozen=True)
class UnreadableClinics:
    """The unreadable records that the table of clinics has met."""

    clinics: GlobalTable
    store: IntakeStore
    producer: Producer

    async def bury(self, _: datetime) -> None:
        """Publish a dead letter for each that has none yet. One whose publication was cut off is published again."""
        heard = list(self.clinics.bad)
        bad = {f"{record.partition}-{record.offset}": (record, reason, why) for record, reason, why in heard}
        new = await self.store.not_buried(bad) if bad else set()
        letters = [(*letter, topics.INTAKE) for place, letter in bad.items() if place in new]
        await self.producer.send([], letters)
        if letters:
            failpoint("letter.published")
        await self.store.bury(new)
        # Others may have come meanwhile: they wait for the next tick.
        del self.clinics.bad[: len(heard)]
        for record, reason, _why, _service in letters:
            metrics.EVENTS.labels(record.topic, "unreadable", "dead").inc()
            metrics.DEAD_LETTERS.labels(record.topic, reason).inc()
