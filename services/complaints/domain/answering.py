"""The final word of a stage: the reasoned answer, or the refusal to consider the complaint (C10.5, C10.6)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecall.contract.events import ComplaintAnswered, ComplaintRefused
from homecall.contract.iins import without_iins
from homecall.runtime.engine.decision import Dead
from services.complaints.domain.answer_ways import is_address, ways
from services.complaints.domain.commands import (
    Check,
    before_what_led_to_it,
    closed,
    first_wrong,
    not_registered,
    without_executor,
    without_reasons,
)
from services.complaints.domain.course import Course
from services.complaints.domain.moments import kept
from services.complaints.domain.state import Answer, ComplaintState, Grounds


def answer(course: Course, command: ComplaintAnswered, moment: datetime) -> Course | Dead:
    """Give the stage its answer."""
    if (dead := first_wrong(_ANSWERED, course.state, command, moment)) is not None:
        return dead
    given = Answer(text=without_iins(command.text), decision=command.decision, sent_by=command.sent_by, at=kept(moment))
    return course.with_stage(answer=given).close("answered").tell("answered", given.at, answer=given)


def refuse(course: Course, command: ComplaintRefused, moment: datetime) -> Course | Dead:
    """Do not consider the complaint, on these grounds."""
    if (dead := first_wrong(_REFUSED, course.state, command, moment)) is not None:
        return dead
    refusal = Grounds(grounds=without_iins(command.grounds), at=kept(moment))
    return course.with_stage(refusal=refusal).close("refused").tell("refused", kept(moment), refusal=refusal)


def _out_of_reach(state: ComplaintState, command: ComplaintAnswered, _: datetime) -> str | None:
    """An answer goes a way that this complainant has, or that was promised (C10.5)."""
    by_post = state.answer_by == "post" or is_address(state.complainant.postal_address)
    possible = ways(state.channel, by_post=by_post)
    if command.sent_by in possible or command.sent_by == state.answer_by:
        return None
    why = {
        "post": "the complainant gave no postal address",
        "portal": "the complaint did not come through the portal",
    }[command.sent_by]
    return f"sent_by: {why}: answer in a way that there is ({', '.join(possible)}) and send it (C10.5)"


_ANSWERED: Final[tuple[Check[ComplaintAnswered], ...]] = (
    not_registered,
    closed,
    without_executor,
    _out_of_reach,
    before_what_led_to_it,
    without_reasons,
)
_REFUSED: Final[tuple[Check[ComplaintRefused], ...]] = (not_registered, closed, before_what_led_to_it, without_reasons)
