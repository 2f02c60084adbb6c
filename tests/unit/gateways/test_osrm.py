"""OSRM's table service: what is asked, what is believed, and that nobody waits for a server that does not answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from math import isfinite
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homecall.gateways.osrm import AT_MOST, LONGEST_SECONDS, OsrmTable, Unusable, osrm_from, read_table
from homecall.runtime.settings import Settings, SettingsError
from tests.unit.gateways.answering import answering, response

HOME, OTHERS = (43.25, 76.9), {"a": (43.26, 76.91), "b": (43.2, 76.8)}
PLACES = [HOME, *OTHERS.values()]
DURATIONS: list[list[Any]] = [[0, 60.2, 300], [70, 0, 290], [330.5, 295, 0]]
GOOD = {"code": "Ok", "durations": DURATIONS}
BOTH = {"a": (61, 70), "b": (300, 331)}
ONLY_B = {"b": (300, 331)}


def table(answer: Any, status: int = 200, asked: list[httpx.Request] | None = None) -> OsrmTable:
    return OsrmTable("http://127.0.0.1:5000/", 0.5, transport=answering(answer, status, asked))


def with_entry(row: int, column: int, value: str) -> bytes:
    """The good answer with this JSON text in place of one duration."""
    rows = [[json.dumps(each) for each in line] for line in DURATIONS]
    rows[row][column] = value
    return ('{"code": "Ok", "durations": [' + ", ".join(f"[{', '.join(line)}]" for line in rows) + "]}").encode()


def snapped(**changed: Any) -> dict[str, Any]:
    """The good answer with where each place was put; ``changed`` is the entry of place a."""
    places = [{"distance": 12.5, "location": [lon, lat], "name": "", "hint": "x"} for lat, lon in PLACES]
    places[1] |= changed
    return GOOD | {"sources": places, "destinations": places}


async def test_there_and_back_in_whole_seconds() -> None:
    asked: list[httpx.Request] = []
    assert await table(GOOD, asked=asked).travel_times(HOME, OTHERS) == BOTH
    path = "/table/v1/driving/76.900000,43.250000;76.910000,43.260000;76.800000,43.200000"
    assert asked[0].url.path == path
    assert asked[0].url.params["annotations"] == "duration"
    assert asked[0].headers["accept-encoding"] == "identity"


async def test_only_the_first_are_asked_about() -> None:
    asked: list[httpx.Request] = []
    await table({}, asked=asked).travel_times(HOME, {str(n): (43.0, 76.0 + n / 100) for n in range(100)})
    assert asked[0].url.path.count(";") == AT_MOST
    assert await table({}).travel_times(HOME, {}) == {}


# ---- one pair of places that cannot be believed


@pytest.mark.parametrize(
    "value",
    [
        *("NaN", "Infinity", "-Infinity", "1e400", "-1", "-0.1", '"60"', '"север"', "true", "[60]", "{}", "null"),
        *("9" * 5000, str(LONGEST_SECONDS + 1), "1e300"),
    ],
)
@pytest.mark.parametrize("entry", [(0, 1), (1, 0)], ids=["there", "back"])
async def test_what_is_no_travel_time_is_no_answer_for_that_place_alone(entry: tuple[int, int], value: str) -> None:
    roads = table(with_entry(*entry, value))
    for _ in range(5):
        assert await roads.travel_times(HOME, OTHERS) == ONLY_B
    assert roads.note() == ""


@pytest.mark.parametrize("value", ["0", "60", "60.0001", "1e2", str(LONGEST_SECONDS)])
async def test_what_is_one_is_taken(value: str) -> None:
    assert (await table(with_entry(0, 1, value)).travel_times(HOME, OTHERS)).keys() == OTHERS.keys()


@pytest.mark.parametrize(
    "changed",
    [
        *({"distance": each} for each in (8_600_000, 5001, -1, "12", True, [])),
        *({"location": each} for each in ([0, 0], [76.91, 43.36], [43.26, 76.91], [76.91], "here", [76.91, None])),
    ],
    ids=str,
)
async def test_a_place_that_was_put_on_a_road_far_away_is_no_answer_for_that_place(changed: dict[str, Any]) -> None:
    roads = table(snapped(**changed))
    for _ in range(5):
        assert await roads.travel_times(HOME, OTHERS) == ONLY_B
    assert roads.note() == ""


@pytest.mark.parametrize(
    "changed",
    [{}, {"distance": 0}, {"distance": 5000}, {"distance": None}, {"location": None}, {"name": None}],
    ids=str,
)
async def test_a_road_nearby_is_believed(changed: dict[str, Any]) -> None:
    assert await table(snapped(**changed)).travel_times(HOME, OTHERS) == BOTH


async def test_a_home_far_from_any_road_is_no_fault_of_the_server() -> None:
    odd = [{"distance": 8_600_000}, {"distance": 1}, {"distance": 1}]
    roads = table(GOOD | {"sources": odd, "destinations": odd})
    for _ in range(5):
        assert await roads.travel_times(HOME, OTHERS) == {}
    assert roads.note() == ""


@pytest.mark.parametrize(
    ("seconds", "believed"), [(0, False), (60, False), (7000, False), (8000, True), (20_000, True)]
)
async def test_no_car_drives_400_km_in_no_time(seconds: int, believed: bool) -> None:
    astana = {"far": (43.25, 81.83), "near": OTHERS["a"]}
    durations = [[0, seconds, 60], [seconds, 0, 60], [60, 60, 0]]
    found = await table({"code": "Ok", "durations": durations}).travel_times(HOME, astana)
    assert found == {"near": (60, 60)} | ({"far": (seconds, seconds)} if believed else {})


@pytest.mark.parametrize("code", ["NoSegment", "NoRoute"])
async def test_no_road_there_is_an_answer(code: str) -> None:
    roads = table({"code": code, "message": "no road"}, 400)
    for _ in range(5):
        assert await roads.travel_times(HOME, OTHERS) == {}
    assert roads.note() == ""


# ---- an answer that is none


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"code": "NoTable"}, 200, "code NoTable"),
        ({"code": "TooBig"}, 400, "status 400 and code TooBig"),
        ({"code": 12, "durations": DURATIONS}, 200, "status 200"),
        ({"durations": DURATIONS}, 200, "status 200"),
        (GOOD, 500, "status 500"),
        (GOOD, 302, "status 302"),
        (b"", 204, "status 204"),
        (b"<html>Sign in</html>", 200, "no JSON"),
        (b"\xff\xfe\x00", 200, "no JSON"),
        (b"[" * 100_000, 200, "no JSON"),
        (b" " * (1024 * 1024 + 1), 200, "more than 1 MiB"),
        ([], 200, "no JSON object"),
        ({"code": "Ok"}, 200, "without a table"),
        ({"code": "Ok", "durations": {}}, 200, "without a table"),
        ({"code": "Ok", "durations": [[0]]}, 200, "without a table"),
        ({"code": "Ok", "durations": DURATIONS[:2]}, 200, "without a table"),
        ({"code": "Ok", "durations": ["", None, 3]}, 200, "cannot be true"),
        (GOOD | {"sources": []}, 200, "without the sources"),
        (GOOD | {"destinations": "here"}, 200, "without the destinations"),
        ({"code": "Ok", "durations": [[-1] * 3] * 3}, 200, "cannot be true"),
    ],
    ids=range(20),
)
async def test_anything_else_is_no_answer_and_after_three_it_is_left_in_peace(
    answer: Any, status: int, reason: str
) -> None:
    asked: list[httpx.Request] = []
    roads = table(answer, status, asked)
    for turn in range(5):
        assert (roads.note() == "") == (turn < 3)
        assert await roads.travel_times(HOME, OTHERS) == {}
    assert len(asked) == 3
    assert reason in roads.note()
    assert "HOMECALL_OSRM_URL" in roads.note()


async def test_no_more_is_read_than_the_limit() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 65_536
            yield b" " * 65_536

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))
    roads = OsrmTable("http://127.0.0.1:5000", 5, transport=transport)
    assert await roads.travel_times(HOME, OTHERS) == {}
    assert read <= 1024 * 1024 + 2 * 65_536


async def test_no_redirect_is_followed() -> None:
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return response(b"", 302, headers={"location": "http://127.0.0.1:5001/"})

    roads = OsrmTable("http://127.0.0.1:5000", 5, transport=httpx.MockTransport(handle))
    assert await roads.travel_times(HOME, OTHERS) == {}
    assert [request.url.port for request in asked] == [5000]


@pytest.mark.parametrize("error", [httpx.ConnectError("away"), httpx.ReadTimeout(""), OSError(), RuntimeError()])
async def test_a_server_that_cannot_be_reached_is_no_answer(error: Exception) -> None:
    roads = table(error)
    for _ in range(3):
        assert await roads.travel_times(HOME, OTHERS) == {}
    assert type(error).__name__ in roads.note()


async def test_a_slow_server_is_waited_for_no_longer_than_its_time() -> None:
    never = asyncio.Event()

    async def handle(_: httpx.Request) -> httpx.Response:
        await never.wait()
        raise AssertionError("it was waited for")

    roads = OsrmTable("http://127.0.0.1:5000", 0.01, transport=httpx.MockTransport(handle))
    for _ in range(3):
        assert await roads.travel_times(HOME, OTHERS) == {}
    assert "in time" in roads.note()


async def test_a_row_that_is_broken_costs_its_own_place() -> None:
    assert (
        await table({"code": "Ok", "durations": [DURATIONS[0], "broken", DURATIONS[2]]}).travel_times(HOME, OTHERS)
        == ONLY_B
    )


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
ENTRY = st.floats() | st.integers(-10, 10**6) | JSON
LIKE_A_TABLE = st.fixed_dictionaries(
    {"code": st.just("Ok"), "durations": st.lists(st.lists(ENTRY, min_size=3, max_size=3), min_size=3, max_size=3)},
    optional={
        name: st.lists(
            st.fixed_dictionaries({}, optional={"distance": ENTRY, "location": st.lists(ENTRY, max_size=3)}) | JSON,
            min_size=3,
            max_size=3,
        )
        for name in ("sources", "destinations")
    },
)


@given(st.sampled_from([200, 400, 500]), LIKE_A_TABLE | JSON.map(lambda each: {"code": "Ok", "durations": each}) | JSON)
@example(200, GOOD)
def test_any_json_is_a_table_of_times_that_can_be_or_none(status: int, answer: Any) -> None:
    try:
        found = read_table(status, json.dumps(answer).encode(), PLACES)
    except Unusable:
        return
    assert found.keys() <= {1, 2}
    for way in found.values():
        assert all(type(seconds) is int and isfinite(seconds) and 0 <= seconds <= LONGEST_SECONDS for seconds in way)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_table(body: bytes) -> None:
    with pytest.raises(Unusable):
        read_table(200, body, PLACES)


# ---- the setting


def settings(url: str | None, env: Any = "production") -> Settings:
    return Settings.model_construct(env=env, osrm_url=url, osrm_seconds=0.3)


@pytest.mark.parametrize("url", ["https://osrm.example.kz", "http://127.0.0.1:5000", "http://localhost:5000/"])
def test_an_address_that_is_https_or_here_is_taken(url: str) -> None:
    assert osrm_from(settings(url)) is not None
    assert osrm_from(settings(None)) is None


@pytest.mark.parametrize(
    "url", ["http://osrm.example.kz", "ftp://127.0.0.1", "osrm", "https://user:hush@osrm.example.kz"]
)
def test_any_other_stops_the_start_and_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="HOMECALL_OSRM_URL: ") as caught:
        osrm_from(settings(url))
    assert "hush" not in str(caught.value)


def test_in_development_http_elsewhere_will_do() -> None:
    assert osrm_from(settings("http://osrm.example.kz", "development")) is not None
