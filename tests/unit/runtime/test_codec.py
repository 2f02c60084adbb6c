"""Typed states come back as they were stored, and are stored with the names and texts of the documents before them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import bson
import pytest
from cattrs import override
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.types import in_zone
from homecall.runtime.mongo.codec import Codec


class Mood(Enum):
    CALM = "calm"
    LOUD = "loud"


class Owed(NamedTuple):
    cause: str
    traceparent: str | None
    since: datetime | None = None


@dataclass
class Window:
    arrives_from: Annotated[datetime, override(rename="from")]
    to: datetime
    zone: Annotated[ZoneInfo | None, override(omit_if_default=True)] = None


@dataclass
class State:
    id: str
    at: datetime
    day: date | None = None
    limit: Annotated[timedelta, override(rename="limit_seconds")] = timedelta(0)
    mood: Mood = Mood.CALM
    status: Literal["open", "closed"] = "open"
    window: Window | None = None
    others: list[Window] = field(default_factory=list)
    clocks: dict[str, Window] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    pair: tuple[str, datetime] | None = None
    pending: list[Owed] = field(default_factory=list)
    open: dict[str, Any] = field(default_factory=dict)
    sealed: bytes | None = None


_CODEC = Codec(State)
_HOURS = st.integers(-11, 13).map(lambda hours: timezone(timedelta(hours=hours)))
# An hour that comes twice is equal to none of another zone: zones without summer time.
_ZONES = st.sampled_from(["Asia/Almaty", "Asia/Aqtobe", "Asia/Kathmandu", "UTC"]).map(ZoneInfo)
_FIRST, _LAST = datetime(2025, 1, 1), datetime(2150, 1, 1)  # noqa: DTZ001  # the zone is drawn
_MOMENTS = st.datetimes(_FIRST, _LAST, timezones=st.one_of(_HOURS, _ZONES), allow_imaginary=False)
_WINDOWS = st.builds(Window, _MOMENTS, _MOMENTS, st.none() | _ZONES)
_STATES = st.builds(
    State,
    id=st.text(),
    at=_MOMENTS,
    day=st.none() | st.dates(),
    limit=st.integers(0, 10**8).map(lambda seconds: timedelta(seconds=seconds)),
    mood=st.sampled_from(Mood),
    window=st.none() | _WINDOWS,
    others=st.lists(_WINDOWS, max_size=3),
    clocks=st.dictionaries(st.sampled_from(["answer", "service"]), _WINDOWS),
    flags=st.lists(st.text()).map(tuple),
    pair=st.none() | st.tuples(st.text(), _MOMENTS),
    pending=st.lists(st.builds(Owed, st.text(), st.none() | st.text(), st.none() | _MOMENTS)),
    open=st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(-9, 9) | st.lists(st.text())),
    sealed=st.none() | st.binary(),
)


@given(_STATES)
def test_a_state_comes_back_equal_and_is_stored_again_to_the_same_bytes(state: State) -> None:
    stored = bson.encode(_CODEC.encode(state))
    again = _CODEC.decode(bson.decode(stored))
    assert again == state
    assert bson.encode(_CODEC.encode(again)) == stored


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 23, 4, 15, tzinfo=UTC), "2026-11-23T09:15:00+05:00"),
        (datetime(2026, 11, 23, 4, 15, tzinfo=ZoneInfo("Europe/Berlin")), "2026-11-23T04:15:00+01:00"),
        (datetime(2023, 11, 23, 9, 15, tzinfo=ZoneInfo("Asia/Aqtobe")), "2023-11-23T09:15:00+05:00"),
        (
            datetime(2023, 11, 23, 9, 15, 0, 120_000, tzinfo=timezone(timedelta(hours=6))),
            "2023-11-23T09:15:00.120000+06:00",
        ),
        (datetime(2026, 11, 23, 4, 15, tzinfo=ZoneInfo("UTC")), "2026-11-23T04:15:00+00:00"),
    ],
)
def test_a_moment_is_stored_as_the_text_that_in_zone_gives_a_decision(moment: datetime, text: str) -> None:
    assert _CODEC.encode(State("a", moment))["at"] == text
    if not isinstance(moment.tzinfo, timezone) or moment.tzinfo is UTC:
        assert text == in_zone(moment)


def test_a_document_has_the_names_and_forms_of_today() -> None:
    at = datetime(2026, 11, 23, 9, 15, tzinfo=ZoneInfo("Asia/Almaty"))
    state = State(
        "a",
        at,
        day=date(2026, 11, 23),
        limit=timedelta(hours=1),
        window=Window(at, at + timedelta(hours=2)),
        pending=[Owed("urn:test e1", None)],
    )
    assert _CODEC.encode(state) == {
        "id": "a",
        "at": "2026-11-23T09:15:00+05:00",
        "day": "2026-11-23",
        "limit_seconds": 3600,
        "mood": "calm",
        "status": "open",
        "window": {"from": "2026-11-23T09:15:00+05:00", "to": "2026-11-23T11:15:00+05:00"},
        "others": [],
        "clocks": {},
        "flags": [],
        "pair": None,
        "pending": [["urn:test e1", None, None]],
        "open": {},
        "sealed": None,
    }


def test_a_document_of_another_release_is_read() -> None:
    read = _CODEC.decode({"id": "a", "at": "2026-11-23T09:15:00+05:00", "pending": [["e1", None]], "later": 1})
    assert read == State("a", datetime(2026, 11, 23, 4, 15, tzinfo=UTC), pending=[Owed("e1", None)])


def test_a_moment_without_a_zone_is_not_stored() -> None:
    with pytest.raises(ValueError, match="must have a zone"):
        _CODEC.encode(State("a", datetime(2026, 11, 23)))  # noqa: DTZ001  # that is the mistake
