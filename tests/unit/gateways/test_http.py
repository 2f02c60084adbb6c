"""What holds for the client of every gateway: no proxy, no redirect, no more than the limit."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from homecall.gateways.http import TooLong, body_of, client

ROOT = Path(__file__).resolve().parents[3]


def test_every_client_is_made_in_one_place() -> None:
    makers = {
        path.name
        for part in ("homecall", "services")
        for path in (ROOT / part).rglob("*.py")
        if "AsyncClient(" in path.read_text("utf-8")
    }
    assert makers == {"http.py"}


def test_nothing_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    made = client(at_once=1)
    assert not made.trust_env
    assert not made._mounts
    assert not made.follow_redirects
    assert made.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(("size", "fits"), [(0, True), (10, True), (11, False), (1000, False)])
async def test_a_body_is_read_up_to_its_limit(size: int, fits: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    async with (
        client(at_once=1, transport=httpx.MockTransport(lambda _: httpx.Response(200, content=parts()))) as made,
        made.stream("GET", "http://127.0.0.1/") as response,
    ):
        if fits:
            assert await body_of(response, 10) == b"x" * size
        else:
            with pytest.raises(TooLong):
                await body_of(response, 10)
