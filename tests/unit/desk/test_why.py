"""Why? On any decision (desk 7): the ruling in words, its clauses with their text, hours, calendar; and the doctor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from homecall.contract.events import MODELS, AssignmentRefusal, Basis, ChosenBy, VisitScheduled
from homecall.texts import desk
from homecall.texts.clauses import clause
from services.desk.domain.why import why_decided, why_doctor
from services.desk.web.site import LANGUAGE_COOKIE
from tests.unit.desk.reception import HERE, Reception, the_call

ID = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
EXAMPLES = Path(__file__).parents[3] / "homecall" / "contract" / "examples"
RULING = {
    "rule_set": "kz-2015",
    "clauses": ["C8.1", "R1", "C4.1", "R13"],
    "calendar": "holidays 0.109, decrees e1a4bf086f89",
    "inputs": {
        "decided_by": "2026-11-23T09:14:05+05:00",
        "days": [
            {
                "date": "2026-11-23",
                "weekday": "mon",
                "hours": [["08:00", "20:00"]],
                "cut_off": "18:00",
                "basis": "clinic",
            }
        ],
    },
}
WHY = {
    "by": "least travel",
    "basis": "district",
    "wait_minutes": 38,
    "extra_travel_minutes": 6.5,
    "load": 0.25,
    "cost_minutes": 17.2,
    "over": [
        {
            "doctor_id": "gp-2",
            "basis": "duty",
            "wait_minutes": 30,
            "extra_travel_minutes": 11.0,
            "load": 0.5,
            "cost_minutes": 29.5,
        }
    ],
}


def examples(kind: str) -> list[dict[str, Any]]:
    found = json.loads((EXAMPLES / f"{kind}.json").read_text(encoding="utf-8"))
    return [each["data"] for each in found["valid"]]


@pytest.mark.parametrize("kind", ["request.accepted", "request.deferred", "request.refused"])
def test_each_ruling_of_the_contract_can_be_said(kind: str) -> None:
    for data in examples(kind):
        why = why_decided(MODELS[kind].model_validate(data))  # type: ignore[arg-type]
        assert (why is None) is ("ruling" not in data)
        if why is not None:
            assert f"verdict_{why.verdict}" in desk.WORDS
            assert all(each.basis in desk.HOURS for each in why.days)


def test_a_ruling_taken_up_at_an_opening_says_so() -> None:
    data = next(each for each in examples("request.accepted") if "opening" in each["ruling"]["inputs"])
    why = why_decided(MODELS["request.accepted"].model_validate(data))  # type: ignore[arg-type]
    assert why is not None
    assert (why.verdict, why.minutes) == ("taken_up", 30)


def test_all_that_can_count_has_words() -> None:
    assert set(get_args(ChosenBy)) == set(desk.CHOICES)
    assert set(get_args(Basis)) == set(desk.BASES)
    assert set(get_args(AssignmentRefusal)) == set(desk.ASSIGNMENT_REFUSALS)


def test_the_doctor_stands_with_those_over_whom_he_was_chosen() -> None:
    data = dict(the_call(ID))["visit.scheduled"] | {"why": WHY}
    chosen = why_doctor(VisitScheduled.model_validate(data), {"gp-2": "Дәрігер Екінші"})
    assert chosen is not None
    assert [(each.name, each.chosen, each.load_percent) for each in chosen.candidates] == [
        ("Дәрігер Бірінші", True, 25),
        ("Дәрігер Екінші", False, 50),
    ]


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
async def test_the_page_says_it_in_the_users_language(language: str) -> None:
    reception = Reception()
    (kind, decision), (visit, planned), *rest = the_call(ID)
    roster = {
        "doctor_id": "gp-2",
        "full_name": "Дәрігер Екінші",
        "specialty": "gp",
        "districts": [],
        "shift": {"from": "08:00", "to": "20:00"},
        "max_visits": 9,
    }
    published = {"clinic_id": HERE, "date": "2026-11-23", "revision": 1, "doctors": [roster]}
    await reception.hear((kind, decision | {"ruling": RULING}), (visit, planned | {"why": WHY}), *rest)
    await reception.hear(("roster.published", published))
    browser = reception.browser("registrar")
    browser.client.cookies.set(LANGUAGE_COOKIE, language, domain="desk.test")
    page = (await browser.get(f"/calls/{ID}")).text
    assert "least travel" not in page.replace("the least travel", "")
    for words in (desk.CHOICES["least travel"], desk.BASES["district"], desk.BASES["duty"], desk.HOURS["clinic"]):
        assert words.as_dict()[language].replace("'", "&#39;") in page
    for name in RULING["clauses"]:  # type: ignore[attr-defined]
        assert clause(name).as_dict()[language][:40] in page
    for text in ("08:00–20:00", "18:00", "holidays 0.109", "Дәрігер Екінші", "kz-2015"):
        assert text in page
    assert ("29.5" if language == "en" else "29,5") in page
