"""Coordinates that cannot be true, of patients and of doctors: the day is planned as if there were none."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from homecall.standard.places import located
from services.scheduler.domain.route import Route
from services.scheduler.domain.shift import Shift
from services.scheduler.domain.travel import Location, Travel
from tests.unit.scheduler.office import CLINIC, FRIDAY, Office, accepted, doctor, request_id, roster, said
from tests.unit.standard.local_times import at

NOW = "Fri 2026-11-20 10:00"
DAY = f"{CLINIC}|{FRIDAY}"
FLAG = "location_implausible"
ALL_DAY = {"from": "08:00", "to": "20:00"}
HOME = (43.238, 76.945)
VILLAGE = (43.60, 76.945)
"""40 km from there: an hour and a half each way by the clinic's speed, and true."""
AKTAU = (43.652, 51.158)

WRONG = {
    "nowhere": (0, 0),
    "exchanged": (HOME[1], HOME[0]),
    "off the globe": (91, 500),
    "only one": (HOME[0], None),
    "abroad": (55.756, 37.617),
    "2,000 km away": AKTAU,
}


def at_place(number: int, place: tuple[Any, Any] | None, **over: Any) -> Any:
    lat, lon = place or (None, None)
    known = {name: value for name, value in (("lat", lat), ("lon", lon)) if value is not None}
    return accepted(number=number, address={"text": "Тал көшесі, 27", "district_id": "d1"} | known, **over)


def outcomes(told: list[tuple[str, str, Any]]) -> dict[str, Any]:
    """What each is told, without what a place by itself may change: why, and the flags."""
    return {
        subject: {name: value for name, value in data.items() if name not in {"why", "flags"}}
        for _, subject, data in told
    }


async def day_of(*places: tuple[Any, Any] | None, start: Any = None, **over: Any) -> dict[str, Any]:
    office = Office()
    line = doctor(shift=ALL_DAY) | ({"start": start} if start is not None else {})
    await office.hear(roster(line))
    for number, place in enumerate(places, 1):
        await office.hear(at_place(number, place, **over))
    return outcomes(said(office.published))


@pytest.mark.parametrize("urgency", ["same_day", "urgent"])
@pytest.mark.parametrize("place", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("start", [None, {"lat": HOME[0], "lon": HOME[1]}], ids=["no start", "start"])
async def test_a_patient_s_costs_nobody_anything(place: Any, start: Any, urgency: str) -> None:
    found = await day_of(place, HOME, (43.22, 76.95), start=start, urgency=urgency)
    assert all("doctor" in each for each in found.values())
    assert found == await day_of(None, HOME, (43.22, 76.95), start=start, urgency=urgency)


@pytest.mark.parametrize("place", [*WRONG.values(), None, "here", []], ids=[*WRONG, "null", "a text", "a list"])
async def test_a_doctor_s_start_neither_refuses_the_roster_nor_keeps_the_doctor_from_anybody(place: Any) -> None:
    start = {"lat": place[0], "lon": place[1]} if isinstance(place, tuple) else place
    found = await day_of(HOME, (43.22, 76.95), start=start)
    assert found == await day_of(HOME, (43.22, 76.95))
    assert all("doctor" in each for each in found.values())


async def test_a_true_village_is_driven_to_by_its_coordinates() -> None:
    office = Office()
    await office.hear(roster(doctor(shift=ALL_DAY, start={"lat": HOME[0], "lon": HOME[1]})))
    ((_, _, data),) = await office.hear(at_place(1, VILLAGE, urgency="urgent"))
    assert data["arrives_from"] >= "2026-11-20T12:30"
    assert data["flags"] == []


async def test_what_is_out_of_reach_is_flagged_with_the_visit() -> None:
    office = Office()
    await office.hear(roster(doctor(shift=ALL_DAY, start={"lat": HOME[0], "lon": HOME[1]})))
    ((_, _, data),) = await office.hear(at_place(1, AKTAU))
    assert data["flags"] == [FLAG]
    ((_, _, data),) = await office.hear(at_place(2, HOME))
    assert data["flags"] == []
    day = (await office.store.load_days([DAY]))[DAY]
    assert day.bookings[request_id(1)].lat is None
    assert day.bookings[request_id(2)].lat == HOME[0]


async def flags_of(*places: tuple[float, float], start: tuple[float, float] | None = None) -> list[bool]:
    office = Office()
    line = doctor(shift=ALL_DAY) | ({"start": {"lat": start[0], "lon": start[1]}} if start else {})
    await office.hear(roster(line))
    for number, place in enumerate(places, 1):
        await office.hear(at_place(number, place))
    return [data["flags"] == [FLAG] for _, _, data in said(office.published)]


async def test_one_that_is_wrong_makes_none_of_the_others_wrong() -> None:
    """Whichever comes first: a visit alone tells nothing of the next, a start in another city only of the first two."""
    town = [HOME, (43.22, 76.95), (43.25, 76.91), (43.26, 76.93)]
    assert await flags_of(*town) == [False] * 4
    assert await flags_of(AKTAU, *town) == [False] * 5
    assert await flags_of(*town, AKTAU) == [False] * 4 + [True]
    assert await flags_of(AKTAU, *town, AKTAU) == [False] * 5 + [True]
    assert await flags_of(AKTAU, *town, AKTAU, start=HOME) == [True] + [False] * 4 + [True]
    assert await flags_of(*town, start=AKTAU) == [True, True, False, False]
    assert await flags_of(AKTAU, AKTAU, *town, start=HOME) == [True, True] + [False] * 4


async def test_two_false_places_are_no_way_to_each_other() -> None:
    """Aktau and Zhanaozen, 140 km apart: for a doctor in Almaty both are as good as none."""
    both, start = [AKTAU, (43.34, 52.86)], {"lat": HOME[0], "lon": HOME[1]}
    assert await day_of(*both, HOME, start=start) == await day_of(None, None, HOME, start=start)


async def test_what_is_kept_of_a_false_place_is_erased_with_the_others() -> None:
    office = Office()
    await office.hear(roster(doctor(shift=ALL_DAY, start={"lat": HOME[0], "lon": HOME[1]})), at_place(1, AKTAU))
    assert await office.store.forget_places(at(NOW).date()) == 1
    (doc,) = office.memory.collection("days").docs.values()
    assert "implausible" not in doc["bookings"][request_id(1)]


async def test_the_flag_is_still_said_when_the_visit_is_moved() -> None:
    office = Office()
    start = {"lat": HOME[0], "lon": HOME[1]}
    await office.hear(roster(doctor("a", shift=ALL_DAY, start=start)))
    await office.hear(at_place(1, AKTAU))
    ((event_type, _, data),) = await office.hear(roster(doctor("b", shift=ALL_DAY, start=start), revision=2))
    assert (event_type, data["flags"]) == ("visit.rescheduled", [FLAG])


async def test_what_intake_flagged_is_not_looked_at() -> None:
    office = Office()
    await office.hear(roster(doctor(shift=ALL_DAY)))
    await office.hear(at_place(1, VILLAGE, flags=[FLAG]))
    assert (await office.state(1)).call.lat is None


async def test_a_day_that_an_earlier_release_stored_with_such_a_place_serves_the_others() -> None:
    office = Office()
    await office.hear(roster(doctor(shift=ALL_DAY)), at_place(1, None), at_place(2, None))
    for doc in office.memory.collection("days").docs.values():
        doc["bookings"][request_id(1)] |= {"lat": 0, "lon": 0}
        doc["roster"]["doctors"][0]["start"] = {"lat": 0, "lon": 0}
    later = Office(database=office.memory.as_database)
    told = await later.hear(at_place(3, HOME))
    assert [event_type for event_type, _, _ in told] == ["visit.scheduled"]
    assert outcomes(told) == {request_id(3): (await day_of(None, None, HOME))[request_id(3)]}


FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.floats(-90, 90), st.floats(40, 56), st.floats(46, 88)
)


