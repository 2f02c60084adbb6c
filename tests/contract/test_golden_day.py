"""The golden day, played again: every record and every stored document is as it was recorded.

Where one is not, the test says where: topic, index and field, or store, id and path. When to record again stands in
`tests.contract.golden_day`.
"""

from __future__ import annotations

from tests.contract.golden_day import recording
from tests.contract.golden_day.__main__ import load, play
from tests.infrastructure import stack


async def test_the_day_is_said_and_stored_as_it_was_recorded(mongo: stack.Server, mongo_prefix: str) -> None:
    lines = await play(load(), mongo.address, mongo_prefix)

    found = recording.differences(recording.read(recording.RECORDING), lines)
    assert not found, "\n".join(["the golden day has changed:", *found])
