"""What an answer says, read from its signed Body: whose answer it is, its status, and the person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from lxml import etree
from pydantic import TypeAdapter, ValidationError

from homecall.contract.types import ZONE
from homecall.gateways.identity.port import IdentityDocument, NoConsent, NotFound, Person
from homecall.gateways.identity.shep.names import CHANNEL, SOAP
from homecall.gateways.identity.shep.profile import MeaningsSection
from homecall.gateways.identity.shep.structure import Untrusted
from homecall.gateways.identity.shep.xml import BadXml, children, name_of, named, text_at
from homecall.gateways.retry import NoAnswer
from homecall.runtime.logs import log

DONE: Final = "SCSS001"
_SERVICE_ERROR: Final = "SCSE001"
_RESULT_DONE: Final = "00000"
_ALIVE: Final = "0"
_SEXES: Final[Mapping[str | None, Literal["male", "female"]]] = {"1": "male", "2": "female"}
_DOCUMENTS: Final = {"001": "passport", "002": "identity_card"}
_VALID: Final = "00"
_REFUSED: Final = ("VAL-", "SBF-AD")
"""Faults by which the gateway refuses our message or our access: another try would be refused as well."""
_CODE = re.compile(r"[^A-Za-z0-9_.-]")
_KIND = re.compile(r"FAULT|SBF|VAL|SCSE|result|soap_fault")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*|Z|[+-]\d{2}:\d{2})?\Z", re.DOTALL)
_FAULT_CODE = re.compile(r"\b(?:FAULT|SBF|VAL|SCSE)-?[A-Z0-9-]*\d+\b")


@dataclass(frozen=True)
class Answer:
    """An answer to our message: its status, and ``data`` if there is any."""

    code: str
    message: str
    data: etree._Element | None


def fault_in(body: etree._Element) -> str | None:
    """The code of a SOAP fault; None where there is none. Never more than an error, so nobody need have signed it."""
    for fault in body.iter(f"{{{SOAP}}}Fault"):
        found = _FAULT_CODE.search(" ".join(fault.itertext()))
        return found[0] if found else "soap_fault"
    return None


def failure(code: str) -> NoAnswer:
    """What an error of the gateway means for us. Its cause is the kind of the code alone: the list is open."""
    refused = code.startswith(_REFUSED)
    log("identity").info("the e-government gateway answered with an error", code=_CODE.sub("", code)[:40])
    kind = _KIND.match(code)
    cause = kind[0].lower() if kind else "other"
    return NoAnswer("refused" if refused else "failing", again=not refused, cause=cause)


def answer_in(body: etree._Element, message_id: str, at: datetime, tolerance: timedelta) -> Answer:
    """The answer in a signed Body. Raises ``Untrusted`` if it is not to our message, or old; ``BadXml`` without form.

    It is ours if ``correlationId`` or ``messageId`` is the id that we sent: clients in the field see either.
    """
    inside = children(body)
    if len(inside) != 1 or inside[0].tag != f"{{{CHANNEL}}}SendMessageResponse":
        raise BadXml("no_answer")
    response = _one(inside[0], "response")
    info = _one(response, "responseInfo")
    if message_id not in (text_at(info, "correlationId"), text_at(info, "messageId")):
        raise Untrusted("other_message")
    answered = _moment(text_at(info, "responseDate"))
    if answered is None or abs(answered - at) > tolerance:
        raise Untrusted("stale")
    code = text_at(info, "status/code")
    if code is None:
        raise BadXml("no_answer")
    data = [each for each in named(response, "responseData/data") if len(each)]
    if len(data) > 1:
        raise BadXml("no_answer")
    return Answer(code, text_at(info, "status/message") or "", data[0] if data else None)


def person_in(answer: Answer, iin: str, meanings: MeaningsSection, on: date) -> Person | NotFound | NoConsent:
    """What the answer says of a person. Raises ``NoAnswer`` for errors, ``BadXml`` for what cannot be read."""
    if answer.code != DONE:
        return told(answer.code, answer.message, meanings)
    if answer.data is None:
        raise BadXml("no_data")
    result = text_at(answer.data, "messageResult/code")
    if result != _RESULT_DONE:
        said = [text_at(answer.data, f"messageResult/{name}") or "" for name in ("nameRu", "nameKz")]
        return told(_SERVICE_ERROR, " ".join(said), meanings, result)
    people = list(named(answer.data, "persons/person"))
    if not people:
        return NotFound()
    theirs = [each for each in people if text_at(each, "iin") == iin]
    if not theirs:
        raise BadXml("other_person")
    found = [_person(each, on) for each in theirs]
    if any(each != found[0] for each in found):
        raise BadXml("several_persons")
    return found[0]


def told(code: str, message: str, meanings: MeaningsSection, result: str | None = None) -> NotFound | NoConsent:
    """What an error of the service means: only its words tell "nobody found" from an error."""
    if code == _SERVICE_ERROR:
        if _says(message, meanings.no_consent):
            return NoConsent()
        if not _says(message, meanings.otherwise) and _says(message, meanings.not_found):
            return NotFound()
    raise failure(code if result is None else f"result_{result}")


def _says(message: str, patterns: Iterable[str]) -> bool:
    return any(re.search(pattern, message, re.IGNORECASE) for pattern in patterns)


_PERSON: Final = TypeAdapter(Person)


def _person(found: etree._Element, on: date) -> Person:
    names = (text_at(found, name) for name in ("surname", "name", "patronymic"))
    life = text_at(found, "lifeStatus/code")
    values: dict[str, Any] = {
        "full_name": " ".join(filter(None, names)),
        "birth_date": day_in(text_at(found, "birthDate")),
        "sex": _SEXES.get(text_at(found, "gender/code")),
        "address": _address(found),
        "address_code": text_at(found, "regAddress/arCode"),
        "alive": None if life is None else life == _ALIVE,
        "document": _document(found, on),
    }
    try:
        return _PERSON.validate_python(values)
    except ValidationError:
        raise BadXml("no_person") from None


def _address(found: etree._Element) -> str | None:
    """The registered address in one line, from the greater to the smaller."""
    parts = []
    for name in ("district", "region", "street", "building", "flat"):
        here = f"regAddress/{name}"
        parts.append(text_at(found, f"{here}/nameRu") or text_at(found, f"{here}/nameKz") or _plain(found, here))
    return ", ".join(part for part in parts if part)[:1000] or None


def _plain(found: etree._Element, path: str) -> str | None:
    """The text of an element without elements: a reference value without a name is none."""
    return None if any(len(each) for each in named(found, path)) else text_at(found, path)


def _document(found: etree._Element, on: date) -> IdentityDocument | None:
    """The newest identity document that is valid."""
    held = []
    for each in named(found, "documents/document"):
        kind = _DOCUMENTS.get(text_at(each, "type/code") or "")
        number, until = text_at(each, "number"), day_in(text_at(each, "endDate"))
        valid = text_at(each, "status/code") == _VALID and (until is None or on <= until)
        if kind is not None and number is not None and valid:
            held.append((day_in(text_at(each, "beginDate")) or date.min, kind, number, until))
    if not held:
        return None
    _, kind, number, until = max(held, key=lambda each: each[0])
    return IdentityDocument(kind, number, until)


def day_in(text: str | None) -> date | None:
    """The day of a date or a time, as it stands; None where there is none, or it is none."""
    found = _DATE.match(text or "")
    try:
        return None if found is None else date.fromisoformat(found[1])
    except ValueError:
        return None


def _moment(text: str | None) -> datetime | None:
    """A time; one without an offset is the country's."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found.replace(tzinfo=ZONE) if found.tzinfo is None else found


def _one(element: etree._Element, name: str) -> etree._Element:
    found = [each for each in children(element) if name_of(each) == name]
    if len(found) != 1:
        raise BadXml("no_answer")
    return found[0]
