"""No IIN gets past the reading of an event, however it is written; what is no IIN stays."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.asyncapi import golden
from homecall.contract.envelope import Incoming, Record, Unreadable, read
from homecall.contract.events import MODELS
from homecall.contract.iins import HIDDEN, holds_iin, iin_check_digit, without_iins
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from tests.contract.goldens import INBOUND

IIN = "850715200007"
SEPARATORS = [
    *" -./_,:;'\"()[]{}|\\+*=~#&@!?<>",
    *"аяaz",
    *"\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\uff0d",  # dashes
    *"\u00a0\u1680\u2000\u2009\u200a\u202f\u205f\u3000\t\n",  # spaces
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\u00ad\u061c",  # without a width
    *"\u2019\u00b7\u2022\uff0e\uff0f",
    " - ",
    ", ",
    "</b>",
]
DIGITS = ["０", "٠", "۰", "०", "𝟎", "𝟬"]
"""The zeros of other scripts; the other digits follow them."""


def digits_in(text: str) -> str:
    return "".join(str(unicodedata.digit(each)) for each in text if each.isdigit())


@st.composite
def iins(draw: st.DrawFn) -> str:
    """An IIN of a birth in the 1800s."""
    year, month, day = draw(st.integers(0, 99)), draw(st.integers(1, 12)), draw(st.integers(1, 28))
    eleven = f"{year:02}{month:02}{day:02}{draw(st.sampled_from('12'))}{draw(st.integers(0, 9999)):04}"
    last = iin_check_digit(eleven)
    return f"{eleven}{last}" if last is not None else IIN


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """An IIN, and a text that holds it with something between its digits."""
    iin = draw(iins())
    shown = iin
    if draw(st.booleans()):
        zero = ord(draw(st.sampled_from(DIGITS)))
        shown = "".join(chr(zero + int(each)) for each in iin)
    between = st.sampled_from(["", "", *SEPARATORS])
    one = draw(st.sampled_from(["", *SEPARATORS]))
    gaps = draw(st.just([one] * 11) | st.lists(between, min_size=11, max_size=11))
    text = "".join(digit + gap for digit, gap in zip(shown, [*gaps, ""], strict=True))
    before = draw(st.sampled_from(["", "ИИН ", "ЖСН: ", "пациент, iin=", "(", "№"]))
    after = draw(st.sampled_from(["", " ", ", тел. 8 700 000 01 23", ")", " мекенжайы"]))
    return iin, before + text + after


@given(written())
def test_an_iin_is_hidden_whatever_stands_between_its_digits(case: tuple[str, str]) -> None:
    iin, text = case
    assert iin not in digits_in(without_iins(text))


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_one_separator_in_each_place(separator: str) -> None:
    for place in range(1, 12):
        text = f"ИИН {IIN[:place]}{separator}{IIN[place:]} бар"
        assert without_iins(text) == f"ИИН {HIDDEN} бар"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-30T09:20",
        "2026-11-30T09:20:00+05:00",
        "2026-11-30 19:20:07",
        "26.11.2026 19:20",
        "30.11.2026, 19:20–20:00",
        "09:10–10:12, 11:20–12:30, 13:10–14:00",
        "5f0c1d2e-7a1b-4c3d-8e9f-850715200007",
        "+7 701 012 34 56",
        "+7 (701) 012-34-56, 8 702 012 34 57",
        "87010123456, 87020123457",
        "87010123456 доб. 7",
        "8-800-080-7777, 1414",
        "+998900000123",
        "+380 50 123 45 67",
        "850715200008",
        "123456789012",
        "БСН 990140000007",
        "2026-12",
        "№ 2026/118-0041",
        "мкр 5, д 12, кв 34, подъезд 2, этаж 5, код 1234#",
        "39,5; 38,7; 37,9; 36,6",
    ],
)
def test_what_is_no_iin_stays(text: str) -> None:
    assert without_iins(text) == text


def test_all_times_of_day_with_their_date_stay() -> None:
    for minutes in range(0, 1440, 7):
        clock = f"{minutes // 60:02}:{minutes % 60:02}"
        for text in (
            f"2026-12-19T{clock}:26+05:00",
            f"2011-10-12 {clock}",
            f"12.10.2011 {clock}",
            f"{clock}–{clock}, 9",
        ):
            assert without_iins(text) == text


def test_own_iins_are_hidden_without_a_check_digit_too() -> None:
    assert without_iins("ИИН 8507.1520/0008 және 8", own=["850715200008"]) == f"ИИН {HIDDEN} және 8"


@pytest.mark.parametrize(
    ("text", "holds"), [("clinic-850715200007", True), ("bin-990140000007", False), ("c-1", False)]
)
def test_an_id_that_holds_one(text: str, holds: bool) -> None:
    assert holds_iin(text) is holds


@given(st.text(max_size=40))
def test_any_text_is_taken_and_once_is_enough(text: str) -> None:
    once = without_iins(text)
    assert without_iins(once) == once


def test_a_long_text_is_read_in_one_go() -> None:
    text = "8 5 0 7 1 5 2 0 0 0 0 8 " * 800
    assert without_iins(text)


# ---------------------------------------------------------------- every text of every event that comes in

_KEPT_APART = {"iin", "number", "kind", "value", "doctor_id"}
"""In no event of ours: documents and signatures stay with intake, doctors get an alias in the scheduler."""


def texts_in(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(data, str):
        yield path
    for step, item in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from texts_in(item, (*path, step))


FIELDS = [
    pytest.param(event_type, path, id=".".join(map(str, (event_type, *path))))
    for event_type in INBOUND
    for path in texts_in(golden(event_type)["valid"][0]["data"])
]


def received(event_type: str, data: Any) -> Incoming:
    headers = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/test", "ce_type": TYPE_PREFIX + event_type}
    binary = tuple((name, text.encode()) for name, text in headers.items())
    value = json.dumps(data, ensure_ascii=False).encode()
    return read(Record(TOPIC_OF_TYPE[event_type].name, 0, 0, None, value, binary))


@pytest.mark.parametrize(("event_type", "path"), FIELDS)
def test_no_text_or_id_of_an_event_holds_an_iin_once_it_is_read(event_type: str, path: tuple[str | int, ...]) -> None:
    for text in (IIN, "850715–200007", "8.5.0.7.1.5.2.0.0.0.0.7", "r850715200007", "850715-200007"):
        an_event_holds_no_iin(event_type, path, text)


def an_event_holds_no_iin(event_type: str, path: tuple[str | int, ...], text: str) -> None:
    data = deepcopy(golden(event_type)["valid"][0]["data"])
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = text
    try:
        event: Incoming | None = received(event_type, data)
        detail = ""
    except Unreadable as dead:
        event, detail = None, dead.detail
    assert IIN not in digits_in(detail)
    if event is None:
        return
    assert IIN not in digits_in(event.subject + event.clinic_id)
    assert not any(IIN in digits_in(error.path + error.message) for error in event.errors)
    if event.data is None or path[-1] in _KEPT_APART:
        return
    for place in texts_in(said := event.data.model_dump(mode="json", by_alias=True)):
        found: Any = said
        for step in place:
            found = found[step]
        assert place[-1] in _KEPT_APART or IIN not in digits_in(found), place


def test_the_fields_are_those_of_every_type() -> None:
    assert {each.values[0] for each in FIELDS} == set(INBOUND) <= set(MODELS)
