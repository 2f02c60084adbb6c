"""What the clinic reports of a visit, and the room that it makes."""

import pytest

from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    accepted,
    doctor,
    reported,
    roster,
)

NOW = "Fri 2026-11-20 10:00"
DAY = f"{CLINIC}|{FRIDAY}"


@pytest.mark.parametrize(
    ("outcome", "frees"),
    [("hospitalised", True), ("declined", True), ("served", False), ("not_at_home", False), ("false_call", False)],
)
async def test_who_needs_no_visit_any_more_leaves_the_place_to_the_next(outcome: str, frees: bool) -> None:
    office = Office()
    all_day = doctor(max_visits=1, shift={"from": "09:00", "to": "20:00"})
    await office.hear(roster(all_day), accepted(number=1), accepted(number=2))
    told = await office.hear(reported("Fri 2026-11-20 10:01", number=1, outcome=outcome), now="Fri 2026-11-20 10:01")
    assert [event_type for event_type, _, _ in told] == ["visit.closed"] + ["visit.scheduled"] * frees


async def test_a_report_that_is_heard_again_says_the_same() -> None:
    office = Office()
    report = reported("Fri 2026-11-20 10:01", number=1, outcome="declined")
    await office.hear(roster(doctor(max_visits=1)), accepted(number=1))
    first = await office.handle(report)
    assert (await office.handle(report)).events == first.events
