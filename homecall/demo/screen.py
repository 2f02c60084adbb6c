"""What the demo shows while it plays: a live screen on a terminal, plain lines elsewhere.

Everything is read from the ledger; nothing here decides anything.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from homecall.contract.events import StatusChanged
from homecall.contract.types import ZONE
from homecall.demo.fate import Fate
from homecall.demo.ledger import Ledger
from homecall.operations.terminal import counted

Language = Literal["kk", "ru"]

_PLAIN_SECONDS: Final = 3.0
_ANSWERS_SHOWN: Final = 3
_NEWS_SHOWN: Final = 3
_SLOWEST_SHOWN: Final = 4
_WIDE, _HIGH = 100, 36
"""Columns and lines from which on the full frame fits; below, a smaller one."""
_TOLD: Final = frozenset({"scheduled", "rescheduled", "refused", "deferred", "delayed", "withdrawn"})
_LIMITS: Final = {"desk": 600, "phone": 600, "portal": 1800}
CHANNELS: Final = tuple(_LIMITS)
_OTHERS: Final = {
    "request.withdrawn": "withdrawals",
    "answer.given": "answers given aloud",
    "visit.reported": "visits reported",
    "complaint.submitted": "complaints",
    "roster.published": "rosters",
    "doctor.unavailable": "doctors fallen ill",
    "repeated": "sent again",
    "broken": "broken records",
}
_STANDS: Final = {
    "being decided": "yellow",
    "being placed": "yellow",
    "waiting for a place": "red",
    "deferred to the opening": "blue",
    "scheduled": "green",
    "visit made": "green",
    "refused": "magenta",
    "withdrawn": "dim",
}
_PLACES: Final = {
    "": "being decided",
    "registered": "being placed",
    "delayed": "waiting for a place",
    "deferred": "deferred to the opening",
    "scheduled": "scheduled",
    "rescheduled": "scheduled",
    "completed": "visit made",
    "not_completed": "visit made",
    "refused": "refused",
}
"""Where a request with that status stands; with any other it is withdrawn."""


class Screen(Protocol):
    """Where the demo tells what it does."""

    def show(self, now: datetime, doing: str = "") -> None:
        """Show how things stand at a moment of service time."""

    def tell(self, now: datetime, news: str) -> None:
        """Say that something of note has happened."""

    def answer(self, status: StatusChanged) -> None:
        """A status went out: its text is what the applicant reads."""


@contextmanager
def screen_for(console: Console, ledger: Ledger, total: int) -> Iterator[Screen]:
    """The live screen on a terminal, plain lines where there is none. ``total`` is how many requests will come."""
    if not console.is_terminal:
        yield PlainScreen(console, ledger, total)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield LiveScreen(live, ledger, total)


# ---------------------------------------------------------------- how things stand


def stands(fate: Fate) -> str:
    """In which of the places of ``_STANDS`` a request is."""
    return _PLACES.get(fate.status, "withdrawn")


def running(ledger: Ledger, now: datetime) -> list[tuple[float, Fate, timedelta]]:
    """The clocks that run, the one nearest to its end first: (part of the limit, request, time elapsed)."""
    clocks = []
    for fate in ledger.fates.values():
        if not fate.over and fate.status != "deferred":
            elapsed = max(timedelta(0), now - (fate.clock_started_at or fate.submitted_at))
            clocks.append((elapsed.total_seconds() / _LIMITS.get(fate.channel, 1800), fate, elapsed))
    return sorted(clocks, key=lambda clock: -clock[0])


def other_limits(ledger: Ledger) -> str:
    """The limits but that of the answer that were missed, each with how often; empty where none was."""
    missed = [(name, count) for (name, kind), count in sorted(ledger.deadlines.items()) if kind == "missed" and count]
    return ", ".join(f"{name} {count}" for name, count in missed if name != "answer")


def slowest_answer(ledger: Ledger, channel: str) -> timedelta | None:
    """The longest time from the start of the clock to the answer in a channel so far, by the service clock."""
    took = [
        fate.answered_at - (fate.clock_started_at or fate.submitted_at)
        for fate in ledger.fates.values()
        if fate.channel == channel and fate.answered_at is not None
    ]
    return max(took, default=None)


def minutes(span: timedelta | None) -> str:
    """``MM:SS``."""
    if span is None:
        return "–"
    seconds = int(max(0.0, span.total_seconds()))
    return f"{seconds // 60:02}:{seconds % 60:02}"


def service_time(now: datetime) -> str:
    return f"{now.astimezone(ZONE):%a %d %b %H:%M}"


# ---------------------------------------------------------------- a terminal


@dataclass(eq=False)
class LiveScreen:
    """One frame that is drawn again and again."""

    live: Live
    ledger: Ledger
    total: int
    news: deque[str] = field(default_factory=lambda: deque(maxlen=_NEWS_SHOWN))
    answers: deque[Text] = field(default_factory=lambda: deque(maxlen=_ANSWERS_SHOWN))
    began: float = field(default_factory=time.monotonic)
    told: int = 0

    def show(self, now: datetime, doing: str = "") -> None:
        self.live.update(self.frame(now, doing), refresh=True)

    def tell(self, now: datetime, news: str) -> None:
        self.news.append(f"{service_time(now)}  {news}")

    def answer(self, status: StatusChanged) -> None:
        if status.status in _TOLD:
            self.told += 1
            self.answers.append(answer_text(status, "ru" if self.told % 2 else "kk"))

    def frame(self, now: datetime, doing: str = "") -> RenderableType:
        size = self.live.console.size
        small = size.width < _WIDE or size.height < _HIGH
        answers = [self.answers[-1]] if small and self.answers else list(self.answers)
        title = Text.assemble(("homecall demo", "bold"), ("  a clinic day, seven clinics", "dim"))
        clock = Text.assemble((service_time(now), "bold cyan"), f"  {doing}" if doing else "")
        bar = ProgressBar(total=max(1, self.total), completed=len(self.ledger.fates))
        came = f"{_came(self.ledger, self.total)}, {time.monotonic() - self.began:.0f} s"
        parts: list[RenderableType] = [_two(title, clock), _two(bar, came)]
        if small:
            parts += [_line("in", _came_in(self.ledger)), _line("now", _where(self.ledger))]
            parts += [_clocks(self.ledger, now)]
        else:
            columns = [
                _counted("What came in", _came_in(self.ledger)),
                _counted("Where it stands", _where(self.ledger)),
                _clocks(self.ledger, now),
            ]
            parts.append(Columns(columns, padding=(0, 3)))
        parts.append(_slowest(self.ledger, now, 2 if small else _SLOWEST_SHOWN))
        told = Group(*answers) if answers else Text("none yet", style="dim")
        heading = "the last answers, as applicants read them"
        parts.append(Panel(told, title=heading, title_align="left", border_style="green"))
        if not small:
            parts.append(Text("\n".join(self.news), style="dim"))
        return Group(*parts)


def _two(left: RenderableType, right: RenderableType) -> RenderableType:
    """A line with something at either end."""
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(ratio=1)
    line.add_column(justify="right")
    line.add_row(left, right)
    return line


Counts = Sequence[tuple[str, int, str]]
"""What, how many, and in which style."""


def _came(ledger: Ledger, total: int) -> str:
    return f"{len(ledger.fates)} of {counted(total, 'request')} in"


def _came_in(ledger: Ledger) -> Counts:
    channels = [(channel, ledger.came_in[channel], "bold") for channel in CHANNELS]
    return channels + [(name, ledger.came_in[kind], "") for kind, name in _OTHERS.items() if ledger.came_in[kind]]


def _where(ledger: Ledger) -> Counts:
    counts = Counter(stands(fate) for fate in ledger.fates.values())
    rows = [(name, counts[name], style) for name, style in _STANDS.items()]
    registered = sum("registered" in statuses for statuses in ledger.complaints.values())
    refused = sum("refused" in statuses for statuses in ledger.complaints.values())
    return [
        *rows,
        ("complaints registered", registered, ""),
        ("complaints turned away", refused, "magenta"),
        ("dead letters", len(ledger.dead), ""),
    ]


def _counted(title: str, counts: Counts) -> RenderableType:
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count, style in counts:
        table.add_row(Text(name, style=style if count else "dim"), Text(str(count), style=style if count else "dim"))
    return table


def _line(title: str, counts: Counts) -> RenderableType:
    told = Text(", ").join(Text(f"{name} {count}", style=style) for name, count, style in counts if count)
    return Text.assemble((f"{title}: ", "bold"), told)


def _clocks(ledger: Ledger, now: datetime) -> RenderableType:
    table = Table(title="The clocks", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("", "open", "oldest", "answered", "slowest"):
        table.add_column(name, justify="right" if name else "left", header_style="dim")
    clocks = running(ledger, now)
    for channel in CHANNELS:
        open_ones = [clock for clock in clocks if clock[1].channel == channel]
        answered = sum(fate.answered for fate in ledger.fates.values() if fate.channel == channel)
        table.add_row(
            f"{channel}, {_LIMITS[channel] // 60} min",
            str(len(open_ones)),
            minutes(open_ones[0][2] if open_ones else None),
            str(answered),
            minutes(slowest_answer(ledger, channel)),
        )
    late = ledger.deadlines["answer", "missed"]
    note = Text(f"answers too late: {late or 'none'}", style="red" if late else "dim")
    others = other_limits(ledger)
    # What people waited before they applied is the clinic's matter, and no fault of the day's account.
    return Group(table, note, Text(f"other limits missed: {others}" if others else "", style="dim"))


def _slowest(ledger: Ledger, now: datetime, shown: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for width in (12, 6, 19, 15):
        table.add_column(width=width)
    table.add_column()
    clocks = running(ledger, now)[:shown]
    for part, fate, elapsed in clocks:
        left = f"{minutes(elapsed)} of {_LIMITS.get(fate.channel, 1800) // 60} min"
        style = "red" if part >= 0.8 else "yellow"
        table.add_row(
            fate.clinic_id,
            fate.channel,
            Text(stands(fate), style=style),
            left,
            ProgressBar(total=1.0, completed=min(1.0, part), width=14, complete_style=style),
        )
    for _ in range(shown - len(clocks)):
        table.add_row("")  # the frame keeps its height
    return Panel(table, title="the slowest open ones", title_align="left", border_style="yellow")


def answer_text(status: StatusChanged, language: Language) -> Text:
    styles = {"refused": "magenta", "deferred": "blue", "delayed": "red", "withdrawn": "dim"}
    told: str = getattr(status.text, language)
    return Text.assemble(
        (f"{status.status} ", styles.get(status.status, "green")),
        (f"{status.clinic_id}, {status.channel}, {language}: ", "dim"),
        told if len(told) <= 260 else f"{told[:260].rsplit(' ', 1)[0]} …",
    )


# ---------------------------------------------------------------- no terminal


@dataclass(eq=False)
class PlainScreen:
    """A line every few seconds, and one for each piece of news."""

    console: Console
    ledger: Ledger
    total: int
    shown_at: float = field(default_factory=time.monotonic)
    last: StatusChanged | None = None
    lines: int = 0

    def show(self, now: datetime, doing: str = "") -> None:
        if not doing and time.monotonic() - self.shown_at < _PLAIN_SECONDS:
            return
        self.shown_at = time.monotonic()
        counts = Counter(stands(fate) for fate in self.ledger.fates.values())
        parts = [f"{count} {name}" for name in _STANDS if (count := counts[name])]
        self._say(now, f"{_came(self.ledger, self.total)}: {', '.join(parts) or 'none'}")
        clocks = running(self.ledger, now)
        if clocks:
            _, fate, elapsed = clocks[0]
            limit = _LIMITS.get(fate.channel, 1800) // 60
            self._say(now, f"slowest open: {fate.clinic_id}, {fate.channel}, {minutes(elapsed)} of {limit} min")
        if self.last is not None:
            self.lines += 1
            self._say(now, answer_text(self.last, "ru" if self.lines % 2 else "kk").plain)
            self.last = None
        if doing:
            self._say(now, doing)

    def tell(self, now: datetime, news: str) -> None:
        self._say(now, news)

    def answer(self, status: StatusChanged) -> None:
        if status.status in _TOLD:
            self.last = status

    def _say(self, now: datetime, line: str) -> None:
        self.console.print(f"{service_time(now)}  {line}", soft_wrap=True, markup=False)
