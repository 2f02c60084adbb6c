"""Windows to choose from before a call is made, and the one that an applicant would like."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette

from homecall.gateways.offers.http import SchedulerOffers
from homecall.gateways.offers.port import Question
from homecall.runtime.clock import Clock
from homecall.runtime.failures import Transient
from services.scheduler import store as store_module
from services.scheduler.domain.state import day_key
from services.scheduler.offering import Offering
from tests.unit.scheduler.office import CLINIC, Office, Twin, a_town, accepted, cancelled, doctor, facts_of, roster
from tests.unit.standard.local_times import at

TEN = "Fri 2026-11-20 10:00"
NOON = {"from": "09:00", "to": "18:00"}


class Stopped(Clock):
    speed = 1.0

    def now(self) -> datetime:
        return at(TEN)


async def ask(office: Office, *, headers: dict[str, str] | None = None, **asked: str) -> Response:
    offering = Offering(office.store, facts_of(office.clinics), Stopped())
    transport = ASGITransport(Starlette(routes=[offering.route]))
    async with AsyncClient(transport=transport, base_url="http://scheduler") as browser:
        return await browser.get("/offers", params={"clinic_id": CLINIC} | asked, headers=headers or {})


async def test_the_first_offer_is_what_the_call_would_get() -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON), doctor("b", shift=NOON, districts=[])), accepted(number=1))
    found = (await ask(office, district_id="d1")).json()["offers"]
    assert 2 <= len(found) <= 3
    times = [each["arrives_from"] for each in found]
    assert times == sorted(times)
    ((_, _, visit),) = await office.hear(accepted(number=2))
    assert (found[0]["arrives_from"], found[0]["doctor"]) == (visit["arrives_from"], visit["doctor"])


async def test_a_replica_that_holds_another_state_of_the_day_answers_as_it_is_stored() -> None:
    """A clinic moves from replica to replica with its partition: what one holds of it in memory may be hours old."""
    here = Office()
    await here.hear(roster(doctor("a", shift=NOON, max_visits=3)), accepted(number=1))
    there = Twin(here.memory)
    at_first = [(await ask(each, district_id="d1")).json()["offers"] for each in (here, there)]
    assert at_first[0] == at_first[1] != []
    await there.hear(accepted(number=2), accepted(number=3))
    full = [(await ask(each, district_id="d1")).json()["offers"] for each in (here, there)]
    assert full == [[], []]
    await here.hear(cancelled(number=2))
    again = [(await ask(each, district_id="d1")).json()["offers"] for each in (here, there)]
    assert again[0] == again[1] != []


async def test_one_query_and_no_document_where_the_day_in_memory_is_the_stored_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)))
    brought: list[int] = []
    find = office.store._days.find

    async def counted(*asked: Any, **options: Any) -> Any:
        found = await find(*asked, **options)
        brought.append(len(found))
        return found

    monkeypatch.setattr(office.store._days, "find", counted)
    assert (await ask(office, district_id="d1")).json()["offers"]
    assert brought == [0]


async def test_a_day_of_another_replica_is_read_once_while_it_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)))
    twin = Twin(office.memory)
    brought: list[int] = []
    find = twin.store._days.find

    async def counted(*asked: Any, **options: Any) -> Any:
        found = await find(*asked, **options)
        brought.append(len(found))
        return found

    monkeypatch.setattr(twin.store._days, "find", counted)
    before = [(await ask(twin, district_id="d1")).json()["offers"] for _ in range(3)]
    assert before[0] == before[1] == before[2] != []
    assert brought == [1, 0, 0]
    # The partition comes here: what was looked at is not changed, and no more kept beside what is.
    await twin.hear(accepted(number=2))
    assert [key for key in twin.store._looked if key in twin.store._kept] == []
    assert (await ask(twin, district_id="d1")).json()["offers"] == (await ask(office, district_id="d1")).json()[
        "offers"
    ]


async def test_no_more_days_are_looked_at_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_DAYS_LOOKED_AT", 3)
    office = Office()
    days = [f"2026-11-{number}" for number in (20, 23, 24, 25, 26)]
    await office.hear(*(roster(doctor("a", shift=NOON), day=day) for day in days))
    twin = Twin(office.memory)
    for day in days:
        await twin.store.look_at_day(day_key(CLINIC, date.fromisoformat(day)))
    assert len(twin.store._looked) == 3


async def test_while_the_database_is_away_the_day_in_memory_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)))

    async def away(*_: Any, **__: Any) -> Any:
        raise Transient("mongo", ConnectionError(), "127.0.0.1")

    monkeypatch.setattr(office.store._days, "find", away)
    assert (await ask(office, district_id="d1")).json()["offers"]


async def test_coordinates_that_cannot_be_true_change_no_offer() -> None:
    office = Office()
    await a_town(office, calls=4)
    there, nowhere = {"lat": "43.25", "lon": "76.9"}, {"lat": "51.1", "lon": "71.4"}
    without = (await ask(office, district_id="d1")).json()
    assert (await ask(office, district_id="d1", **nowhere)).json() == without
    assert (await ask(office, district_id="d1", **there)).json() != without


async def test_nothing_is_stored_and_nothing_changes() -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)), accepted(number=1))
    before = office.memory.collection("days").docs
    stored = repr(before)
    await ask(office, district_id="d1", child="true", urgent="true")
    assert repr(office.memory.collection("days").docs) == stored


async def test_each_offer_that_is_asked_for_is_kept() -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)))
    for place, offer in enumerate((await ask(office, district_id="d1")).json()["offers"]):
        wanted = {"from": offer["arrives_from"], "to": offer["arrives_to"]}
        told = await office.hear(accepted(number=place + 1, preferred_window=wanted))
        assert (told[0][2]["arrives_from"], told[0][2]["flags"]) == (offer["arrives_from"], [])


async def test_a_window_that_cannot_be_kept_is_said_to_be_not_kept() -> None:
    office = Office()
    await office.hear(roster(doctor("a")))
    ((event_type, _, data),) = await office.hear(accepted(preferred_window={"from": "15:00", "to": "17:00"}))
    assert (event_type, data["flags"]) == ("visit.scheduled", ["preferred_window_not_kept"])


@pytest.mark.parametrize("window", [("14:00", "16:00"), ("14:00", "15:00"), ("09:00", "12:00"), ("16:00", "24:00")])
async def test_a_window_that_the_applicant_would_like_is_promised(window: tuple[str, str]) -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)))
    frm, to = window
    ((_, _, data),) = await office.hear(accepted(preferred_window={"from": frm, "to": to}))
    assert data["flags"] == []
    begins, ends = data["arrives_from"][11:16], data["arrives_to"][11:16]
    assert frm <= begins < ends <= to


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"clinic_id": "nobody"}, "clinic_id"), ({"lat": "north"}, "lat"), ({"child": "perhaps"}, "child")],
)
async def test_a_question_that_cannot_be_read_names_its_field(asked: dict[str, str], field: str) -> None:
    answer = await ask(Office(), **asked)
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["fields"]] == [field]


async def test_the_desks_gateway_reads_what_is_answered() -> None:
    office = Office()
    await a_town(office, calls=4)
    route = Offering(office.store, facts_of(office.clinics), Stopped()).route
    gateway = SchedulerOffers("http://scheduler:8102", 10, transport=ASGITransport(Starlette(routes=[route])))
    found = await gateway.windows(Question(CLINIC, "d1", 43.25, 76.9, child=False, urgent=True))
    asked = {"district_id": "d1", "lat": "43.25", "lon": "76.9", "urgent": "true"}
    told = (await ask(office, **asked)).json()["offers"]
    assert found
    assert [each.model_dump(mode="json") for each in found] == told
    assert await gateway.windows(Question("nobody")) is None
    await gateway.close()


async def test_a_window_that_is_over_by_then_is_said_to_be_not_kept() -> None:
    office = Office()
    await office.hear(roster(doctor("a", shift=NOON)))
    ((event_type, _, data),) = await office.hear(accepted(preferred_window={"from": "09:00", "to": "09:45"}))
    assert (event_type, data["flags"]) == ("visit.scheduled", ["preferred_window_not_kept"])
    assert data["arrives_from"] > at(TEN).isoformat()


async def test_without_a_roster_there_are_no_offers() -> None:
    assert (await ask(Office())).json() == {"offers": []}


async def test_a_proxy_does_not_let_it_out() -> None:
    assert (await ask(Office(), headers={"x-forwarded-for": "203.0.113.9"})).status_code == 404


async def test_without_a_database_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office()

    async def away(*_: Any, **__: Any) -> Any:
        raise Transient("mongo", ConnectionError(), "127.0.0.1")

    monkeypatch.setattr(office.store._days, "find", away)
    assert (await ask(office)).status_code == 503
