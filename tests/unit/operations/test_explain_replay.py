"""A ruling explained again after the calendar has changed: its own days decide, and a difference is said (R1, R8)."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.gateways.signatures.port import Unavailable
from homecall.operations.explain import answers
from homecall.operations.life import Known, life, ruled_today
from homecall.standard import calendar as calendar_module
from homecall.standard import rulings
from homecall.standard.calendar import StateDay
from homecall.standard.rules import load_rule_sets
from services.intake.register_numbers import look_up
from services.intake.store import IntakeStore
from tests.unit.intake import office
from tests.unit.intake.asked import Notary
from tests.unit.operations.test_explain import a_complaint, a_request
from tests.unit.standard.local_times import at, on

RULES = load_rule_sets()


def explained(kind: str, data: dict[str, Any], clinic: dict[str, Any], ruling: Any = None) -> dict[str, Any]:
    line = {"type": kind, "data": data, "clinic": {"clinic_id": "samal-3", **clinic}}
    (answer,) = answers([(1, json.dumps(line | ({} if ruling is None else {"ruling": ruling})).encode())], RULES)
    return answer


def kind_of(data: dict[str, Any]) -> str:
    return "complaint.submitted" if "complaint_id" in data else "request.submitted"


CASES = {
    "accepted": a_request("Fri 2026-11-20 10:00"),
    "deferred": a_request("Fri 2026-11-20 19:00", "portal"),
    "deferred over a Sunday": a_request("Sat 2026-11-21 12:30", "portal"),
    "refused": a_request("Fri 2026-11-20 19:00"),
    "complaint": a_complaint("Tue 2026-11-24 10:00"),
    "complaint in the evening": a_complaint("Fri 2026-11-20 21:00"),
    "complaint to the authority": a_complaint("Tue 2026-11-24 10:00", "quality_authority"),
}
CHANGES: dict[str, dict[str, Any]] = {
    "closed": {"closed_dates": ["2026-11-20", "2026-11-21", "2026-11-23", "2026-11-24", "2026-11-27"]},
    "open on Sundays": {"working_dates": [{"date": "2026-11-22"}, {"date": "2026-11-29"}]},
    "other hours": {"hours": {day: [["13:00", "16:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}},
    "never open": {"hours": {}},
    "another zone": {"zone": "Europe/London"},
}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_rulings_own_days_decide(data: dict[str, Any], change: dict[str, Any]) -> None:
    kind = kind_of(data)
    was = explained(kind, data, {})
    again = explained(kind, data, change, was["ruling"])
    # With a clinic that never opens no complaint can be ruled on today: that is an error of its own.
    if "error" in again:
        assert (kind, change) == ("complaint.submitted", {"hours": {}})
        return
    now = again.pop("today", None)
    assert again == was
    today = explained(kind, data, change)
    told = {name: value for name, value in today.items() if name != "ruling"}
    differs = told != {name: value for name, value in was.items() if name != "ruling"}
    assert (now is not None) == differs
    assert now is None or now == today


@pytest.mark.parametrize("data", CASES.values(), ids=CASES)
def test_nothing_differs_where_nothing_has_changed(data: dict[str, Any]) -> None:
    was = explained(kind_of(data), data, {})
    assert explained(kind_of(data), data, {}, was["ruling"]) == was


def test_a_holiday_that_came_later_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = a_request("Fri 2026-11-20 10:00")
    was = explained("request.submitted", data, {})
    day_off = {on("Fri 2026-11-20"): StateDay("holiday", "Day of mourning")}
    monkeypatch.setattr(calendar_module, "state_days", lambda _year, _week: day_off)
    monkeypatch.setattr(rulings, "calendar_version", lambda: "holidays 9.9, decrees 0123456789ab")
    explain_clinic = {"region": "another, so that its calendar is made again"}
    again = explained("request.submitted", data, explain_clinic, was["ruling"])
    assert (again["decision"], again["ruling"]["calendar"]) == ("accepted", was["ruling"]["calendar"])
    assert (again["today"]["decision"], again["today"]["code"]) == ("refused", "outside_acceptance_hours")
    assert again["today"]["ruling"]["calendar"] == "holidays 9.9, decrees 0123456789ab"


def test_the_records_time_of_the_ruling_is_heeded() -> None:
    data = a_request("Fri 2026-11-20 18:00", "portal")
    event = office.incoming("request.submitted", data)
    recorded = at("Fri 2026-11-20 17:59:59")
    ruling = office.decide(event, record_time=recorded).state
    assert ruling is not None
    assert ruling.status == "accepted"  # by the record's time, a second before the cut-off
    answer = explained("request.submitted", data, {}, ruling.ruling)
    assert (answer["decision"], "today" in answer) == ("accepted", False)


@pytest.mark.parametrize(
    ("ruling", "told"),
    [
        ("kz-2015", "ruling: must be an object"),
        ({"rule_set": "kz-1900", "inputs": {}}, "ruling.rule_set: names no rule set at hand"),
        ({"rule_set": "kz-2015"}, "ruling.inputs: must be an object"),
        ({"rule_set": "kz-2015", "inputs": {"days": 5}}, "ruling.inputs.days: must be a list"),
        ({"rule_set": "kz-2015", "inputs": {"days": [{"date": "x"}]}}, "ruling.inputs.days: is not as a ruling has it"),
        ({"rule_set": "kz-2015", "inputs": {"days": [7]}}, "ruling.inputs.days: is not as a ruling has it"),
        ({"rule_set": "kz-2015", "inputs": {"zone": "Nowhere"}}, "ruling.inputs.zone: names no zone"),
        ({"rule_set": "kz-2015", "inputs": {"record_time": "2026"}}, "ruling.inputs.record_time: is no time"),
    ],
)
def test_a_ruling_that_cannot_be_read_is_named(ruling: Any, told: str) -> None:
    assert explained("request.submitted", a_request("Fri 2026-11-20 10:00"), {}, ruling)["error"].startswith(told)


@given(st.datetimes(at("Mon 2026-11-02 00:00").replace(tzinfo=None), at("Sun 2026-12-20 00:00").replace(tzinfo=None)))
def test_every_ruling_holds_enough_to_be_read_back(moment: Any) -> None:
    stated = f"{moment.replace(microsecond=0).isoformat()}+05:00"
    for data in (a_request("Fri 2026-11-20 10:00", "portal"), a_complaint("Tue 2026-11-24 10:00")):
        data["submitted_at"] = stated
        was = explained(kind_of(data), data, {})
        clinic = {"closed_dates": ["2026-11-23"], "hours": {"wed": [["10:00", "13:00"]]}}
        again = explained(kind_of(data), data, clinic, was["ruling"])
        again.pop("today", None)
        assert again == was


async def test_a_record_that_comes_again_after_the_calendar_has_changed_says_the_same() -> None:
    """The services do not rule twice: what was said of a record is said again."""
    clinics = office.known()
    desk = office.Office(clinics)
    event = office.submitted("Fri 2026-11-20 19:00", "portal")
    first = await desk.engine.handle([event], at("Fri 2026-11-20 19:00:01"))
    clinics.take(office.clinic(closed_dates=["2026-11-21"]))
    again = await desk.engine.handle([event], at("Fri 2026-11-20 19:00:01") + timedelta(minutes=5))
    assert [(each.id, each.value) for each in first.events] == [(each.id, each.value) for each in again.events]
    assert office.said(first.events)[0].data["opens_at"] == "2026-11-21T09:00:00+05:00"


@pytest.mark.parametrize(
    ("submitted", "channel", "change", "today"),
    [
        ("Fri 2026-11-20 10:00", "phone", {}, None),
        ("Fri 2026-11-20 10:00", "phone", {"closed_dates": ["2026-11-20"]}, "refused"),
        ("Fri 2026-11-20 10:00", "portal", {"closed_dates": ["2026-11-20"]}, "deferred"),
        ("Fri 2026-11-20 10:00", "portal", {"closed_dates": ["2026-11-21"]}, None),
        ("Fri 2026-11-20 19:00", "portal", {"closed_dates": ["2026-11-21"]}, "deferred"),
        ("Fri 2026-11-20 19:00", "portal", {"hours": {"fri": [["08:00", "24:00"]]}}, "accepted"),
        ("Fri 2026-11-20 19:00", "phone", {"closed_dates": ["2026-11-21"]}, "refused"),
        ("Fri 2026-11-20 10:00", "phone", {"hours": {}}, "refused"),
    ],
)
async def test_the_life_of_a_request_says_where_todays_calendar_differs(
    submitted: str, channel: str, change: dict[str, Any], today: str | None
) -> None:
    desk = office.Office(office.known())
    await desk.hear(office.submitted(submitted, channel))
    (request,) = await desk.store.requests.find({})
    await look_up(desk.store.pages, [request])
    told = life(Known({"intake": request}), partial(ruled_today, office.clinic(**change), RULES))
    (step,) = (each for each in told if "ruling" in each)
    assert step["ruling"]["inputs"]["days"]
    assert (step["today"]["decision"] if "today" in step else None) == today


async def test_a_request_that_was_taken_up_is_compared_by_its_opening() -> None:
    desk = office.Office(office.known())
    await desk.hear(office.submitted("Fri 2026-11-20 19:00", "portal"), now="Fri 2026-11-20 19:00")
    await desk.tick("Sat 2026-11-21 09:00")
    (request,) = await IntakeStore(desk.memory).requests.find({})
    for change, expected in (
        ({}, [None, None]),
        # The evening on which it was made is no matter of its opening.
        ({"closed_dates": ["2026-11-20"]}, [None, None]),
        ({"closed_dates": ["2026-11-21"]}, ["2026-11-23", "2026-11-23"]),
    ):
        told = life(Known({"intake": request}), partial(ruled_today, office.clinic(**change), RULES))
        steps = {each["step"]: each.get("today", {}).get("visit_date") for each in told if "ruling" in each}
        assert steps == dict(zip(("request.deferred", "request.accepted"), expected, strict=True)), change


@pytest.mark.parametrize(("stated", "minor"), [("2019-03-02", False), ("1985-07-15", True)])
def test_r23_the_rulings_register_decides_again(stated: str, minor: bool) -> None:
    asked = a_request("Fri 2026-11-20 10:00")
    asked["patient"]["birth_date"] = stated
    parent = {"iin": office.DINARA, "full_name": "Сынақ Динара", "authority": {"kind": "parent"}}
    asked["applicant"] = parent
    by_word = explained("request.submitted", asked, {})
    assert by_word["ruling"]["inputs"]["patient"] == {"minor": not minor, "birth_date_of": "applicant"}
    patient = {"minor": minor, "birth_date_of": "register"}
    ruling = by_word["ruling"] | {"inputs": by_word["ruling"]["inputs"] | {"patient": patient}}
    again = explained("request.submitted", asked, {}, ruling)
    assert again["decision"] == ("accepted" if minor else "refused")
    assert again.get("code") == (None if minor else "authority_invalid")
    assert "today" not in again
    broken = ruling | {"inputs": ruling["inputs"] | {"patient": {"minor": "no", "birth_date_of": "register"}}}
    assert "ruling.inputs.patient" in str(explained("request.submitted", asked, {}, broken))


@pytest.mark.parametrize(
    "verdict", [Unavailable("NCANode cannot be reached"), Unavailable("its end is past", for_good=True)]
)
async def test_r24_what_nobody_could_check_is_refused_again_with_the_same_words(verdict: Unavailable) -> None:
    made = "Fri 2026-11-20 10:00"
    asked = a_request(made, "portal")
    here = await office.Office(verifier=Notary(verdict)).prepared()
    said = await here.hear(office.incoming("request.submitted", asked), now=made)
    for days in range(1, 5):
        said += await here.tick(f"{at(made) + timedelta(days=days):%a %Y-%m-%d %H:%M}")
    (refused,) = [each.data for each in said if each.type == "request.refused"]
    again = explained("request.submitted", asked, {}, refused["ruling"])
    assert (again["decision"], again["code"]) == ("refused", refused["code"])
    assert (again["fields"], again["ruling"]) == (refused["fields"], refused["ruling"])
    assert "today" not in again
