"""A command's connection to Kafka, from start to end."""

from __future__ import annotations

import asyncio

import pytest

from services.cli import kafka
from services.runtime.settings import load_settings


class Client:
    """Starts at once; how it ends is given."""

    def __init__(self, end: Exception | None, *, ends: bool) -> None:
        self._end = end
        self._ends = ends

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        if self._end is not None:
            raise self._end
        if not self._ends:
            await asyncio.Event().wait()


async def use(client: Client) -> None:
    async with kafka.connected(client, load_settings()):
        """Nothing to do with it."""


@pytest.fixture(autouse=True)
def development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMECALL_ENV", "development")
    monkeypatch.setattr(kafka, "_CLOSE_SECONDS", 0.05)


async def test_a_connection_that_does_not_close_keeps_no_command_from_its_end() -> None:
    await asyncio.wait_for(use(Client(None, ends=False)), 5)


async def test_what_fails_at_the_end_is_told() -> None:
    with pytest.raises(RuntimeError, match="a reason"):
        await use(Client(RuntimeError("a reason"), ends=True))
