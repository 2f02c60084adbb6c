"""An event that waits for its subject may hold anything: it is kept sealed, and comes out as it came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from homecall.runtime.encryption import KeyRing, Vault
from tests.unit.runtime.tally import NOW, Runner, subject, word

KEYS = {"2026-1": b"a" * 32, "2026-2": b"b" * 32}
TEXT = "ана: 850715200007"
SAID = "ана: ************"
"""What goes out of it: no IIN does."""


def vault(*names: str) -> Vault:
    return Vault(KeyRing(b"l" * 32, {name: KEYS[name] for name in names}, names[-1]))


async def a_runner(keys: Vault) -> Runner:
    runner = await Runner().prepared()
    runner.engine.parking.vault = keys
    return runner


def stored(runner: Runner) -> dict[str, Any]:
    return dict(runner.tallies.docs[subject(1)])


async def test_none_of_it_can_be_read_in_the_store() -> None:
    runner = await a_runner(vault("2026-1"))
    await runner.hear(word(TEXT))
    assert "850715200007" not in repr(stored(runner))
    assert stored(runner)["sealed"] == "2026-1"


async def test_it_takes_effect_when_its_subject_comes() -> None:
    runner = await a_runner(vault("2026-1"))
    await runner.hear(word(TEXT))
    assert await runner.hear(word("open")) == ["open", SAID]
    assert "sealed" not in stored(runner)


async def test_it_becomes_a_dead_letter_as_it_came() -> None:
    runner = await a_runner(vault("2026-1"))
    early = word(TEXT)
    await runner.hear(early)
    due = await runner.engine.due(NOW + timedelta(hours=24))
    assert [record for record, _ in due.dead] == [early.record]
    await runner.engine.sent(due)
    assert "sealed" not in stored(runner)


async def test_it_opens_under_an_older_key_and_in_its_own_place_alone() -> None:
    runner = await a_runner(vault("2026-1"))
    await runner.hear(word(TEXT), word("other", 2))
    runner.engine.parking.vault = vault("2026-1", "2026-2")
    assert await runner.hear(word("open")) == ["open", SAID]
    # Moved into another's document it does not open; its new place's own event is not held up by that.
    moved = runner.tallies.docs[subject(2)]["p"][0]
    await runner.hear(word(TEXT, 3))
    runner.tallies.docs[subject(3)]["p"] = [moved]
    assert await runner.hear(word("open", 3)) == ["open"]


@pytest.mark.parametrize("hours", [24, 240])
async def test_without_its_key_it_is_kept_until_the_key_is_back(hours: int) -> None:
    runner = await a_runner(vault("2026-1"))
    early = word(TEXT)
    await runner.hear(early)
    runner.engine.parking.vault = vault("2026-2")
    due = await runner.engine.due(NOW + timedelta(hours=hours))
    assert (due.dead, due.expired, due.more) == ([], [], False)
    await runner.engine.sent(due)
    assert await runner.hear(word("open")) == ["open"]
    runner.engine.parking.vault = vault("2026-1", "2026-2")
    due = await runner.engine.due(NOW + timedelta(hours=hours + 1))
    assert [record for record, _ in due.dead] == [early.record]
