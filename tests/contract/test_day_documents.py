"""What is stored of days and calls is read, and written again to the same document."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from homecall.runtime.mongo.codec import Codec
from services.scheduler.day_document import FIELDS, from_document, to_document
from services.scheduler.domain.dispatch import Dispatch
from services.scheduler.domain.state import CallState
from tests.contract.golden_day import recording
from tests.unit.scheduler.office import accepted, take


def test_a_stored_day_is_stored_again_to_the_same_document() -> None:
    lines = [line for line in recording.read(recording.RECORDING) if line.get("store") == "scheduler.days"]
    assert lines
    for line in lines:
        document: dict[str, Any] = line["document"]
        day = from_document({"v": 1} | document, Dispatch())
        written = to_document(day, FIELDS) | {"load": day.load()}
        kept = {name: value for name, value in document.items() if name in written}
        assert written == kept
        assert written.keys() | {"_id", "v", "w", "changed_at"} >= document.keys()


def test_a_call_of_an_earlier_release_has_no_date_of_application() -> None:
    codec = Codec(CallState)
    state = take(accepted(), "Fri 2026-11-20 10:00")
    stored = codec.encode(state)
    assert (stored["asked_on"], codec.decode(stored).asked_on) == ("2026-11-20", date(2026, 11, 20))
    unknown = replace(state, asked_on=None)
    assert codec.encode(unknown)["asked_on"] == ""
    assert codec.decode(stored | {"asked_on": ""}).asked_on is None
    del stored["asked_on"]
    assert codec.decode(stored).asked_on is None