def far(place: tuple[float, float]) -> bool:
    """Not believed, or nowhere near the city."""
    if located(*place) is None:
        return True
    travel = Travel(farthest_seconds=12 * 3600 - 20 * 60)
    return all(travel.too_far(Location("x", *place), Location("y", *each)) for each in (HOME, (43.22, 76.95)))


@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much])
@given(FLOATS, FLOATS)
@example(0.0, 0.0)
@example(1e308, 1e308)
@example(51.17, 71.45)
def test_any_place_of_one_patient_and_the_others_are_told_the_same(lat: float, lon: float) -> None:
    if not far((lat, lon)):
        return  # it may be true: the doctor drives there, and the others are visited around that
    start = {"lat": HOME[0], "lon": HOME[1]}
    for position in (0, 1, 2):
        places: list[Any] = [HOME, (43.22, 76.95)]
        without: list[Any] = list(places)
        places.insert(position, (lat, lon))
        without.insert(position, None)
        assert asyncio.run(day_of(*places, start=start)) == asyncio.run(day_of(*without, start=start))


@settings(max_examples=25)
@given(FLOATS, FLOATS)
@example(0.0, 0.0)
@example(1e308, 1e308)
@example(43.652, 51.158)
def test_any_start_of_a_doctor_and_the_patients_are_told_the_same(lat: float, lon: float) -> None:
    if not far((lat, lon)):
        return
    start = {"lat": lat, "lon": lon}
    assert asyncio.run(day_of(HOME, (43.22, 76.95), start=start)) == asyncio.run(day_of(HOME, (43.22, 76.95)))


@given(st.floats(), st.floats(), FLOATS, FLOATS)
def test_a_way_is_always_whole_seconds(lat: float, lon: float, to_lat: float, to_lon: float) -> None:
    one, other = Location.of("one", lat, lon), Location.of("other", to_lat, to_lon)
    way = Travel(flat_seconds=600, farthest_seconds=36_000).seconds(one, other)
    assert 0 <= way <= 36_000


def test_the_last_moment_of_a_route_with_such_a_start_is_the_same() -> None:
    travel = Travel(farthest_seconds=36_000)
    route = Route(Location.of("@a", *AKTAU), Shift(0, 36_000), travel)
    stops = route.insertions(Location.of("x", *HOME), 1200, 0, 36_000, 0)
    assert [each.extra for each in stops] == [600]
