"""Why a decision was taken (R12): complete, in JSON, and the same bytes each time (R1)."""

import json
from datetime import timedelta

import pytest

from homecall.standard.acceptance import decide_acceptance, take_up
from homecall.standard.calendar import ClinicCalendar, calendar_version
from homecall.standard.complaints import complaint_term
from tests.unit.standard.local_times import RULES, STANDARD, at, hours


def test_r12_a_ruling_keeps_rule_set_clauses_calendar_and_the_hours_used() -> None:
    decision = decide_acceptance(
        channel="portal",
        submitted_at=at("Sat 2026-10-24 13:00"),
        calendar=STANDARD,
        rules=RULES,
        record_time=at("Sat 2026-10-24 12:59:30"),
    )
    assert decision.ruling.as_dict() == {
        "rule_set": "kz-2015",
        "clauses": ["C4.6", "R2", "R5", "R1", "R17", "R6", "R8", "C4.4", "R13"],
        "calendar": calendar_version(),
        "inputs": {
            "channel": "portal",
            "submitted_at": "2026-10-24T13:00:00+05:00",
            "record_time": "2026-10-24T12:59:30+05:00",
            "decided_by": "2026-10-24T12:59:30+05:00",
            "days": [
                {
                    "date": "2026-10-24",
                    "weekday": "sat",
                    "hours": [["09:00", "14:00"]],
                    "cut_off": "12:00",
                    "basis": "standard",
                },
                {"date": "2026-10-25", "weekday": "sun", "closed": "holiday", "name": "Republic Day"},
                {"date": "2026-10-26", "weekday": "mon", "closed": "holiday", "name": "Republic Day (observed)"},
                {
                    "date": "2026-10-27",
                    "weekday": "tue",
                    "hours": [["08:00", "20:00"]],
                    "cut_off": "18:00",
                    "basis": "standard",
                },
            ],
        },
    }


def test_r12_the_clinics_own_hours_are_kept_as_such() -> None:
    calendar = ClinicCalendar(RULES, hours={"fri": hours("14:00-18:00", "09:00-13:00")})
    decision = decide_acceptance(
        channel="desk", submitted_at=at("Fri 2026-11-20 10:00"), calendar=calendar, rules=RULES
    )
    assert decision.ruling.inputs["days"] == [
        {
            "date": "2026-11-20",
            "weekday": "fri",
            "hours": [["09:00", "13:00"], ["14:00", "18:00"]],
            "cut_off": "16:00",
            "basis": "clinic",
        }
    ]


MOMENTS = ["Fri 2026-11-20 10:00", "Fri 2026-11-20 19:00:00.5", "Sun 2026-11-22 00:00", "Mon 2026-03-09 10:00+00:00"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
def test_r1_deciding_again_gives_the_same_bytes(channel: str, moment: str) -> None:
    def once() -> str:
        decision = decide_acceptance(
            channel=channel,
            submitted_at=at(moment),
            calendar=ClinicCalendar(RULES),
            rules=RULES,
            record_time=at(moment) + timedelta(seconds=3),
        )
        return json.dumps(decision.ruling.as_dict())

    assert once() == once()


def test_r1_the_offset_in_which_the_moment_is_written_leaves_no_trace() -> None:
    rulings = {
        json.dumps(
            decide_acceptance(channel="desk", submitted_at=at(moment), calendar=STANDARD, rules=RULES).ruling.as_dict()
        )
        for moment in ("Fri 2026-11-20 10:00", "Fri 2026-11-20 05:00+00:00", "Fri 2026-11-20 00:00-05:00")
    }
    assert len(rulings) == 1


def test_every_ruling_is_json_and_names_each_clause_once() -> None:
    rulings = [
        decide_acceptance(channel=channel, submitted_at=at(moment), calendar=STANDARD, rules=RULES).ruling
        for channel in ("desk", "phone", "portal")
        for moment in MOMENTS
    ]
    rulings.append(take_up(opening=at("Mon 2026-11-23 08:00"), calendar=STANDARD, rules=RULES).ruling)
    rulings.append(
        complaint_term(
            addressed_to="clinic",
            channel="post",
            submitted_at=at("Sun 2026-11-22 12:00"),
            calendar=STANDARD,
            rules=RULES,
        ).ruling
    )
    for ruling in rulings:
        told = ruling.as_dict()
        assert json.loads(json.dumps(told)) == told
        assert len(set(ruling.clauses)) == len(ruling.clauses)
        assert ruling.rule_set == "kz-2015"


def test_r9_a_complaints_ruling_keeps_the_first_and_last_day_and_the_days_off_between() -> None:
    term = complaint_term(
        addressed_to="clinic", channel="post", submitted_at=at("Thu 2026-03-05 10:00"), calendar=STANDARD, rules=RULES
    )
    told = json.loads(json.dumps(term.ruling.as_dict()))["inputs"]
    assert {key: told[key] for key in ("registered_at", "working_days", "week")} == {
        "registered_at": "2026-03-05T10:00:00+05:00",
        "working_days": 5,
        "week": "six-day",
    }
    assert [(day["date"], day.get("closed", "open")) for day in told["days"]] == [
        ("2026-03-05", "open"),
        ("2026-03-08", "holiday"),
        ("2026-03-09", "holiday"),
        ("2026-03-12", "open"),
    ]
