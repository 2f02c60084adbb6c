"""The timeline of a call, as complaints hears it."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import permutations

import pytest

from homecall.contract.asyncapi import golden
from homecall.contract.envelope import Incoming, Record, read
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX, read_by
from homecall.contract.types import ZONE
from services.complaints.domain.call_timeline import CallTimeline
from services.complaints.handler import Timelines

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=ZONE)
HEARD = [event_type for topic in read_by("complaints") for event_type in topic.types]


def an_event(event_type: str, time: str = "2026-11-23T09:00:00+05:00") -> Incoming:
    data = json.dumps(golden(event_type)["valid"][0]["data"]).encode()
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": "/t",
        "ce_type": TYPE_PREFIX + event_type,
        "ce_time": time,
    }
    record = Record(TOPIC_OF_TYPE[event_type].name, 0, 0, b"", data, tuple((k, v.encode()) for k, v in headers.items()))
    return read(record)


@pytest.mark.parametrize("event_type", [each for each in HEARD if each.split(".")[0] not in {"complaint", "clinic"}])
def test_a_line_is_kept_of_every_event_and_no_person_stands_in_it(event_type: str) -> None:
    event = an_event(event_type)
    if Timelines().target(event) is None:
        assert golden(event_type)["valid"][0]["data"]["subject_kind"] == "complaint"
        return
    state = Timelines().decide(CallTimeline(event.subject, event.clinic_id), event, None, NOW).state
    assert state is not None
    assert [line["type"] for line in state.lines] == [event_type]
    for secret in ("full_name", "patient", "address", "phone", "text", "doctor", "given_by", "reason"):
        assert secret not in state.lines[0]


@pytest.mark.parametrize("event_type", [each for each in HEARD if each.split(".")[0] not in {"complaint", "clinic"}])
def test_only_our_own_events_say_which_clinic_a_call_belongs_to(event_type: str) -> None:
    """An answer of another clinic that comes first must not make the call that clinic's."""
    decision = Timelines().decide(None, an_event(event_type), None, NOW)
    assert (decision.state is None) == decision.park == (event_type == "answer.given")


def test_lines_stand_in_the_order_of_their_times_however_they_come() -> None:
    events = [
        an_event("request.accepted", "2026-11-23T09:00:01+05:00"),
        an_event("visit.scheduled", "2026-11-23T04:00:02Z"),
        an_event("status.changed", "2026-11-23T09:00:03+05:00"),
    ]
    for order in permutations(events):
        state: CallTimeline | None = None
        for event in order:
            state = Timelines().decide(state, event, None, NOW).state
        assert state is not None
        assert [line["type"] for line in state.lines] == ["request.accepted", "visit.scheduled", "status.changed"]
