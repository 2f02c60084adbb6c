"""Which complaints are of one person about one call, and when two names are one."""

from __future__ import annotations

import re
import unicodedata

from homecall.contract.events import ComplaintSubmitted
from services.complaints.domain.state import ComplaintState


def person_of(data: ComplaintSubmitted) -> dict[str, str]:
    """By what two complaints are known to be the same person's: the IIN, and the name with the phone.

    Who gives no phone is known by name alone, among those who give none.
    """
    complainant = data.complainant
    by = {"name": by_name(complainant.full_name, complainant.phone)}
    return by | ({"iin": complainant.iin} if complainant.iin else {})


def same_matter(one: ComplaintState, other: ComplaintState) -> bool:
    """Whether both are of one person about one call. Two IINs that differ are two people, whatever their names are."""
    if one.complaint_id == other.complaint_id or not one.matter or not other.matter:
        return False
    by = "iin" if "iin" in one.matter and "iin" in other.matter else "name"
    return one.matter.get(by) == other.matter.get(by)


def by_name(full_name: str, phone: str | None) -> str:
    """A person by name and phone. Spaces, capitals and the way in which a phone is written tell nobody apart."""
    digits = re.sub(r"\D", "", phone or "")
    return f"{same_name(full_name)}|{digits[-10:]}"


def same_name(full_name: str) -> str:
    """A name as it is compared: spaces, capitals and how a letter is composed (й, ё) tell nobody apart."""
    return unicodedata.normalize("NFC", " ".join(full_name.split()).casefold())
