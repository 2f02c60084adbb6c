"""When a complaint is registered and answered (C10.2, C10.4, C10.8, R8, R9, R9a, R10)."""

import pytest

from homecall.standard.acceptance import ClockAheadError
from homecall.standard.calendar import ClinicCalendar, NeverOpenError
from homecall.standard.complaints import Term, complaint_term
from homecall.standard.rules import NotCoveredError, RuleSet
from tests.unit.standard.local_times import RULES, STANDARD, at, hours, on


def term(
    addressed_to: str,
    submitted: str,
    calendar: ClinicCalendar = STANDARD,
    rules: RuleSet = RULES,
    channel: str = "post",
) -> Term:
    return complaint_term(
        addressed_to=addressed_to, channel=channel, submitted_at=at(submitted), calendar=calendar, rules=rules
    )


@pytest.mark.parametrize("channel", ["post", "in_person", "portal"])
@pytest.mark.parametrize(
    ("submitted", "registered"),
    [
        ("Mon 2026-11-23 08:00", "Mon 2026-11-23 08:00"),
        ("Mon 2026-11-23 19:59:59.999999", "Mon 2026-11-23 19:59:59.999999"),
        ("Mon 2026-11-23 18:30", "Mon 2026-11-23 18:30"),
        ("Mon 2026-11-23 20:00", "Tue 2026-11-24 08:00"),
        ("Mon 2026-11-23 07:59:59", "Mon 2026-11-23 08:00"),
        ("Fri 2026-11-20 21:00", "Sat 2026-11-21 09:00"),
        ("Sat 2026-11-21 13:59", "Sat 2026-11-21 13:59"),
        ("Sat 2026-11-21 14:00", "Mon 2026-11-23 08:00"),
        ("Sun 2026-11-22 12:00", "Mon 2026-11-23 08:00"),
        ("Mon 2026-03-09 12:00", "Tue 2026-03-10 08:00"),
        ("Sun 2025-01-05 12:00", "Sun 2025-01-05 12:00"),
        ("Mon 2026-11-23 04:00+00:00", "Mon 2026-11-23 09:00"),
    ],
)
def test_r9a_registered_at_once_in_working_hours_else_at_the_next_opening(
    submitted: str, registered: str, channel: str
) -> None:
    found = term("clinic", submitted, channel=channel)
    assert found.registered_at == at(registered)
    assert found.registered_on == at(registered).date()
    assert ("R9a" in found.ruling.clauses) == (at(submitted) != at(registered))


@pytest.mark.parametrize(
    ("addressed_to", "submitted", "due"),
    [
        ("clinic", "Mon 2026-11-23 10:00", "Sat 2026-11-28 14:00"),
        ("clinic", "Tue 2026-11-24 10:00", "Mon 2026-11-30 20:00"),
        ("clinic", "Fri 2026-11-20 20:00", "Fri 2026-11-27 20:00"),
        ("clinic", "Sat 2026-11-21 10:00", "Fri 2026-11-27 20:00"),
        ("clinic", "Sun 2026-11-22 10:00", "Sat 2026-11-28 14:00"),
        ("clinic", "Thu 2026-03-05 10:00", "Thu 2026-03-12 20:00"),
        ("clinic", "Thu 2026-03-19 10:00", "Sat 2026-03-28 14:00"),
        ("clinic", "Sat 2026-10-24 15:00", "Mon 2026-11-02 20:00"),
        ("clinic", "Thu 2024-05-02 10:00", "Fri 2024-05-10 20:00"),
        ("clinic", "Mon 2024-12-30 10:00", "Wed 2025-01-08 20:00"),
        ("ministry", "Mon 2026-11-23 10:00", "Sat 2026-11-28 14:00"),
        ("ministry", "Sat 2026-05-23 10:00", "Sat 2026-05-30 14:00"),
        ("quality_authority", "Mon 2026-11-23 10:00", "Thu 2026-12-10 20:00"),
        ("quality_authority", "Tue 2026-12-01 10:00", "Sat 2026-12-19 14:00"),
        ("quality_authority", "Wed 2024-02-28 10:00", "Mon 2024-03-18 20:00"),
    ],
)
def test_c10_4_c10_8_r9_r10_the_term_by_addressee(addressed_to: str, submitted: str, due: str) -> None:
    found = term(addressed_to, submitted)
    assert (found.answer_due_on, found.answer_due_at) == (at(due).date(), at(due))


