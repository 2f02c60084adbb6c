"""``homecall example``: an event that is right now, as a line of JSON to publish: a newcomer's first request.

The clinic is open at any hour: by the standard's hours while they leave room for a visit, else by a working date of its
own. Persons and telephones are made up, and IINs are of births in the 1800s, so they are nobody's.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from homecall.contract.iins import iin_check_digit
from homecall.contract.types import ZONE
from homecall.operations.failure import Failure
from homecall.operations.terminal import did_you_mean, json_line, print_bytes, print_error, settings
from homecall.runtime.clock import clock_from
from homecall.standard.calendar import ClinicCalendar
from homecall.standard.rules import RuleSets, load_rule_sets

CLINIC: Final = "samal-1"
NEW_ID: Final = "id"
"""Not an event: a new id, for ``--id`` and ``--request``."""
Channel = Literal["desk", "phone", "portal"]

_ROOM: Final = timedelta(hours=2)
"""What must be left until the cut-off: a try takes a while, and the doctor comes some time after the answer."""
_UTC: Final = ZoneInfo("UTC")
_LATE: Final = time(20)
"""From here on a visit does not fit into what is left of the day in Kazakhstan: the clinic is one five hours behind."""
_PEOPLE: Final = (
    ("Мельник Павел Андреевич", 1, "ru"),
    ("Сейдахметова Ләззат Ғалымқызы", 2, "kk"),
    ("Омаров Дәурен Серікұлы", 1, "kk"),
    ("Ковалёва Нина Петровна", 2, "ru"),
    ("Әбдірахман Айгүл Маратқызы", 2, "kk"),
    ("Ким Виктор Алексеевич", 1, "ru"),
)
"""Names with the IIN's seventh digit: 1 and 2 are men and women born in the 1800s."""
_REASONS: Final = ("fever_above_38", "dizziness_nausea_vomiting", "acute_back_or_joint_pain")
_UNSIGNED: Final = {"format": "cms", "value": "AAAA"}
"""``homecall dev-sign`` puts a signature in its place."""
_HEAD: Final = {"full_name": "Жұмаділова Гүлнәр Бекқызы", "position": "Бас дәрігер"}
_EXECUTOR: Final = {"full_name": "Нұрпейіс Ержан Талғатұлы", "position": "Бас дәрігердің орынбасары"}
_REGISTRAR: Final = {"id": "reg-3", "full_name": "Тұрсынова Әсел Маратқызы"}
_CLERK: Final = {"full_name": "Тұрсынова Әсел Маратқызы", "position": "Кеңсе маманы"}


@dataclass(frozen=True)
class Wanted:
    """What an example is made for. ``own`` is the id of what the event is about, ``request`` the call that it names."""

    now: datetime
    rules: RuleSets
    clinic_id: str
    own: str
    request: str | None
    channel: Channel

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's zone: Kazakhstan's, but late in its evening."""
        return _UTC if not self.standard_hours and self.now.astimezone(ZONE).time() >= _LATE else ZONE

    @property
    def standard_hours(self) -> bool:
        """Whether a clinic with the standard's hours is open now and stays so for long enough."""
        today = self.now.astimezone(ZONE).date()
        day = ClinicCalendar(self.rules.on(today)).day(today)
        return day.accepts(self.now) and day.accepts(self.now + _ROOM)

    @property
    def local(self) -> datetime:
        return self.now.astimezone(self.zone).replace(microsecond=0)

    @property
    def at(self) -> str:
        return self.local.isoformat()


def example(
    kind: str, *, own: str | None, request: str | None, clinic_id: str = CLINIC, channel: Channel = "phone"
) -> None:
    """Print the line. ``Failure`` for a kind that there is none of."""
    if kind == NEW_ID:
        print(uuid.uuid4())
        return
    found = settings()
    maker = _kind(kind)
    for name, given in (("--id", own), ("--request", request)):
        if given is not None and not _is_uuid(given):
            raise Failure(f"{name}: must be a UUID: homecall example {NEW_ID} prints one")
    named = own if maker.follows == "complaint" else own or request
    if maker.follows and named is None:
        option = "--request" if maker.follows == "request" else "--id"
        print_error(f"it names a {maker.follows} that nobody made: {option} ID names yours")
    wanted = Wanted(
        now=clock_from(found.clock).now().astimezone(UTC),
        rules=load_rule_sets(found.rules),
        clinic_id=clinic_id,
        own=own or str(uuid.uuid4()),
        request=request,
        channel=channel,
    )
    print_bytes(json_line({"type": maker.type, "data": maker.data(wanted)}))


def _kind(name: str) -> Kind:
    found = KINDS.get(name) or {each.type: each for each in KINDS.values()}.get(name)
    if found is None:
        raise Failure(f"{name} is no example{did_you_mean(name, [*KINDS, NEW_ID])}: they are {', '.join(KINDS)}")
    return found


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _clinic(wanted: Wanted) -> dict[str, Any]:
    data: dict[str, Any] = {
        "clinic_id": wanted.clinic_id,
        "name": {"kk": "№ 1 «Самал» емханасы", "ru": "Поликлиника № 1 «Самал»"},
        "region": "Алматы",
        "address": "Алматы, Тал көшесі, 14",
        "phone": "+7 700 000 00 01",
        "head": {"full_name": _HEAD["full_name"]},
        "districts": [{"district_id": "1-01", "kind": "mixed", "addresses": ["Алматы, Тал көшесі"]}],
    }
    if not wanted.standard_hours:
        today = wanted.local.date()
        data["working_dates"] = [{"date": today.isoformat(), "hours": [["00:00", "24:00"]]}]
    if wanted.zone is not ZONE:
        data["zone"] = wanted.zone.key
    return data


