"""The time of a Kafka record, as far as it is one (R17)."""

from dataclasses import replace

import pytest

from tests.unit.intake.office import submitted
from tests.unit.standard.local_times import at


@pytest.mark.parametrize("timestamp", [0, -1, 10**12 * 1_000_000, -(10**18), 2**63 - 1])
def test_a_stamp_that_is_no_time_is_not_judged(timestamp: int) -> None:
    record = replace(submitted("Fri 2026-11-20 12:00").record, timestamp=timestamp)
    assert record.recorded_at is None


def test_milliseconds_since_1970() -> None:
    noon = at("Fri 2026-11-20 12:00")
    record = replace(submitted("Fri 2026-11-20 12:00").record, timestamp=int(noon.timestamp() * 1000) + 7)
    assert record.recorded_at == noon.replace(microsecond=7000)
