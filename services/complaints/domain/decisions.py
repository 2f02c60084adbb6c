"""What any event of a complaint leads to (C10, C11)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecall.contract.envelope import Incoming
from homecall.contract.events import ComplaintCommand, ComplaintSubmitted
from homecall.runtime.engine.decision import Dead, Decision
from services.complaints.domain.commands import may_not_act, obey
from services.complaints.domain.course import Course
from services.complaints.domain.facts import Facts
from services.complaints.domain.numbers import concluded
from services.complaints.domain.state import ComplaintState
from services.complaints.domain.submission import submitted
from services.complaints.domain.timers import passed_until

_STAYS_REFUSED: Final = Dead(
    "invalid_transition",
    "this complaint was refused as invalid_complaint and stays so: send the corrected one under a new complaint_id",
)
_ANOTHER_CLINICS: Final = Dead(
    "invalid_transition",
    "clinic_id: this complaint is another clinic's: send that clinic's id, "
    "or a complaint of your own under a new complaint_id",
)


def decide(state: ComplaintState | None, event: Incoming, facts: Facts, now: datetime) -> Decision[ComplaintState]:
    """Decide on any event of a complaint.

    What is not in order is told as ``invalid_transition`` with its way out, and changes nothing; a command before its
    complaint waits for it.
    """
    if state is None:
        return submitted(event, facts, now) if event.type == ComplaintSubmitted.TYPE else Decision(park=True)
    if any(waiting.cause == event.causation_id for waiting in state.unsaid):
        return Decision()  # decided already; its number follows
    if state.clinic_id != event.clinic_id:
        return Decision(dead=_ANOTHER_CLINICS)
    if event.type == ComplaintSubmitted.TYPE:
        # The same complaint_id is the same complaint, whatever event brings it; only a corrected one must not get lost.
        corrected = state.status == "invalid" and event.data is not None
        return Decision(dead=_STAYS_REFUSED) if corrected else Decision()
    if state.status == "invalid":
        return Decision(dead=_STAYS_REFUSED)
    if state.status == "held":
        return Decision(park=True)
    assert isinstance(event.data, ComplaintCommand)
    return _commanded(state, event, event.data, facts)


def _commanded(
    state: ComplaintState, event: Incoming, command: ComplaintCommand, facts: Facts
) -> Decision[ComplaintState]:
    if facts.authority is not None and (dead := may_not_act(state, command, facts.authority)) is not None:
        return Decision(dead=dead)
    moment = command.at if facts.record_time is None else min(command.at, facts.record_time)
    course = obey(passed_until(Course(state), moment, facts), command, moment, facts)
    if isinstance(course, Dead):
        return Decision(dead=course)
    return Decision() if course is None else concluded(course, event.causation_id, event.traceparent)
