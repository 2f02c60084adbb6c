"""The ``homecall`` command with a defect built in, for the ledger to catch. Not part of the distribution.

``python -m tests.faults.broken DEFECT serve SERVICE``
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from services.contract.envelope import Incoming, Record
from services.intake import domain
from services.runtime.pipeline import Commit, Pipeline


def commit_first() -> None:
    """Offsets are committed before the batch is decided, stored and published."""
    sound = Pipeline.on_batch

    async def on_batch(self: Pipeline, records: Sequence[Record], commit: Commit) -> None:
        offsets: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            offsets[place] = max(offsets.get(place, 0), record.offset + 1)
        await commit(offsets)

        async def done_already(_: Mapping[tuple[str, int], int]) -> None:
            return

        await sound(self, records, done_already)

    Pipeline.on_batch = on_batch  # type: ignore[method-assign]  # the defect


def quote() -> None:
    """Intake fails on requests with a note that says so, in words that quote the whole request."""
    sound = domain.submitted

    def submitted(state: Any, event: Incoming, **facts: Any) -> Any:
        if b"FAIL" in event.value:
            raise ValueError(f"cannot decide on {event.data!r} {event.value!r}")
        return sound(state, event, **facts)

    domain.submitted = submitted


DEFECTS = {"commit_first": commit_first, "quote": quote}

if __name__ == "__main__":
    DEFECTS[sys.argv.pop(1)]()
    from services.cli.main import main

    main()
