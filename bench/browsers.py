"""Many browsers that listen to the desk's ``/events``, in a process of their own.

Each keeps what it reads with the time of the read, and nothing is looked at before the end: on two cores a reader that
parses would be part of what it measures. ``python -m bench.browsers PORT ASKED`` prints ``ready`` once every stream
has said hello. ``ASKED`` is a JSON list: for each browser its cookie and its clinic. A line on the standard input names
a file with the times at which changes were published, by clinic and id; the figures are printed as a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import sys
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

_ROW = re.compile(rb'data-request-id=\\"([0-9a-f-]{36})\\"')
"""A row of the board as it comes with the word that its call has changed: the browser has all that it shows then."""
_CONNECTS_PER_TURN = 50
_MOST = 500
"""Values that are told of many."""


class Stream(asyncio.Protocol):
    """The stream of one browser. Equal pieces of all browsers are kept once, in ``pieces``."""

    def __init__(self, cookie: str, pieces: dict[bytes, bytes]) -> None:
        self.cookie = cookie
        self._pieces = pieces
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

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.ended = True


def deliveries(stream: Stream, published: Mapping[str, float]) -> list[float]:
    """Milliseconds from publication to the first row of it, for each of the published that the browser heard of."""
    starts = list(accumulate((len(piece) for _, piece in stream.read), initial=0))
    text = b"".join(piece for _, piece in stream.read)
    first: dict[str, float] = {}
    for found in _ROW.finditer(text):
        name = found[1].decode()
        at = stream.read[bisect_right(starts, found.end() - 1) - 1][0]
        # A word from before a publication is of something earlier.
        if name not in first and at >= published.get(name, math.inf):
            first[name] = at
    return [(at - published[name]) * 1000 for name, at in first.items()]


async def _connected(port: int, asked: Sequence[tuple[str, str]]) -> list[Stream]:
    loop = asyncio.get_running_loop()
    pieces: dict[bytes, bytes] = {}
    streams: list[Stream] = []

    async def connect(cookie: str) -> None:
        _, stream = await loop.create_connection(lambda: Stream(cookie, pieces), "127.0.0.1", port)
        streams.append(stream)
        await stream.hello

    for start in range(0, len(asked), _CONNECTS_PER_TURN):
        await asyncio.gather(*(connect(cookie) for cookie, _ in asked[start : start + _CONNECTS_PER_TURN]))
    return streams


async def run(port: int, asked: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Listen until a line names the file of what was published, and give the figures."""
    clinics = dict(asked)
    streams = await _connected(port, asked)
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
    }


def _thinned(values: list[float]) -> list[float]:
    """Of a long sorted list every n-th value and the last: percentiles stay as they are."""
    return values if len(values) <= _MOST else [*values[:: len(values) // _MOST + 1], values[-1]]


if __name__ == "__main__":
    figures = asyncio.run(run(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
    print(json.dumps(figures), flush=True)
