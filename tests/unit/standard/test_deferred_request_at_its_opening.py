"""A deferred request at its opening (C8.2, R6, R16)."""

from datetime import timedelta

import pytest

from homecall.standard.acceptance import Accepted, Deferred, FirstRuling, decide_acceptance, take_up
from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from tests.unit.standard.local_times import RULES, STANDARD, at, hours, on

OPENING = at("Mon 2026-11-23 08:00")


def test_r6_it_is_accepted_at_the_opening_and_its_clock_starts_then() -> None:
    decision = take_up(opening=OPENING, calendar=STANDARD, rules=RULES)
    assert isinstance(decision, Accepted)
    assert decision.visit_date == on("Mon 2026-11-23")
    assert (decision.clock_starts_at, decision.due_at) == (OPENING, at("Mon 2026-11-23 08:30"))


def test_r6_what_was_promised_when_it_was_deferred_is_what_it_gets() -> None:
    submitted = at("Sat 2026-10-24 12:00")
    deferred = decide_acceptance(channel="portal", submitted_at=submitted, calendar=STANDARD, rules=RULES)
    assert isinstance(deferred, Deferred)
    accepted = take_up(
        opening=deferred.opens_at, calendar=STANDARD, rules=RULES, first=FirstRuling(submitted_at=submitted)
    )
    assert isinstance(accepted, Accepted)
    assert (accepted.visit_date, accepted.due_at) == (deferred.visit_date, deferred.due_at)
    assert accepted.ruling.inputs["submitted_at"] == "2026-10-24T12:00:00+05:00"


@pytest.mark.parametrize(
    ("calendar", "opens"),
    [
        (ClinicCalendar(RULES, closed_dates=[on("Mon 2026-11-23")]), "Tue 2026-11-24 08:00"),
        (
            ClinicCalendar(RULES, closed_dates=[on("Mon 2026-11-23"), on("Tue 2026-11-24")]),
            "Wed 2026-11-25 08:00",
        ),
        (ClinicCalendar(RULES, hours={"mon": hours("09:00-17:00")}), "Mon 2026-11-23 09:00"),
        (
            ClinicCalendar(RULES, hours={"mon": hours("05:00-09:30"), "tue": hours("07:00-15:00")}),
            "Tue 2026-11-24 07:00",
        ),
    ],
)
def test_r16_it_is_deferred_again_when_the_clinic_is_not_open_after_all(calendar: ClinicCalendar, opens: str) -> None:
    decision = take_up(opening=OPENING, calendar=calendar, rules=RULES, first=FirstRuling(flags=("clock_ahead",)))
    assert isinstance(decision, Deferred)
    assert decision.opens_at == decision.clock_starts_at == at(opens)
    assert decision.visit_date == at(opens).date()
    assert decision.due_at == at(opens) + timedelta(minutes=30)
    assert decision.flags == ("clock_ahead",)
    assert "R16" in decision.ruling.clauses


def test_r6_an_earlier_opening_published_since_does_not_move_the_promised_one() -> None:
    calendar = ClinicCalendar(RULES, hours={"mon": hours("07:00-20:00")})
    decision = take_up(opening=OPENING, calendar=calendar, rules=RULES)
    assert isinstance(decision, Accepted)
    assert decision.clock_starts_at == OPENING


def test_c8_2_a_day_too_short_for_its_cut_off_still_takes_up_what_was_deferred_to_it() -> None:
    calendar = ClinicCalendar(RULES, hours={"mon": hours("08:00-09:00")})
    assert isinstance(take_up(opening=OPENING, calendar=calendar, rules=RULES), Accepted)


def test_r16_a_clinic_that_never_opens_again_is_said_to() -> None:
    with pytest.raises(NeverOpenError):
        take_up(opening=OPENING, calendar=ClinicCalendar(RULES, hours={}), rules=RULES)
