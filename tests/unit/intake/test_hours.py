"""Accepted, deferred or refused by the hour (C4.5, C4.6, C8.1, C8.2, R1 to R7), and what is then said."""

from datetime import date, timedelta
from typing import Any

import pytest

from homecall.runtime.engine.decision import Decided, Took
from services.intake.domain.numbered import with_number
from tests.unit.intake.office import clinic, decide, known, refusal, submitted
from tests.unit.standard.local_times import at


@pytest.mark.parametrize(
    ("channel", "when", "due"),
    [
        ("desk", "Fri 2026-11-20 08:00", "Fri 2026-11-20 08:10"),
        ("desk", "Fri 2026-11-20 17:59:59", "Fri 2026-11-20 18:09:59"),
        ("phone", "Sat 2026-11-21 09:00", "Sat 2026-11-21 09:10"),
        ("phone", "Sat 2026-11-21 11:59:59", "Sat 2026-11-21 12:09:59"),
        ("portal", "Fri 2026-11-20 08:00", "Fri 2026-11-20 08:30"),
        ("portal", "Fri 2026-11-20 17:59:59.999999", "Fri 2026-11-20 18:29:59.999999"),
    ],
)
def test_c4_1_c4_4_c4_5_c4_6_accepted_on_the_day_of_the_application(channel: str, when: str, due: str) -> None:
    decision = decide(submitted(when, channel))
    state = decision.state
    assert state is not None
    assert (state.status, list(decision.says)) == ("accepted", [])
    _, said = with_number(state, 7)
    ((cause, (say,)),) = said
    assert cause == state.pending[0]
    event: Any = say.data
    assert event.TYPE == "request.accepted"
    assert (event.register_date, event.register_number) == (at(when).date(), 7)
    assert event.visit_date == at(when).date()
    assert (event.submitted_at, event.clock_started_at, event.due_at) == (at(when), at(when), at(due))
    assert event.accepted_at == at(when) + timedelta(seconds=1)
    assert event.ruling.rule_set == "kz-2015"
    assert {"R1", "R13"} < set(event.ruling.clauses)


@pytest.mark.parametrize(
    ("when", "opens", "due", "clause"),
    [
        ("Fri 2026-11-20 00:00", "Fri 2026-11-20 08:00", "Fri 2026-11-20 08:30", "R4"),
        ("Fri 2026-11-20 07:59:59.999999", "Fri 2026-11-20 08:00", "Fri 2026-11-20 08:30", "R4"),
        ("Fri 2026-11-20 18:00", "Sat 2026-11-21 09:00", "Sat 2026-11-21 09:30", "R2"),
        ("Fri 2026-11-20 19:00", "Sat 2026-11-21 09:00", "Sat 2026-11-21 09:30", "R7"),
        ("Fri 2026-11-20 20:00", "Sat 2026-11-21 09:00", "Sat 2026-11-21 09:30", "C8.2"),
        ("Sat 2026-11-21 12:00", "Mon 2026-11-23 08:00", "Mon 2026-11-23 08:30", "R5"),
        ("Sun 2026-11-22 12:00", "Mon 2026-11-23 08:00", "Mon 2026-11-23 08:30", "C8.1"),
        ("Wed 2026-12-16 09:00", "Thu 2026-12-17 08:00", "Thu 2026-12-17 08:30", "R8"),
    ],
)
def test_c8_2_r4_to_r8_the_portal_is_deferred_to_the_opening(when: str, opens: str, due: str, clause: str) -> None:
    decision = decide(submitted(when, "portal"))
    state = decision.state
    assert state is not None
    assert (state.status, state.pending) == ("deferred", [])
    (say,) = decision.says
    event: Any = say.data
    assert event.TYPE == "request.deferred"
    assert (event.opens_at, event.due_at) == (at(opens), at(due))
    assert clause in event.ruling.clauses
    assert decision.measures == [Decided("request", "portal", "deferred", reasons=("fever_above_38",))]


