"""``homecall example``: at any hour of any day the clinic is open, the request is accepted, and a doctor can come."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.events import ClinicPublished, RequestSubmitted, RosterPublished
from homecall.contract.topics import DECIDING, TOPIC_OF_TYPE, TOPICS
from homecall.contract.types import ZONE
from homecall.operations.example import KINDS, Wanted
from homecall.operations.failure import Failure
from homecall.operations.kafka import topic_named
from homecall.operations.publish import message_of
from homecall.standard.clinics import calendar_of
from homecall.standard.rules import load_rule_sets

RULES = load_rule_sets()
RUN = CliRunner()
ID, OTHER = "7d1f3c52-0a6e-4b8e-9c57-2f1f0c4f5a11", "2b8e6f04-91c7-4d35-a6f0-58d3c7e19b02"
HOURS = [f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "29", "59")]
DAYS = {
    "monday": "2026-11-23",
    "saturday": "2026-11-28",
    "sunday": "2026-11-29",
    "new year": "2027-01-01",
    "orthodox christmas": "2027-01-07",
    "independence day": "2026-12-16",
    "leap day": "2028-02-29",
}


def made(kind: str, now: datetime, **more: Any) -> dict[str, Any]:
    asked = {"clinic_id": "samal-1", "own": ID, "request": None, "channel": "phone"} | more
    return KINDS[kind].data(Wanted(now=now, rules=RULES, **asked))


def fits(now: datetime) -> None:
    """The three lines of the walk-through, published at that moment, lead to a visit."""
    clinic = ClinicPublished.model_validate_json(json.dumps(made("clinic", now)))
    roster = RosterPublished.model_validate_json(json.dumps(made("roster", now)))
    # Whoever types takes a while.
    request = RequestSubmitted.model_validate_json(json.dumps(made("request", now + timedelta(minutes=5))))
    calendar = calendar_of(clinic, RULES.on(roster.date))
    day = calendar.day_of(request.submitted_at)
    assert day.accepts(request.submitted_at)
    assert roster.date == day.date
    assert day.closes_at is not None
    assert day.closes_at - now >= timedelta(hours=3, minutes=50), "time for the way and the visit"
    assert request.submitted_at == (now + timedelta(minutes=5)).replace(microsecond=0)
    for doctor in roster.doctors:
        # A shift of the whole day, or of all opening hours: the doctor is there whenever the clinic is.
        shift = doctor.shift
        assert shift.frm <= day.intervals[0][0]
        assert shift.to >= max(end for _, end in day.intervals) or day.date.weekday() == 5


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_at_any_hour_of_any_day_a_request_is_accepted(day: str) -> None:
    for clock in HOURS:
        now = datetime.fromisoformat(f"{day}T{clock}:30").replace(tzinfo=ZONE)
        fits(now)


@given(st.integers(0, 16 * 365 * 24 * 60))
def test_at_any_moment_the_patient_is_nobody_and_every_kind_is_as_the_contract_has_it(minutes: int) -> None:
    now = datetime(2024, 3, 2, tzinfo=ZONE) + timedelta(minutes=minutes)
    for name, kind in KINDS.items():
        for channel in ("desk", "phone", "portal"):
            data = made(name, now, channel=channel, request=OTHER)
            line = json.dumps({"type": kind.type, "data": data}).encode()
            # Raises where it breaks the contract.
            message_of(TOPIC_OF_TYPE[kind.type], line, source="/test", now=now.isoformat(), as_is=False)
            person = data.get("patient") or data.get("complainant") or {}
            assert person.get("iin", "850715100000")[6] in "12", "born in the 1800s"


def test_there_is_an_example_of_all_that_comes_in() -> None:
    incoming = {each for topic in TOPICS if not set(topic.writers) & set(DECIDING) for each in topic.types}
    assert {kind.type for kind in KINDS.values()} == incoming


def printed(*arguments: str) -> dict[str, Any]:
    done = RUN.invoke(app, ["example", *arguments])
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    return dict(json.loads(line)["data"])


def test_ids_are_new_unless_they_are_given() -> None:
    assert printed("request")["request_id"] != printed("request")["request_id"]
    assert printed("request", "--id", ID)["request_id"] == ID
    assert printed("request", "--id", ID)["patient"] == printed("request", "--id", ID)["patient"]
    assert len({printed("request")["patient"]["iin"] for _ in range(5)}) > 1, "no second one is a duplicate"
    for kind in ("withdrawal", "visit", "answer"):
        assert printed(kind, "--request", ID)["request_id"] == printed(kind, "--id", ID)["request_id"] == ID
    complaint = printed("complaint", "--id", OTHER, "--request", ID)
    assert (complaint["complaint_id"], complaint["request_id"]) == (OTHER, ID)
    assert "request_id" not in printed("complaint")
    assert printed("assigned", "--id", OTHER)["complaint_id"] == OTHER
    assert printed("roster", "--clinic", "samal-9")["clinic_id"] == "samal-9"


def test_an_event_may_be_asked_for_by_its_type() -> None:
    assert printed("clinic.published")["clinic_id"] == "samal-1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reqest",), "reqest is no example (did you mean request?)"),
        (("request", "--id", "7"), "--id: must be a UUID: homecall example id prints one"),
        (("visit", "--request", "none"), "--request: must be a UUID"),
    ],
)
def test_what_cannot_be_made_is_said(arguments: tuple[str, ...], said: str) -> None:
    done = RUN.invoke(app, ["example", *arguments])
    assert isinstance(done.exception, Failure)
    assert said in str(done.exception)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reqests", "reqests is no topic of the contract (did you mean requests?): they are clinics, "),
        ("request", "(did you mean requests?)"),
        ("homecall.request.v1", "(did you mean requests?)"),
        ("homecall.requests.v2", "(did you mean requests?)"),
        ("dead_letters", "(did you mean dead-letters?)"),
        ("Complaint-Status", "(did you mean complaint-status?)"),
        ("visit.reported", "(visit.reported goes to visits)"),
        ("kz.homecall.visit.reported", "(visit.reported goes to visits)"),
        ("wishes", "wishes is no topic of the contract"),
    ],
)
def test_a_wrong_topic_name_suggests_the_right_one(name: str, said: str) -> None:
    with pytest.raises(Failure) as caught:
        topic_named(name)
    assert said in str(caught.value)


def test_the_version_is_said() -> None:
    done = RUN.invoke(app, ["--version"])
    assert done.exit_code == 0
    name, number = done.stdout.split()
    assert name == "homecall"
    assert number[0].isdigit()
