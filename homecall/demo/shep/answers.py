"""The bytes of an answer: a ``SendMessageResponse``, signed, or what is wrong with it on purpose."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from homecall.contract.types import ZONE
from homecall.demo.shep.keys import Keys
from homecall.demo.shep.markup import (
    ATTACHMENT,
    MOST_BYTES,
    PERSONS,
    SOAP,
    WSU,
    Content,
    Element,
    filled,
    new_envelope,
    typed,
    written,
)
from homecall.demo.shep.register import Attached, Entry, invented
from homecall.demo.shep.says import Says
from homecall.demo.shep.wsse import KeyInfo, Signer, sign

DONE: Final = ("SCSS001", "Message has been processed successfully")
NOBODY: Final = ("SCSE001", "Сведения не найдены: лицо с указанным ИИН отсутствует в ГБД ФЛ")
NO_CONSENT: Final = ("SCSE001", "Отсутствует согласие субъекта персональных данных")
SERVICE_ERROR: Final = ("SCSE001", "Внутренняя ошибка сервиса: нет соединения с базой данных")
"""The code is one for all three; public sources do not fix the words, so these are ours."""
STATUSES: Final = {
    Says.NOT_FOUND: NOBODY,
    Says.NO_CONSENT: NO_CONSENT,
    Says.SERVICE_ERROR: SERVICE_ERROR,
    Says.FAULT: ("FAULT-015", "Ошибка на стороне шлюза"),
    Says.SBF: ("SBF-AD-1", "Доступ запрещён"),
    Says.VAL: ("VAL-R-004", "Сообщение не прошло проверку"),
    Says.UNKNOWN_CODE: ("XYZ-1", "?"),
}
_HTML: Final = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx<br></body></html>"
_BOMB: Final = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]>
<soap:Envelope xmlns:soap="%s"><soap:Body>&i;</soap:Body></soap:Envelope>""" % (
    b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8)),
    SOAP.encode(),
)
_DTD: Final = b'<!DOCTYPE soap:Envelope SYSTEM "http://127.0.0.1:1/none.dtd">'


@dataclass(frozen=True)
class Question:
    """What an answer is about, and when it is given. ``attached`` None: who the person is was asked."""

    message_id: str
    iin: str
    entry: Entry | None
    now: datetime
    attached: Sequence[Attached] | None = None


@dataclass(frozen=True)
class Reply:
    """What goes back: a status, a type and a body; it is cut after ``cut_after`` bytes."""

    body: bytes
    status: int = 200
    content_type: str = "text/xml; charset=utf-8"
    cut_after: int | None = None
    wait_seconds: float = 0.0


def fault_reply(code: str, message: str, now: datetime) -> Reply:
    """A SOAP fault, unsigned. Public sources do not tell the form of its detail: this one is ours."""
    detail: dict[str, Content] = {
        "errorInfo": {"errorCode": code, "errorMessage": message, "errorDate": moment(now)},
    }
    envelope = new_envelope("SendMessageFault", detail)
    body = envelope.find(f"{{{SOAP}}}Body")
    told = body[0]
    fault = body.makeelement(f"{{{SOAP}}}Fault")
    filled(fault, {"faultcode": "soap:Server", "faultstring": f"{code}: {message}", "detail": {}})
    fault[-1].append(told)
    body.append(fault)
    return Reply(written(envelope), status=500)


def moment(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="milliseconds")


def _response(message_id: str, status: tuple[str, str], now: datetime) -> dict[str, Content]:
    code, message = status
    info: dict[str, Content] = {
        "messageId": message_id,
        "responseDate": moment(now),
        "status": {"code": code, "message": message},
        "sessionId": f"{{{uuid.uuid4()}}}",
    }
    return {"response": {"responseInfo": info}}


