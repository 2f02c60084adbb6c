"""What is at no address of the desk is said as a page, by the application that the process serves."""

from __future__ import annotations

from typing import Any

from httpx import ASGITransport, AsyncClient

from homecall.operations.serve import build
from homecall.runtime.clock import SystemClock
from homecall.runtime.http import application
from homecall.runtime.settings import load_settings


async def test_an_address_that_is_none_and_a_method_that_it_does_not_take() -> None:
    service: Any = build("desk", load_settings(env="development"), SystemClock())
    transport = ASGITransport(application([service]))
    async with AsyncClient(transport=transport, base_url="https://desk.test") as client:
        for answer, status in ((await client.get("/nowhere"), 404), (await client.put("/board"), 405)):
            assert answer.status_code == status
            assert answer.text.startswith("<!doctype html>")
            assert "default-src 'none'" in answer.headers["content-security-policy"]
