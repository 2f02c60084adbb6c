"""Travel times by road: OSRM's table service over HTTP, bounded in time; without an answer the straight line serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from services.gateways.breaker import Breaker

if TYPE_CHECKING:
    import httpx

Coordinates = tuple[float, float]
"""Latitude and longitude, in degrees."""

AT_MOST = 25
"""Other places asked about at once: a table grows by the square, and the nearest are the ones that matter."""
_AT_ONCE = 8


class OsrmTable:
    """The table service of an OSRM server, as in ``http://127.0.0.1:5000``; each answer within ``seconds``."""

    def __init__(self, url: str, seconds: float, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._seconds = seconds
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._breaker = Breaker(failures=3, rest_seconds=30)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def ways(self, of: Coordinates, others: Mapping[str, Coordinates]) -> dict[str, tuple[int, int]]:
        """Seconds to each of the others and back, by its key; those that are not known are absent."""
        keys = list(others)[:AT_MOST]
        if not keys or not self._breaker.admits():
            return {}
        try:
            async with asyncio.timeout(self._seconds), self._places:
                table = await self._table([of, *(others[key] for key in keys)])
        except asyncio.CancelledError:
            self._breaker.dropped()
            raise
        except Exception:  # a slow, absent or odd server is all one: the straight line serves
            self._breaker.failed()
            return {}
        self._breaker.succeeded()
        there, back = table[0][1:], [row[0] for row in table[1:]]
        return {
            key: (ceil(to), ceil(fro))
            for key, to, fro in zip(keys, there, back, strict=True)
            if to is not None and fro is not None
        }

    async def _table(self, places: Sequence[Coordinates]) -> list[list[float | None]]:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(transport=self._transport, timeout=self._seconds)
        path = ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in places)
        response = await self._client.get(f"{self._url}/table/v1/driving/{path}", params={"annotations": "duration"})
        answer: Any = response.json()
        table: list[list[float | None]] = answer["durations"]
        if answer.get("code") != "Ok" or len(table) != len(places) or any(len(row) != len(places) for row in table):
            raise ValueError("no table")
        return table

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
