"""For every field of every event: null and blank are as if absent, and a number that cannot be kept is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from homecall.contract.asyncapi import golden
from homecall.contract.envelope import Incoming, Record, Unreadable, read
from homecall.contract.events import MODELS, Dispatch, RosterPublished
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.contract.types import GREATEST, Event, Part, is_absent

Path = tuple[str | int, ...]


def models_in(annotation: Any) -> Iterator[type[Part]]:
    """The models that an annotation may hold: itself, in a list, a dictionary, or a union."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for each in get_args(annotation):
        yield from models_in(each)


def all_parts(model: type[BaseModel]) -> Iterator[type[Part]]:
    if issubclass(model, Part):
        yield model
    for info in model.model_fields.values():
        for inner in models_in(info.annotation):
            yield from all_parts(inner)


def full(event_type: str) -> dict[str, Any]:
    """An event that is in order, with a part in every place that may hold one."""
    return filled(MODELS[event_type], deepcopy(golden(event_type)["valid"][0]["data"]))


def filled(model: type[Part], data: dict[str, Any]) -> dict[str, Any]:
    if model is Dispatch:
        data.setdefault("travel_table", [{"from": "1-01", "to": "1-02", "minutes": 12}])
    if "working_dates" in model.model_fields:
        data.setdefault("working_dates", []).append({"date": "2026-12-19", "hours": [["09:00", "12:00"]]})
        data.setdefault("dispatch", filled(Dispatch, {}))
        data.setdefault("hours", {"mon": [["08:00", "20:00"]]})
    return data


def places(model: type[Part], data: Any, above: Path = ()) -> Iterator[tuple[Path, type[Part], str]]:
    """Each optional field in a document: the path of its object, the object's model and the name on the wire."""
    if not isinstance(data, dict):
        return
    for name, info in model.model_fields.items():
        wire = info.alias or name
        if not info.is_required():
            yield above, model, wire
        for inner in models_in(info.annotation):
            found = data.get(wire)
            if isinstance(found, list):
                for place, item in enumerate(found):
                    yield from places(inner, item, (*above, wire, place))
            else:
                yield from places(inner, found, (*above, wire))


OPTIONAL = [
    pytest.param(event_type, path, name, id=".".join(map(str, (event_type, *path, name))))
    for event_type, model in MODELS.items()
    for path, _, name in places(model, full(event_type))
]


def with_value(data: dict[str, Any], path: Path, name: str, value: Any) -> dict[str, Any]:
    """The data with another value in one place; ``...`` leaves the field out."""
    changed = deepcopy(data)
    inner: Any = changed
    for step in path:
        inner = inner[step]
    inner.pop(name, None)
    if value is not ...:
        inner[name] = value
    return changed


def taken(event_type: str, data: dict[str, Any]) -> Any:
    """What becomes of it: the event as it is understood, or what is wrong with it, field by field."""
    event = received(event_type, data)
    return event.data if event.data is not None else event.errors


def received(event_type: str, data: Any) -> Incoming:
    headers = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/test", "ce_type": TYPE_PREFIX + event_type}
    value = data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()
    binary = tuple((name, text.encode()) for name, text in headers.items())
    return read(Record(TOPIC_OF_TYPE[event_type].name, 0, 0, None, value, binary))


@pytest.mark.parametrize(("event_type", "path", "name"), OPTIONAL)
def test_null_or_blank_for_an_optional_field_is_as_if_it_were_absent(event_type: str, path: Path, name: str) -> None:
    data = full(event_type)
    absent = taken(event_type, with_value(data, path, name, ...))
    for empty in (None, "", " ", "\u00a0\t", "\u200b\ufeff"):
        assert taken(event_type, with_value(data, path, name, empty)) == absent, ascii(empty)


def test_a_day_of_the_week_with_null_is_closed_as_one_that_is_absent() -> None:
    data = full("clinic.published")
    nulled = with_value(data, ("hours",), "sun", None)
    assert taken("clinic.published", nulled) == taken("clinic.published", with_value(data, ("hours",), "sun", ...))


@pytest.mark.parametrize("event_type", MODELS)
def test_null_for_a_required_field_is_still_refused(event_type: str) -> None:
    model = MODELS[event_type]
    required = [info.alias or name for name, info in model.model_fields.items() if info.is_required()]
    data = full(event_type)
    for name in required:
        with pytest.raises(ValidationError):
            model.model_validate(with_value(data, (), name, None))


@pytest.mark.parametrize("value", ["-", "0", ".", "а", 0, False, [], {}])
def test_what_has_something_in_it_is_not_absent(value: Any) -> None:
    assert not is_absent(value)


# ---------------------------------------------------------------- numbers


