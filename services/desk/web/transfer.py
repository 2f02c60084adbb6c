"""A call is handed on to another clinic, by a person and with a reason (R25)."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.desk.domain import forms
from services.desk.domain.reader import WrongForm
from services.desk.web.calls import after_all, call_of, do
from services.desk.web.site import Form, Page, Refuse, RefuseFields, Site, Visitor


async def transfer(site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """Hand the call on. Of several times the first counts; intake says whether it can be."""
    request_id = request.path_params["request_id"]
    call, _ = await call_of(site, visitor, request_id)
    if call is None or call.clinic_id != visitor.clinic_id:
        raise Refuse(404, "no_such_call")
    visitor = await after_all(site, visitor, request_id, call)
    try:
        event = forms.transferred(request_id, form, visitor.user, visitor.now, visitor.zone)
    except WrongForm as error:
        raise RefuseFields(error.fields) from None
    if site.clinics.get(event.to_clinic_id) is None:
        raise RefuseFields({"to_clinic_id": "literal_error"})
    await do(site, visitor, event, action_id=f"{request_id} transferred")
    return RedirectResponse(f"/calls/{request_id}", 303)


PAGES: Final = (Page("/calls/{request_id}/transfer", "transfer", "transfer_call", transfer, "POST"),)