class Answers:
    """Makes each answer that the stand-in can be told to give."""

    def __init__(self, keys: Keys, how: KeyInfo) -> None:
        self._keys = keys
        self.how = how
        self._last_found: bytes | None = None
        self._other_ways: Mapping[Says, Callable[[Question], Reply]] = {
            Says.HTML: lambda _: Reply(_HTML, 502, "text/html"),
            Says.NOT_XML: lambda _: Reply(b"OK"),
            Says.EMPTY: lambda _: Reply(b""),
            Says.CUT: lambda question: replace(self._found(question), cut_after=-1),
            Says.HALF: self._half,
            Says.SOAP_FAULT: lambda question: fault_reply(*STATUSES[Says.FAULT], question.now),
            Says.REPLAY: self._replay,
            Says.BOMB: lambda _: Reply(_BOMB),
            Says.DTD: lambda question: Reply(self._found(question).body.replace(b"?>", b"?>" + _DTD, 1)),
            Says.DEEP: lambda _: Reply(b"<a>" * 10_000 + b"</a>" * 10_000),
            Says.LONG: lambda question: Reply(self._found(question).body + b" " * 16 * MOST_BYTES),
            Says.WRONG_SIGNATURE: self._changed,
            Says.WRAPPED: self._wrapped,
            Says.MOVED: self._moved,
            Says.DOUBLE_ID: self._double_id,
            Says.UNSIGNED: lambda question: Reply(written(self._envelope(question, Says.FOUND))),
        }

    def answer(self, says: Says, question: Question) -> Reply:
        """What goes back for this question, told to be that."""
        if says in STATUSES:
            return self._status(question, STATUSES[says])
        if says in self._other_ways:
            return self._other_ways[says](question)
        if question.entry is None:
            return self.answer(Says.NOT_FOUND, question)
        return self._found(question, says)

    def _status(self, question: Question, status: tuple[str, str]) -> Reply:
        """A signed answer with a status and no data."""
        envelope = new_envelope("SendMessageResponse", _response(question.message_id, status, question.now))
        sign(envelope, self._keys.gateway, self.how)
        return Reply(written(envelope))

    # ---- found

    def _found(self, question: Question, says: Says = Says.FOUND) -> Reply:
        envelope = self._envelope(question, says)
        sign(envelope, self._signer(says), self.how)
        body = written(envelope)
        if says is Says.FOUND:
            self._last_found = body
        return Reply(body)

    def _signer(self, says: Says) -> Signer:
        others = {
            Says.OTHER_AUTHORITY: lambda: self._keys.of_another_authority,
            Says.CITIZEN: lambda: self._keys.citizen,
            Says.EXPIRED: lambda: self._keys.expired,
        }
        return others[says]() if says in others else self._keys.gateway

    def _envelope(self, question: Question, says: Says) -> Element:
        message_id = str(uuid.uuid4()) if says is Says.OTHER_MESSAGE else question.message_id
        envelope = new_envelope("SendMessageResponse", _response(message_id, DONE, question.now))
        [response] = envelope.iter("response")
        code = ("99999", "Ошибка") if says is Says.RESULT_ERROR else ("00000", "Данные найдены")
        namespace, data = _persons(question, says, code)
        if question.attached is not None:
            namespace, data = _attachments(question.attached, code)
        filled(response, {"responseData": {"data": data}})
        typed(response.find("responseData/data"), namespace, "Response")
        return envelope

    # ---- what goes wrong

    def _half(self, question: Question) -> Reply:
        whole = self._found(question)
        return replace(whole, cut_after=len(whole.body) // 2)

    def _replay(self, question: Question) -> Reply:
        return self._found(question) if self._last_found is None else Reply(self._last_found)

    def _signed(self, question: Question) -> tuple[Element, Element]:
        """A good envelope and its body."""
        envelope = self._envelope(question, Says.FOUND)
        sign(envelope, self._keys.gateway, self.how)
        return envelope, envelope.find(f"{{{SOAP}}}Body")

    def _changed(self, question: Question) -> Reply:
        envelope, body = self._signed(question)
        _forge(body)
        return Reply(written(envelope))

    def _wrapped(self, question: Question) -> Reply:
        envelope, body = self._signed(question)
        forged = _forge(deepcopy(body))
        forged.set(f"{{{WSU}}}Id", "id-forged")
        body.addprevious(forged)
        return Reply(written(envelope))

    def _moved(self, question: Question) -> Reply:
        envelope, body = self._signed(question)
        forged = _forge(deepcopy(body))
        forged.set(f"{{{WSU}}}Id", "id-forged")
        body.addprevious(forged)
        envelope.find(f"{{{SOAP}}}Header").append(body)
        return Reply(written(envelope))

    def _double_id(self, question: Question) -> Reply:
        envelope, body = self._signed(question)
        body.addprevious(_forge(deepcopy(body)))
        envelope.find(f"{{{SOAP}}}Header").append(body)
        return Reply(written(envelope))


def _forge(body: Element) -> Element:
    for each in body.iter("surname", "message"):
        each.text = "Forged"
    return body


def _persons(question: Question, says: Says, code: tuple[str, str]) -> tuple[str, dict[str, Content]]:
    """Namespace and content of the data about a person."""
    result: dict[str, Content] = {"code": code[0], "nameRu": code[1], "nameKz": code[1]}
    people = [_shaped(each, says) for each in _entries(question, says)]
    return PERSONS, {"messageResult": result, "persons": {"person": people}}


def _attachments(attached: Sequence[Attached], code: tuple[str, str]) -> tuple[str, dict[str, Content]]:
    """The same about attachments."""
    result: dict[str, Content] = {"code": code[0], "message": code[1]}
    return ATTACHMENT, {"result": result, "attachments": {"attachment": [each.content() for each in attached]}}


def _entries(question: Question, says: Says) -> list[Entry]:
    entry = question.entry or invented(question.iin)
    other = invented("850715200007" if question.iin != "850715200007" else "850715100000")
    if says is Says.NOBODY_LISTED:
        return []
    if says is Says.OTHER_PERSON:
        return [other]
    if says is Says.SEVERAL:
        return [other, entry]
    if says is Says.TWICE:
        return [entry, replace(other, iin=entry.iin)]
    return [replace(entry, alive=False) if says is Says.DEAD else entry]


_VALUES: Final = ("patronymic", "gender", "lifeStatus", "citizenship", "regAddress", "documents")


def _shaped(entry: Entry, says: Says) -> dict[str, Content]:
    """The element ``person`` in a less usual form."""
    content = entry.content()
    if says is Says.NIL:
        return content | dict.fromkeys(_VALUES)
    if says is Says.ABSENT:
        return {name: value for name, value in content.items() if name not in _VALUES}
    if says is Says.ZONED:
        return content | {"birthDate": f"{entry.birth_date or date(1985, 7, 15)}+06:00"}
    if says is Says.MORE_FIELDS:
        nationality: dict[str, Content] = {"nationality": {"code": "005", "nameRu": "КАЗАХ", "iin": "000000000000"}}
        return {"removed": "false"} | content | nationality
    return content