def numbers_in(model: type[Event]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number in the JSON schema of an event: where it stands, and its schema."""

    def walk(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if isinstance(node, dict):
            kind = node.get("type")
            if kind in ("integer", "number"):
                yield path, node
            for name, inner in node.items():
                yield from walk(inner, f"{path}/{name}")
        elif isinstance(node, list):
            for place, inner in enumerate(node):
                yield from walk(inner, f"{path}/{place}")

    yield from walk(model.model_json_schema(by_alias=True), model.TYPE)


def test_every_whole_number_of_every_event_has_limits_that_the_stores_can_keep() -> None:
    unlimited = [
        path
        for model in MODELS.values()
        for path, schema in numbers_in(model)
        if schema["type"] == "integer"
        and not (-GREATEST <= schema.get("minimum", -math.inf) <= schema.get("maximum", math.inf) <= GREATEST)
    ]
    assert not unlimited, "a new int needs limits: Count, Ordinal, Whole, or Field(ge=…, le=…)"


def test_no_part_of_an_event_takes_nan_or_infinity() -> None:
    parts = {part for model in MODELS.values() for part in all_parts(model)}
    assert len(parts) > 40
    assert [part.__name__ for part in parts if part.model_config.get("allow_inf_nan") is not False] == []


NUMBERS = [
    pytest.param(event_type, (*path, name), id=".".join(map(str, (event_type, *path, name))))
    for event_type, path, name in [
        ("roster.published", (), "revision"),
        ("roster.published", (), "visit_minutes"),
        ("roster.published", (), "travel_minutes"),
        ("roster.published", ("doctors", 0), "max_visits"),
        ("clinic.published", ("dispatch",), "window_minutes"),
        ("clinic.published", ("dispatch",), "lead_minutes"),
        ("clinic.published", ("dispatch",), "urgent_within_minutes"),
        ("clinic.published", ("dispatch",), "road_factor"),
        ("clinic.published", ("dispatch",), "speed_kmh"),
        ("clinic.published", ("dispatch",), "district_weight_minutes"),
        ("clinic.published", ("dispatch",), "change_weight_minutes"),
        ("clinic.published", ("dispatch", "travel_table", 0), "minutes"),
        ("request.submitted", (), "temperature_c"),
        ("visit.scheduled", (), "revision"),
        ("request.accepted", (), "register_number"),
        ("deadline.missed", (), "limit_seconds"),
    ]
]


@pytest.mark.parametrize(
    "number", [2**63, 2**64, 10**30, -(2**63) - 1, -(10**30), 1e19, 1e300, "9" * 30, True, False], ids=str
)
@pytest.mark.parametrize(("event_type", "path"), NUMBERS)
def test_a_number_that_cannot_be_kept_is_refused_by_the_name_of_its_field(
    event_type: str, path: Path, number: Any
) -> None:
    *above, name = path
    event = received(event_type, with_value(full(event_type), tuple(above), str(name), number))
    assert event.data is None
    assert [error.path for error in event.errors] == [".".join(map(str, path))]
    assert event.errors[0].message.startswith(("must be ", "is a number that"))


@pytest.mark.parametrize("revision", [0, 1, 2**31, 2**53 + 1, 2**63 - 1])
def test_a_revision_that_64_bits_hold_is_taken_as_it_is(revision: int) -> None:
    data = taken("roster.published", with_value(full("roster.published"), (), "revision", revision))
    assert isinstance(data, RosterPublished)
    assert data.revision == revision


def test_the_limit_is_named_in_full() -> None:
    event = received("roster.published", with_value(full("roster.published"), (), "revision", 2**63))
    assert event.errors[0].path == "revision"
    assert "9223372036854775807" in event.errors[0].message


# ---------------------------------------------------------------- times at the edges


@pytest.mark.parametrize(
    "moment",
    [
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "1999-12-31T17:59:59Z",
        "2151-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59:59.999999999Z",
        "2026-02-30T10:00:00+05:00",
        "2026-11-23T24:00:00+05:00",
        "2026-11-23T23:59:60+05:00",
        "2026-11-23T10:00:00+24:00",
        "2026-11-23T10:00:00+99:99",
    ],
)
@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("request.submitted", "submitted_at"),
        ("request.submitted", "queued_at"),
        ("request.withdrawn", "at"),
        ("visit.reported", "at"),
        ("complaint.submitted", "submitted_at"),
        ("visit.scheduled", "arrives_to"),
        ("request.accepted", "due_at"),
    ],
)
def test_a_time_beyond_the_calendar_is_refused_by_the_name_of_its_field(
    event_type: str, name: str, moment: str
) -> None:
    event = received(event_type, with_value(full(event_type), (), name, moment))
    assert event.data is None
    assert [error.path for error in event.errors] == [name]


@pytest.mark.parametrize("day", ["0000-01-01", "1799-12-31", "2151-01-01", "9999-12-31", "10000-01-01", "2026-02-29"])
@pytest.mark.parametrize(
    ("event_type", "path", "name"),
    [
        ("roster.published", (), "date"),
        ("clinic.published", ("working_dates", 0), "date"),
        ("request.submitted", ("patient",), "birth_date"),
    ],
)
def test_a_date_beyond_the_calendar_is_refused_by_the_name_of_its_field(
    event_type: str, path: Path, name: str, day: str
) -> None:
    event = received(event_type, with_value(full(event_type), path, name, day))
    assert event.data is None
    assert [error.path for error in event.errors] == [".".join(map(str, (*path, name)))]


# ---------------------------------------------------------------- an IIN that is nobody's


@pytest.mark.parametrize(
    ("event_type", "path"),
    [
        ("request.submitted", ("patient",)),
        ("request.submitted", ("applicant",)),
        ("complaint.submitted", ("complainant",)),
    ],
)
def test_the_iin_of_zeros_is_nobodys(event_type: str, path: Path) -> None:
    data = full(event_type)
    if path[0] not in data:
        data[str(path[0])] = {"iin": "", "full_name": "Сынақ", "authority": {"kind": "parent"}}
    event = received(event_type, with_value(data, path, "iin", "0" * 12))
    assert [(error.path, "nobody's" in error.message) for error in event.errors] == [(f"{path[0]}.iin", True)]


@pytest.mark.parametrize("iin", ["850715200007", "000000000010", "851315100009", "850715000004"])
def test_digits_that_name_no_date_or_century_are_only_a_hint(iin: str) -> None:
    event = received("request.submitted", with_value(full("request.submitted"), ("patient",), "iin", iin))
    assert event.data is not None


def test_unreadable_ids_are_a_dead_letter_still() -> None:
    with pytest.raises(Unreadable, match="clinic_id"):
        received("roster.published", with_value(full("roster.published"), (), "clinic_id", None))
