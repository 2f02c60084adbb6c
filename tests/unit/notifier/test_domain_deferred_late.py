"""The status `deferred` is said before what follows, also where its event is a dead letter or comes late (R6, R19)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.notifier.calls import Told, accepted, at, cancelled, deferred, scheduled

TAKEN_UP = {
    "submitted_at": at("22 22:10:00"),
    "clock_started_at": at("08:00:00"),
    "accepted_at": at("08:00:00"),
    "due_at": at("08:30:00"),
}


def told(*events: Any) -> list[str]:
    call = Told()
    for event in events:
        call.hear(event)
    assert [each.sequence for each in call.statuses] == list(range(1, len(call.statuses) + 1))
    return [each.status for each in call.statuses]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((deferred(), accepted(**TAKEN_UP), scheduled()), ["deferred", "registered", "scheduled"]),
        ((accepted(**TAKEN_UP), scheduled()), ["deferred", "registered", "scheduled"]),
        ((accepted(**TAKEN_UP), deferred(), scheduled()), ["deferred", "registered", "scheduled"]),
        ((scheduled(), accepted(**TAKEN_UP), deferred()), ["deferred", "registered", "scheduled"]),
        ((accepted(**TAKEN_UP), cancelled(), deferred()), ["deferred", "registered", "withdrawn"]),
    ],
    ids=["in order", "never", "after the acceptance", "after all", "after the withdrawal"],
)
def test_r19_deferred_comes_first_whenever_its_event_comes(events: tuple[Any, ...], expected: list[str]) -> None:
    assert told(*events) == expected


def test_r19_it_is_said_with_the_opening_and_what_is_due() -> None:
    late, in_order = Told(), Told()
    late.hear(accepted(**TAKEN_UP))
    in_order.hear(deferred())
    in_order.hear(accepted(**TAKEN_UP))
    for one, other in zip(late.statuses, in_order.statuses, strict=True):
        ours, usual = one.model_dump(), other.model_dump()
        assert ours == usual


@pytest.mark.parametrize(
    "event",
    [
        accepted(),
        accepted(**TAKEN_UP | {"submitted_at": at("08:00:00")}),
        accepted(**TAKEN_UP | {"accepted_at": at("08:00:05")}),
        accepted("phone", **TAKEN_UP),
        accepted("desk", **TAKEN_UP),
        accepted(**TAKEN_UP | {"submitted_at": None}),
    ],
    ids=["at once", "at the opening", "a held one", "by phone", "at the desk", "of an earlier release"],
)
def test_a_request_that_did_not_wait_for_an_opening_was_not_deferred(event: Any) -> None:
    assert told(event) == ["registered"]