@pytest.mark.parametrize(
    ("addressed_to", "clause"), [("clinic", "C10.4"), ("ministry", "R10"), ("quality_authority", "C10.8")]
)
def test_c10_2_the_ruling_names_the_clause_of_the_term(addressed_to: str, clause: str) -> None:
    clauses = term(addressed_to, "Mon 2026-11-23 10:00").ruling.clauses
    assert {"C10.2", clause, "R9"} <= set(clauses)


def five_days() -> RuleSet:
    clinic = RULES.complaints.clinic.model_copy(update={"week": "five-day"})
    return RULES.model_copy(update={"complaints": RULES.complaints.model_copy(update={"clinic": clinic})})


@pytest.mark.parametrize(
    ("submitted", "due"),
    [
        ("Mon 2026-11-23 10:00", "Mon 2026-11-30 20:00"),
        ("Sat 2026-11-21 10:00", "Fri 2026-11-27 20:00"),
        ("Thu 2024-05-02 10:00", "Mon 2024-05-13 20:00"),
        ("Tue 2026-05-05 10:00", "Thu 2026-05-14 20:00"),
    ],
)
def test_r9_the_week_is_a_setting(submitted: str, due: str) -> None:
    assert term("clinic", submitted, rules=five_days()).answer_due_at == at(due)


def test_r9_a_five_day_term_counts_no_day_on_which_the_clinic_is_closed() -> None:
    calendar = ClinicCalendar(five_days(), closed_dates=[on("Wed 2026-11-25"), on("Mon 2026-11-30")])
    found = term("clinic", "Mon 2026-11-23 10:00", calendar, five_days())
    assert found.answer_due_at == at("Wed 2026-12-02 20:00")


def test_r9_the_clinics_own_days_count() -> None:
    calendar = ClinicCalendar(
        RULES,
        hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours("09:00-18:00")),
        closed_dates=[on("Thu 2026-11-26")],
        working_dates=[(on("Sun 2026-11-29"), None)],
    )
    found = term("clinic", "Mon 2026-11-23 10:00", calendar)
    assert found.answer_due_on == on("Mon 2026-11-30")
    assert found.answer_due_at == at("Mon 2026-11-30 18:00")


def test_r17_a_complaint_is_held_against_its_record_too() -> None:
    found = complaint_term(
        addressed_to="clinic",
        channel="portal",
        submitted_at=at("Mon 2026-11-23 10:01"),
        calendar=STANDARD,
        rules=RULES,
        record_time=at("Mon 2026-11-23 10:00"),
    )
    assert (found.registered_at, found.flags) == (at("Mon 2026-11-23 10:00"), ("clock_ahead",))
    with pytest.raises(ClockAheadError, match="R17"):
        complaint_term(
            addressed_to="clinic",
            channel="portal",
            submitted_at=at("Mon 2026-11-23 10:03"),
            calendar=STANDARD,
            rules=RULES,
            record_time=at("Mon 2026-11-23 10:00"),
        )


def test_what_cannot_be_reckoned_is_said() -> None:
    with pytest.raises(ValueError, match="addressed_to: mayor"):
        term("mayor", "Mon 2026-11-23 10:00")
    with pytest.raises(NotCoveredError):
        term("clinic", "Fri 2100-12-31 10:00")
    with pytest.raises(NeverOpenError):
        term("clinic", "Mon 2026-11-23 10:00", ClinicCalendar(RULES, hours={}))


def test_r9_a_term_of_no_days_has_no_last_day() -> None:
    with pytest.raises(ValueError, match="0 working days"):
        STANDARD.working_day_after(on("Mon 2026-11-23"), 0)
