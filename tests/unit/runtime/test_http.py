"""What may be posted to a service over HTTP, and what it is told when that cannot be taken."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from homecall.runtime.http import application, listen
from homecall.runtime.settings import SettingsError


async def ask(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, list[Any]]:
    """The answer of an application with two services, and what was handed to the receiver."""
    heard: list[Any] = []

    async def receive(body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        heard.append((body, headers.get("x-one")))
        if body == b"fail":
            raise RuntimeError("words that nobody is to see")
        return 200, "taken"

    services: Any = [
        SimpleNamespace(receives=receives, routes=(), not_found=None) for receives in ({}, {"/in": receive})
    ]
    transport = httpx.ASGITransport(application(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.request(method, path, content=body, headers=headers)
    return answer.status_code, answer.text, heard


async def test_body_and_headers_are_handed_over() -> None:
    assert await ask("POST", "/in", b"a body", **{"X-One": "1"}) == (200, "taken\n", [(b"a body", "1")])


async def test_only_what_is_posted_is_taken() -> None:
    assert (await ask("GET", "/in"))[0] == 405


async def test_an_address_that_nobody_receives_at_is_none() -> None:
    assert await ask("POST", "/other", b"x") == (404, "there are /livez, /readyz and /metrics\n", [])


async def test_a_body_has_an_end() -> None:
    status, _, heard = await ask("POST", "/in", b"x" * 300_000)
    assert (status, heard) == (413, [])


async def test_what_cannot_be_taken_now_is_to_come_again(caplog: pytest.LogCaptureFixture) -> None:
    status, told, _ = await ask("POST", "/in", b"fail")
    assert status == 503
    assert "words that nobody" not in told + caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "999.1.1.1", "nowhere.invalid"])
def test_an_address_where_nobody_can_listen_is_named_with_its_settings(host: str) -> None:
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"{host}:{port} .HOMECALL_HTTP_HOST, HOMECALL_HTTP_PORT.: .+"):
            listen(host, port)
