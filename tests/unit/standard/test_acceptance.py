"""Accepted, deferred or refused (C4.5, C4.6, C8.1, C8.2, R1 to R7, R17), by the moment of the application alone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from homecall.standard.acceptance import Accepted, Deferred, FieldError, Refused, decide_acceptance
from homecall.standard.calendar import ClinicCalendar
from tests.unit.standard.local_times import RULES, STANDARD, at, hours, on

Decision = Accepted | Deferred | Refused


def decide(
    channel: str, submitted: str, calendar: ClinicCalendar = STANDARD, record_time: datetime | None = None
) -> Decision:
    return decide_acceptance(
        channel=channel, submitted_at=at(submitted), calendar=calendar, rules=RULES, record_time=record_time
    )


@pytest.mark.parametrize(
    ("channel", "submitted", "due"),
    [
        ("desk", "Fri 2026-11-20 08:00", "Fri 2026-11-20 08:10"),
        ("desk", "Fri 2026-11-20 17:59:59", "Fri 2026-11-20 18:09:59"),
        ("desk", "Fri 2026-11-20 17:59:59.999999", "Fri 2026-11-20 18:09:59.999999"),
        ("phone", "Sat 2026-11-21 09:00", "Sat 2026-11-21 09:10"),
        ("phone", "Sat 2026-11-21 11:59:59", "Sat 2026-11-21 12:09:59"),
        ("portal", "Fri 2026-11-20 08:00", "Fri 2026-11-20 08:30"),
        ("portal", "Fri 2026-11-20 17:59:59", "Fri 2026-11-20 18:29:59"),
        ("portal", "Sat 2026-11-21 11:59:59.999999", "Sat 2026-11-21 12:29:59.999999"),
        ("portal", "Wed 2026-03-25 12:00", "Wed 2026-03-25 12:30"),
        ("desk", "Mon 2026-05-11 12:00", "Mon 2026-05-11 12:10"),
        ("desk", "Wed 2024-05-08 12:00", "Wed 2024-05-08 12:10"),
        ("portal", "Sun 2025-01-05 17:59:59", "Sun 2025-01-05 18:29:59"),
        ("desk", "Thu 2024-02-29 17:59:59", "Thu 2024-02-29 18:09:59"),
    ],
)
def test_c4_1_c4_4_c4_5_c4_6_r2_accepted_within_acceptance_hours(channel: str, submitted: str, due: str) -> None:
    decision = decide(channel, submitted)
    assert isinstance(decision, Accepted)
    assert decision.visit_date == at(submitted).date()
    assert decision.clock_starts_at == at(submitted)
    assert decision.due_at == at(due)
    assert decision.flags == ()


@pytest.mark.parametrize(
    ("submitted", "opens", "clauses"),
    [
        ("Fri 2026-11-20 00:00", "Fri 2026-11-20 08:00", {"R4", "C8.1"}),
        ("Fri 2026-11-20 07:59:59.999999", "Fri 2026-11-20 08:00", {"R4", "C8.1"}),
        ("Sat 2026-11-21 08:30", "Sat 2026-11-21 09:00", {"R4", "R7"}),
        ("Fri 2026-11-20 18:00", "Sat 2026-11-21 09:00", {"R2", "R5", "C4.6", "R7"}),
        ("Fri 2026-11-20 18:00:00.000001", "Sat 2026-11-21 09:00", {"R5"}),
        ("Fri 2026-11-20 19:00", "Sat 2026-11-21 09:00", {"R5", "R7"}),
        ("Fri 2026-11-20 20:00", "Sat 2026-11-21 09:00", {"C8.2", "R7"}),
        ("Fri 2026-11-20 23:59:59.999999", "Sat 2026-11-21 09:00", {"C8.2"}),
        ("Sat 2026-11-21 12:00", "Mon 2026-11-23 08:00", {"R5"}),
        ("Sat 2026-11-21 14:00", "Mon 2026-11-23 08:00", {"C8.2"}),
        ("Sun 2026-11-22 12:00", "Mon 2026-11-23 08:00", {"C8.2", "C8.1"}),
        ("Thu 2026-11-26 18:00", "Fri 2026-11-27 08:00", {"R5"}),
        ("Sat 2026-03-07 12:00", "Tue 2026-03-10 08:00", {"R5", "R8"}),
        ("Mon 2026-03-09 10:00", "Tue 2026-03-10 08:00", {"C8.2", "R8"}),
        ("Fri 2026-03-20 18:00", "Wed 2026-03-25 08:00", {"R8"}),
        ("Tue 2026-03-24 10:00", "Wed 2026-03-25 08:00", {"C8.2", "R8"}),
        ("Sat 2026-10-24 12:00", "Tue 2026-10-27 08:00", {"R8"}),
        ("Mon 2026-10-26 07:00", "Tue 2026-10-27 08:00", {"C8.2", "R8"}),
        ("Wed 2026-01-07 12:00", "Thu 2026-01-08 08:00", {"R8"}),
        ("Sun 2024-01-07 12:00", "Mon 2024-01-08 08:00", {"R8"}),
        ("Tue 2026-05-26 18:00", "Thu 2026-05-28 08:00", {"R5", "R8"}),
        ("Wed 2026-12-16 09:00", "Thu 2026-12-17 08:00", {"R8"}),
        ("Fri 2025-01-03 12:00", "Sat 2025-01-04 09:00", {"R7", "R8"}),
        ("Sat 2025-01-04 12:00", "Sun 2025-01-05 08:00", {"R5", "R8"}),
        ("Sun 2025-01-05 18:00", "Mon 2025-01-06 08:00", {"R5", "R8"}),
        ("Wed 2025-12-31 19:00", "Sat 2026-01-03 09:00", {"R8", "R7"}),
        ("Thu 2024-02-29 21:00", "Fri 2024-03-01 08:00", {"C8.2"}),
    ],
)
def test_c8_2_r4_r5_r6_the_portal_defers_to_the_opening(submitted: str, opens: str, clauses: set[str]) -> None:
    decision = decide("portal", submitted)
    assert isinstance(decision, Deferred)
    assert decision.opens_at == decision.clock_starts_at == at(opens)
    assert decision.visit_date == at(opens).date()
    assert decision.due_at == at(opens) + timedelta(minutes=30)
    assert {"R1", "R6", "C4.4", "R13"} | clauses <= set(decision.ruling.clauses)


@pytest.mark.parametrize("channel", ["desk", "phone"])
@pytest.mark.parametrize(
    ("submitted", "next_acceptance"),
    [
        ("Fri 2026-11-20 07:59:59.999999", "Fri 2026-11-20 08:00"),
        ("Fri 2026-11-20 18:00", "Sat 2026-11-21 09:00"),
        ("Fri 2026-11-20 19:59", "Sat 2026-11-21 09:00"),
        ("Fri 2026-11-20 22:00", "Sat 2026-11-21 09:00"),
        ("Sat 2026-11-21 12:00", "Mon 2026-11-23 08:00"),
        ("Sun 2026-11-22 10:00", "Mon 2026-11-23 08:00"),
        ("Mon 2026-03-09 10:00", "Tue 2026-03-10 08:00"),
        ("Tue 2026-03-24 10:00", "Wed 2026-03-25 08:00"),
        ("Wed 2026-05-27 10:00", "Thu 2026-05-28 08:00"),
        ("Fri 2025-01-03 10:00", "Sat 2025-01-04 09:00"),
    ],
)
def test_r3_the_clinic_refuses_outside_acceptance_hours_and_says_when_next(
    channel: str, submitted: str, next_acceptance: str
) -> None:
    decision = decide(channel, submitted)
    assert isinstance(decision, Refused)
    assert (decision.code, decision.fields) == ("outside_acceptance_hours", ())
    assert decision.next_acceptance_at == at(next_acceptance)
    assert "R3" in decision.ruling.clauses


@pytest.mark.parametrize("offset", [-12, -5, 0, 3, 5, 6, 14])
@pytest.mark.parametrize(
    ("submitted", "kind"),
    [
        ("Fri 2026-11-20 17:59:59.999999", Accepted),
        ("Fri 2026-11-20 18:00", Deferred),
        ("Fri 2026-11-20 07:59:59", Deferred),
        ("Fri 2026-11-20 08:00", Accepted),
        ("Sun 2026-11-22 23:59", Deferred),
    ],
)
def test_r1_the_moment_counts_whatever_offset_it_is_written_in(submitted: str, offset: int, kind: type) -> None:
    elsewhere = at(submitted).astimezone(timezone(timedelta(hours=offset)))
    decision = decide_acceptance(channel="portal", submitted_at=elsewhere, calendar=STANDARD, rules=RULES)
    assert isinstance(decision, kind)
    assert decision == decide("portal", submitted)


def test_c8_2_a_moment_of_another_days_date_abroad_is_on_the_clinics_day() -> None:
    decision = decide("portal", "Sun 2026-11-22 23:00-05:00")
    assert isinstance(decision, Accepted)
    assert decision.visit_date == on("Mon 2026-11-23")
    assert decision.clock_starts_at == at("Mon 2026-11-23 09:00")


def test_c4_5_the_clinics_own_hours_decide() -> None:
    calendar = ClinicCalendar(RULES, hours={"fri": hours("09:00-12:00", "13:00-17:00"), "mon": hours("09:00-17:00")})
    assert isinstance(decide("desk", "Fri 2026-11-20 12:30", calendar), Accepted)
    assert isinstance(decide("desk", "Fri 2026-11-20 14:59:59", calendar), Accepted)
    refused = decide("desk", "Fri 2026-11-20 15:00", calendar)
    assert isinstance(refused, Refused)
    assert refused.next_acceptance_at == at("Mon 2026-11-23 09:00")
    deferred = decide("portal", "Fri 2026-11-20 15:00", calendar)
    assert isinstance(deferred, Deferred)
    assert deferred.opens_at == at("Mon 2026-11-23 09:00")


def test_c8_2_closed_and_extra_working_dates_decide() -> None:
    calendar = ClinicCalendar(
        RULES, closed_dates=[on("Sat 2026-11-21")], working_dates=[(on("Sun 2026-11-22"), hours("10:00-16:00"))]
    )
    deferred = decide("portal", "Fri 2026-11-20 18:00", calendar)
    assert isinstance(deferred, Deferred)
    assert deferred.opens_at == at("Sun 2026-11-22 10:00")
    assert isinstance(decide("desk", "Sun 2026-11-22 13:59", calendar), Accepted)
    assert isinstance(decide("desk", "Sun 2026-11-22 14:00", calendar), Refused)


@pytest.mark.parametrize("channel", ["desk", "portal"])
def test_a_clinic_that_never_opens_refuses_and_names_no_time(channel: str) -> None:
    decision = decide(channel, "Fri 2026-11-20 12:00", ClinicCalendar(RULES, hours={}))
    assert isinstance(decision, Refused)
    assert (decision.code, decision.next_acceptance_at) == ("outside_acceptance_hours", None)


# R17: a publisher's clock that is ahead of the record


@pytest.mark.parametrize(
    ("record", "clock_starts", "flags"),
    [
        ("Fri 2026-11-20 12:00:00", "Fri 2026-11-20 12:00:00", ()),
        ("Fri 2026-11-20 12:00:05", "Fri 2026-11-20 12:00:00", ()),
        ("Fri 2026-11-20 19:00:00", "Fri 2026-11-20 12:00:00", ()),
        ("Fri 2026-11-20 11:59:59.999", "Fri 2026-11-20 11:59:59.999", ("clock_ahead",)),
        ("Fri 2026-11-20 11:58:01", "Fri 2026-11-20 11:58:01", ("clock_ahead",)),
        ("Fri 2026-11-20 11:58:00", "Fri 2026-11-20 11:58:00", ("clock_ahead",)),
    ],
)
def test_r17_up_to_two_minutes_ahead_is_taken_as_the_records_time(
    record: str, clock_starts: str, flags: tuple[str, ...]
) -> None:
    decision = decide("desk", "Fri 2026-11-20 12:00:00", record_time=at(record))
    assert isinstance(decision, Accepted)
    assert decision.clock_starts_at == at(clock_starts)
    assert decision.due_at == at(clock_starts) + timedelta(minutes=10)
    assert decision.flags == flags


def test_r17_the_records_time_decides_at_the_cut_off() -> None:
    decision = decide("desk", "Fri 2026-11-20 18:00:30", record_time=at("Fri 2026-11-20 17:59:50"))
    assert isinstance(decision, Accepted)
    refused = decide("desk", "Fri 2026-11-20 18:01:30", record_time=at("Fri 2026-11-20 18:00:30"))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.flags) == ("outside_acceptance_hours", ("clock_ahead",))


def test_r17_a_fraction_of_the_records_millisecond_is_not_ahead() -> None:
    record = at("Fri 2026-11-20 12:00:00.123")
    decision = decide("desk", "Fri 2026-11-20 12:00:00.123456", record_time=record)
    assert decision.flags == ()


@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
@pytest.mark.parametrize("record", ["Fri 2026-11-20 11:57:59.999", "Fri 2026-11-20 09:00", "Fri 2020-11-20 12:00"])
def test_r17_more_than_two_minutes_ahead_is_an_invalid_request(channel: str, record: str) -> None:
    decision = decide(channel, "Fri 2026-11-20 12:00:00", record_time=at(record))
    assert isinstance(decision, Refused)
    assert decision.code == "invalid_request"
    assert [error.path for error in decision.fields] == ["submitted_at"]
    assert "R17" in decision.ruling.clauses
    assert "record_time" in decision.ruling.inputs


def test_r17_without_a_record_it_is_not_judged() -> None:
    decision = decide("desk", "Fri 2026-11-20 12:00")
    assert "R17" not in decision.ruling.clauses
    assert "record_time" not in decision.ruling.inputs


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1999, 1, 1, tzinfo=UTC),
        datetime(2101, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=UTC),
        datetime(2100, 12, 31, 14, tzinfo=UTC),
    ],
)
def test_a_moment_outside_the_calendar_is_an_invalid_request(moment: datetime) -> None:
    decision = decide_acceptance(channel="portal", submitted_at=moment, calendar=STANDARD, rules=RULES)
    assert isinstance(decision, Refused)
    assert decision.code == "invalid_request"
    (error,) = decision.fields
    assert isinstance(error, FieldError)
    assert error.path == "submitted_at"
    assert "2015 to 2100" in error.message


def test_a_channel_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="channel: fax"):
        decide("fax", "Fri 2026-11-20 12:00")


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        decide_acceptance(
            channel="desk",
            submitted_at=datetime(2026, 11, 20, 12),  # noqa: DTZ001  # it is what is tested
            calendar=STANDARD,
            rules=RULES,
        )


def test_r12_another_rule_set_decides_without_a_change_of_code() -> None:
    limits = RULES.limits.answer
    quicker = RULES.model_copy(
        update={
            "id": "kz-test",
            "limits": RULES.limits.model_copy(
                update={
                    "answer": limits.model_copy(update={"desk": limits.desk.model_copy(update={"seconds": 300})}),
                }
            ),
            "cut_off": RULES.cut_off.model_copy(update={"minutes_before_closing": 60}),
        }
    )
    decision = decide_acceptance(
        channel="desk", submitted_at=at("Fri 2026-11-20 18:30"), calendar=ClinicCalendar(quicker), rules=quicker
    )
    assert isinstance(decision, Accepted)
    assert decision.due_at == at("Fri 2026-11-20 18:35")
    assert decision.ruling.rule_set == "kz-test"
