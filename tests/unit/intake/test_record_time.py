"""The time of a Kafka record, as far as it is one (R17)."""

from dataclasses import replace

import pytest

from tests.unit.intake.office import decide, incoming, request, submitted
from tests.unit.standard.local_times import at


@pytest.mark.parametrize("timestamp", [0, -1, 10**12 * 1_000_000, -(10**18), 2**63 - 1])
def test_a_stamp_that_is_no_time_is_not_judged(timestamp: int) -> None:
    record = replace(submitted("Fri 2026-11-20 12:00").record, timestamp=timestamp)
    assert record.recorded_at is None


def test_milliseconds_since_1970() -> None:
    noon = at("Fri 2026-11-20 12:00")
    record = replace(submitted("Fri 2026-11-20 12:00").record, timestamp=int(noon.timestamp() * 1000) + 7)
    assert record.recorded_at == noon.replace(microsecond=7000)


@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
@pytest.mark.parametrize("field", ["submitted_at", "queued_at"])
@pytest.mark.parametrize(
    "moment",
    [
        "2000-01-01T00:00:00+06:00",
        "2014-12-31T10:00:00+06:00",
        "2101-01-01T00:00:00+05:00",
        "2150-12-31T23:59:59+05:00",
    ],
)
def test_r1_a_time_at_the_edge_of_the_calendar_is_answered(moment: str, field: str, channel: str) -> None:
    data = request("Fri 2026-11-20 12:00", channel) | {field: moment}
    decision = decide(incoming("request.submitted", data))
    assert decision.state is not None
    assert decision.state.status in (("refused",) if field == "submitted_at" else ("accepted", "refused"))
    for say in decision.says:
        say.data.to_json()
