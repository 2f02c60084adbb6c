"""Coordinates that cannot be true: shown as they were sent, flagged, and no reason for any other decision."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.runtime.engine.decision import Decision
from services.intake.domain.state import RequestState
from tests.unit.intake.office import decide, submitted
from tests.unit.standard.local_times import at

NOON, NIGHT = "Fri 2026-11-20 12:00", "Fri 2026-11-20 23:00"
FLAG = "location_implausible"
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.integers(min_value=10**400),
    st.text(max_size=20),
    st.sampled_from(["43.238", "43,238", "NaN", "Infinity", "1e400", ""]),
    st.lists(st.booleans(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.booleans(), max_size=2),
)


def decided(address: dict[str, Any], when: str = NOON, **over: Any) -> Decision[RequestState]:
    channel = "portal" if when == NIGHT else "phone"
    event = submitted(when, channel, address={"text": "Тал көшесі, 27"} | address, **over)
    return decide(event, now=at(when))


def facts(address: dict[str, Any], when: str = NOON, **over: Any) -> dict[str, Any]:
    state = decided(address, when, **over).state
    assert state is not None
    return {"status": state.status, **state.request}


@pytest.mark.parametrize(
    ("lat", "lon", "flags"),
    [
        (43.238, 76.945, []),
        ("43.238", "76.945", []),
        (43, 77, []),
        (0, 0, [FLAG]),
        (76.945, 43.238, [FLAG]),
        (91, 76.945, [FLAG]),
        (43.238, 500, [FLAG]),
        (1e308, -1e308, [FLAG]),
        (55.756, 37.617, [FLAG]),
    ],
)
def test_it_is_shown_as_it_was_sent(lat: Any, lon: Any, flags: list[str]) -> None:
    found = facts({"lat": lat, "lon": lon})
    assert (found["status"], found["flags"]) == ("accepted", flags)
    assert (found["address"]["lat"], found["address"]["lon"]) == (float(lat), float(lon))


@pytest.mark.parametrize("sent", [{"lat": 43.238}, {"lon": 76.945}, {"lat": 43.238, "lon": None}])
def test_one_of_the_two_is_no_place(sent: dict[str, Any]) -> None:
    assert facts(sent)["flags"] == [FLAG]


@pytest.mark.parametrize("sent", [{}, {"lat": None, "lon": None}])
def test_none_of_the_two_is_nothing_to_be_flagged(sent: dict[str, Any]) -> None:
    assert facts(sent)["flags"] == []


@pytest.mark.parametrize("value", ["север", "NaN", "1e400", True, [43.2], {"deg": 43.2}, 10**400])
def test_what_is_no_number_is_left_out_and_flagged(value: Any) -> None:
    found = facts({"lat": value, "lon": value})
    assert (found["status"], found["flags"]) == ("accepted", [FLAG])
    assert found["address"].get("lat") is None
    assert found["address"].get("lon") is None


@pytest.mark.parametrize(("when", "status"), [(NOON, "accepted"), (NIGHT, "deferred")])
def test_the_flag_goes_on_beside_the_others(when: str, status: str) -> None:
    found = facts({"lat": 0, "lon": 0}, when, patient={"birth_date": "1885-07-16"})
    assert (found["status"], found["flags"]) == (status, ["iin_mismatch", FLAG])


def test_a_refused_request_is_flagged_too() -> None:
    assert facts({"lat": 0, "lon": 0}, reasons=["no_such_reason"])["flags"] == [FLAG]
    broken = facts({"lat": 0, "lon": 0}, temperature_c=99)
    assert (broken["status"], broken["flags"]) == ("refused", [FLAG])


@given(JSON, JSON)
def test_whatever_comes_the_decision_is_the_same_as_without_it(lat: Any, lon: Any) -> None:
    with_it, without = facts({"lat": lat, "lon": lon}), facts({})
    for each in (with_it, without):
        each["address"] = {name: value for name, value in each["address"].items() if name not in {"lat", "lon"}}
        each["flags"] = [flag for flag in each["flags"] if flag != FLAG]
    assert with_it == without
