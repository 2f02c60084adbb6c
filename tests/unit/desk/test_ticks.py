"""Who phoned about a moved visit is erased with the rest; that somebody did stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.desk.store import ticks
from tests.unit.desk.reception import HERE, Reception


async def test_who_ticked_is_erased_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "_ERASED_AT_ONCE", 2)
    reception = Reception()
    moves = [f"move {number}" for number in range(5)]
    for move in moves:
        await reception.stores.ticks.put(move, HERE, "registrar", told=True)
    today = datetime.now(UTC).date()
    database = reception.database.as_database
    assert await ticks.forget_ticks(database, today - timedelta(days=2)) == 0
    assert await ticks.forget_ticks(database, today + timedelta(days=1)) == 5
    assert await ticks.forget_ticks(database, today + timedelta(days=1)) == 0
    assert await reception.stores.ticks.of(moves) == dict.fromkeys(moves, "")
