"""The board, and the page of a call with what is done about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from homecall.contract.envelope import outgoing
from homecall.contract.events import RequestAccepted, RequestEvent, RequestRefused, RequestSubmitted
from homecall.contract.ids import cause_id
from homecall.contract.topics import DESK
from homecall.contract.types import Event, in_zone
from services.desk.domain import forms, windows
from services.desk.domain.board import order
from services.desk.domain.call import Call
from services.desk.domain.reader import WrongForm
from services.desk.domain.why import why_decided, why_doctor
from services.desk.store.actions import Action
from services.desk.web.assigning import assigning
from services.desk.web.drawn import ROWS, boards, drawn_rows, with_rows
from services.desk.web.site import Form, Page, Refuse, RefuseFields, Site, Visitor, html, wants_part
from services.desk.web.transferring import transferring

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_MOST_IDS: Final = 300
CONTENT: Final = "desk action"
"""The kind of the index that tells whether two actions say the same; what they say is not kept once it was sent."""
_KEPT_TO: Final = timedelta(milliseconds=1)
"""How exactly the time of an action is kept."""


# -------------------------------------------------------------------------------------------------------- the board


async def board(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The day's calls, what needs doing first."""
    del form
    on = day_asked(request.query_params.get("date", ""), visitor.today)
    clinic_id = clinic_asked(site, request, visitor)
    rows = await boards(site).rows(clinic_id, on, visitor.now) if clinic_id else []
    groups = [order(row, visitor.now)[0] for row in rows]
    counts = {"late": groups.count(0), "near": groups.count(1), "open": sum(not r.over for r in rows), "all": len(rows)}
    drawn = await drawn_rows(site).text(rows, on, visitor.language, visitor.now)
    if wants_part(request):
        return HTMLResponse(drawn)
    page = site.render(
        "board.html",
        visitor,
        visitor.language,
        drawn=ROWS,
        on=on,
        today=visitor.today,
        before=on - timedelta(days=1),
        after=on + timedelta(days=1),
        clinic_id=clinic_id,
        clinics=sorted(site.clinics.ids()) if visitor.user.clinic_id is None else [],
        counts=counts,
    )
    return HTMLResponse(with_rows(page, drawn))


