"""Many browsers that listen to the desk's ``/events``, in a process of their own.

Each keeps what it reads with the time of the read, and nothing is looked at before the end: on two cores a reader that
parses would be part of what it measures. ``python -m bench.browsers PORT ASKED`` prints ``ready`` once every stream
has said hello. ``ASKED`` is a JSON list: for each browser its cookie, its clinic, and the address of the rows that it
fetches for what has changed; none where it only listens. A line on the standard input names a file with the times at
which changes were published, by clinic and id; the figures are printed as a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

_ID = re.compile(rb'"id": ?"([0-9a-f-]{36})"')
_CONNECTS_PER_TURN = 50
_MOST = 500
"""Values that are told of many."""


class Stream(asyncio.Protocol):
    """The stream of one browser. Equal pieces of all browsers are kept once, in ``pieces``."""

    def __init__(self, cookie: str, pieces: dict[bytes, bytes], fetches: Fetches | None) -> None:
        self.cookie = cookie
        self._pieces = pieces
        self._fetches = fetches
        self.read: list[tuple[float, bytes]] = []
        self.hello = asyncio.get_running_loop().create_future()
        self.ended = False

    def connection_made(self, transport: Any) -> None:
        transport.write(f"GET /events HTTP/1.1\r\nHost: desk\r\nCookie: {self.cookie}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self.read.append((time.time(), self._pieces.setdefault(data, data)))
        if not self.hello.done():
            if b"event: hello" in data:
                self.hello.set_result(None)
            elif len(self.read) == 1 and not data.startswith(b"HTTP/1.1 200"):
                self.hello.set_exception(RuntimeError(f"no stream: {data[:200]!r}"))
        elif self._fetches is not None and b"event: changed" in data:
            self._fetches.changed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.ended = True


class Fetches(asyncio.Protocol):
    """What a browser fetches for what has changed: one request at a time, as ``live.js`` does."""

    def __init__(self, cookie: str, address: str) -> None:
        self._head = f" HTTP/1.1\r\nHost: desk\r\nX-Part: 1\r\nCookie: {cookie}\r\n\r\n"
        self._address = address
        self._waiting: set[str] = set()
        self._asked_at = 0.0
        self._transport: Any = None
        self._missing = -1
        self.times: list[float] = []
        self.failed = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def changed(self, data: bytes) -> None:
        """Fetch these, at once or after what is being fetched."""
        self._waiting.update(each.decode() for each in _ID.findall(data))
        self._ask()

    def _ask(self) -> None:
        if self._asked_at or not self._waiting:
            return
        path = f"{self._address}&ids={','.join(self._waiting)}"
        self._waiting.clear()
        self._asked_at = time.perf_counter()
        self._transport.write(f"GET {path}{self._head}".encode())

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            head, _, data = data.partition(b"\r\n\r\n")
            self.failed += not head.startswith(b"HTTP/1.1 200")
            self._missing = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        self._missing -= len(data)
        if self._missing <= 0:
            self._missing = -1
            self.times.append((time.perf_counter() - self._asked_at) * 1000)
            self._asked_at = 0.0
            self._ask()


def deliveries(stream: Stream, published: Mapping[str, float]) -> list[float]:
    """Milliseconds from publication to the first word of it, for each of the published that the browser heard of."""
    starts = list(accumulate((len(piece) for _, piece in stream.read), initial=0))
    text = b"".join(piece for _, piece in stream.read)
    first: dict[str, float] = {}
    for found in _ID.finditer(text):
        name = found[1].decode()
        if name in published and name not in first:
            first[name] = stream.read[bisect_right(starts, found.end() - 1) - 1][0]
    return [(at - published[name]) * 1000 for name, at in first.items()]


async def _connected(port: int, asked: Sequence[tuple[str, str, str]]) -> tuple[list[Stream], list[Fetches]]:
    loop = asyncio.get_running_loop()
    pieces: dict[bytes, bytes] = {}
    streams: list[Stream] = []
    every: list[Fetches] = []

    async def connect(cookie: str, rows: str) -> None:
        fetches = None
        if rows:
            _, fetches = await loop.create_connection(lambda: Fetches(cookie, rows), "127.0.0.1", port)
            every.append(fetches)
        _, stream = await loop.create_connection(lambda: Stream(cookie, pieces, fetches), "127.0.0.1", port)
        streams.append(stream)
        await stream.hello

    for start in range(0, len(asked), _CONNECTS_PER_TURN):
        await asyncio.gather(*(connect(cookie, rows) for cookie, _, rows in asked[start : start + _CONNECTS_PER_TURN]))
    return streams, every


async def run(port: int, asked: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Listen until a line names the file of what was published, and give the figures."""
    clinics = {cookie: clinic for cookie, clinic, _ in asked}
    streams, fetches = await _connected(port, asked)
    print("ready", flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    published: dict[str, dict[str, float]] = json.loads(await asyncio.to_thread(Path(line.strip()).read_text))
    found: list[float] = []
    for stream in streams:
        found += deliveries(stream, published[clinics[stream.cookie]])
    return {
        "expected": sum(len(published[clinics[stream.cookie]]) for stream in streams),
        "heard": len(found),
        "delivered": _thinned(sorted(found)),
        "ended": sum(stream.ended for stream in streams),
        "fetched": _thinned(sorted(each for one in fetches for each in one.times)),
        "fetches": sum(len(one.times) for one in fetches),
        "fetches_failed": sum(one.failed for one in fetches),
    }


def _thinned(values: list[float]) -> list[float]:
    """Of a long sorted list every n-th value and the last: percentiles stay as they are."""
    return values if len(values) <= _MOST else [*values[:: len(values) // _MOST + 1], values[-1]]


if __name__ == "__main__":
    figures = asyncio.run(run(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
    print(json.dumps(figures), flush=True)