def _roster(wanted: Wanted) -> dict[str, Any]:
    shift = {"from": "08:00", "to": "20:00"} if wanted.standard_hours else {"from": "00:00", "to": "24:00"}
    return {
        "clinic_id": wanted.clinic_id,
        "date": wanted.local.date().isoformat(),
        # A later one replaces an earlier one.
        "revision": wanted.local.hour * 3600 + wanted.local.minute * 60 + wanted.local.second,
        "doctors": [
            {
                "doctor_id": "gp-1",
                "full_name": "Левченко Артём Витальевич",
                "specialty": "gp",
                "districts": ["1-01"],
                "shift": shift,
                "max_visits": 16,
            },
            {
                "doctor_id": "gp-2",
                "full_name": "Қуандықова Мәдина Ерболқызы",
                "specialty": "gp",
                "shift": shift,
                "max_visits": 14,
                "on_duty": True,
            },
        ],
    }


def _unavailable(wanted: Wanted) -> dict[str, Any]:
    return {
        "clinic_id": wanted.clinic_id,
        "date": wanted.local.date().isoformat(),
        "doctor_id": "gp-1",
        "from": f"{wanted.local:%H:%M}",
        "reason": "fallen ill",
    }


def _person(request_id: str) -> dict[str, Any]:
    """A patient for a request: the same for the same id, and mostly another for another, since one has one call."""
    # Not for secrets: what must come out is the same person again.
    chosen = random.Random(request_id)
    name, century, language = chosen.choice(_PEOPLE)
    check = None
    while check is None:
        digits = f"{chosen.randint(50, 99)}{chosen.randint(1, 12):02}{chosen.randint(1, 28):02}{century}"
        digits += f"{chosen.randint(0, 9999):04}"
        check = iin_check_digit(digits)
    return {
        "iin": f"{digits}{check}",
        "full_name": name,
        "phone": f"+7 700 000 {chosen.randint(10, 99)} {chosen.randint(10, 99)}",
        "language": language,
    }


def _request(wanted: Wanted) -> dict[str, Any]:
    request_id = wanted.own if wanted.request is None else wanted.request
    chosen = random.Random(f"{request_id} where and why")
    return {
        "request_id": request_id,
        "clinic_id": wanted.clinic_id,
        "channel": wanted.channel,
        "submitted_at": wanted.at,
        "patient": _person(request_id),
        **({"identity_document": {"kind": "id_card", "number": "000000001"}} if wanted.channel == "desk" else {}),
        "address": {"text": f"Алматы, Тал көшесі, {chosen.randint(1, 60)}, {chosen.randint(1, 90)}-пәтер"},
        "reasons": [chosen.choice(_REASONS)],
        **({"signature": _UNSIGNED} if wanted.channel == "portal" else {}),
    }


def _complaint(wanted: Wanted) -> dict[str, Any]:
    person, by_portal = _person(wanted.request or wanted.own), wanted.channel == "portal"
    return {
        "complaint_id": wanted.own,
        "addressed_to": "clinic",
        "clinic_id": wanted.clinic_id,
        **({"request_id": wanted.request} if wanted.request else {}),
        "channel": "portal" if by_portal else "in_person",
        "submitted_at": wanted.at,
        "complainant": {name: person[name] for name in ("full_name", "iin", "language")},
        "text": "До регистратуры было не дозвониться.",
        **({} if by_portal else {"received_by": _CLERK}),
        "answer_by": "portal" if by_portal else "by_hand",
        **({"signature": _UNSIGNED} if by_portal else {}),
    }


@dataclass(frozen=True)
class Kind:
    """An example: of which event, its data, and what must be there before it, if anything."""

    type: str
    data: Callable[[Wanted], dict[str, Any]]
    follows: Literal["", "request", "complaint"] = ""


def _to_call(event_type: str, **fields: Any) -> Kind:
    return Kind(
        event_type,
        lambda to: {"request_id": to.request or to.own, "clinic_id": to.clinic_id, "at": to.at} | fields,
        "request",
    )


def _to_complaint(event_type: str, **fields: Any) -> Kind:
    return Kind(
        event_type, lambda to: {"complaint_id": to.own, "clinic_id": to.clinic_id, "at": to.at} | fields, "complaint"
    )


KINDS: Final[dict[str, Kind]] = {
    "clinic": Kind("clinic.published", _clinic),
    "roster": Kind("roster.published", _roster),
    "unavailable": Kind("doctor.unavailable", _unavailable),
    "request": Kind("request.submitted", _request),
    "withdrawal": _to_call("request.withdrawn", reason="the patient feels better"),
    "transfer": _to_call(
        "request.transferred", to_clinic_id="tal-2", reason="attached to the other clinic", by=_REGISTRAR
    ),
    "visit": _to_call("visit.reported", outcome="served"),
    "assignment": _to_call("visit.assigned", doctor_id="gp-2", reason="knows the family", assigned_by=_REGISTRAR),
    "release": _to_call("visit.released", released_by=_REGISTRAR),
    "answer": _to_call("answer.given", given_by=_REGISTRAR),
    "complaint": Kind("complaint.submitted", _complaint),
    "assigned": _to_complaint("complaint.assigned", executor=_EXECUTOR, assigned_by=_HEAD),
    "executed": _to_complaint("complaint.executed", measures="Тіркеу бөлімінде екінші телефон желісі қосылды."),
    "answered": _to_complaint(
        "complaint.answered",
        text="В регистратуре подключена вторая телефонная линия.",
        decision="upheld",
        sent_by="by_hand",
    ),
    "refused": _to_complaint("complaint.refused", grounds="The complaint is about another clinic."),
    "escalated": _to_complaint("complaint.escalated", grounds="The complainant does not agree with the answer."),
}
