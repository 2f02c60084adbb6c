"""Complaints: by their terms, one with its call's times, and the steps of its life (C10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homecall.contract.events import (
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintExecuted,
    ComplaintRefused,
    ComplaintSubmitted,
)
from homecall.contract.types import Event
from homecall.runtime.failures import Transient
from homecall.texts import complaint_answers as answer_words
from homecall.texts.documents import said
from services.desk.domain import answers, forms
from services.desk.domain.call import Call
from services.desk.domain.complaint import Complaint
from services.desk.domain.reader import WrongForm
from services.desk.store.actions import Action
from services.desk.web.calls import UUID, DoneOtherwise, do, following
from services.desk.web.site import Form, Page, Refuse, RefuseFields, Site, Visitor, as_typed, html, wants_part
from services.desk.web.words import Words

STEPS: Final[Mapping[str, type[Event]]] = {
    "assign": ComplaintAssigned,
    "executed": ComplaintExecuted,
    "answer": ComplaintAnswered,
    "refuse": ComplaintRefused,
}


async def listed(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The clinic's complaints, those first whose term ends first."""
    del form
    over = request.query_params.get("over") == "1"
    clinic_id = visitor.user.clinic_id
    stores = site.stores.complaints
    found = (
        await stores.of_clinic(clinic_id, open_ones=not over)
        if clinic_id
        else await stores.find({"open": not over}, limit=500)
    )
    complaints = [each.state for each in found if each.state is not None]
    complaints.sort(key=_due)
    unsent = (
        [each for each in await site.stores.actions.unsent_of(visitor.clinic_id) if _is_new(each)] if clinic_id else []
    )
    known = {each.complaint_id for each in complaints}
    typed = [ComplaintSubmitted.model_validate_json(each.event.value) for each in unsent if each.subject not in known]
    return html(site, visitor, "complaints.html", complaints=complaints, typed=typed, over=over)


def _is_new(action: Action) -> bool:
    return action.event.type == ComplaintSubmitted.TYPE


def _due(complaint: Complaint) -> str:
    status = complaint.status
    due = status.answer_due_at if status else None
    return due.isoformat() if due else ""


