"""What the scheduler says of a visit, and the oral answer that the clinic gave (C6.1)."""

from __future__ import annotations

from homecall.contract.events import AnswerGiven, VisitClosed, VisitRescheduled, VisitScheduled
from homecall.contract.iins import without_iins
from homecall.contract.types import zoned
from homecall.standard.stated_times import ANSWER_TIME_IMPLAUSIBLE
from services.notifier.domain import processing_seconds
from services.notifier.domain.draft import Draft
from services.notifier.domain.state import Doctor, Staff, Visit


def schedule(draft: Draft, data: VisitScheduled) -> None:
    """The visit has a day, a time and a doctor: mostly that is the answer."""
    call = draft.call
    first = not call.visit_told
    took = processing_seconds.scheduling(call, draft.at)
    if first and took is not None:
        draft.measure(took)
        draft.measure_spoken("entry", draft.at)
    if not call.answer_confirmed:
        draft.end(draft.at)
    for flag in data.flags:
        draft.flag(flag)
    visit = Visit(
        visit_date=data.visit_date,
        arrives_from=zoned(data.arrives_from),
        arrives_to=zoned(data.arrives_to),
        doctor=Doctor(data.doctor.doctor_id, data.doctor.full_name, data.doctor.specialty),
    )
    draft.change(visit=visit, visit_told=True, unplaced=False)
    # A visit that nobody was told of before is no other one, whatever the scheduler had planned meanwhile.
    moved = isinstance(data, VisitRescheduled) and not first
    draft.tell(
        "rescheduled" if moved else "scheduled",
        on_time=draft.call.on_time if first else None,
        reschedule_reason=data.reason,
    )
    draft.enter()


def unplace(draft: Draft) -> None:
    """The visit has no place: the patient is told of the delay once."""
    call = draft.call
    draft.change(visit=None, unplaced=True)
    if call.status != "delayed":
        draft.tell("delayed")
    if call.visit is not None:
        draft.enter()


def close(draft: Draft, data: VisitClosed) -> None:
    """The visit is over; the patient has been answered by it at the latest."""
    if draft.call.outcome == data.outcome:
        return
    draft.end(data.at)
    draft.change(outcome=data.outcome)
    # A patient who was told no time before is answered by the visit.
    late = draft.call.on_time is False and not draft.call.visit_told
    draft.tell("completed" if data.outcome == "served" else "not_completed", outcome=data.outcome, late=late)
    draft.enter()


def answer(draft: Draft, data: AnswerGiven) -> None:
    """The oral answer was given; of several, the first that is heard counts."""
    call = draft.call
    if call.register_date is None or call.answered_at is not None:
        return
    if call.asked_at is not None and data.at < call.asked_at:
        # It came before anything was known of the request, and was kept: its record can be refused no more.
        draft.flag(ANSWER_TIME_IMPLAUSIBLE)
        draft.enter()
        return
    given_by = Staff(without_iins(data.given_by.id), without_iins(data.given_by.full_name))
    draft.change(answered_at=zoned(data.at), answered_by=given_by)
    draft.measure_spoken("oral_answer", data.at)
    if call.answer_confirmed:
        draft.end(data.at)
    draft.enter()
