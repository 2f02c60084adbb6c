"""Events of ours that are made without validation: the same bytes as of those that are validated, and a net below."""

from __future__ import annotations

import inspect
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.asyncapi import golden
from homecall.contract.events import MODELS, StatusChanged
from homecall.contract.topics import TOPIC_OF_TYPE
from homecall.contract.types import ZONE, Event, Part
from tests.infrastructure.own_events import NotByItsModel

OURS = [name for name in sorted(MODELS) if TOPIC_OF_TYPE[name].ours]
EXAMPLES = {name: [each["data"] for each in golden(name)["valid"]] for name in OURS}
ZONES = [ZONE, ZoneInfo("Asia/Aqtobe"), ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")]


def of_ours(value: Any) -> Any:
    """The same value, each part of it made without validation."""
    if isinstance(value, Part):
        return type(value).of_ours(**{name: of_ours(getattr(value, name)) for name in type(value).model_fields})
    return [of_ours(each) for each in value] if isinstance(value, list) else value


@st.composite
def events(draw: st.DrawFn) -> Event:
    """A golden example without some of the fields that it may lack, with other texts and numbers where any will do."""
    model = MODELS[draw(st.sampled_from(OURS))]
    return model.model_validate(_varied(draw, model, draw(st.sampled_from(EXAMPLES[model.TYPE]))))


def _varied(draw: st.DrawFn, model: type[Part], data: dict[str, Any]) -> dict[str, Any]:
    found = dict(data)
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key not in found:
            continue
        if not info.is_required() and draw(st.booleans()):
            del found[key]
        elif inspect.isclass(info.annotation) and issubclass(info.annotation, Part):
            found[key] = _varied(draw, info.annotation, found[key])
        elif not info.metadata and info.annotation is str:
            found[key] = draw(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
        elif not info.metadata and info.annotation is float:
            found[key] = draw(st.floats(allow_nan=False, allow_infinity=False))
    return found


@given(event=events(), zone=st.sampled_from(ZONES))
def test_they_are_the_same_bytes(event: Event, zone: ZoneInfo) -> None:
    made = of_ours(event)

    assert made.to_json(zone) == event.to_json(zone)
    assert made == event
    assert made.subject == event.subject


def a_status(**over: Any) -> StatusChanged:
    event = StatusChanged.model_validate(EXAMPLES["status.changed"][0])
    return StatusChanged.of_ours(**{name: getattr(event, name) for name in StatusChanged.model_fields} | over)


@pytest.mark.parametrize(
    "over",
    [{"status": "asleep"}, {"sequence": 0}, {"request_id": "5F0C1D2E-7A1B-4C3D-8E9F-0A1B2C3D4E5F"}, {"clinic_id": "A"}],
)
def test_in_tests_one_that_its_model_would_not_make_is_found(over: dict[str, Any]) -> None:
    a_status().to_json()

    with pytest.raises((NotByItsModel, ValueError)):
        a_status(**over).to_json()
