"""What an event or a due deadline leads to: which statuses, register lines and deadline events are said of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from homecall.contract.envelope import Incoming
from homecall.contract.events import (
    MODELS,
    AnswerGiven,
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestEvent,
    RequestHeld,
    RequestIdentityChecked,
    RequestRefused,
    VisitAssignmentRefused,
    VisitClosed,
    VisitEvent,
    VisitScheduled,
    VisitUnplaced,
)
from homecall.contract.types import Event
from homecall.runtime.engine.decision import Dead, Decision
from homecall.standard.deadlines import due_notice
from homecall.standard.stated_times import before_request
from services.notifier.domain import requests, visits
from services.notifier.domain.deadlines import running
from services.notifier.domain.draft import Draft
from services.notifier.domain.facts import Facts
from services.notifier.domain.state import FINISHED, Call, EarlyEvent

HEARD: Final = RequestEvent | RequestIdentityChecked | VisitEvent | AnswerGiven
_MOST_EARLY: Final = 50
_ANOTHER_CLINIC: Final = (
    "clinic_id is not that of the request: send the answer with the clinic_id that the request was sent with"
)


def decide(call: Call | None, event: Incoming, facts: Facts, now: datetime) -> Decision[Call]:
    """What an event says of a call. What is history or repeated changes nothing."""
    data = event.data
    if call is None and not isinstance(data, RequestEvent):
        return Decision(park=True)
    if call is None:
        call = Call(request_id=event.subject, clinic_id=event.clinic_id)
    if isinstance(data, AnswerGiven) and data.clinic_id != call.clinic_id:
        return Decision(dead=Dead("invalid_transition", _ANOTHER_CLINIC))
    asked_at = call.asked_at
    if isinstance(data, AnswerGiven) and asked_at is not None and data.at < asked_at:
        return Decision(dead=Dead("invalid_transition", before_request(data.TYPE, asked_at)))
    draft = Draft(call, facts, now)
    _hear(draft, data)
    return draft.decision()


def due(call: Call, facts: Facts, now: datetime) -> Decision[Call]:
    """Say which deadlines are near (80 %) or missed, and ``delayed`` where the answer is."""
    draft = Draft(call, facts, now)
    for clock in running(call):
        notice = due_notice(clock, now)
        if notice is not None:
            draft.say_deadline(clock.deadline, notice)
        if notice == "missed" and clock.deadline == "answer" and call.status == "registered":
            draft.tell("delayed", at=clock.due_at)
    return draft.decision()


def _hear(draft: Draft, data: Event | None) -> None:
    call = draft.call
    match data:
        case RequestEvent():
            _hear_request(draft, data)
        case AnswerGiven() if call.undecided and any(each.type == data.TYPE for each in call.early):
            pass  # of several answers the first counts
        case VisitAssignmentRefused():
            pass  # the dispatcher is told; the visit stays as it was said
        case VisitEvent() | AnswerGiven() | RequestIdentityChecked() if call.undecided:
            kept = EarlyEvent(data.TYPE, data.model_dump(mode="json", by_alias=True, exclude_none=True))
            draft.change(early=[*call.early, kept][-_MOST_EARLY:])
        case AnswerGiven():
            visits.answer(draft, data)
        case RequestIdentityChecked():
            requests.check_identity(draft, data)
        case VisitEvent() if data.revision > call.visit_revision:
            _hear_visit(draft, data)


def _hear_request(draft: Draft, data: RequestEvent) -> None:
    before, undecided = draft.call.status, draft.call.undecided
    match data:
        case RequestAccepted() if undecided:
            requests.accept(draft, data)
        case RequestRefused() if undecided:
            requests.refuse(draft, data)
        case RequestDeferred() if undecided:
            requests.defer(draft, data)
        case RequestHeld() if undecided:
            requests.hold(draft, data)
        case RequestCancelled() if before not in {"refused", "withdrawn", *FINISHED}:
            requests.withdraw(draft, data)
    if undecided and not draft.call.undecided:
        early = draft.call.early
        draft.change(early=[])
        for kept in early:
            _hear(draft, MODELS[kept.type].model_validate(kept.data))


def _hear_visit(draft: Draft, data: VisitEvent) -> None:
    status = draft.call.status
    # A visit that was made is told even where the request had been withdrawn meanwhile; nothing else is.
    if status == "refused" or (status in {"withdrawn", *FINISHED} and not isinstance(data, VisitClosed)):
        return
    draft.change(visit_revision=data.revision)
    match data:
        case VisitScheduled():
            visits.schedule(draft, data)
        case VisitUnplaced():
            visits.unplace(draft)
        case VisitClosed():
            visits.close(draft, data)
        # Of visit.cancelled only the revision is kept: the withdrawal itself says it.
