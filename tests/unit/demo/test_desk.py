"""What of the demo's day is done at the desk, and what is found where the desk shows it otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homecall.contract.types import ZONE
from homecall.demo.acts import data_of
from homecall.demo.browser import CLINIC, Browser
from homecall.demo.clinic_day import Plan, make_plan
from homecall.demo.desk import AtTheDesk, _apart, _form
from homecall.demo.fate import Fate
from homecall.demo.findings import Window
from services.desk.domain import call as calls
from services.desk.domain import forms
from services.desk.domain.call import Call
from services.desk.domain.roles import User
from tests.factories import MONDAY
from tests.unit.demo.portal import Written
from tests.unit.desk.reception import incoming, the_call

ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(300, 1, Written())


@pytest.fixture
def desk(plan: Plan, tmp_path: Path) -> Iterator[AtTheDesk]:
    browser = Browser.prepared(tmp_path, ("gp-01", "gp-01"))
    with browser.listening:
        yield AtTheDesk(browser, plan)


def test_one_clinics_people_do_each_kind_of_thing_there(plan: Plan, desk: AtTheDesk) -> None:
    done = [act for act in plan.acts if desk.does(act)]
    assert {act.clinic_id for act in done} == {CLINIC}
    assert {act.type for act in done} == {"request.submitted", "request.withdrawn", "doctor.unavailable"}
    assert len([act for act in done if act.type == "request.submitted"]) > 20
    assert not any(act.repeats or act.dead or act.channel == "portal" for act in done)


def test_a_withdrawal_goes_the_way_of_its_call(plan: Plan, desk: AtTheDesk) -> None:
    """Between the desk and a system of the clinic nobody promises an order."""
    typed = {act.subject for act in plan.acts if act.type == "request.submitted" and desk.does(act)}
    for act in plan.acts:
        if act.type in {"request.withdrawn", "answer.given"} and not act.dead:
            assert desk.does(act) == (act.subject in typed), act


def test_each_form_makes_the_event_of_the_plan(plan: Plan, desk: AtTheDesk) -> None:
    registrar = User("registrar", "Ахметова Гүлнар", "registrar", CLINIC)
    for act in plan.acts:
        if act.type != "request.submitted" or not desk.does(act):
            continue
        data = data_of(act)
        path, fields = _form(act)
        assert path == "/calls/new"
        form = {name: value if isinstance(value, list) else [str(value)] for name, value in fields.items()}
        made = forms.submitted(form, registrar, act.at, ZONE).model_dump(mode="json", exclude_none=True)
        assert (made["request_id"], made["clinic_id"], made["channel"]) == (act.subject, CLINIC, data["channel"])
        for name in ("patient", "address", "applicant", "identity_document", "reasons", "temperature_c"):
            found, wanted = made.get(name), data.get(name)
            if name == "address":
                wanted = wanted | {"flat": str(wanted["flat"])}
            assert found == wanted, f"{name} of {data}"


def shown() -> Call:
    call = Call(ID, "samal-1")
    for event_type, data in the_call(ID):
        event = incoming(event_type, data)
        assert event.data is not None
        call = calls.hear(call, event.data, MONDAY)
    return call


def said() -> Fate:
    return Fate(
        request_id=ID,
        clinic_id="samal-1",
        channel="phone",
        submitted_at=MONDAY,
        sent_at=0.0,
        oral=False,
        statuses={1: "registered", 2: "scheduled"},
        entries={1: (MONDAY.date(), 1)},
        window=Window("samal-1", "gp-1", MONDAY.replace(hour=11), MONDAY.replace(hour=13)),
    )


def test_what_the_desk_shows_as_it_was_said_is_no_difference() -> None:
    assert _apart(said(), shown()) == []


@pytest.mark.parametrize(
    ("over", "what"),
    [
        ({"statuses": {1: "registered", 2: "scheduled", 3: "completed"}}, "status"),
        ({"entries": {1: (MONDAY.date(), 2)}}, "place in the register"),
        ({"entries": {1: (MONDAY.date() + timedelta(days=1), 1)}}, "place in the register"),
        ({"window": None}, "visit"),
        ({"window": Window("samal-1", "gp-2", MONDAY.replace(hour=11), MONDAY.replace(hour=13))}, "visit"),
        ({"window": Window("samal-1", "gp-1", datetime(2026, 11, 23, 7, tzinfo=UTC), MONDAY)}, "visit"),
    ],
)
def test_what_it_shows_otherwise_is_found(over: dict[str, Any], what: str) -> None:
    assert _apart(replace(said(), **over), shown()) == [
        f"desk: request {ID} (phone, samal-1) has another {what} than was said"
    ]


def test_a_call_that_it_does_not_know_is_found() -> None:
    assert _apart(said(), None) == [f"desk: request {ID} (phone, samal-1) is not known"]
