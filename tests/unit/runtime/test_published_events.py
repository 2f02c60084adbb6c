"""When something was decided that is decided again after a restore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from homecall.contract.asyncapi import golden
from homecall.contract.envelope import Record, outgoing
from homecall.contract.events import StatusChanged
from homecall.runtime.engine.published_events import PublishedEvents
from tests.factories import MONDAY

CALL = golden("status.changed")["valid"][0]["data"]["request_id"]


def said(causation_id: str, sequence: int, at: datetime) -> Record:
    """A status as the notifier published it."""
    data = StatusChanged.model_validate(golden("status.changed")["valid"][0]["data"] | {"sequence": sequence})
    sibling = f"{data.status} {sequence}"
    event = outgoing(data, service="notifier", causation_id=causation_id, time=at.isoformat(), sibling=sibling)
    headers = {"ce_id": event.id, "ce_source": event.source, "ce_subject": event.subject, "ce_time": event.time}
    headers["ce_type"] = f"kz.homecall.{event.type}"
    named = tuple((name, text.encode()) for name, text in headers.items())
    return Record(event.topic, 0, sequence, event.key.encode(), event.value, named, 0)


@pytest.fixture
def published() -> Iterator[PublishedEvents]:
    events = PublishedEvents("notifier")
    assert events.take(said("1" * 32, 1, MONDAY))
    assert events.take(said("2" * 32, 2, MONDAY + timedelta(seconds=20)))
    yield events
    events.close()


def test_a_record_that_is_handled_late_has_the_time_of_what_it_led_to(published: PublishedEvents) -> None:
    late = MONDAY + timedelta(seconds=19)
    assert published.told_at(CALL, late, "1" * 32) == MONDAY
    assert published.told_at(CALL, late, "2" * 32) == MONDAY + timedelta(seconds=20)


def test_what_led_to_nothing_was_decided_with_what_comes_next(published: PublishedEvents) -> None:
    assert published.told_at(CALL, MONDAY, "3" * 32) == MONDAY
    assert published.told_at(CALL, MONDAY + timedelta(seconds=19), "3" * 32) == MONDAY + timedelta(seconds=20)
    assert published.told_at("another", MONDAY, "3" * 32) == MONDAY
