"""Travel times by road: OSRM's table service over HTTP, bounded in time and size.

An answer is optional: without one, the straight line is used. So an impossible travel time counts as missing for its
pair of places; the others of the same answer are used.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from math import ceil, inf, isfinite, nan
from typing import TYPE_CHECKING, Any

from homecall.gateways.breaker import Breaker
from homecall.gateways.http import TooLong, body_of, client, wrong_address
from homecall.runtime.logs import log
from homecall.runtime.settings import Settings, SettingsError
from homecall.standard.places import straight_km

if TYPE_CHECKING:
    import httpx

Coordinates = tuple[float, float]
"""Latitude and longitude, in degrees."""

AT_MOST = 25
"""Other places asked about at once: a table grows by the square, and the nearest are the ones that matter."""
SNAP_METRES = 5_000
"""How far from a place the road may be on which the server puts it. Farther away it is another place."""
LONGEST_SECONDS = 86_400
FASTEST_KMH = 200
_AT_ONCE = 8
_MOST_BYTES = 1024 * 1024
_OF_A_PLACE = frozenset({"NoSegment", "NoRoute"})
"""Codes by which the server says that it knows no road there: an answer, and nothing wrong with the server."""
_CODE = re.compile(r"[A-Za-z]{1,40}\Z")


class Unusable(Exception):
    """What the server answered is no table of travel times; the text says why, for a log line."""


class OsrmTable:
    """The table service of an OSRM server, as in ``http://127.0.0.1:5000``; each answer within ``seconds``."""

    def __init__(self, url: str, seconds: float, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._seconds = seconds
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._breaker = Breaker(failures=3, rest_seconds=30)
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._reason = ""

    @property
    def trouble(self) -> str:
        """Why the server is not asked at present; empty while it is. One odd place is no reason."""
        return "" if self._breaker.state == "closed" else self._reason

    def note(self) -> str:
        """What readiness says of it; empty while it is asked."""
        trouble = self.trouble
        return f"the routing server (HOMECALL_OSRM_URL) {trouble}: travel times are by straight line" * bool(trouble)

    async def travel_times(self, of: Coordinates, others: Mapping[str, Coordinates]) -> dict[str, tuple[int, int]]:
        """Seconds to each of the others and back, by its key; those that are not known are absent. Never raises."""
        keys = list(others)[:AT_MOST]
        if not keys or not self._breaker.admits():
            return {}
        places = [of, *(others[key] for key in keys)]
        try:
            async with asyncio.timeout(self._seconds), self._places:
                status, body = await self._asked(places)
            found = read_table(status, body, places)
        except asyncio.CancelledError:
            self._breaker.dropped()
            raise
        except Exception as error:  # a slow, absent or odd server is all one: the straight line serves
            self._failed(_reason(error))
            return {}
        self._succeeded()
        return {keys[number - 1]: way for number, way in found.items()}

    async def _asked(self, places: Sequence[Coordinates]) -> tuple[int, bytes]:
        if self._client is None:
            self._client = client(at_once=_AT_ONCE, transport=self._transport)
        path = ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in places)
        address = f"{self._url}/table/v1/driving/{path}"
        async with self._client.stream("GET", address, params={"annotations": "duration"}) as response:
            return response.status_code, await body_of(response, _MOST_BYTES)

    def _failed(self, reason: str) -> None:
        before = self.trouble
        self._breaker.failed()
        self._reason = reason
        if self.trouble and not before:
            log("scheduler").warning("the routing server is not usable", reason=reason)

    def _succeeded(self) -> None:
        before = self.trouble
        self._breaker.succeeded()
        if before:
            log("scheduler").info("the routing server is usable again")

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()


def _reason(error: Exception) -> str:
    if isinstance(error, Unusable):
        return str(error)
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    return "answers with more than 1 MiB" if isinstance(error, TooLong) else f"cannot be asked ({type(error).__name__})"