async def new(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The form of a complaint that came by post or in person."""
    del form
    values = {"complaint_id": [str(uuid4())], "request_id": [request.query_params.get("request_id", "")]}
    return _form(site, visitor, values)


def _form(
    site: Site, visitor: Visitor, values: Form, wrong: dict[str, str] | None = None, status: int = 200
) -> Response:
    return html(site, visitor, "new_complaint.html", status=status, **as_typed(values, wrong, status))


async def create(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Take in a complaint as it was typed."""
    del request
    try:
        event = forms.complaint(form, visitor.user, visitor.now, visitor.zone, _position(visitor))
        await do(site, visitor, event, action_id=event.complaint_id)
    except WrongForm as error:
        return _form(site, visitor, form, error.fields, 422)
    except DoneOtherwise:
        return _form(site, visitor, {**form, "complaint_id": [str(uuid4())]}, {"text": "sent_before"}, 409)
    except Transient:
        return _form(site, visitor, form, status=503)
    page = "" if visitor.user.may("see_complaints") else "/taken"
    return RedirectResponse(f"/complaints/{event.complaint_id}{page}", 303)


async def complaint(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """A complaint: first its call's times with the verdict on each term, then its history, and what may be done."""
    del form
    complaint_id = request.path_params["complaint_id"]
    found, unsent = await complaint_of(site, visitor, complaint_id)
    typed = next((each for each in unsent if _is_new(each)), None)
    submitted = found.submitted if found else None
    call = await call_of_complaint(site, visitor, found)
    theirs = call is not None and submitted is not None and answers.is_theirs(submitted, call)
    rules = site.rule_sets.on(visitor.today)
    terms = answers.terms(call, visitor.now, rules) if call else []
    return html(
        site,
        visitor,
        "complaint_part.html" if wants_part(request) else "complaint.html",
        complaint_id=complaint_id,
        complaint=found,
        submitted=submitted or (ComplaintSubmitted.model_validate_json(typed.event.value) if typed else None),
        told=found.status if found else None,
        call=call,
        theirs=theirs,
        terms=[(each.mark, said(each.text, visitor.language)) for each in terms],
        recorded=[(each.at, answers.step_text(each, visitor.language)) for each in answers.recorded(call)]
        if call
        else [],
        not_theirs=said(answer_words.NOT_THEIRS, visitor.language),
        unsent=[each.event.type for each in unsent],
        aside=any(each.refused for each in unsent),
        draft=_draft(found, call if theirs else None, terms),
        action=uuid4().hex,
    )


async def taken(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """What the complainant is told when the complaint is taken in: number, day of the answer, receipt (C10.2)."""
    del form
    complaint_id = request.path_params["complaint_id"]
    found, unsent = await complaint_of(site, visitor, complaint_id)
    return html(
        site,
        visitor,
        "complaint_taken_part.html" if wants_part(request) else "complaint_taken.html",
        complaint_id=complaint_id,
        told=found.status if found else None,
        unsent=bool(unsent),
        aside=any(each.refused for each in unsent),
    )


async def call_of_complaint(site: Site, visitor: Visitor, found: Complaint | None) -> Call | None:
    """The call that a complaint names, where the user may see it."""
    submitted = found.submitted if found else None
    request_id = submitted.request_id if submitted else None
    if request_id is None:
        return None
    loaded = (await site.stores.calls.load([request_id])).get(request_id)
    call = loaded.state if loaded else None
    return call if call is not None and visitor.user.sees(call.clinic_id) else None


def _draft(found: Complaint | None, call: Call | None, terms: Sequence[answers.Term]) -> str:
    """The beginning of an answer in the complainant's language; empty until the complaint is registered."""
    heard = answers.heard_of(found, call) if found else None
    if found is None or heard is None or heard.submitted is None:
        return ""
    return answers.draft(heard, call, terms, heard.submitted.complainant.language)


async def step(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """A step in the life of a complaint; the same form sent again is the same step."""
    complaint_id, kind = request.path_params["complaint_id"], request.path_params["step"]
    if kind not in STEPS:
        raise Refuse(404, "no_such_page")
    found, _ = await complaint_of(site, visitor, complaint_id)
    if found is not None and found.clinic_id != visitor.clinic_id:
        raise Refuse(404, "no_such_complaint")
    visitor = await following(site, visitor, complaint_id, found.stated_at if found else [])
    try:
        event = forms.complaint_step(
            STEPS[kind], complaint_id, form, (visitor.user, _position(visitor)), visitor.now, visitor.zone
        )
    except WrongForm as error:
        raise RefuseFields(error.fields) from None
    action = (form.get("action") or [""])[0] or uuid4().hex
    await do(site, visitor, event, action_id=f"{complaint_id} {kind} {action}")
    return RedirectResponse(f"/complaints/{complaint_id}", 303)


def _position(visitor: Visitor) -> str:
    """The user's position in the clinic, in its own language: it stands in a Kazakh and Russian document."""
    return Words("ru").coded("role", visitor.user.role)


async def complaint_of(site: Site, visitor: Visitor, complaint_id: str) -> tuple[Complaint | None, list[Action]]:
    """The complaint, and what was done about it and is not sent. ``Refuse`` where it is none of the user's."""
    if not UUID.match(complaint_id):
        raise Refuse(404, "no_such_complaint")
    loaded = (await site.stores.complaints.load([complaint_id])).get(complaint_id)
    found = loaded.state if loaded else None
    clinic_id = found.clinic_id if found else visitor.clinic_id
    unsent = await site.stores.actions.unsent_about(complaint_id, clinic_id)
    known = (
        found is not None
        or bool(unsent)
        or bool(await site.stores.actions.of_subject(complaint_id, visitor.user.clinic_id))
    )
    if not known or not visitor.user.sees(clinic_id):
        raise Refuse(404, "no_such_complaint")
    return found, unsent


PAGES: Final = (
    Page("/complaints", "complaints", "see_complaints", listed),
    Page("/complaints/new", "new complaint", "take_complaints", new),
    Page("/complaints/new", "new complaint", "take_complaints", create, "POST"),
    Page("/complaints/{complaint_id}", "complaint", "see_complaints", complaint),
    Page("/complaints/{complaint_id}/taken", "complaint taken", "print_receipts", taken),
    Page("/complaints/{complaint_id}/{step}", "complaint step", "handle_complaints", step, "POST"),
)
