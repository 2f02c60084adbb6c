"""The form of a new call: drawn, filled in from what is known of the patient, and sent once."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from homecall.runtime.failures import Transient
from homecall.standard.patient import iin_hint
from services.desk.domain import forms, windows
from services.desk.domain.board import row_of
from services.desk.domain.reader import WrongForm
from services.desk.handler import PATIENT
from services.desk.web.calls import DoneOtherwise, do
from services.desk.web.site import Form, Page, Refuse, Site, Visitor, as_typed, html


async def new(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """The form of a new call. ``request_id`` is made here: however often it is sent, it is one call."""
    del form
    return _form_page(
        site, visitor, {"request_id": [str(uuid4())], "channel": [request.query_params.get("channel", "phone")]}
    )


def _form_page(
    site: Site,
    visitor: Visitor,
    values: Form,
    *,
    wrong: dict[str, str] | None = None,
    sent: str = "",
    status: int = 200,
) -> Response:
    clinic = site.clinics.get(visitor.clinic_id)
    rules = site.rule_sets.on(visitor.today)
    return html(
        site,
        visitor,
        "new_call.html",
        status=status,
        sent=sent,
        red_flags=list(rules.red_flags.codes),
        reasons=list(rules.reasons.codes),
        districts=[each.district_id for each in clinic.districts] if clinic else [],
        offering=site.offers is not None,
        **as_typed(values, wrong, status),
        **_chosen(values),
    )


def _chosen(values: Form) -> dict[str, Any]:
    """The windows to choose from before any is asked for: the one that was chosen, where one was."""
    chosen = windows.chosen_of((values.get("preferred_window") or [""])[0])
    return {
        "state": "asked",
        "windows": windows.to_choose((), chosen),
        "chosen": windows.written(chosen) if chosen else "",
        "count": 0,
        "other_day": None,
    }


async def create(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Take up a call as it was typed. Sent again, it leads to the same call.

    A form that was sent before and now says something else is not that call: it comes back under a new id, with a link
    to the call that was made from it, and can be sent as a new one.
    """
    del request
    try:
        event = forms.submitted(form, visitor.user, visitor.now, visitor.zone)
    except WrongForm as error:
        return _form_page(site, visitor, form, wrong=error.fields, status=422)
    try:
        await do(site, visitor, event, action_id=event.request_id)
    except DoneOtherwise:
        values = {**form, "request_id": [str(uuid4())]}
        return _form_page(site, visitor, values, sent=event.request_id, status=409)
    except Transient:
        return _form_page(site, visitor, form, status=503)
    return RedirectResponse(f"/calls/{event.request_id}", 303)


async def patient(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """What is known of an IIN: birth date and sex by its digits, and the patient's earlier calls at this clinic.

    A POST, so that the IIN stands in no address and no log.
    """
    del request
    iin = re.sub(r"\D", "", (form.get("iin") or [""])[0])
    if len(iin) != 12:
        raise Refuse(422, "iin_digits")
    hint = iin_hint(iin)
    born = hint.birth_date if hint else None
    found: dict[str, Any] = {
        "birth_date": born.strftime("%d.%m.%Y") if born else None,
        "sex": hint.sex if hint else None,
        "calls": [],
    }
    earlier = await site.stores.calls.of_person(site.vault.index(PATIENT, iin))
    mine = [each.state for each in earlier if each.state and each.state.clinic_id == visitor.clinic_id]
    mine.sort(key=lambda call: (call.register_date or date.min).isoformat(), reverse=True)
    for call in mine[:10]:
        decision = call.decision
        if decision is None:
            continue
        if "full_name" not in found and decision.patient is not None:
            found |= {
                "full_name": decision.patient.full_name,
                "phone": decision.patient.phone,
                "language": decision.patient.language,
            }
        if "address" not in found and decision.address is not None:
            found["address"] = decision.address.model_dump(exclude_none=True)
        found["calls"].append({"request_id": call.request_id})
    rows = [row_of(call) for call in mine[:10]]
    rows.sort(key=lambda row: row.over)
    found["html"] = site.render("earlier.html", visitor, visitor.language, rows=rows)
    return JSONResponse(found)


PAGES: Final = (
    Page("/calls/new", "new call", "take_calls", new),
    Page("/calls/new", "new call", "take_calls", create, "POST"),
    Page("/calls/new/patient", "patient", "take_calls", patient, "POST"),
)
