"""A clinic's day as the golden day stored it is read, and written again to the same document."""

from __future__ import annotations

from typing import Any

from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.store import _FIELDS, _from_document, _to_document
from tests.contract.golden_day import recording


def test_a_stored_day_is_stored_again_to_the_same_document() -> None:
    lines = [line for line in recording.read(recording.RECORDING) if line.get("store") == "scheduler.days"]
    assert lines
    for line in lines:
        document: dict[str, Any] = line["document"]
        day = _from_document({"v": 1} | document, Dispatch())
        written = _to_document(day, _FIELDS) | {"load": day.load()}
        kept = {name: value for name, value in document.items() if name in written}
        assert written == kept
        assert written.keys() | {"_id", "v", "w", "changed_at"} >= document.keys()