async def rows(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The rows of some calls, for a board on the screen that was not sent them with the word that they changed."""
    del form
    ids = [each for each in request.query_params.get("ids", "").split(",") if UUID.match(each)][:_MOST_IDS]
    on = day_asked(request.query_params.get("date", ""), visitor.today)
    found = await boards(site).of(visitor.user.clinic_id, ids)
    here = [row for row in found if on in (row.on, row.visits_on)]
    return HTMLResponse(await drawn_rows(site).text(here, on, visitor.language, visitor.now))


def day_asked(text: str, today: date) -> date:
    """The date of an address; today where there is none. Raises ``Refuse``."""
    if not text:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refuse(404, "no_such_date") from None


def clinic_asked(site: Site, request: Request, visitor: Visitor) -> str:
    """The user's own clinic; of those who look at all, the one asked for, or the first."""
    if visitor.user.clinic_id is not None:
        return visitor.user.clinic_id
    asked = request.query_params.get("clinic_id", "")
    known = sorted(site.clinics.ids())
    return asked if asked in known else known[0] if known else ""


# ------------------------------------------------------------------------------------------------- what people do


class DoneOtherwise(Refuse):
    """Something else was done under the same id before, and stands: what came now was not taken."""

    def __init__(self) -> None:
        super().__init__(409, "done_otherwise")


BY_WHOM_AND_WHEN: Final = frozenset(
    {"at", "submitted_at", "registrar", "given_by", "received_by", "assigned_by", "released_by", "by"}
)
"""Fields of an event that differ when one form is sent twice: all else is what was typed."""
NOT_KEPT: Final = frozenset({"identity"})
"""Fields of which nothing stays once the event was sent: the consent to be looked up."""


async def following(site: Site, visitor: Visitor, subject: str, stated: Iterable[datetime]) -> Visitor:
    """The visitor at a time that is not before what was done about the subject, here or elsewhere (``stated``).

    Replicas' clocks differ: a step that states a time before the one it follows would be a dead letter (R21).
    """
    done = [at + _KEPT_TO for _, _, at, _ in await site.stores.actions.of_subject(subject, visitor.clinic_id)]
    return replace(visitor, now=max([visitor.now, *done, *stated]))


async def do(site: Site, visitor: Visitor, event: Event, *, action_id: str) -> bool:
    """Store what was done, and send it. False where the same was done before.

    Raises ``DoneOtherwise`` where something else was done under this id, and ``Transient`` without a database. Where
    the broker is away it goes out later, in its order: nobody waits for that here.
    """
    causation_id = cause_id("/homecall/desk", action_id, event.TYPE)
    record = outgoing(event, service=DESK, causation_id=causation_id, time=in_zone(visitor.now), zone=visitor.zone)
    typed = event.model_dump_json(by_alias=True, exclude_none=True, exclude={*BY_WHOM_AND_WHEN, *NOT_KEPT})
    content = site.vault.index(CONTENT, typed)
    action = Action(
        causation_id, visitor.clinic_id, visitor.user.name, event.subject, record, visitor.now, content=content
    )
    new_one = await site.outbox.put(action)
    if not new_one and await site.stores.actions.content_of(causation_id) not in ("", content):
        raise DoneOtherwise
    site.live.changed()
    site.outbox.hurry()
    return new_one


async def call_of(site: Site, visitor: Visitor, request_id: str) -> tuple[Call | None, list[Action]]:
    """The call, and what was done about it and is not sent. Raises ``Refuse`` where it is none of the user's."""
    if not UUID.match(request_id):
        raise Refuse(404, "no_such_call")
    loaded = await site.stores.calls.load([request_id])
    call = loaded[request_id].state if request_id in loaded else None
    clinic_id = call.clinic_id if call else visitor.clinic_id
    unsent = await site.stores.actions.unsent_about(request_id, clinic_id)
    known = (
        call is not None
        or bool(unsent)
        or bool(await site.stores.actions.of_subject(request_id, visitor.user.clinic_id))
    )
    if not known or not visitor.user.sees(clinic_id):
        raise Refuse(404, "no_such_call")
    return call, unsent


async def call(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The page of a call: the answer to read aloud, what may be done, the history, and why."""
    del form
    request_id = request.path_params["request_id"]
    found, unsent = await call_of(site, visitor, request_id)
    decision = found.decision if found else None
    existing = await _existing(site, visitor, decision)
    action = next((each for each in unsent if each.event.type == RequestSubmitted.TYPE), None)
    typed = RequestSubmitted.model_validate_json(action.event.value) if action else None
    asked_for = decision or typed
    template = "call_part.html" if wants_part(request) else "call.html"
    row = (await boards(site).of(None, [request_id]))[0] if found else None
    on = found.visit_day if found else None
    roster = await site.stores.rosters.of_day(found.clinic_id, on) if found and on else None
    return html(
        site,
        visitor,
        template,
        request_id=request_id,
        call=found,
        row=row,
        decision=decision,
        accepted=decision if isinstance(decision, RequestAccepted) else None,
        refused=decision if isinstance(decision, RequestRefused) else None,
        place=found.place if found else None,
        registered=found.registered_flags if found else [],
        told=found.status if found else None,
        answered=found.answered if found else None,
        existing=existing,
        assigning=assigning(visitor, found, roster),
        transferring=transferring(site, visitor, found),
        why=why_decided(decision),
        chosen=why_doctor(found.place if found else None, roster.names if roster else {}),
        unsent=[each.event.type for each in unsent if found is None or not found.heard_of(each.event.type)],
        aside=any(each.refused for each in unsent),
        done={kind for kind, *_ in await site.stores.actions.of_subject(request_id, visitor.user.clinic_id)},
        step_tables=STEP_TABLES,
        wanted=windows.wanted(asked_for.preferred_window if asked_for else None, found.place if found else None),
        typed=typed,
        caller_language=_caller_language(decision),
    )


STEP_TABLES: Final = {
    "status.changed": "status",
    "deadline.approaching": "deadline",
    "deadline.missed": "deadline",
    "request.refused": "refusal",
    "visit.unplaced": "move",
    "visit.assignment-refused": "assignment",
    "visit.closed": "outcome",
    "visit.reported": "outcome",
}
"""By type of a step of the history: where the words of its code stand. Of others it is a text."""


async def _existing(site: Site, visitor: Visitor, decision: RequestEvent | None) -> Call | None:
    """The open call with which a refused one collides, where the user may see it."""
    existing = decision.existing_request_id if isinstance(decision, RequestRefused) else None
    if existing is None:
        return None
    found = (await site.stores.calls.load([existing])).get(existing)
    return found.state if found is not None and found.state and visitor.user.sees(found.state.clinic_id) else None


def _caller_language(decision: RequestEvent | None) -> str:
    patient = decision.patient if decision else None
    return (patient.language if patient else None) or "ru"


async def after_all(site: Site, visitor: Visitor, request_id: str, found: Call | None) -> Visitor:
    decision = found.decision if found else None
    made_at = decision.submitted_at if decision else None
    return await following(site, visitor, request_id, [] if made_at is None else [made_at])


async def answered(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The answer was read aloud (C6.1); of several times the first counts."""
    del form
    request_id = request.path_params["request_id"]
    visitor = await after_all(site, visitor, request_id, await _mine(site, visitor, request_id))
    event = forms.answered(request_id, visitor.user, visitor.now, visitor.zone)
    await do(site, visitor, event, action_id=f"{request_id} answered")
    return RedirectResponse(f"/calls/{request_id}", 303)


async def withdraw(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The applicant takes the call back."""
    request_id = request.path_params["request_id"]
    visitor = await after_all(site, visitor, request_id, await _mine(site, visitor, request_id))
    event = _from_form(lambda: forms.withdrawn(request_id, form, visitor.user, visitor.now, visitor.zone))
    await do(site, visitor, event, action_id=f"{request_id} withdrawn")
    return RedirectResponse(f"/calls/{request_id}", 303)


async def visit(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """How the visit ended. A doctor reports the own visits only."""
    request_id = request.path_params["request_id"]
    found = await _mine(site, visitor, request_id)
    place = found.place if found else None
    if visitor.user.role == "doctor" and (place is None or place.doctor.doctor_id != visitor.user.doctor_id):
        raise Refuse(404, "no_such_call")
    visitor = await after_all(site, visitor, request_id, found)
    event = _from_form(lambda: forms.reported(request_id, form, visitor.user, visitor.now, visitor.zone))
    # One report for a visit: the scheduler lets the first one stand.
    await do(site, visitor, event, action_id=f"{request_id} visit")
    return RedirectResponse("/today" if visitor.user.role == "doctor" else f"/calls/{request_id}", 303)


def _from_form(read: Any) -> Any:
    try:
        return read()
    except WrongForm as error:
        raise RefuseFields(error.fields) from None


async def _mine(site: Site, visitor: Visitor, request_id: str) -> Call | None:
    found, _ = await call_of(site, visitor, request_id)
    if found is not None and found.clinic_id != visitor.clinic_id:
        raise Refuse(404, "no_such_call")
    return found


PAGES: Final = (
    Page("/board", "board", "see_calls", board),
    Page("/board/rows", "board rows", "see_calls", rows),
    Page("/calls/{request_id}", "call", "see_calls", call),
    Page("/calls/{request_id}/answered", "answered", "answer", answered, "POST"),
    Page("/calls/{request_id}/withdraw", "withdraw", "withdraw", withdraw, "POST"),
    Page("/calls/{request_id}/visit", "visit", "report_visit", visit, "POST"),
)