@pytest.mark.parametrize(
    ("channel", "when", "accepts_next"),
    [
        ("desk", "Fri 2026-11-20 07:59:59", "Fri 2026-11-20 08:00"),
        ("phone", "Fri 2026-11-20 18:00", "Sat 2026-11-21 09:00"),
        ("desk", "Sat 2026-11-21 12:00", "Mon 2026-11-23 08:00"),
        ("phone", "Sun 2026-11-22 12:00", "Mon 2026-11-23 08:00"),
    ],
)
def test_r3_desk_and_phone_are_refused_and_told_when_the_clinic_accepts(
    channel: str, when: str, accepts_next: str
) -> None:
    decision = decide(submitted(when, channel))
    refused = refusal(decision)
    assert refused["code"] == "outside_acceptance_hours"
    assert decision.measures == [Decided("request", channel, "refused", "outside_acceptance_hours")]
    assert refused["next_acceptance_at"] == at(accepts_next).isoformat()
    assert refused["due_at"] == (at(when) + timedelta(minutes=10)).isoformat()
    assert "R3" in refused["ruling"]["clauses"]
    assert decision.state is not None
    assert (decision.state.status, decision.state.claim) == ("refused", None)


def test_r1_r14_a_late_request_is_decided_as_on_its_day() -> None:
    heard_at = at("Tue 2026-11-24 15:00")
    state = decide(submitted("Fri 2026-11-20 17:00", "portal"), now=heard_at).state
    assert state is not None
    assert (state.status, state.register_date) == ("accepted", date(2026, 11, 20))
    assert state.due_at == at("Fri 2026-11-20 17:30")
    assert state.accepted_at == heard_at
    deferred = decide(submitted("Fri 2026-11-20 19:00", "portal"), now=heard_at).state
    assert deferred is not None
    assert (deferred.status, deferred.opens_at) == ("deferred", at("Sat 2026-11-21 09:00"))


def test_r14_the_time_that_intake_took_is_measured_from_the_clocks_start() -> None:
    decision = decide(submitted("Fri 2026-11-20 17:00"), now=at("Fri 2026-11-20 17:02"))
    assert decision.measures == [
        Decided("request", "phone", "accepted", reasons=("fever_above_38",)),
        Took("phone", "intake", 120),
    ]


def test_a_request_heard_before_its_own_time_is_accepted_at_that_time() -> None:
    # A publisher's clock a little ahead, where records are not judged: nothing is accepted before it was made.
    state = decide(submitted("Fri 2026-11-20 17:00"), now=at("Fri 2026-11-20 16:59")).state
    assert state is not None
    assert state.accepted_at == at("Fri 2026-11-20 17:00")


def test_c4_5_the_clinics_own_hours_decide() -> None:
    short = known(clinic(hours={"fri": [["10:00", "13:00"], ["14:00", "16:00"]]}))
    accepted = decide(submitted("Fri 2026-11-20 13:30"), clinics=short).state
    assert accepted is not None
    assert accepted.status == "accepted"
    assert refusal(decide(submitted("Fri 2026-11-20 14:00"), clinics=short))["code"] == "outside_acceptance_hours"


def test_a_clinic_that_never_opens_refuses_the_portal_too() -> None:
    refused = refusal(decide(submitted("Fri 2026-11-20 12:00", "portal"), clinics=known(clinic(hours={}))))
    assert refused["code"] == "outside_acceptance_hours"
    assert "next_acceptance_at" not in refused


# ---- R17: the publisher's clock


@pytest.mark.parametrize(
    ("ahead", "status", "flags", "clock_starts"),
    [
        (timedelta(minutes=-5), "accepted", [], "Fri 2026-11-20 12:00"),
        (timedelta(0), "accepted", [], "Fri 2026-11-20 12:00"),
        (timedelta(seconds=90), "accepted", ["clock_ahead"], "Fri 2026-11-20 11:58:30"),
        (timedelta(minutes=2), "accepted", ["clock_ahead"], "Fri 2026-11-20 11:58"),
        (timedelta(minutes=2, milliseconds=1), "refused", [], None),
    ],
)
def test_r17_the_time_is_held_against_the_records(
    ahead: timedelta, status: str, flags: list[str], clock_starts: str | None
) -> None:
    record_time = at("Fri 2026-11-20 12:00") - ahead
    decision = decide(submitted("Fri 2026-11-20 12:00"), record_time=record_time)
    state = decision.state
    assert state is not None
    assert (state.status, state.request["flags"]) == (status, flags)
    assert state.ruling["inputs"]["record_time"] == record_time.isoformat()
    assert "R17" in state.ruling["clauses"]
    if clock_starts is None:
        assert refusal(decision)["fields"][0]["path"] == "submitted_at"
    else:
        assert state.clock_started_at == at(clock_starts)


def test_r17_not_judged_without_a_record() -> None:
    state = decide(submitted("Fri 2026-11-20 12:00"), record_time=None).state
    assert state is not None
    assert (state.status, state.request["flags"]) == ("accepted", [])
