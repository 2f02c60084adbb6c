"""The consent to be looked up in the register of persons: read kindly, and taken out of what is kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.consent import FIELDS, without_consent
from homecall.contract.events import RequestSubmitted
from tests.unit.intake.office import request, submitted

WHEN = "Fri 2026-11-20 10:00"
TOKEN = "S2RwLWNhbmFyeS10b2tlbg=="


def identity_of(given: Any) -> tuple[str | None, str | None]:
    event = submitted(WHEN, identity=given).data
    assert isinstance(event, RequestSubmitted)
    assert event.identity is not None
    return event.identity.kdp_token, event.identity.public_key


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"kdp_token": TOKEN, "public_key": "a2V5"}, (TOKEN, "a2V5")),
        ({"kdpToken": TOKEN, "publicKey": "a2V5"}, (TOKEN, "a2V5")),
        ({"kdp_token": f" {TOKEN[:9]}\n {TOKEN[9:]} "}, (TOKEN, None)),
        ({"kdp_token": "токен"}, (None, None)),
        ({"kdp_token": "a\u0000b"}, (None, None)),
        ({"kdp_token": " "}, (None, None)),
        ({"kdp_token": 7}, (None, None)),
        ({"kdp_token": ["a"]}, (None, None)),
        ({"kdp_token": "a" * 20_001}, (None, None)),
        ({"kdp_token": None}, (None, None)),
        ({}, (None, None)),
        ({"later": 1}, (None, None)),
    ],
)
def test_a_token_is_read_as_it_is_copied_and_one_that_cannot_be_counts_as_none(
    sent: dict[str, Any], read: tuple[str | None, str | None]
) -> None:
    assert identity_of(sent) == read


def test_the_portal_sends_none() -> None:
    event = submitted(WHEN, "portal", identity={"kdp_token": TOKEN})
    assert event.data is None
    assert [error.path for error in event.errors] == ["identity"]
    assert TOKEN not in str(event.errors)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_record_is_kept_without_it_and_otherwise_as_it_came(name: str) -> None:
    sent = json.dumps(request(WHEN, identity={name: TOKEN}), ensure_ascii=False).encode()
    kept = without_consent(sent)
    assert kept == sent.replace(f'"{TOKEN}"'.encode(), b'""')


@pytest.mark.parametrize(
    "value",
    [
        b'{"identity": {"kdp_token": "%s", "x": 1.10}, "a": [1, {"kdpToken" : "%s"}]}',
        b'{"identity": {"kdp_token": "%s"',
        b'{"identity": {"kdp_token": "%s',
        b'not json "kdp_token":"%s\\" more %s"',
        b'{"identity": {"kdp\\u005ftoken": "%s"}}',
        b'{"kdp_token": "\\u0041%s", "kdp_token": "%s"}',
        b'{"identity": {"kdp_token": %s}}',
    ],
)
def test_however_it_stands_there(value: bytes) -> None:
    sent = value.replace(b"%s", TOKEN.rstrip("=").encode())
    kept = without_consent(sent)
    assert TOKEN[:10].encode() not in kept
    assert kept != sent


def test_in_the_base64_of_a_structured_event() -> None:
    data = base64.b64encode(json.dumps({"identity": {"kdpToken": TOKEN}, "a": 1}).encode()).decode()
    kept = json.loads(without_consent(json.dumps({"id": "1", "data_base64": data}).encode()))
    assert json.loads(base64.b64decode(kept["data_base64"])) == {"identity": {"kdpToken": ""}, "a": 1}


@given(st.binary(max_size=200))
def test_bytes_without_it_stay_as_they_are(value: bytes) -> None:
    assert without_consent(value) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_json_without_it_stays_as_it_is(value: Any, escaped: bool) -> None:
    sent = json.dumps({"identity": None, "data": value}, ensure_ascii=escaped).encode(errors="surrogatepass")
    assert without_consent(sent) == sent
