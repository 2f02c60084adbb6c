"""A request that intake cannot decide in time: told once that it is late, and counted once, whatever comes then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.events import RequestHeld, RequestIdentityChecked
from homecall.contract.types import Event
from services.notifier.domain.deadlines import answer_waits, open_since, timer_at
from tests.unit.notifier.calls import (
    CLINIC,
    CONFIRMING,
    NOTIFIER,
    REQUEST,
    Told,
    accepted,
    answer,
    at,
    cancelled,
    closed,
    deferred,
    incoming,
    refused,
    request,
    scheduled,
    unplaced,
)
from tests.unit.notifier.test_domain_order import Topics, followed, interleavings


def held(**more: Any) -> RequestHeld:
    """A portal request of 9:00 whose signature could not be checked by 9:30."""
    waits = {"waits_for": "signature", "clock_started_at": at("09:00:00"), "due_at": at("09:30:00")}
    return RequestHeld.model_validate(request() | waits | more)


def identity_checked(outcome: str = "not_found", **more: Any) -> RequestIdentityChecked:
    checked = {"request_id": REQUEST, "clinic_id": "samal-3", "outcome": outcome, "at": at("09:45:00"), **more}
    return RequestIdentityChecked.model_validate(checked)


def late(**how: Any) -> Told:
    told = Told(**how)
    told.hear(held(), "09:30:01")
    return told


def test_c4_4_the_applicant_is_told_of_the_delay_once() -> None:
    told = late()
    told.hear(held(), "09:31:00")
    (status,) = told.statuses
    assert (status.status, status.sequence, status.occurred_at) == ("delayed", 1, at("09:30:00"))
    assert (status.channel, status.due_at, status.register_number) == ("portal", at("09:30:00"), None)
    assert all((status.text.kk, status.text.ru, status.text.en))
    # No line in the register yet, and the miss is intake's to say and to count.
    assert (told.entries, told.deadlines, told.ended, told.took) == ([], [], [], {})


def test_c4_4_the_answer_that_comes_then_is_late_and_counted_no_second_time() -> None:
    told = late()
    told.hear(accepted(accepted_at=at("09:40:00")), "09:40:00")
    told.tick("09:41:00")
    told.hear(scheduled(), "09:42:00")
    assert [(each.status, each.on_time) for each in told.statuses] == [
        ("delayed", None),
        ("registered", None),
        ("scheduled", False),
    ]
    assert [each.sequence for each in told.statuses] == [1, 2, 3]
    assert (told.deadlines, told.ended) == ([], [])
    assert told.took == {"scheduling": 120.0, "answer": 42 * 60.0}
    assert [(each.register_number, each.revision) for each in told.entries] == [(17, 1), (17, 2)]


def test_the_delay_is_not_told_again_after_the_acceptance() -> None:
    told = late()
    told.hear(accepted(accepted_at=at("09:40:00")), "09:40:00")
    for clock in ("09:41:00", "10:30:00", "23:00:00"):
        assert told.tick(clock) == []
    assert told.state is not None
    assert timer_at(told.state) is None
    # But a visit that cannot be placed is one of its own.
    told.hear(unplaced(), "09:40:01")
    assert [each.status for each in told.statuses] == ["delayed", "registered", "delayed"]


def open_at(told: Told) -> object:
    assert told.state is not None
    return open_since(told.state, "answer")


def test_c4_4_from_when_it_is_held_it_is_open_and_intake_watches_it() -> None:
    told = Told()
    told.hear(held(deadline="running"), "09:00:16")
    assert (told.says, open_at(told)) == ([], at("09:00:00"))
    for clock in ("09:24:00", "09:30:00", "12:00:00"):
        assert told.tick(clock) == []
    told.hear(accepted(accepted_at=at("09:10:00")), "09:10:00")
    assert [each.status for each in told.statuses] == ["registered"]
    told.hear(scheduled(), "09:11:00")
    assert (told.statuses[-1].on_time, told.ended, open_at(told)) == (True, [("answer", "met")], None)


def test_c4_4_what_intake_said_to_be_near_is_not_said_to_be_so_again() -> None:
    told = Told()
    told.hear(held(deadline="approaching"), "09:24:00")
    told.hear(held(deadline="running"), "09:24:01")
    told.hear(accepted(accepted_at=at("09:25:00")), "09:25:00")
    told.tick("09:26:00")
    assert told.deadlines == []
    told.tick("09:30:00")
    assert told.deadlines == [("answer", "missed", "09:30:00")]
    assert told.ended == [("answer", "missed")]


@pytest.mark.parametrize("then", [refused("portal", due_at=at("09:30:00")), cancelled()])
def test_once_it_is_decided_it_is_open_no_longer(then: Event) -> None:
    told = Told()
    told.hear(held(deadline="running"), "09:00:16")
    told.hear(then, "09:10:00")
    assert open_at(told) is None


def test_r16_deferred_again_its_time_begins_anew() -> None:
    told = Told()
    told.hear(deferred(), "22 22:10:00")
    told.hear(held(waits_for="opening", deadline="running", clock_started_at=at("08:00:00")), "08:00:00")
    assert open_at(told) == at("08:00:00")
    told.hear(deferred(opens_at=at("24 08:00:00"), due_at=at("24 08:30:00")), "08:20:00")
    assert (open_at(told), [each.status for each in told.statuses]) == (None, ["deferred", "deferred"])


@pytest.mark.parametrize(("opens", "why"), [("23 10:00:00", "opens later"), ("24 08:00:00", "is closed")])
def test_r16_deferred_again_it_is_told_why(opens: str, why: str) -> None:
    told = Told()
    told.hear(deferred(), "22 22:10:00")
    told.hear(deferred(opens_at=at(opens), due_at=at(opens) + timedelta(minutes=30)), "08:00:00")
    assert f"The clinic {why} on the day named before" in told.statuses[-1].text.en


def test_r16_one_whose_clinic_closed_for_good_is_told_of_the_delay() -> None:
    told = Told()
    told.hear(deferred(), "22 22:10:00")
    closed_down = {"waits_for": "opening", "clock_started_at": at("08:00:00"), "due_at": at("08:30:00")}
    for deadline, clock in (("running", "08:00:00"), ("approaching", "08:24:00"), ("missed", "08:30:00")):
        told.hear(held(deadline=deadline, **closed_down), clock)
    assert [(each.status, each.occurred_at) for each in told.statuses][1:] == [("delayed", at("08:30:00"))]
    assert (told.deadlines, told.ended, open_at(told)) == ([], [], at("08:00:00"))


def test_refused_after_all() -> None:
    told = late()
    told.hear(refused("portal", "signature_invalid", due_at=at("09:30:00")), "09:40:00")
    last = told.statuses[-1]
    assert (last.status, last.on_time) == ("refused", False)
    assert last.refusal is not None
    assert last.refusal.code == "signature_invalid"
    assert (told.deadlines, told.ended) == ([], [])
    assert told.took == {"answer": 40 * 60.0}
    assert [each.refusal.code for each in told.entries if each.refusal] == ["signature_invalid"]


@pytest.mark.parametrize("then", ["deferred", "accepted"])
def test_r6_deferred_after_all(then: str) -> None:
    # Held over a night and the opening after it: the clock that was missed was the opening's.
    told = Told()
    night = {"submitted_at": at("22 22:10:00"), "clock_started_at": at("08:00:00"), "due_at": at("08:30:00")}
    told.hear(held(**night), "08:30:01")
    told.hear(deferred(), "08:40:00")
    assert [each.status for each in told.statuses] == ["delayed", "deferred"]
    if then == "accepted":
        told.hear(accepted(**night, accepted_at=at("08:00:00")), "08:40:01")
        told.hear(scheduled(), "08:41:00")
        assert told.statuses[-1].on_time is False
        assert told.took["answer"] == 41 * 60.0
    told.tick("12:00:00")
    assert (told.deadlines, told.ended) == ([], [])


@pytest.mark.parametrize(
    ("heard", "on_time", "ended", "took"),
    [
        # Refused at night, before its clock would have started; at the opening; and too late with nothing said before.
        ("22 22:10:02", True, [("answer", "met")], 0.0),
        ("08:10:00", True, [("answer", "met")], 600.0),
        ("08:40:00", False, [("answer", "missed")], 2400.0),
    ],
)
def test_r6_a_refusal_of_the_night_is_held_against_the_openings_clock(
    heard: str, on_time: bool, ended: Any, took: float
) -> None:
    told = Told()
    event = refused("portal", "signature_invalid", submitted_at=at("22 22:10:00"), due_at=at("08:30:00"))
    told.hear(event, heard)
    assert (told.statuses[-1].on_time, told.ended, told.took) == (on_time, ended, {"answer": took})
    missed = [say.data for say in told.says if say.data.TYPE == "deadline.missed"]
    assert [each.limit_seconds for each in missed if hasattr(each, "limit_seconds")] == [1800] * (not on_time)


def test_withdrawn_meanwhile_it_counts_as_neither() -> None:
    told = late()
    told.hear(cancelled(), "09:50:00")
    told.hear(held(), "09:51:00")
    assert [each.status for each in told.statuses] == ["delayed", "withdrawn"]
    assert (told.deadlines, told.ended, told.took) == ([], [], {})


@pytest.mark.parametrize("after", [accepted(), refused("portal"), cancelled()])
def test_one_that_comes_after_the_decision_is_history(after: Event) -> None:
    told = Told()
    told.hear(after)
    said = len(told.says)
    told.hear(held(), "09:31:00")
    assert len(told.says) == said


def test_a_visit_and_an_answer_that_overtake_the_acceptance_wait_for_it() -> None:
    told = late()
    assert told.hear(scheduled(), "09:39:00") == []
    assert told.hear(answer("09:41:00"), "09:39:01") == []
    told.hear(accepted(accepted_at=at("09:38:00")), "09:40:00")
    assert [each.status for each in told.statuses] == ["delayed", "registered", "scheduled"]
    assert told.entries[-1].answered_at == at("09:41:00")


def test_no_answer_can_be_given_to_what_another_clinic_holds() -> None:
    told = late()
    told.hear(answer(clinic_id="tal-2"), "09:40:00")
    assert [each.reason for each in told.dead] == ["invalid_transition"]


def test_it_is_heard_by_its_request() -> None:
    assert NOTIFIER.target(incoming(held())) == REQUEST
    assert NOTIFIER.target(incoming(identity_checked())) == REQUEST


@st.composite
def held_lives(draw: st.DrawFn) -> Topics:
    intake: list[Event] = [held()]
    visits: list[Event] = []
    end = draw(st.sampled_from(["open", "refused", "withdrawn", "accepted"]), label="intake's decision")
    if end == "refused":
        intake.append(refused("portal", "signature_invalid"))
    if end == "withdrawn":
        intake.append(cancelled())
    if end == "accepted":
        intake.append(accepted(accepted_at=at("09:35:00"), flags=["identity_unconfirmed"]))
        if draw(st.booleans(), label="identity"):
            intake.append(identity_checked(draw(st.sampled_from(["confirmed", "not_found"]))))
        visits = draw(st.sampled_from([[], [unplaced()], [scheduled()], [scheduled(), closed(2)]]), label="visits")
    answers: list[Event] = draw(st.sampled_from([[], [answer("09:50:00")]]), label="answers")
    return intake, visits, answers if end == "accepted" else []


@given(data=st.data(), topics=held_lives(), clinic=st.sampled_from([CLINIC, CONFIRMING]))
def test_any_order_and_any_repetition(data: st.DataObject, topics: Topics, clinic: Any) -> None:
    in_order = [event for topic in topics for event in topic]
    events = data.draw(interleavings(topics), label="heard")
    waits = data.draw(st.lists(st.integers(0, 900), min_size=len(events), max_size=len(events)), label="seconds")
    told = followed(events, waits, clinic)
    expected = followed(in_order, [0] * len(in_order), clinic)

    assert told.parked == []
    assert [each.sequence for each in told.statuses] == list(range(1, len(told.statuses) + 1))
    assert [each.revision for each in told.entries] == list(range(1, len(told.entries) + 1))
    assert told.statuses[-1].status == expected.statuses[-1].status
    assert [each.flags for each in told.entries[-1:]] == [each.flags for each in expected.entries[-1:]]
    # Intake has said and counted the miss: nobody does again.
    assert told.deadlines == []
    assert [each for each in told.ended if each[0] == "answer"] == []
    assert True not in [each.on_time for each in told.statuses]


def test_a_held_request_waits_for_its_decision_and_then_for_a_place() -> None:
    told = Told()
    told.hear(held(deadline="running"), "09:00:16")
    assert told.state is not None
    assert answer_waits(told.state) == (at("09:15:00"), at("09:30:00"), "decision")
    told.hear(accepted(), "09:10:00")
    assert answer_waits(told.state) == (at("09:15:00"), at("09:30:00"), "schedule")
