"""OSRM's table service: what is asked, what is taken, and that nobody waits for a server that does not answer."""

from typing import Any

import httpx
import pytest

from services.gateways.osrm import AT_MOST, OsrmTable

HOME, OTHERS = (43.25, 76.9), {"a": (43.26, 76.91), "b": (43.2, 76.8)}
GOOD = {"code": "Ok", "durations": [[0, 60.2, 120], [70, 0, 90], [130.5, 95, 0]]}


def table(answer: Any, status: int = 200, asked: list[httpx.Request] | None = None) -> OsrmTable:
    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(status, json=answer)

    return OsrmTable("http://127.0.0.1:5000/", 0.5, transport=httpx.MockTransport(handle))


async def test_there_and_back_in_whole_seconds() -> None:
    asked: list[httpx.Request] = []
    assert await table(GOOD, asked=asked).ways(HOME, OTHERS) == {"a": (61, 70), "b": (120, 131)}
    path = "/table/v1/driving/76.900000,43.250000;76.910000,43.260000;76.800000,43.200000"
    assert asked[0].url.path == path
    assert asked[0].url.params["annotations"] == "duration"


async def test_no_way_there_is_no_answer_for_that_one() -> None:
    answer = {"code": "Ok", "durations": [[0, None, 120], [70, 0, 90], [130, 95, 0]]}
    assert await table(answer).ways(HOME, OTHERS) == {"b": (120, 130)}


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "NoTable"},
        {"code": "Ok", "durations": [[0]]},
        {},
        [],
        httpx.ConnectError("away"),
        httpx.ReadTimeout(""),
    ],
)
async def test_anything_else_is_no_answer_and_after_three_it_is_left_in_peace(answer: Any) -> None:
    asked: list[httpx.Request] = []
    roads = table(answer, asked=asked)
    for _ in range(5):
        assert await roads.ways(HOME, OTHERS) == {}
    assert len(asked) == 3


async def test_only_the_first_are_asked_about() -> None:
    asked: list[httpx.Request] = []
    await table({}, asked=asked).ways(HOME, {str(n): (43.0, 76.0 + n / 100) for n in range(100)})
    assert asked[0].url.path.count(";") == AT_MOST
    assert await table({}).ways(HOME, {}) == {}
