"""The five clocks (C4.1 to C4.4, C10.4, R6, R13): limits, 80 %, met and missed."""

from datetime import UTC, timedelta

import pytest

from homecall.standard.calendar import ClinicCalendar
from homecall.standard.complaints import complaint_term
from homecall.standard.deadlines import Clock, answer_clock, complaint_clock, queue_clock, service_clock, visit_clock
from tests.unit.standard.local_times import RULES, STANDARD, at, on

START = at("Fri 2026-11-20 10:00")


@pytest.mark.parametrize("channel", ["desk", "phone"])
@pytest.mark.parametrize(
    ("make", "start"), [(queue_clock, "queued_at"), (service_clock, "service_started_at")], ids=["C4.2", "C4.3"]
)
def test_c4_2_c4_3_ten_minutes_of_queue_and_of_service(make, start: str, channel: str) -> None:  # type: ignore[no-untyped-def]  # the table above has the types
    clock = make(channel=channel, rules=RULES, **{start: START})
    assert clock == Clock(
        deadline="queue" if make is queue_clock else "service",
        channel=channel,
        started_at=START,
        due_at=at("Fri 2026-11-20 10:10"),
        limit_seconds=600,
        approaching_at=at("Fri 2026-11-20 10:08"),
    )


def test_c4_2_c4_3_the_portal_has_neither_queue_nor_service() -> None:
    assert queue_clock(channel="portal", queued_at=START, rules=RULES) is None
    assert service_clock(channel="portal", service_started_at=START, rules=RULES) is None


@pytest.mark.parametrize(
    ("channel", "due", "near", "seconds"),
    [
        ("desk", "Fri 2026-11-20 10:10", "Fri 2026-11-20 10:08", 600),
        ("phone", "Fri 2026-11-20 10:10", "Fri 2026-11-20 10:08", 600),
        ("portal", "Fri 2026-11-20 10:30", "Fri 2026-11-20 10:24", 1800),
    ],
)
def test_c4_1_c4_4_the_answer(channel: str, due: str, near: str, seconds: int) -> None:
    clock = answer_clock(channel=channel, clock_starts_at=START, rules=RULES)
    assert (clock.deadline, clock.channel) == ("answer", channel)
    assert (clock.due_at, clock.approaching_at, clock.limit_seconds) == (at(due), at(near), seconds)


def test_r6_the_answer_to_a_deferred_request_is_due_30_minutes_from_the_opening() -> None:
    clock = answer_clock(channel="portal", clock_starts_at=at("Sat 2026-11-21 09:00"), rules=RULES)
    assert (clock.started_at, clock.due_at) == (at("Sat 2026-11-21 09:00"), at("Sat 2026-11-21 09:30"))


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        ("Fri 2026-11-20 10:00", "met"),
        ("Fri 2026-11-20 10:09:59.999999", "met"),
        ("Fri 2026-11-20 10:10", "met"),
        ("Fri 2026-11-20 05:10+00:00", "met"),
        ("Fri 2026-11-20 10:10:00.000001", "missed"),
        ("Fri 2026-11-20 05:10:01+00:00", "missed"),
        ("Sat 2026-11-21 10:00", "missed"),
    ],
)
def test_c4_1_at_most_ten_minutes_means_that_the_tenth_is_met(ended: str, verdict: str) -> None:
    assert answer_clock(channel="desk", clock_starts_at=START, rules=RULES).verdict(at(ended)) == verdict


@pytest.mark.parametrize(
    ("visit", "due"),
    [
        ("Fri 2026-11-20", "Fri 2026-11-20 20:00"),
        ("Sat 2026-11-21", "Sat 2026-11-21 14:00"),
        ("Sun 2026-11-22", "Mon 2026-11-23 20:00"),
    ],
)
def test_r13_the_visit_is_due_at_closing_time_of_its_date(visit: str, due: str) -> None:
    clock = visit_clock(channel="desk", accepted_at=START, visit_date=on(visit), calendar=STANDARD, rules=RULES)
    assert (clock.deadline, clock.started_at, clock.due_at) == ("visit", START, at(due))
    assert clock.limit_seconds == (at(due) - START).total_seconds()


def test_r13_a_visit_date_closed_since_is_due_on_the_next_open_day() -> None:
    calendar = ClinicCalendar(RULES, closed_dates=[on("Fri 2026-11-20")])
    clock = visit_clock(
        channel="desk", accepted_at=START, visit_date=on("Fri 2026-11-20"), calendar=calendar, rules=RULES
    )
    assert clock.due_at == at("Sat 2026-11-21 14:00")


def test_r14_a_visit_that_was_due_before_its_clock_started_is_near_and_missed_at_once() -> None:
    late = at("Fri 2026-11-20 21:00")
    clock = visit_clock(
        channel="desk", accepted_at=late, visit_date=on("Fri 2026-11-20"), calendar=STANDARD, rules=RULES
    )
    assert (clock.limit_seconds, clock.approaching_at) == (0, clock.due_at)
    assert clock.verdict(late) == "missed"


def test_c10_4_r9_a_complaint_runs_from_registration_to_closing_time_of_its_last_day() -> None:
    term = complaint_term(
        addressed_to="clinic",
        channel="in_person",
        submitted_at=at("Mon 2026-11-23 10:00"),
        calendar=STANDARD,
        rules=RULES,
    )
    clock = complaint_clock(channel="in_person", term=term, rules=RULES, calendar=STANDARD)
    assert (clock.deadline, clock.started_at, clock.due_at) == (
        "complaint",
        at("Mon 2026-11-23 10:00"),
        at("Sat 2026-11-28 14:00"),
    )


def test_the_share_comes_from_the_rule_set() -> None:
    halfway = RULES.model_copy(update={"approaching": RULES.approaching.model_copy(update={"share": 0.5})})
    clock = answer_clock(channel="desk", clock_starts_at=START, rules=halfway)
    assert clock.approaching_at == at("Fri 2026-11-20 10:05")


def test_limits_are_elapsed_time_though_the_zone_changes_meanwhile() -> None:
    """On 29 February 2024 local time went from 24:00 back to 23:00: 30 minutes stay 30 minutes."""
    start = at("Thu 2024-02-29 23:45")
    clock = answer_clock(channel="portal", clock_starts_at=start, rules=RULES)
    assert clock.due_at.astimezone(UTC) - start.astimezone(UTC) == timedelta(minutes=30)
    assert f"{clock.due_at:%H:%M %z}" == "23:15 +0500"
    assert clock.approaching_at.astimezone(UTC) - start.astimezone(UTC) == timedelta(minutes=24)
    assert clock.verdict(clock.due_at + timedelta(0)) == "met"
