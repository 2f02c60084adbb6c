"""What the desk keeps of a call is the same in whatever order, and however often, it is heard."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from homecall.contract.events import MODELS, RequestAccepted, VisitScheduled
from services.desk.domain.board import order, row_of
from services.desk.domain.call import Call, hear
from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, HERE, the_call

ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
_SCHEDULED = dict(the_call(ID))["visit.scheduled"]
_LATER = {"arrives_from": MONDAY.replace(hour=14).isoformat(), "arrives_to": MONDAY.replace(hour=16).isoformat()}
_NOW = MONDAY.isoformat()
_WHO = {"request_id": ID, "clinic_id": HERE}
STORY = [
    ("request.held", _WHO | {"waits_for": "signature", "clock_started_at": _NOW, "due_at": _NOW}),
    *the_call(ID),
    ("visit.rescheduled", _SCHEDULED | _LATER | {"revision": 2, "reason": "doctor_unavailable"}),
    ("answer.given", _WHO | {"at": _NOW, "given_by": {"id": "r", "full_name": "Тіркеуші"}}),
    ("visit.closed", _WHO | {"revision": 3, "outcome": "served", "at": _NOW}),
]
EVENTS = [
    (MODELS[kind].model_validate(data), MONDAY + timedelta(seconds=place)) for place, (kind, data) in enumerate(STORY)
]


def heard(places: list[int]) -> Call:
    call = Call(ID, HERE)
    for place in places:
        call = hear(call, *EVENTS[place])
    return call


@given(st.integers(min_value=0, max_value=2**32))
@settings(max_examples=150, deadline=None)
def test_any_order_and_any_repetition_leads_to_the_same_call(seed: int) -> None:
    chance = random.Random(seed)
    places = [*range(len(EVENTS)), *chance.choices(range(len(EVENTS)), k=5)]
    chance.shuffle(places)
    assert heard(places) == heard(list(range(len(EVENTS))))


def test_an_event_of_another_clinic_changes_nothing() -> None:
    event = RequestAccepted.model_validate(dict(the_call(ID, clinic_id=ELSEWHERE))["request.accepted"])
    known = Call(ID, HERE, confirmed=True)
    assert hear(known, event, MONDAY) == known


def test_an_unplaced_visit_has_no_place_and_a_later_one_has() -> None:
    unplaced = MODELS["visit.unplaced"].model_validate(
        {"request_id": ID, "clinic_id": HERE, "revision": 2, "cause": "no_capacity", "since": MONDAY.isoformat()}
    )
    call = hear(heard([2]), unplaced, MONDAY)
    assert call.place is None
    again = VisitScheduled.model_validate(_SCHEDULED | {"revision": 3})
    assert hear(call, again, MONDAY).place is not None


def test_what_needs_doing_stands_first() -> None:
    to_answer = row_of(heard([1, 2]))
    closed = row_of(heard(list(range(len(EVENTS)))))
    assert (to_answer.standing, closed.standing) == ("to_answer", "closed")
    near, late = MONDAY + timedelta(minutes=8, seconds=1), MONDAY + timedelta(minutes=11)
    assert [order(to_answer, at)[0] for at in (MONDAY, near, late)] == [2, 1, 0]
    assert order(closed, late) > order(to_answer, MONDAY)
