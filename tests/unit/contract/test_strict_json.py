"""One strict reading of JSON: a flaw in any field is named, the rest stays readable."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.envelope import Incoming, Record, Unreadable, read
from homecall.contract.strict_json import DEEPEST, parse
from homecall.contract.topics import TOPIC_OF_TYPE, TYPE_PREFIX
from homecall.gateways.signatures.canonical import NotCanonical, canonical
from tests.unit.intake.office import decide, request

_TYPE = "request.submitted"
_HEADERS = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/test", "ce_type": TYPE_PREFIX + _TYPE}

FLAWS = {
    "NaN": (b"NaN", "finite"),
    "infinity": (b"-Infinity", "finite"),
    "a float too large": (b"1e400", "double"),
    "a long integer": (b"9" * 5000, "64 bits"),
    "2^63": (b"9223372036854775808", "64 bits"),
    "half a surrogate": (b'"\\ud800"', "surrogate"),
    "the other half": (b'"a\\uDFFF"', "surrogate"),
    "a line break as it is": (b'"Tal 27\n[flat 4"', "control character"),
    "a tab and a quote": (b'"a\tb \\" {"', "control character"),
    "a NUL": (b'"a\x00b"', "control character"),
    "deep lists": (b"[" * 1000 + b"]" * 1000, "deep"),
    "deep objects": (b'{"a":' * 200 + b"1" + b"}" * 200, "deep"),
    "very deep, with texts that look so": (b'["\\"]]"' + b',["["' * 100_000 + b"]" * 100_001, "deep"),
}
SOUND = {
    "a whole number of 64 bits": b"9223372036854775807",
    "the least": b"-9223372036854775808",
    "beyond a double": b"9007199254740993",
    "a fraction with many digits": b"0.1234567890123456789",
    "a pair of surrogates": b'"\\ud83d\\ude00"',
    "an escaped backslash before a u": b'"\\\\ud800"',
    "all that may nest": b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1),
    "texts that look deep": b'"' + b"[" * 1000 + b'"',
    "control characters, escaped": b'"a\\n\\t\\u0000\\u001fb\x7f"',
    "line breaks between values": b"[\n1,\r\n\t2\n]",
    "many lists side by side": b"[" + b",".join([b"[]"] * 1000) + b"]",
}


def with_raw(data: dict[str, Any], where: str, raw: bytes) -> bytes:
    """The data with these bytes as the value of a field; ``where`` is ``name`` or ``patient.name``."""
    part, _, name = where.rpartition(".")
    changed = json.loads(json.dumps(data))
    (changed[part] if part else changed)[name] = "@@"
    return json.dumps(changed, ensure_ascii=False).encode().replace(b'"@@"', raw)


def received(value: bytes, *, structured: bool = False) -> Incoming:
    if structured:
        attributes = {"specversion": "1.0", "id": "1", "source": "/test", "type": TYPE_PREFIX + _TYPE}
        value = json.dumps(attributes).encode()[:-1] + b', "data": ' + value + b"}"
        headers: tuple[tuple[str, bytes | None], ...] = (("content-type", b"application/cloudevents+json"),)
    else:
        headers = tuple((name, text.encode()) for name, text in _HEADERS.items())
    return read(Record(TOPIC_OF_TYPE[_TYPE].name, 0, 1, b"k", value, headers))


@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
@pytest.mark.parametrize("where", ["x_unknown", "patient.x_unknown", "note"])
@pytest.mark.parametrize("channel", ["desk", "phone", "portal"])
@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_in_any_field_is_refused_by_its_name_in_every_channel(
    flaw: str, channel: str, where: str, structured: bool
) -> None:
    raw, said = FLAWS[flaw]
    event = received(with_raw(request("Fri 2026-11-20 12:00", channel), where, raw), structured=structured)
    assert event.data is None
    (error,) = event.errors
    assert error.path == where or error.path.startswith(f"{where}.")
    assert said in error.message
    state = decide(event).state
    assert state is not None
    assert state.status == "refused"
    assert state.request["patient"]["full_name"], "the rest was read"


@pytest.mark.parametrize("structured", [False, True], ids=["binary", "structured"])
@pytest.mark.parametrize("case", SOUND)
def test_what_all_readers_understand_alike_is_taken(case: str, structured: bool) -> None:
    event = received(with_raw(request("Fri 2026-11-20 12:00"), "x_unknown", SOUND[case]), structured=structured)
    assert event.errors == ()
    assert event.data is not None


@pytest.mark.parametrize("where", ["note", "patient.full_name", "x_unknown"])
def test_a_key_that_stands_twice_is_refused_by_its_name(where: str) -> None:
    value = with_raw(request("Fri 2026-11-20 12:00"), where, b'"a", "%s": "b"' % where.rpartition(".")[2].encode())
    event = received(value)
    assert [(error.path, "twice" in error.message) for error in event.errors] == [(where, True)]


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_in_an_id_leaves_nobody_to_answer(flaw: str) -> None:
    with pytest.raises(Unreadable) as dead:
        received(with_raw(request("Fri 2026-11-20 12:00"), "request_id", FLAWS[flaw][0]))
    assert dead.value.reason in ("not_json", "schema")
    assert "request_id" in dead.value.detail


@pytest.mark.parametrize("raw", [b'"\xff"', "ребёнок".encode("cp1251"), b'"\xed\xa0\x80"'])
def test_what_is_not_in_utf_8_is_no_json_whatever_can_be_made_out(raw: bytes) -> None:
    with pytest.raises(Unreadable) as dead:
        received(with_raw(request("Fri 2026-11-20 12:00"), "note", raw))
    assert (dead.value.reason, "UTF-8" in dead.value.detail) == ("not_json", True)


def test_a_key_that_may_be_personal_is_not_repeated() -> None:
    value = with_raw(request("Fri 2026-11-20 12:00"), "note", b'"a", "iin850715200007": NaN')
    assert [error.path for error in received(value).errors] == ["…"]


@pytest.mark.parametrize(
    "value", [b'"' * 1_000_001, b'"\\' * 500_000, b"[" * 1_000_000, b"[{" * 500_000, b'["' * 500_000]
)
def test_a_hostile_megabyte_is_read_in_no_time(value: bytes) -> None:
    began = time.process_time()
    with pytest.raises(json.JSONDecodeError):
        parse(value)
    assert time.process_time() - began < 5


_ANY = st.characters(exclude_categories=[])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(_ANY, max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_ANY, max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("ab", max_size=3), _VALUES, max_size=4))
def test_what_is_read_without_a_flaw_can_be_signed_and_the_other_way_round(data: dict[str, Any]) -> None:
    value = json.dumps(data).encode()
    try:
        canonical(value)
    except NotCanonical:
        assert parse(value).flaws
    else:
        assert parse(value).flaws == ()
        assert parse(value).value == data
