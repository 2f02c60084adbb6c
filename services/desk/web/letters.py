"""The letters of a complaint, to print and sign: the registration, the reply, the refusal (C10.2, C10.5, C10.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from homecall.documents.letters.heard import state_of
from homecall.documents.letters.letters import Letter, NotThere, receipt, reply
from services.desk.domain import answers
from services.desk.web.complaints import call_of_complaint, complaint_of
from services.desk.web.site import Form, Page, Refuse, Site, Visitor

Kind = Literal["receipt", "reply"]
_MAKE: Final[dict[Kind, Callable[..., Letter]]] = {"receipt": receipt, "reply": reply}


async def letter(kind: Kind, site: Site, request: Request, visitor: Visitor, form: Form) -> Response:
    """A letter of a complaint's present stage, as PDF and in the complainant's language."""
    del form
    complaint_id = request.path_params["complaint_id"]
    found, _ = await complaint_of(site, visitor, complaint_id)
    call = await call_of_complaint(site, visitor, found)
    submitted = found.submitted if found else None
    theirs = call if submitted and call and answers.is_theirs(submitted, call) else None
    heard = answers.heard_of(found, theirs) if found else None
    clinic = site.clinics.get(found.clinic_id) if found else None
    if found is None or heard is None or submitted is None or clinic is None:
        raise Refuse(404, f"no_{kind}_yet")
    as_of = heard.told.occurred_at if found.over else visitor.now
    rules = site.rule_sets.on((heard.registered_at or heard.came_at).astimezone(visitor.zone).date())
    linked = await _linked(site, visitor, heard.told.linked_complaints or [])
    try:
        state, place = state_of(heard, clinic, rules, as_of.astimezone(visitor.zone))
        more = {"linked": linked} if kind == "receipt" else {}
        made = _MAKE[kind](state, place, clinic, submitted.complainant.language, **more)
    except NotThere:
        raise Refuse(404, f"no_{kind}_yet") from None
    content = await asyncio.to_thread(_written, made)
    name = f"{kind}-{heard.told.incoming_number}.pdf"
    return Response(
        content, media_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


async def _linked(site: Site, visitor: Visitor, ids: list[str]) -> list[str]:
    """The incoming numbers of linked complaints, as far as they are registered and the user may see them."""
    loaded = await site.stores.complaints.load(ids)
    states = [each.state for each in loaded.values() if each.state and visitor.user.sees(each.state.clinic_id)]
    return sorted(each.status.incoming_number for each in states if each.status and each.status.incoming_number)


def _written(made: Letter) -> bytes:
    # What draws is imported where it is asked for: ReportLab takes 30 MiB.
    from homecall.documents.letters import as_pdf

    return as_pdf.write(made)


PAGES: Final = (
    Page("/complaints/{complaint_id}/receipt.pdf", "receipt", "print_receipts", partial(letter, "receipt")),
    Page("/complaints/{complaint_id}/reply.pdf", "reply", "see_complaints", partial(letter, "reply")),
)
