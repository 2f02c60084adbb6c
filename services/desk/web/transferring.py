"""What the page of a call says of its being handed on, and to whom it can be."""

from __future__ import annotations

from dataclasses import dataclass

from homecall.contract.events import CallAt
from homecall.texts.documents import said
from homecall.texts.language import name
from services.desk.domain.call import Call
from services.desk.web.site import Site, Visitor


@dataclass(frozen=True, slots=True)
class Other:
    """The other end of a handing on: the clinic's name, and the call's page where the user may see it."""

    clinic: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Transferring:
    """Where a call went, where it came from, and the clinics that it can be handed on to, by id and name."""

    gone_to: Other | None = None
    come_from: Other | None = None
    clinics: tuple[tuple[str, str], ...] = ()


def transferring(site: Site, visitor: Visitor, call: Call | None) -> Transferring:
    """What the page says; no clinics where the user may not hand the call on."""
    if call is None:
        return Transferring()
    clinics: list[tuple[str, str]] = []
    if visitor.user.may("transfer_call"):
        clinics = [(each, _named(site, visitor, each)) for each in site.clinics.ids() if each != call.clinic_id]
    return Transferring(
        _other(site, visitor, call.gone_to),
        _other(site, visitor, call.come_from),
        tuple(sorted(clinics, key=lambda each: (each[1], each[0]))),
    )


def _other(site: Site, visitor: Visitor, call: CallAt | None) -> Other | None:
    if call is None:
        return None
    address = f"/calls/{call.request_id}" if visitor.user.sees(call.clinic_id) else ""
    return Other(_named(site, visitor, call.clinic_id), address)


def _named(site: Site, visitor: Visitor, clinic_id: str) -> str:
    """A clinic's name in the user's language; its id where it is not known."""
    clinic = site.clinics.get(clinic_id)
    return clinic_id if clinic is None else said(name(clinic.name.kk, clinic.name.ru), visitor.language)
