"""What is known of one request of the demo's day, and what is wrong with it in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from homecall.demo.findings import Finding, Window
from homecall.demo.rules import missing
from homecall.operations.terminal import counted

Decided = Literal["accepted", "deferred", "refused"]
Line = tuple[date | str, int]
"""A place in the register: its day, and the number."""


@dataclass(kw_only=True)
class Known:
    """What is known of one request, in whatever order it was heard: all that it is judged by."""

    request_id: str
    clinic_id: str
    channel: str
    expected: str = ""
    """What must become of it: accepted, deferred or the code of a refusal. Empty where nobody knows."""
    withdrawal_sent: bool = False
    first: Decided | None = None
    code: str = ""
    accepted: int = 0
    deferred: int = 0
    refused: int = 0
    cancelled: int = 0
    numbers: set[Line] = field(default_factory=set)
    statuses: dict[int, str] = field(default_factory=dict)
    entries: dict[int, Line | None] = field(default_factory=dict)
    """By revision, where the register has it; None for a call without a number."""
    answered: bool = False

    def decide(self, decided: Decided) -> None:
        setattr(self, decided, getattr(self, decided) + 1)
        self.first = self.first or decided

    @property
    def status(self) -> str:
        """The newest; empty while there is none."""
        return self.statuses[max(self.statuses)] if self.statuses else ""

    @property
    def over(self) -> bool:
        """Answered, or withdrawn before that: nobody waits for an answer any more."""
        return self.answered or bool(self.cancelled)

    @property
    def became(self) -> str:
        """In the words of ``expected``; empty until it is decided on."""
        return self.code if self.first == "refused" else self.first or ""


@dataclass(kw_only=True)
class Fate(Known):
    """One request of the day as it goes. ``sent_at`` and ``told_at`` are real seconds, all else is service time."""

    submitted_at: datetime
    sent_at: float
    oral: bool
    """Its answer is the one given aloud."""
    told_at: float | None = None
    opens_at: datetime | None = None
    due_at: datetime | None = None
    clock_started_at: datetime | None = None
    answered_at: datetime | None = None
    on_time: bool | None = None
    missed: bool = False
    answer_sent: bool = False
    visit_revision: int = 0
    window: Window | None = None
    reported: bool = False

    def in_flight(self, now: datetime, roster_at: datetime | None) -> bool:
        """Whether something that was sent, or whose opening has come, has not had its first word yet.

        ``roster_at`` is when its clinic last sent a roster.
        """
        if self.withdrawal_sent and self.status not in {"withdrawn", "refused"}:
            return True
        if self.reported and self.status not in {"completed", "not_completed", "withdrawn"}:
            return True
        if self.answer_sent and not self.over:
            return True
        if self.status == "deferred":
            return self.opens_at is not None and self.opens_at <= now
        if self.status == "delayed":
            return roster_at is not None and roster_at > self.submitted_at
        return self.status in {"", "registered"}

    @property
    def waits(self) -> bool:
        """Whether its clock runs: decided on, and not answered."""
        return bool(self.accepted) and not self.over


def judge(fate: Known) -> Iterable[Finding]:
    """One request: exactly one of accepted, deferred and then accepted or withdrawn, refused; and all it must say."""
    name = f"request {fate.request_id} ({fate.channel}, {fate.clinic_id})"
    if fate.first is None:
        yield Finding("lost", f"{name} was never decided on")
        return
    if fate.expected and fate.became != fate.expected:
        yield Finding("lost", f"{name} had to be {fate.expected}, and was {fate.became}")
    if fate.accepted > 1 or len(fate.numbers) > 1:
        yield Finding(
            "doubled",
            f"{name} was accepted {counted(fate.accepted, 'time')}, under {counted(len(fate.numbers), 'number')}",
        )
    if fate.refused and (fate.refused > 1 or fate.accepted or fate.cancelled):
        yield Finding(
            "doubled", f"{name} was refused {counted(fate.refused, 'time')}, accepted {counted(fate.accepted, 'time')}"
        )
    if fate.cancelled > 1:
        yield Finding("doubled", f"{name} was cancelled {fate.cancelled} times")
    if fate.withdrawal_sent and not (fate.cancelled or fate.refused):
        yield Finding("lost", f"the withdrawal of {name}")
    if fate.first == "deferred" and not (fate.accepted or fate.cancelled or fate.refused):
        yield Finding("unanswered", f"{name} was deferred and not taken up")
    elif not fate.over:
        yield Finding("unanswered", f"{name} has no answer; its status is {fate.status or 'missing'}")
    yield from _gaps(name, "statuses", fate.statuses)
    if fate.accepted or fate.refused:
        yield from _gaps(name, "register entries", fate.entries)
    if fate.accepted and fate.entries and fate.entries[max(fate.entries)] not in fate.numbers:
        yield Finding("doubled", f"{name} stands in the register under another number than it was given")


def _gaps(name: str, what: str, numbered: Mapping[int, object]) -> Iterable[Finding]:
    if not numbered:
        yield Finding("lost", f"{name} has no {what}")
    if lacking := missing(numbered):
        yield Finding("lost", f"{name} lacks of its {what} number {', '.join(map(str, lacking))}")
