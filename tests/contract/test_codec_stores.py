"""What the services stored on the golden day is read as a typed state and stored again to the same document."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from homecall.runtime.mongo.codec import Codec
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.domain.state import ComplaintState
from services.intake.domain.state import RequestState
from services.notifier.domain.messages import Mailing
from services.notifier.domain.state import Call
from services.scheduler.domain.state import CallState
from tests.contract.golden_day import recording

STATES: dict[str, type] = {
    "complaints.calls": CallTimeline,
    "complaints.complaints": ComplaintState,
    "intake.requests": RequestState,
    "notifier.messages": Mailing,
    "notifier.requests": Call,
    "scheduler.calls": CallState,
}


@pytest.mark.parametrize("store", STATES)
def test_a_stored_state_is_stored_again_to_the_same_document(store: str) -> None:
    codec: Codec[Any] = Codec(STATES[store])
    lines = [line["document"] for line in recording.read(recording.RECORDING) if line.get("store") == store]
    states = [document["s"] for document in lines if "s" in document]  # one that only waits for its subject has none
    assert states
    for document in states:
        assert recording.plain(codec.encode(codec.decode(_stored(document)))) == document


def _stored(value: Any) -> Any:
    """A recorded value as it is stored."""
    if isinstance(value, dict):
        if value.keys() == {"bytes"}:
            return base64.b64decode(value["bytes"])
        return {name: _stored(each) for name, each in value.items()}
    return [_stored(each) for each in value] if isinstance(value, list) else value
