"""What the operator's commands make of records that nobody of ours wrote: times that are none, texts that are commands
to a terminal, and a broker that falls silent half-way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from homecall.contract.envelope import Record
from homecall.contract.topics import DEAD_LETTERS, JOURNAL, TYPE_PREFIX
from homecall.operations import dead_letters, kafka
from homecall.operations.dead_letters import letter_of
from homecall.operations.failure import Failure
from homecall.operations.journal import register_from
from homecall.operations.publish import told
from homecall.runtime.settings import load_settings
from tests.contract.goldens import examples

NO_TIME = (0, -1, -(2**63), 2**63 - 1, 253402300800000, 10**15)
"""Milliseconds that a record may bear: a publisher's own, unless the topic says otherwise."""


def dead(value: bytes | None = b"{}", timestamp: int = 1_795_000_000_000, **said: str) -> Record:
    headers = tuple((f"homecall-dead-{name}", text.encode()) for name, text in said.items())
    return Record(DEAD_LETTERS.name, 0, 0, b"k", value, headers, timestamp)


@pytest.mark.parametrize("timestamp", NO_TIME)
def test_a_time_that_is_none_is_not_told(timestamp: int) -> None:
    assert letter_of(dead(timestamp=timestamp)).when is None
    assert told(dead(timestamp=timestamp))["time"] is None


def test_a_letter_is_listed_whatever_its_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _in_the_topic(monkeypatch, [dead(timestamp=2**63 - 1, reason="schema"), dead(reason="not_json")])
    dead_letters.show(reason=None, topic=None, as_json=False, show_value=False)
    _, first, second, count = capsys.readouterr().out.splitlines()
    assert "no time" in first
    assert "2026-11-18T" in second
    assert count == "2 dead letters: 1 not_json, 1 schema"
    dead_letters.show(reason="schema", topic=None, as_json=True, show_value=False)
    assert json.loads(capsys.readouterr().out)["when"] is None


@pytest.mark.parametrize("timestamp", NO_TIME)
def test_an_entry_without_any_time_is_a_line_of_the_register_all_the_same(timestamp: int) -> None:
    entry = examples("valid", ("journal.entry",))[0].data
    headers = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/x", "ce_type": f"{TYPE_PREFIX}journal.entry"}
    sent = tuple((name, text.encode()) for name, text in headers.items())
    record = Record(JOURNAL.name, 0, 0, b"k", json.dumps(entry).encode(), sent, timestamp)
    register, unreadable = register_from([record], entry["clinic_id"], date.fromisoformat(entry["register_date"]))
    assert register is not None
    assert (unreadable, len(register.accepted)) == (0, 1)


def test_a_text_that_would_command_the_terminal_is_shown_as_its_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _in_the_topic(monkeypatch, [dead(b"\x1b[2Jsecret\r\n\x07", detail="first\nsecond \x1b]0;title\x07", reason="Қ")])
    dead_letters.show(reason=None, topic=None, as_json=False, show_value=True)
    _, row, value, _ = capsys.readouterr().out.splitlines()
    assert "Қ" in row
    assert row.endswith("first\\u000asecond \\u001b]0;title\\u0007")
    assert value == "    \\u001b[2Jsecret\\u000d\\u000a\\u0007"


def test_values_that_nobody_looks_at_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_the_topic(monkeypatch, [dead(b"x" * 1_000_000), dead(b"y")])
    letters = dead_letters._chosen(None, None, (), values=False)
    assert [each.record.value for each in letters] == [None, None]


async def test_a_broker_that_falls_silent_half_way_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "reading", _silent)
    monkeypatch.setattr(kafka, "_SILENCE_SECONDS", 0.0)
    with pytest.raises(Failure, match="fell silent for 0 s before all was read: try again") as ended:
        await kafka.read_to_end(load_settings(_env_file=None), DEAD_LETTERS.name)
    assert ended.value.code == 1


@asynccontextmanager
async def _silent(*_: Any, **__: Any) -> AsyncIterator[Any]:
    class Silent:
        """A consumer of one partition whose records never come."""

        _subscription = SimpleNamespace(subscription=None)

        def assignment(self) -> set[int]:
            return {0}

        async def end_offsets(self, places: set[int]) -> dict[int, int]:
            return dict.fromkeys(places, 5)

        async def position(self, _: int) -> int:
            return 2

        async def getmany(self, timeout_ms: int) -> dict[int, list[Any]]:
            del timeout_ms
            return {}

    yield Silent()


def _in_the_topic(monkeypatch: pytest.MonkeyPatch, records: Sequence[Record]) -> None:
    async def read_to_end(_settings: Any, _topic: str, *, take: Any) -> list[Record]:
        return [taken for record in records if (taken := take(record)) is not None]

    monkeypatch.setattr(dead_letters, "read_to_end", read_to_end)
