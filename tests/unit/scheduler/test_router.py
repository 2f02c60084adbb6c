"""A routing server that answers anything: calls are placed all the same, at every clinic."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from homecall.gateways.osrm import OsrmTable
from services.scheduler.domain.bookings import call_of
from tests.unit.scheduler.office import (
    CLINIC,
    FRIDAY,
    Office,
    Twin,
    a_town,
    accepted,
    clinic,
    doctor,
    incoming,
    known,
    request_id,
)
from tests.unit.scheduler.test_false_coordinates import AKTAU, HOME

CLINICS = ["north", "south"]
ADDRESS = {"text": "Тал көшесі, 27", "district_id": "d1"}


def of(clinic_id: str) -> dict[str, Any]:
    start = {"lat": HOME[0], "lon": HOME[1]}
    line = doctor(shift={"from": "09:00", "to": "20:00"}, start=start)
    return {"clinic_id": clinic_id, "date": FRIDAY, "revision": 1, "doctors": [line]}


async def told_with(roads: Any, place: tuple[float, float] = (43.26, 76.91)) -> list[str]:
    """Two calls at each clinic, and what was said of them."""
    office = Office(known(*(clinic(clinic_id=each) for each in CLINICS)), router=roads)
    await office.handle(*(incoming("roster.published", of(each)) for each in CLINICS))
    said: list[str] = []
    for number in range(1, 5):
        lat, lon = place[0] + number / 1000, place[1]
        call = accepted(number=number, clinic_id=CLINICS[number % 2], address=ADDRESS | {"lat": lat, "lon": lon})
        said += [event_type for event_type, _, _ in await office.hear(call)]
    return said


def server(text: bytes) -> OsrmTable:
    async def parts() -> AsyncIterator[bytes]:
        yield text

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=parts()))
    return OsrmTable("http://127.0.0.1:5000", 5, transport=transport)


NUMBERS = st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1e400", "-1", "null", '"60"', "true", "[]", "{}", "60", "1e300", "9" * 5000]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(NUMBERS, min_size=2, max_size=2), min_size=2, max_size=2))
@example([["0", "NaN"], ["NaN", "0"]])
def test_whatever_the_durations_are_every_clinic_s_calls_are_placed(rows: list[list[str]]) -> None:
    text = ('{"code": "Ok", "durations": [' + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]}").encode()
    assert asyncio.run(told_with(server(text))) == ["visit.scheduled"] * 4


@pytest.mark.parametrize("text", [b"", b"<html>", b"[]", b'{"code": "Ok"}', b"\xff", b"null"])
async def test_so_they_are_without_a_table(text: bytes) -> None:
    assert await told_with(server(text)) == ["visit.scheduled"] * 4


async def test_a_place_that_was_put_on_a_road_in_another_country_is_not_believed_to_be_here() -> None:
    """Every place was put on one road 8,600 km away: nothing is 0 seconds from anything."""
    far = [{"distance": 8_600_000.0, "location": [-0.1, 51.5]}] * 2
    answer = {"code": "Ok", "durations": [[0, 0], [0, 0]], "sources": far, "destinations": far}
    office = Office(known(clinic(clinic_id="north")), router=server(json.dumps(answer).encode()))
    await office.handle(incoming("roster.published", of("north")))
    await office.hear(accepted(clinic_id="north", address=ADDRESS | {"lat": 43.36, "lon": 76.91}))
    day = (await office.store.load_days([f"north|{FRIDAY}"]))[f"north|{FRIDAY}"]
    assert day.routed == {}
    assert day.plan.routes["a"].stops[0].leg > 40 * 60


async def test_a_router_that_breaks_stops_nobody() -> None:
    class Broken:
        async def travel_times(self, *_: Any) -> dict[str, tuple[int, int]]:
            raise OverflowError("cannot convert float infinity to integer")

    assert await told_with(Broken()) == ["visit.scheduled"] * 4


async def test_it_is_not_asked_about_a_place_out_of_reach() -> None:
    class Roads:
        asked: list[Mapping[str, Any]] = []  # noqa: RUF012  # of this one test

        async def travel_times(self, _: Any, others: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
            Roads.asked.append(others)
            return {}

    assert await told_with(Roads(), AKTAU) == ["visit.scheduled"] * 4
    assert not any(Roads.asked)


async def test_what_an_earlier_release_believed_is_not_any_more() -> None:
    office = Office()
    start = {"lat": HOME[0], "lon": HOME[1]}
    roster = of("samal-3") | {"doctors": [doctor(shift={"from": "09:00", "to": "20:00"}, start=start)]}
    await office.hear(incoming("roster.published", roster))
    await office.hear(accepted(address=ADDRESS | {"lat": 43.26, "lon": 76.91}))
    (doc,) = office.memory.collection("days").docs.values()
    doc["routed"] = {request_id(1): [["@a", -5, -5]]}
    later = Office(database=office.memory.as_database)
    day = (await later.store.load_days([doc["_id"]]))[doc["_id"]]
    assert day.plan.routes["a"].stops[0].leg > 0


async def test_a_router_is_asked_before_a_call_is_placed_and_its_answer_is_kept() -> None:
    class Roads:
        asked = 0

        async def travel_times(self, of: Any, others: Any) -> dict[str, tuple[int, int]]:
            assert of not in others
            Roads.asked += 1
            return dict.fromkeys(others, (300, 330))

    office = Office(router=Roads())
    await a_town(office, 4)
    assert Roads.asked == 4
    day = (await Twin(office.memory).store.load_days([f"{CLINIC}|{FRIDAY}"]))[f"{CLINIC}|{FRIDAY}"]
    assert {key: (there, back) for key, there, back in day.routed[request_id(3)]}[request_id(1)] == (300, 330)
    assert (
        day.plan.travel.seconds(
            *(call_of(each, day.bookings[each]).location for each in (request_id(1), request_id(3)))
        )
        == 330
    )
