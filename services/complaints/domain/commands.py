"""What the addressee, the complainant's side or the authority does with a complaint: one file for each command.

A command is checked by small functions, in order; the first that finds something wrong says so with the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from homecall.contract.events import ComplaintCommand
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead
from services.complaints.domain.reasons import in_words
from services.complaints.domain.state import OPEN, ComplaintState

C = TypeVar("C", bound=ComplaintCommand)
Check = Callable[[ComplaintState, C, datetime], str | None]
"""What is wrong with a command that was given at that moment; None where nothing is."""


def first_wrong(checks: Iterable[Check[C]], state: ComplaintState, command: C, moment: datetime) -> Dead | None:
    """The first thing that is wrong with a command."""
    for check in checks:
        if (wrong := check(state, command, moment)) is not None:
            return Dead("invalid_transition", wrong)
    return None


def not_registered(state: ComplaintState, command: ComplaintCommand, moment: datetime) -> str | None:
    """A command waits for the registration, and is not dated before it (R9a)."""
    stage = state.stages[-1]
    if stage.registered_at is None:
        opening = stage.registers_at
        when = "that is when its clinic publishes hours in which it is open"
        if opening is not None:
            when = f"that is at {opening.isoformat()}"
        return f"the complaint is not registered yet, {when} (R9a): send {command.TYPE} with an at after that"
    if moment < stage.registered_at:
        return (
            f"at: lies before the registration at {stage.registered_at.isoformat()}: "
            f"correct it and send {command.TYPE} again"
        )
    return None


def closed(state: ComplaintState, _: ComplaintCommand, __: datetime) -> str | None:
    """An answer and a refusal are final: only the next stage is left, or the court (C10.8, C11)."""
    if state.status in OPEN:
        return None
    stage = state.stages[-1].stage
    way_out = "the next step is the court (C11)"
    if stage != "quality_authority":
        way_out = "it goes on only with complaint.escalated (C10.8), or in court (C11)"
    word = "answered" if state.status == "answered" else "refused"
    return f"the complaint has been {word} at stage {stage}, which is final: {way_out}"


def without_executor(state: ComplaintState, _: ComplaintCommand, __: datetime) -> str | None:
    """Somebody answers for what is done (C10.3)."""
    if state.stages[-1].executors:
        return None
    return "the complaint has no executor yet: send complaint.assigned first (C10.3)"


def before_what_led_to_it(state: ComplaintState, command: ComplaintCommand, moment: datetime) -> str | None:
    """A final word is not dated before what led to it: it would be in time by a date that cannot be (R21)."""
    stage = state.stages[-1]
    before = [each.at for each in stage.executors] + [each.at for each in stage.measures]
    return not_after(before, command, moment)


def not_after(before: Iterable[datetime], command: ComplaintCommand, moment: datetime) -> str | None:
    """What is wrong with a command that is dated before one of these moments, which it follows (R21)."""
    last = max(before, default=None)
    if last is None or moment >= last:
        return None
    return (
        f"at: lies before what it follows, which was at {last.isoformat()} (R21): "
        f"correct it and send {command.TYPE} again"
    )


def without_reasons(_: ComplaintState, command: ComplaintCommand, __: datetime) -> str | None:
    """What is taken, answered or refused is told in words (C10.5)."""
    path = {"complaint.executed": "measures", "complaint.answered": "text"}.get(command.TYPE, "grounds")
    if in_words(without_iins(getattr(command, path))):
        return None
    return f"{path}: gives no reasons: state them in words"
