"""A server for the clients of gateways: what it answers, as it comes over a connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx


def response(answer: Any, status: int = 200, **more: Any) -> httpx.Response:
    """An answer in parts, not yet read: bytes as they are, anything else as JSON."""

    async def parts() -> AsyncIterator[bytes]:
        yield answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    return httpx.Response(status, content=parts(), **more)


def answering(answer: Any, status: int = 200, asked: list[httpx.Request] | None = None) -> httpx.MockTransport:
    """Gives this answer to each request, or raises it; ``asked`` gets the requests."""

    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return response(answer, status)

    return httpx.MockTransport(handle)
