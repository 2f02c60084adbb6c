"""The register of attached population, by the table of the profile: the wire form of the real one is not public."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from lxml import etree
from pydantic import TypeAdapter, ValidationError

from homecall.contract.types import Id
from homecall.gateways.identity.port import Attachment, NoConsent, Unavailable
from homecall.gateways.identity.shep.answers import DONE, Answer, day_in, told
from homecall.gateways.identity.shep.profile import AttachmentSection, MeaningsSection
from homecall.gateways.identity.shep.xml import BadXml, named, text_at

_ID: TypeAdapter[str] = TypeAdapter(Id)


def needs_consent(section: AttachmentSection) -> bool:
    """Whether a request holds the person's consent."""
    return any("{kdp_token}" in text for text in section.request.values())


def fields_of(section: AttachmentSection, values: Mapping[str, str]) -> dict[str, str]:
    """The fields of ``data``, with the values in their places."""
    return {
        name: re.sub(r"\{([^{}]*)\}", lambda found: values.get(found[1], ""), text)
        for name, text in section.request.items()
    }


def attachment_in(
    answer: Answer, section: AttachmentSection, meanings: MeaningsSection, on: date
) -> Attachment | Unavailable | None:
    """The attachment that holds on a day, or the newest. Raises ``NoAnswer``, ``BadXml`` for what cannot be read.

    None where the register says that there is none, and ``Unavailable`` where the person has not consented.
    """
    if answer.code != DONE:
        return _without(told(answer.code, answer.message, meanings))
    if answer.data is None:
        raise BadXml("no_data")
    if section.result is not None and (result := text_at(answer.data, section.result)) not in section.done:
        message = " ".join(answer.data.itertext())
        return _without(told("SCSE001", message, meanings, result))
    found = [_attachment(each, section) for each in named(answer.data, section.each) if len(each)]
    holding = [each for each in found if each.holds_on(on)]
    return max(holding or found, key=lambda each: each.attached_from, default=None)


def _without(said: object) -> Unavailable | None:
    return Unavailable("no_consent") if isinstance(said, NoConsent) else None


def _attachment(found: etree._Element, section: AttachmentSection) -> Attachment:
    code, since = text_at(found, section.clinic), day_in(text_at(found, section.attached_from))
    if code is None or since is None:
        raise BadXml("no_attachment")
    territory = None if section.territory is None else text_at(found, section.territory)
    until = None if section.attached_until is None else text_at(found, section.attached_until)
    try:
        clinic = _ID.validate_python(section.clinics.get(code, code))
        place = None if territory is None else _ID.validate_python(territory)
    except ValidationError:
        raise BadXml("no_attachment") from None
    return Attachment(clinic, place, since, _end(until))


def _end(text: str | None) -> date | None:
    """The last day; a text that is none would make an attachment endless, so it is no answer."""
    if text is None:
        return None
    day = day_in(text)
    if day is None:
        raise BadXml("no_attachment")
    return day
