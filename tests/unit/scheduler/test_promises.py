"""What a call says as its place comes, moves and goes; each with a revision higher than the one before."""

from dataclasses import replace
from typing import Any

import pytest

from homecall.contract.ids import visit_id
from homecall.runtime.engine.decision import Ended
from services.scheduler.domain import calls
from services.scheduler.domain.bookings import BookedVisit
from services.scheduler.domain.promises import Unplaced, given_back
from services.scheduler.domain.promises import told as told_of
from services.scheduler.domain.roster import NamedDoctor
from services.scheduler.domain.state import CallState, timer_at
from tests.unit.scheduler.office import accepted, cancelled, reported, request_id, take, tick, told
from tests.unit.standard.local_times import at

NOW = at("Fri 2026-11-20 10:00")
DOCTOR = NamedDoctor("a", "Дәрігер a", "gp")


def visit(begins: str, ends: str) -> BookedVisit:
    return BookedVisit(
        arrives_from=at(f"Fri 2026-11-20 {begins}"),
        arrives_to=at(f"Fri 2026-11-20 {ends}"),
        doctor=DOCTOR,
        basis="district",
        is_child=False,
        district_id="d1",
        urgency="same_day",
        red_flag=False,
        accepted_at=NOW,
    )


HALF_TEN, ELEVEN = visit("10:30", "11:00"), visit("11:00", "11:30")
NO_ROOM, NO_ROSTER = Unplaced("no_capacity"), Unplaced("no_roster")


def waiting() -> CallState:
    """A call that has been taken and asks for a place no more."""
    return replace(take(accepted(), "Fri 2026-11-20 10:00"), pending=[])


def after(*places: BookedVisit | Unplaced | None) -> CallState:
    state = waiting()
    for place in places:
        state, _ = told_of(state, place, now=NOW)
    return state


@pytest.mark.parametrize(
    ("before", "place", "says", "status"),
    [
        ([], HALF_TEN, [("visit.scheduled", 1)], "booked"),
        ([], NO_ROSTER, [("visit.unplaced", 1)], "waiting"),
        ([NO_ROSTER], NO_ROOM, [], "waiting"),
        ([NO_ROSTER], HALF_TEN, [("visit.scheduled", 2)], "booked"),
        ([HALF_TEN], HALF_TEN, [], "booked"),
        ([HALF_TEN], ELEVEN, [("visit.rescheduled", 2)], "booked"),
        ([HALF_TEN], None, [("visit.unplaced", 2)], "waiting"),
        ([HALF_TEN, None], NO_ROOM, [], "waiting"),
        ([HALF_TEN, None], HALF_TEN, [("visit.rescheduled", 3)], "booked"),
        ([HALF_TEN, ELEVEN], HALF_TEN, [("visit.rescheduled", 3)], "booked"),
    ],
)
def test_what_is_said_of_a_place(
    before: list[Any], place: BookedVisit | Unplaced | None, says: list[tuple[str, int]], status: str
) -> None:
    state, said = told_of(after(*before), place, now=NOW)
    assert (told(said), state.status) == (says, status)
    assert len({say.sibling for say in said}) == len(said)


def test_a_place_is_said_with_its_doctor_and_window() -> None:
    _, (say,) = told_of(waiting(), HALF_TEN, now=NOW)
    event: Any = say.data
    assert (event.visit_id, event.visit_date.isoformat()) == (visit_id(request_id(1)), "2026-11-20")
    assert (event.arrives_from, event.arrives_to, event.basis) == (
        HALF_TEN.arrives_from,
        HALF_TEN.arrives_to,
        "district",
    )
    assert (event.doctor.doctor_id, event.reason) == ("a", None)


def test_a_promise_that_moves_says_why() -> None:
    _, (say,) = told_of(after(HALF_TEN), ELEVEN, now=NOW, reason="doctor_unavailable")
    event: Any = say.data
    assert event.reason == "doctor_unavailable"


def test_a_call_without_a_place_says_since_when_and_names_a_visit_only_if_one_was_promised() -> None:
    _, (never,) = told_of(waiting(), NO_ROSTER, now=NOW)
    _, (lost,) = told_of(after(HALF_TEN), NO_ROOM, now=NOW)
    first: Any = never.data
    second: Any = lost.data
    assert (first.cause, first.since, first.visit_id) == ("no_roster", NOW, None)
    assert (second.cause, second.visit_id) == ("no_capacity", visit_id(request_id(1)))


@pytest.mark.parametrize("status", ["cancelled", "closed"])
def test_a_call_that_is_over_is_told_of_no_place(status: str) -> None:
    state = replace(after(HALF_TEN), status=status)
    assert told_of(state, ELEVEN, now=NOW) == (state, [])


def test_a_place_given_back() -> None:
    state = replace(after(HALF_TEN), status="cancelled", cancel_reason="Өзі келді")
    state, (say,) = given_back(state)
    event: Any = say.data
    assert (event.TYPE, event.revision, event.reason) == ("visit.cancelled", 2, "Өзі келді")
    assert event.visit_id == visit_id(request_id(1))
    assert state.booking is None


# ---- withdrawal and report