def osrm_from(settings: Settings) -> OsrmTable | None:
    """The server at ``HOMECALL_OSRM_URL``; None where it names none.

    In production an address other than this machine's must be ``https``: patients' homes are asked about. Raises
    ``SettingsError`` with one line, which never repeats the address.
    """
    if settings.osrm_url is None:
        return None
    wrong = wrong_address(settings.osrm_url, encrypted=settings.env == "production")
    if wrong:
        raise SettingsError(f"HOMECALL_OSRM_URL: {wrong}: leave it out, or set one as in https://osrm.example.kz")
    return OsrmTable(settings.osrm_url, settings.osrm_seconds)


def read_table(status: int, body: bytes, places: Sequence[Coordinates]) -> dict[int, tuple[int, int]]:
    """Seconds from the first place to each other and back, by its number: those that can be true, and no others.

    Raises ``Unusable`` where the answer as a whole is no table, or where nothing in it is a travel time.
    """
    answer = _object(status, body)
    code = answer.get("code")
    if code in _OF_A_PLACE:
        return {}
    if status != 200 or code != "Ok":
        raise Unusable(f"answers with status {status}" + (f" and code {code}" if _named(code) else ""))
    count = len(places)
    table = answer.get("durations")
    if not isinstance(table, list) or len(table) != count:
        raise Unusable("answers without a table of durations for the places asked about")
    on_roads = [
        _all_near(answer.get(side), places, f"answers without the {side} asked about")
        for side in ("sources", "destinations")
    ]
    near = [all(each) for each in zip(*on_roads, strict=True)]
    found: dict[int, tuple[int, int]] = {}
    senseless = 0
    for number in range(1, count):
        there, back = _entry(table, 0, number), _entry(table, number, 0)
        if there is None or back is None:
            continue  # the server knows no way there, and says so
        km = straight_km(*places[0], *places[number])
        if not (_can_be(there, km) and _can_be(back, km)):
            senseless += near[0] and near[number]
        elif near[0] and near[number]:
            found[number] = (ceil(there), ceil(back))
    if senseless and not found:
        raise Unusable("answers with travel times that cannot be true")
    return found


def _object(status: int, body: bytes) -> dict[str, Any]:
    try:
        # No integer of its own: one of thousands of digits is an error to Python, and costs the others their answer.
        answer = json.loads(body, parse_int=float, parse_constant=lambda _: nan)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Unusable(f"answers with status {status} and no JSON object")
    return answer


def _named(code: Any) -> bool:
    return isinstance(code, str) and _CODE.match(code) is not None


def _all_near(snapped: Any, places: Sequence[Coordinates], otherwise: str) -> list[bool]:
    """Which places the server has put on a road near them. A server may be configured to leave these out."""
    if snapped is None:
        return [True] * len(places)
    if not isinstance(snapped, list) or len(snapped) != len(places):
        raise Unusable(otherwise)
    return [_is_near(each, place) for each, place in zip(snapped, places, strict=True)]


def _is_near(snapped: Any, place: Coordinates) -> bool:
    if not isinstance(snapped, dict):
        return False
    distance, location = snapped.get("distance"), snapped.get("location")
    if distance is not None and not 0 <= _number(distance) <= SNAP_METRES:
        return False
    if location is None:
        return True
    if not isinstance(location, list) or len(location) != 2:
        return False
    lon, lat = map(_number, location)
    return abs(lat) <= 90 and abs(lon) <= 180 and straight_km(*place, lat, lon) * 1000 <= SNAP_METRES


def _entry(table: Sequence[Any], row: int, column: int) -> float | None:
    """A duration as it stands, or what cannot be one; None where the server knows no way."""
    line = table[row]
    if not isinstance(line, list) or len(line) != len(table):
        return -inf
    return None if line[column] is None else _number(line[column])


def _number(value: Any) -> float:
    """A JSON number; for anything else one that is no place and no time."""
    return value if isinstance(value, float) and isfinite(value) else -inf


def _can_be(seconds: float, km: float) -> bool:
    """Whether a doctor can drive so: not for longer than a day, nor faster than any car between the roads nearby."""
    least = (km - 2 * SNAP_METRES / 1000) / FASTEST_KMH * 3600
    return max(0.0, least) <= seconds <= LONGEST_SECONDS
