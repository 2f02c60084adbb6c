"""A dispatcher places a visit by hand, or lets it be planned like any other again."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.desk.domain import forms
from services.desk.domain.call import Call
from services.desk.domain.reader import WrongForm
from services.desk.web.assigning import held_by
from services.desk.web.calls import after_all, call_of, do
from services.desk.web.site import Form, Page, Refuse, RefuseFields, Site, Visitor


async def assign(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Place the visit with a doctor, at a time if one is named. The scheduler says whether it can be."""
    request_id = request.path_params["request_id"]
    call = await _own(site, visitor, request_id)
    visitor = await after_all(site, visitor, request_id, call)
    try:
        event = forms.assigned(request_id, form, visitor.user, visitor.now, visitor.zone, on=call.visit_day)
    except WrongForm as error:
        raise RefuseFields(error.fields) from None
    # Drawn once, sent however often: the same choice. Without the page's own id, what was chosen tells choices apart.
    chosen = (form.get("action") or [""])[0] or f"{event.doctor_id} {event.arrives_from} {event.reason}"
    await do(site, visitor, event, action_id=f"{request_id} assign {chosen}")
    return RedirectResponse(f"/calls/{request_id}", 303)


async def release(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Let a visit that was placed by hand be planned like any other again."""
    request_id = request.path_params["request_id"]
    call = await _own(site, visitor, request_id)
    visitor = await after_all(site, visitor, request_id, call)
    event = forms.released(request_id, visitor.user, visitor.now, visitor.zone)
    # What the form was drawn from: sent again later, it does not release what was placed by hand since.
    held = (form.get("held") or [""])[0] or held_by(call)
    await do(site, visitor, event, action_id=f"{request_id} release {held}")
    return RedirectResponse(f"/calls/{request_id}", 303)


async def _own(site: Site, visitor: Visitor, request_id: str) -> Call:
    """The call of the user's own clinic that intake has decided on. Raises ``Refuse``."""
    call, _ = await call_of(site, visitor, request_id)
    if call is None or call.clinic_id != visitor.clinic_id:
        raise Refuse(404, "no_such_call")
    return call


PAGES: Final = (
    Page("/calls/{request_id}/assign", "assign", "assign_visit", assign, "POST"),
    Page("/calls/{request_id}/release", "release", "assign_visit", release, "POST"),
)