@pytest.mark.parametrize(
    ("state", "status", "asks"),
    [
        (waiting(), "cancelled", ["free"]),
        (after(HALF_TEN), "cancelled", ["free"]),
        (take(accepted(), "Fri 2026-11-20 10:00"), "cancelled", ["place", "free"]),
    ],
    ids=["waiting", "booked", "not placed yet"],
)
def test_a_withdrawal_asks_for_the_place_back(state: CallState, status: str, asks: list[str]) -> None:
    decided = calls.cancelled(state, cancelled()).state
    assert decided is not None
    assert (decided.status, [each.errand for each in decided.pending]) == (status, asks)


@pytest.mark.parametrize("status", ["cancelled", "closed"])
def test_a_withdrawal_of_what_is_over_changes_nothing(status: str) -> None:
    decision = calls.cancelled(replace(waiting(), status=status), cancelled())
    assert (decision.state, decision.dead, decision.park) == (None, None, False)


def test_what_comes_before_its_call_waits() -> None:
    assert calls.cancelled(None, cancelled()).park
    assert calls.reported(None, reported("Fri 2026-11-20 11:00")).park


@pytest.mark.parametrize(
    ("state", "revision"),
    [(waiting(), 1), (after(NO_ROSTER), 2), (after(HALF_TEN), 2), (after(HALF_TEN, None), 3)],
    ids=["taken", "unplaced", "booked", "unplaced again"],
)
def test_a_report_closes_the_visit(state: CallState, revision: int) -> None:
    decision = calls.reported(state, reported("Fri 2026-11-20 11:00", outcome="not_at_home"))
    assert told(decision.says) == [("visit.closed", revision)]
    assert decision.measures == [Ended("visit", "phone", "met")]
    assert decision.state is not None
    assert (decision.state.status, decision.state.outcome) == ("closed", "not_at_home")
    assert timer_at(decision.state) is None


def test_r13_a_report_after_closing_time_says_that_the_visit_was_missed() -> None:
    decision = calls.reported(after(HALF_TEN), reported("Fri 2026-11-20 20:00:01"))
    assert told(decision.says) == [("deadline.missed", None), ("visit.closed", 2)]
    assert decision.says[0].time == "2026-11-20T20:00:00+05:00"
    assert decision.measures == [Ended("visit", "phone", "missed")]


def test_r13_a_visit_at_closing_time_is_met() -> None:
    decision = calls.reported(after(HALF_TEN), reported("Fri 2026-11-20 20:00"))
    assert decision.measures == [Ended("visit", "phone", "met")]


def test_what_the_timer_said_missed_is_not_counted_again() -> None:
    missed = tick(after(HALF_TEN), "Fri 2026-11-20 20:00").state
    assert missed is not None
    decision = calls.reported(missed, reported("Fri 2026-11-20 21:00"))
    assert told(decision.says) == [("visit.closed", 2)]
    assert decision.measures == []


@pytest.mark.parametrize(
    ("state", "event", "dead"),
    [
        (replace(after(HALF_TEN), status="closed", outcome="served"), reported("Fri 2026-11-20 11:00"), False),
        (
            replace(after(HALF_TEN), status="closed", outcome="served"),
            reported("Fri 2026-11-20 11:00", outcome="declined"),
            True,
        ),
        (replace(after(HALF_TEN), status="cancelled"), reported("Fri 2026-11-20 11:00"), True),
        (after(HALF_TEN), reported("Fri 2026-11-20 11:00", clinic_id="tal-2"), True),
    ],
    ids=["said before", "said otherwise before", "withdrawn", "another clinic"],
)
def test_a_report_that_takes_no_effect(state: CallState, event: Any, dead: bool) -> None:
    decision = calls.reported(state, event)
    assert decision.state is None
    assert (decision.dead is not None and decision.dead.reason == "invalid_transition") is dead


# ---- the visit's deadline


@pytest.mark.parametrize(
    ("state", "stage"), [(after(HALF_TEN), "scheduled"), (after(NO_ROSTER), "unplaced")], ids=["booked", "unplaced"]
)
def test_r13_near_at_eighty_per_cent_then_missed_at_closing_time(state: CallState, stage: str) -> None:
    assert timer_at(state) == at("Fri 2026-11-20 18:00")
    near = tick(state, "Fri 2026-11-20 18:00:30")
    (say,) = near.says
    event: Any = say.data
    assert (event.TYPE, event.deadline, event.stage, event.limit_seconds) == (
        "deadline.approaching",
        "visit",
        stage,
        36_000,
    )
    assert (say.time, event.due_at) == ("2026-11-20T18:00:00+05:00", at("Fri 2026-11-20 20:00"))
    assert near.state is not None
    assert timer_at(near.state) == at("Fri 2026-11-20 20:00")
    missed = tick(near.state, "Fri 2026-11-20 20:00")
    assert [(say.data.TYPE, say.time) for say in missed.says] == [("deadline.missed", "2026-11-20T20:00:00+05:00")]
    assert missed.measures == [Ended("visit", "phone", "missed")]
    assert near.says[0].sibling != missed.says[0].sibling


def test_r14_what_is_missed_by_then_is_not_said_to_be_near() -> None:
    decision = tick(after(HALF_TEN), "Mon 2026-11-23 09:00")
    assert told(decision.says) == [("deadline.missed", None)]
    assert decision.state is not None
    assert timer_at(decision.state) is None
