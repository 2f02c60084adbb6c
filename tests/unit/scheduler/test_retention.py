"""What is erased of days that are long over."""

from datetime import timedelta

from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    a_town,
)
from tests.unit.standard.local_times import at

NOW = "Fri 2026-11-20 10:00"
DAY = f"{CLINIC}|{FRIDAY}"


async def test_coordinates_are_erased_from_days_that_are_long_over() -> None:
    office = Office()
    await a_town(office, 2)
    assert await office.store.forget_places(at(NOW).date() - timedelta(days=1)) == 0
    assert await office.store.forget_places(at(NOW).date()) == 1
    (doc,) = [each for each in office.memory.collection("days").docs.values() if each["_id"] == DAY]
    assert not any({"lat", "lon"} & kept.keys() for kept in doc["bookings"].values())
    assert doc["routed"] == {}
    assert await office.store.forget_places(at(NOW).date()) == 0
