"""The last release's contract is kept: nothing that was promised is gone, and what breaks it is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from homecall.contract.events import MODELS
from tests.contract.compatibility import broken, last_released, present
from tests.contract.goldens import INBOUND, OUTBOUND, compact

RELEASED = last_released()
CASES = [(name, data) for name, examples in RELEASED["examples"].items() for data in examples]


def test_what_was_released_is_kept() -> None:
    assert broken(RELEASED, present()) == []


@pytest.mark.parametrize(
    ("event_type", "data"),
    [case for case in CASES if case[0] in INBOUND],
    ids=[f"{name} {index}" for index, (name, _) in enumerate(CASES) if name in INBOUND],
)
def test_what_a_clinic_or_the_portal_may_send_is_still_taken(event_type: str, data: dict[str, Any]) -> None:
    MODELS[event_type].model_validate_json(compact(data))


@pytest.mark.parametrize(
    ("event_type", "data"),
    [case for case in CASES if case[0] in OUTBOUND],
    ids=[f"{name} {index}" for index, (name, _) in enumerate(CASES) if name in OUTBOUND],
)
def test_what_we_said_we_can_still_read_and_say(event_type: str, data: dict[str, Any]) -> None:
    """A topic holds 90 days: the services read what their last release said, and lose nothing of it."""
    said = json.loads(MODELS[event_type].model_validate_json(compact(data)).to_json())
    assert holds(said, data), said


def holds(after: Any, before: Any) -> bool:
    """Whether all that was there is there; more may have come."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(name in after and holds(after[name], before[name]) for name in before)
    if isinstance(before, list):
        return isinstance(after, list) and len(after) == len(before) and all(map(holds, after, before))
    return bool(after == before)


def gone(model: str, field: str) -> Callable[[dict[str, Any]], None]:
    return lambda today: today["schemas"][model]["properties"].pop(field)


def set_(model: str, field: str, **schema: Any) -> Callable[[dict[str, Any]], None]:
    return lambda today: today["schemas"][model]["properties"].__setitem__(field, schema)


def asked(model: str, field: str) -> Callable[[dict[str, Any]], None]:
    return lambda today: today["schemas"][model]["required"].append(field)


def not_certain(model: str, field: str) -> Callable[[dict[str, Any]], None]:
    return lambda today: today["schemas"][model]["required"].remove(field)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda today: today["topics"].pop("homecall.visits.v1"), "homecall.visits.v1: the topic is gone"),
        (lambda today: today["topics"]["homecall.status.v1"].update(key="clinic_id"), "its key is another"),
        (lambda today: today["payloads"].pop("visit.reported"), "visit.reported: the type is gone"),
        (gone("RequestSubmitted", "note"), "request.submitted.note: the field is gone"),
        (gone("Patient", "phone"), "request.submitted.patient.phone: the field is gone"),
        (gone("StatusChanged", "due_at"), "status.changed.due_at: the field is gone"),
        (set_("RequestSubmitted", "note", type="integer"), "request.submitted.note: was string, is integer"),
        (set_("StatusChanged", "sequence", type="string"), "status.changed.sequence: was integer, is string"),
        (asked("RequestSubmitted", "note"), "request.submitted.note: is asked for, and was not"),
        (not_certain("StatusChanged", "sequence"), "status.changed.sequence: was always there"),
        (set_("RequestSubmitted", "channel", type="string", enum=["desk"]), "request.submitted.channel: phone"),
        (set_("StatusChanged", "status", type="string", enum=["registered"]), "status.changed.status: completed"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_change_that_breaks_it_is_found_by_name(change: Callable[[dict[str, Any]], None], told: str) -> None:
    today = copy.deepcopy(RELEASED)
    change(today)
    assert any(told in line for line in broken(RELEASED, today)), broken(RELEASED, today)


@pytest.mark.parametrize(
    "change",
    [
        set_("RequestSubmitted", "x_new", type="string"),
        set_("StatusChanged", "x_new", type="string"),
        asked("StatusChanged", "due_at"),
        lambda today: today["payloads"].update({"x.new": "StatusChanged"}),
    ],
    ids=["a field in", "a field out", "one more that is certain", "a type"],
)
def test_what_is_added_breaks_nothing(change: Callable[[dict[str, Any]], None]) -> None:
    today = copy.deepcopy(RELEASED)
    change(today)
    assert broken(RELEASED, today) == []
