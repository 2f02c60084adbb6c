"""Windows to choose from while a call is typed: what is asked, what is shown, and what becomes of a choice."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from homecall.gateways.offers.port import Question
from services.desk.web.site import LANGUAGE_COOKIE
from tests.factories import MONDAY
from tests.unit.desk.reception import ELSEWHERE, HERE, Reception, a_form, some_offers, the_call

CALL = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f"
NOT_KEPT = {"flags": ["preferred_window_not_kept"]}


@pytest.fixture
def reception() -> Reception:
    return Reception()


async def part(reception: Reception, *, who: str = "registrar", language: str = "en", **typed: Any) -> str:
    browser = reception.browser(who)
    browser.client.cookies.set(LANGUAGE_COOKIE, language, domain="desk.test")
    answer = await browser.post("/calls/new/offers", typed)
    assert answer.status_code == 200, answer.text
    return answer.text


def choices(html: str) -> list[tuple[str, bool]]:
    """The radio buttons: their values, and whether each is the one that is set."""
    found = re.findall(r'<input type="radio" name="preferred_window"[^>]*value="([^"]*)"[^>]*?( checked)?>', html)
    return [(value, bool(checked)) for value, checked in found]


async def test_as_planned_is_the_first_choice_and_then_each_window_with_what_it_costs(reception: Reception) -> None:
    html = await part(reception, district_id="d1")
    assert choices(html) == [("", True), ("11:30-13:30", False), ("14:30-16:30", False), ("16:30-18:30", False)]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(html)))
    assert "Times to choose: 3. 11:30–13:30, 14:30–16:30, 16:30–18:30" in words, "a screen reader hears which"
    assert "as planned 11:30–13:30 Дәрігер Бірінші, " in words
    assert "adds 12 min to the doctor's travel; the time by the plan as it is now 14:30–16:30" in words
    assert "Дәрігер Екінші" in words
    assert "adds nothing to the doctor's travel 16:30–18:30" in words
    assert 'role="status"' in html


@pytest.mark.parametrize(
    ("language", "said"), [("kk", "дәрігердің жолына 12 мин қосады"), ("ru", "добавит врачу 12 мин пути")]
)
async def test_in_the_users_language(reception: Reception, language: str, said: str) -> None:
    assert said in await part(reception, language=language, district_id="d1")


async def test_what_is_asked_names_nobody(reception: Reception) -> None:
    await part(
        reception,
        iin="850715100000",
        full_name="Оспанбеков Сәбит",
        phone="+7 700 000 01 23",
        birth_date="15.07.2020",
        address="Тал көшесі, 9",
        district_id="d1",
        lat="43.25",
        lon="76.9",
        reasons=["fever_above_38", "severe_breathlessness"],
    )
    assert reception.offers.asked == [Question(HERE, "d1", 43.25, 76.9, child=True, urgent=True)]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ({}, Question(HERE)),
        ({"birth_date": "15.07.1985", "reasons": ["fever_above_38"]}, Question(HERE)),
        ({"birth_date": "half", "lat": "43,25", "lon": "76.9"}, Question(HERE, lat=43.25, lon=76.9)),
        ({"lat": "43,25", "lon": "east"}, Question(HERE)),
        ({"lat": "nan", "lon": "76.9"}, Question(HERE)),
        ({"lat": "43.25"}, Question(HERE)),
    ],
)
async def test_what_is_not_typed_or_cannot_be_read_is_not_asked_about(
    reception: Reception, typed: dict[str, Any], asked: Question
) -> None:
    await part(reception, **typed)
    assert reception.offers.asked == [asked]


async def test_an_address_names_its_district(reception: Reception) -> None:
    clinic = reception.site.clinics.get(HERE)
    assert clinic is not None
    (district, *_), prefix = clinic.districts, clinic.districts[0].addresses[0]
    await part(reception, address=f"{prefix}, 27")
    assert reception.offers.asked[0].district_id == district.district_id


async def test_it_is_always_the_users_own_clinic(reception: Reception) -> None:
    browser = reception.browser("registrar")
    token = await browser.token()
    answer = await browser.client.post(
        f"/calls/new/offers?clinic_id={ELSEWHERE}", data={"csrf": token, "clinic_id": ELSEWHERE}
    )
    assert answer.status_code == 200
    assert [each.clinic_id for each in reception.offers.asked] == [HERE]
    await part(reception, who="stranger")
    assert reception.offers.asked[-1].clinic_id == ELSEWHERE


@pytest.mark.parametrize("who", ["dispatcher", "doctor", "contact_centre", "operator"])
async def test_who_takes_no_calls_is_offered_nothing(reception: Reception, who: str) -> None:
    answer = await reception.browser(who).post("/calls/new/offers", {"district_id": "d1"})
    assert answer.status_code == 403
    assert reception.offers.asked == []


async def test_without_the_forms_token_nothing_is_asked(reception: Reception) -> None:
    assert (await reception.browser("registrar").post("/calls/new/offers", {}, csrf="x")).status_code == 403
    assert reception.offers.asked == []


async def test_while_the_scheduler_is_away_the_part_says_so_and_the_choice_stays(reception: Reception) -> None:
    reception.offers.found = None
    html = await part(reception, preferred_window="14:30-16:30")
    assert "Times cannot be offered now. The call can be sent." in html
    assert choices(html) == [("", False), ("14:30-16:30", True)]
    assert (await reception.browser("registrar").post("/calls/new", a_form())).status_code == 303


async def test_a_choice_that_is_no_more_offered_stays_and_says_so(reception: Reception) -> None:
    html = await part(reception, preferred_window="12:00-14:00")
    assert ("12:00-14:00", True) in choices(html)
    assert "chosen before, may no longer be free" in html
    assert "chosen before" not in await part(reception, preferred_window="14:30-16:30")


async def test_a_day_without_room_is_said(reception: Reception) -> None:
    reception.offers.found = ()
    html = await part(reception)
    assert "No doctor is free today." in html
    assert choices(html) == [("", True)]


async def test_while_the_clinic_takes_no_calls_none_are_asked_for(reception: Reception) -> None:
    reception.clock.at = MONDAY.replace(hour=19)
    assert "The clinic takes no calls now." in await part(reception)
    assert reception.offers.asked == []


async def test_windows_of_another_day_name_it(reception: Reception) -> None:
    reception.offers.found = some_offers(MONDAY.replace(day=24))
    assert "24 November" in await part(reception)


async def test_the_form_waits_for_no_answer(reception: Reception) -> None:
    page = (await reception.browser("registrar").get("/calls/new")).text
    assert choices(page) == [("", True)]
    assert reception.offers.asked == []


async def test_without_a_scheduler_to_ask_the_form_says_nothing_of_it(reception: Reception) -> None:
    reception.site.offers = None
    browser = reception.browser("registrar")
    page = (await browser.get("/calls/new")).text
    assert "preferred_window" not in page
    assert (await browser.post("/calls/new/offers", {})).status_code == 404


# ------------------------------------------------------------------------------------------------- what was chosen


async def test_the_chosen_window_goes_with_the_call(reception: Reception) -> None:
    assert (
        await reception.browser("registrar").post("/calls/new", a_form(preferred_window="14:30-16:30"))
    ).status_code == 303
    await reception.outbox.send()
    assert json.loads(reception.broker.sent[0].value)["preferred_window"] == {"from": "14:30", "to": "16:30"}


@pytest.mark.parametrize("nothing", [{}, {"preferred_window": ""}, {"preferred_window": " "}])
async def test_as_planned_is_no_window(reception: Reception, nothing: dict[str, str]) -> None:
    await reception.browser("registrar").post("/calls/new", a_form(**nothing))
    await reception.outbox.send()
    assert "preferred_window" not in json.loads(reception.broker.sent[0].value)


@pytest.mark.parametrize(
    "window", ["14:30", "-", "14:30-13:00", "14:30-14:30", "25:00-26:00", "soon", "<b>-<i>", "1-2-3"]
)
async def test_a_wrong_window_is_refused_naming_its_field(reception: Reception, window: str) -> None:
    answer = await reception.browser("registrar").post("/calls/new", a_form(preferred_window=window))
    assert answer.status_code == 422
    assert 'href="#preferred_window"' in answer.text
    assert choices(answer.text) == [("", True)], "what cannot be read is not chosen again"
    assert window not in answer.text or window == "-"
    assert reception.broker.sent == []


async def test_a_form_that_comes_back_keeps_the_choice(reception: Reception) -> None:
    answer = await reception.browser("registrar").post("/calls/new", a_form(iin="", preferred_window="14:30-16:30"))
    assert answer.status_code == 422
    assert choices(answer.text) == [("", False), ("14:30-16:30", True)]


@pytest.mark.parametrize(
    ("over", "said"),
    [({}, "kept"), (NOT_KEPT, "not kept, the doctor comes at another time")],
)
async def test_the_page_of_the_call_says_whether_it_was_kept(
    reception: Reception, over: dict[str, Any], said: str
) -> None:
    events = the_call(CALL, preferred_window={"from": "11:00", "to": "24:00"})
    visit = events[1][1] | over
    await reception.hear(events[0], ("visit.scheduled", visit), events[2])
    browser = reception.browser("registrar")
    browser.client.cookies.set(LANGUAGE_COOKIE, "en", domain="desk.test")
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", (await browser.get(f"/calls/{CALL}")).text))
    assert f"Wanted time11:00–24:00: {said}" in page
    assert "the preferred time could not be kept" not in page, "it is no flag besides"
    beside_the_answer = "Wanted time 11:00–24:00: not kept, the doctor comes at another time"
    assert (beside_the_answer in page) is bool(over), "who reads the answer aloud says so too"


async def test_a_call_that_is_not_sent_yet_says_what_was_wanted(reception: Reception) -> None:
    reception.broker.away = True
    browser = reception.browser("registrar")
    await browser.post("/calls/new", a_form(preferred_window="14:30-16:30"))
    assert "<dd>14:30–16:30</dd>" in (await browser.get(f"/calls/{CALL}")).text


async def test_before_the_visit_is_placed_the_page_says_what_was_wanted(reception: Reception) -> None:
    await reception.hear(the_call(CALL, preferred_window={"from": "11:00", "to": "13:00"})[0])
    page = (await reception.browser("registrar").get(f"/calls/{CALL}")).text
    assert "<dd>11:00–13:00</dd>" in page
