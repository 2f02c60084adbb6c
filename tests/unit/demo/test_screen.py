"""What the demo shows: nothing is cut on a narrow terminal, and no red line says what the account does not."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.live import Live

from homecall.demo.ledger import Ledger
from homecall.demo.screen import LiveScreen, other_limits
from homecall.demo.summary import show_summary
from tests.unit.demo.test_ledger import NINE, Played

RED = "\x1b[31m"


def drawn(width: int, ledger: Ledger, *, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=width, height=50, force_terminal=colour, color_system="standard" if colour else None
    )
    with Live(console=console, auto_refresh=False) as live:
        console.print(LiveScreen(live, ledger, 2).frame(NINE))
    show_summary(console, ledger.summary(40.0), ledger)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    return written


def a_day() -> Ledger:
    return Played().answered().submit("00000000-0000-0000-0000-000000000002").ledger


@pytest.mark.parametrize("width", [120, 100, 80, 60])
def test_nothing_is_cut(width: int) -> None:
    written = drawn(width, a_day())
    assert max(map(len, written.splitlines())) <= width
    told = " ".join(written.split())
    for wanted in ("desk, 10 min", "portal, 30 min", "answered", "slowest", "being decided", "accepted at once"):
        assert wanted in told
    assert "…" not in told


def test_a_wait_in_the_queue_is_told_and_is_not_red() -> None:
    ledger = a_day()
    ledger.deadlines["queue", "missed"] = 1
    assert other_limits(ledger) == "queue 1"
    written = drawn(120, ledger, colour=True)
    assert "answers too late: none" in written
    assert written.count("other limits missed") == 2, "on the screen, and in the account"
    assert [line for line in written.splitlines() if RED in line] == []


def test_a_late_answer_is_red() -> None:
    ledger = a_day()
    ledger.deadlines["answer", "missed"] = 2
    assert other_limits(ledger) == ""
    written = drawn(120, ledger, colour=True)
    assert f"{RED}answers too late: 2" in written
