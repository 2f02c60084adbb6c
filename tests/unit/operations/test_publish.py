"""What ``homecall publish`` refuses to send, as the services would refuse to read it."""

from __future__ import annotations

import json

import pytest

from homecall.contract.topics import REQUESTS, ROSTERS
from homecall.operations.publish import _Wrong, message_of
from tests.factories import MONDAY, a_doctor, a_request, a_roster

NOW = "2026-11-23T09:00:00+05:00"
REQUEST = a_request("samal-3", 1, MONDAY) | {"x_more": "@@"}
ROSTER = a_roster("samal-3", MONDAY.date(), [a_doctor("d1")]) | {"revision": "@@"}


def line_of(event_type: str, data: object, raw: str) -> bytes:
    return json.dumps({"type": event_type, "data": data}, ensure_ascii=False).replace('"@@"', raw).encode()


@pytest.mark.parametrize(
    "raw", ["NaN", "-Infinity", "1e400", "9" * 5000, '"\\ud800"', '1, "x_more": 1', "[" * 500 + "]" * 500]
)
def test_a_line_that_two_would_read_differently_is_not_sent(raw: str) -> None:
    line = line_of("request.submitted", REQUEST, raw)
    with pytest.raises(_Wrong, match=r"data\.x_more"):
        message_of(REQUESTS, line, source="/test", now=NOW, as_is=False)
    assert message_of(REQUESTS, line, source="/test", now=NOW, as_is=True).value, "unchecked it is"


@pytest.mark.parametrize(
    ("revision", "said"), [(2**63, "9223372036854775807"), (2**64, "9223372036854775807"), (-1, "at least 0")]
)
def test_a_revision_that_cannot_be_kept_is_not_sent(revision: int, said: object) -> None:
    with pytest.raises(_Wrong, match=rf"revision .*{said}"):
        message_of(ROSTERS, line_of("roster.published", ROSTER, str(revision)), source="/test", now=NOW, as_is=False)


def test_the_greatest_revision_is_sent_as_it_is() -> None:
    line = line_of("roster.published", ROSTER, str(2**63 - 1))
    message = message_of(ROSTERS, line, source="/test", now=NOW, as_is=False)
    assert json.loads(message.value)["revision"] == 2**63 - 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"note": "жара"}'.encode("cp1251"), "Windows-1251"),
        (b"{note: 1}", "is not JSON"),
        (b"[" * 5000, "is not JSON"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line: bytes, said: str) -> None:
    with pytest.raises(_Wrong, match=said):
        message_of(REQUESTS, line, source="/test", now=NOW, as_is=False)
