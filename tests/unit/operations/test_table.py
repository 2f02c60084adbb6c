"""Tables of the commands: on a terminal nothing is cut, elsewhere each row is one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from homecall.contract.envelope import Record
from homecall.contract.types import ZONE
from homecall.operations import complaints, dead_letters, life, senders
from homecall.operations.complaints import Listed, print_complaints
from homecall.operations.dead_letters import Letter
from homecall.operations.table import Column, lines_of, print_table
from homecall.operations.terminal import counted, did_you_mean

AT = datetime(2026, 11, 23, 9, 12, tzinfo=ZONE)
COMPLAINT = Listed(
    complaint_id="b7a6c5d4-e3f2-4a1b-8c9d-0e1f2a3b4c5d",
    number="2026-117",
    earlier=(),
    stage="quality_authority",
    status="escalated",
    overdue=True,
    channel="portal",
    registered_on=date(2026, 11, 23),
    registers_at=AT,
    age=17,
    due_at=AT,
    left=-12,
    executor="Нұрпейіс Ержан Талғатұлы",
    position="Бас дәрігердің орынбасары",
    request_id="7d1f3c52-0a6e-4b8e-9c57-2f1f0c4f5a11",
    linked=("2026-118", "2026-120"),
)
LETTER = Letter(
    Record("homecall.dead-letters.v1", 0, 4711, b"samal-1", b"{}"),
    reason="invalid_transition",
    detail="the request_id is another clinic's: send a request with a request_id of its own, and publish it again",
    topic="homecall.complaint-status.v1",
    partition="5",
    offset="123456",
    service="complaints",
)
STEP: dict[str, Any] = {
    "time": "2026-11-23T09:10:37.825558+05:00",
    "service": "scheduler",
    "step": "visit.rescheduled",
    "clauses": ["R13", "R14"],
    "verdict": "refused: outside_acceptance_hours",
    "arrives_from": "2026-11-23T10:25:00+05:00",
    "basis": "least_loaded",
}


def test_tables_are_all_tried_below() -> None:
    assert {*TABLES} == {complaints._COLUMNS, dead_letters._COLUMNS, life._COLUMNS, senders._COLUMNS}


TABLES: dict[tuple[Column, ...], tuple[Sequence[str], tuple[str, ...]]] = {
    complaints._COLUMNS: (
        "2026-117|quality_authority|escalated, overdue|2026-11-23|17|2026-12-11|-12|Нұрпейіс Ержан Талғатұлы|"
        f"2026-118, 2026-120|{COMPLAINT.complaint_id}".split("|"),
        ("2026-117", "escalated, overdue", "-12"),
    ),
    dead_letters._COLUMNS: (dead_letters._row(LETTER), ("4711", "invalid_transition")),
    life._COLUMNS: (life._row(STEP), ("2026-11-23T09:10:37.825558+05:00", "visit.rescheduled")),
    senders._COLUMNS: (
        ("samal-1", "samal-1, baiterek-2", "request.submitted, request.withdrawn, complaint.submitted", "2"),
        ("samal-1", "2"),
    ),
}


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40, 20])
@pytest.mark.parametrize("columns", TABLES, ids=lambda each: each[0].name)
def test_every_cell_is_there_and_no_line_is_wider_than_the_screen(columns: tuple[Column, ...], width: int) -> None:
    row, kept = TABLES[columns]
    head, (lines,) = lines_of(columns, [row], width)
    assert max(map(cell_len, [head, *lines])) <= width
    told = re.sub(r"\s", "", "".join(lines))
    assert [cell for cell in row if re.sub(r"\s", "", cell) not in told] == []
    if width >= 60:
        assert [cell for cell in kept if cell not in lines[0]] == [], "what matters stands in the line itself"
    if width >= 80 and columns is complaints._COLUMNS:
        assert all(cell in lines[0] for cell in ("quality_authority", "2026-12-11"))


@pytest.mark.parametrize("columns", TABLES, ids=lambda each: each[0].name)
def test_where_there_is_no_terminal_a_row_is_a_line(
    columns: tuple[Column, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    row, _ = TABLES[columns]
    print_table(columns, [row, row])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == [column.name for column in columns]
    assert len(lines) == 2
    assert all(cell in lines[0] for cell in row)


def test_columns_stand_under_their_names() -> None:
    columns = (Column("no", right=True), Column("қала"), Column("n", right=True))
    head, told = lines_of(columns, [("1", "Алматы", "10"), ("10", "Ақтау", "5")], None)
    assert [head, *(line for lines in told for line in lines)] == [
        "no  қала     n",
        " 1  Алматы  10",
        "10  Ақтау    5",
    ]


def test_a_complaint_that_is_overdue_says_so_in_its_line_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("homecall.operations.table.terminal_width", lambda: 60)
    print_complaints([COMPLAINT])
    _, first, *rest = capsys.readouterr().out.splitlines()
    assert "escalated, overdue" in first
    assert "stage quality_authority" in " ".join(rest) or "quality_authority" in first


def test_nothing_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table((Column("number"),), [])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("clinic",), "0 clinics"),
        (1, ("clinic",), "1 clinic"),
        (2, ("clinic",), "2 clinics"),
        (1, ("entry", "entries"), "1 entry"),
        (21, ("entry", "entries"), "21 entries"),
    ],
)
def test_a_count_agrees_with_its_noun(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said


@pytest.mark.parametrize(
    ("name", "meant"), [("reqests", "requests"), ("request", "requests"), ("CLINICS", "clinics"), ("zzz", None)]
)
def test_a_name_that_is_nearly_right_is_suggested(name: str, meant: str | None) -> None:
    assert did_you_mean(name, ["clinics", "requests"]) == (f" (did you mean {meant}?)" if meant else "")
