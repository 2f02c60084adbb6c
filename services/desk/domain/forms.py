"""From a form to the event that it means. What is wrong is said by the form's own field names, all at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from homecall.contract.events import (
    AnswerGiven,
    ComplaintAnswered,
    ComplaintAssigned,
    ComplaintExecuted,
    ComplaintRefused,
    ComplaintSubmitted,
    DoctorUnavailable,
    RequestSubmitted,
    RequestTransferred,
    RequestWithdrawn,
    RosterPublished,
    VisitAssigned,
    VisitReleased,
    VisitReported,
)
from homecall.contract.types import Event, in_zone
from services.desk.domain import windows
from services.desk.domain.reader import Form, Reader, WrongForm
from services.desk.domain.roles import User

E = TypeVar("E", bound=Event)


def submitted(form: Form, user: User, now: datetime, zone: ZoneInfo) -> RequestSubmitted:
    """A call as it was typed; ``now`` is the server's time, which is when it was made. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    lat, lon = reader.number("lat"), reader.number("lon")
    patient = {
        "iin": reader.digits("iin"),
        "full_name": reader.text("full_name"),
        "birth_date": reader.day("birth_date"),
        "sex": reader.text("sex"),
        "phone": reader.text("phone"),
        "language": reader.text("language") or "ru",
    }
    document = {"kind": reader.text("document_kind"), "number": reader.text("document_number")}
    applicant = {
        "iin": reader.digits("applicant_iin"),
        "full_name": reader.text("applicant_full_name"),
        "phone": reader.text("applicant_phone"),
    }
    authority = {
        "kind": reader.text("applicant_authority_kind"),
        "number": reader.text("applicant_authority_number"),
        "valid_until": reader.day("applicant_authority_valid_until"),
    }
    card = {
        "card_number": reader.text("referral_card_number"),
        "handed_over_at": reader.moment("referral_handed_over_at"),
        "category": reader.text("referral_category"),
    }
    address = {name: reader.text(name) for name in ("district_id", "entrance", "floor", "flat", "intercom")}
    return reader.event(
        RequestSubmitted,
        {
            "request_id": reader.text("request_id"),
            "clinic_id": user.clinic_id,
            "channel": reader.text("channel") if reader.text("channel") != "portal" else "",
            "queued_at": reader.moment("queued_at"),
            "submitted_at": in_zone(now, zone),
            "patient": patient,
            "applicant": {**applicant, "authority": authority} if any(applicant.values()) else None,
            "identity_document": document if document["number"] else None,
            "identity": _consent(reader),
            "address": {"text": reader.text("address"), "lat": lat, "lon": lon, **address},
            "reasons": [code for code in form.get("reasons", ()) if code],
            "note": reader.text("note", lines=True),
            "temperature_c": reader.number("temperature_c"),
            "preferred_window": windows.read(reader.text("preferred_window")),
            "referral": card if any(card.values()) else None,
            "registrar": _staff(user),
        },
    )


def _consent(reader: Reader) -> dict[str, str | None] | None:
    """The consent to be looked up in the register of persons, where it was given."""
    token = reader.text("kdp_token")
    return {"kdp_token": token, "public_key": reader.text("kdp_public_key")} if token else None


def answered(request_id: str, user: User, now: datetime, zone: ZoneInfo) -> AnswerGiven:
    """The oral answer was given (C6.1)."""
    return AnswerGiven.model_validate(
        {
            "request_id": request_id,
            "clinic_id": user.clinic_id,
            "at": in_zone(now, zone),
            "given_by": _staff(user),
        }
    )


def withdrawn(request_id: str, form: Form, user: User, now: datetime, zone: ZoneInfo) -> RequestWithdrawn:
    """The applicant takes the call back. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    data = {"request_id": request_id, "clinic_id": user.clinic_id, "at": in_zone(now, zone)}
    return reader.event(RequestWithdrawn, {**data, "reason": reader.text("reason")})


def transferred(request_id: str, form: Form, user: User, now: datetime, zone: ZoneInfo) -> RequestTransferred:
    """The call is handed on to another clinic. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    return reader.event(
        RequestTransferred,
        {
            "request_id": request_id,
            "clinic_id": user.clinic_id,
            "to_clinic_id": reader.text("to_clinic_id"),
            "at": in_zone(now, zone),
            "reason": reader.text("reason"),
            "by": _staff(user),
        },
    )


def reported(request_id: str, form: Form, user: User, now: datetime, zone: ZoneInfo) -> VisitReported:
    """How the visit ended. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    data = {"request_id": request_id, "clinic_id": user.clinic_id, "at": in_zone(now, zone)}
    return reader.event(
        VisitReported, {**data, "outcome": reader.text("outcome"), "note": reader.text("note", lines=True)}
    )


def assigned(
    request_id: str, form: Form, user: User, now: datetime, zone: ZoneInfo, *, on: date | None = None
) -> VisitAssigned:
    """A dispatcher's choice of doctor and time; a clock time is of the visit's day ``on``. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    return reader.event(
        VisitAssigned,
        {
            "request_id": request_id,
            "clinic_id": user.clinic_id,
            "at": in_zone(now, zone),
            "doctor_id": reader.text("doctor_id"),
            "arrives_from": reader.moment("arrives_from", on),
            "reason": reader.text("reason"),
            "assigned_by": _staff(user),
        },
    )


def released(request_id: str, user: User, now: datetime, zone: ZoneInfo) -> VisitReleased:
    """The visit may be planned like any other again."""
    data = {"request_id": request_id, "clinic_id": user.clinic_id, "at": in_zone(now, zone)}
    return VisitReleased.model_validate(data | {"released_by": _staff(user)})


def unavailable(on: date, form: Form, user: User, now: datetime, zone: ZoneInfo) -> DoctorUnavailable:
    """A doctor stops at a time of that day. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    return reader.event(
        DoctorUnavailable,
        {
            "clinic_id": user.clinic_id,
            "date": on.isoformat(),
            "doctor_id": reader.text("doctor_id"),
            "from": reader.clock("from"),
            "reason": reader.text("reason"),
        },
    )


DOCTOR_FIELDS: Final = (
    "doctor_id",
    "full_name",
    "specialty",
    "districts",
    "shift_from",
    "shift_to",
    "breaks",
    "max_visits",
)
"""The fields of a line of a roster's form, each sent once a line and in the order of the lines."""


def roster(on: date, form: Form, user: User, now: datetime, zone: ZoneInfo) -> RosterPublished:
    """The roster of a day; its revision is one above what the form was drawn from. Raises ``WrongForm``.

    A line with neither id nor name is an empty one. ``on_duty`` names the ids of the doctors on duty.
    """
    reader = Reader(form, zone, now)
    on_duty = set(form.get("on_duty", ()))
    doctors: list[dict[str, Any]] = []
    lines: list[int] = []
    for line in range(len(form.get("doctor_id", ()))):
        each = {name: reader.text(name, line) for name in DOCTOR_FIELDS}
        if not (each["doctor_id"] or each["full_name"]):
            continue
        lines.append(line)
        doctors.append(
            {
                "doctor_id": each["doctor_id"],
                "full_name": each["full_name"],
                "specialty": each["specialty"],
                "districts": [part for part in re.split(r"[\s,;]+", each["districts"] or "") if part],
                "shift": {"from": reader.clock("shift_from", line), "to": reader.clock("shift_to", line)},
                "breaks": reader.intervals("breaks", line),
                "max_visits": reader.whole("max_visits", line),
                "on_duty": each["doctor_id"] in on_duty,
            }
        )
    data: dict[str, Any] = {
        "clinic_id": user.clinic_id,
        "date": on.isoformat(),
        "revision": (reader.whole("revision") or 0) + 1,
        "doctors": doctors,
        "visit_minutes": reader.whole("visit_minutes"),
        "travel_minutes": reader.whole("travel_minutes"),
    }
    found = reader.event(RosterPublished, data, where=lambda path: _in_roster(path, lines))
    if not doctors:
        raise WrongForm({"doctor_id": "missing"})
    return found


def _in_roster(path: str, lines: Sequence[int]) -> str:
    """The field of the roster's form, with its line: ``full_name.2``."""
    parts = path.split(".")
    if parts[0] != "doctors" or len(parts) < 3:
        return path
    name = f"shift_{parts[3]}" if parts[2] == "shift" and len(parts) > 3 else parts[2]
    return f"{name}.{lines[int(parts[1])]}"


def complaint(form: Form, user: User, now: datetime, zone: ZoneInfo, position: str) -> ComplaintSubmitted:
    """A complaint that came by post or in person; ``position`` is that of who takes it in. Raises ``WrongForm``."""
    reader = Reader(form, zone, now)
    return reader.event(
        ComplaintSubmitted,
        {
            "complaint_id": reader.text("complaint_id"),
            "addressed_to": reader.text("addressed_to") or "clinic",
            "clinic_id": user.clinic_id,
            "request_id": reader.text("request_id"),
            "channel": reader.text("channel") if reader.text("channel") != "portal" else "",
            "submitted_at": in_zone(now, zone),
            "complainant": {
                "full_name": reader.text("full_name"),
                "iin": reader.digits("iin"),
                "phone": reader.text("phone"),
                "postal_address": reader.text("postal_address"),
                "language": reader.text("language") or "ru",
            },
            "text": reader.text("text", lines=True),
            "received_by": {"full_name": user.full_name, "position": position},
            "answer_by": reader.text("answer_by"),
            "answer_place": reader.text("answer_place"),
        },
    )


def complaint_step(
    model: type[E], complaint_id: str, form: Form, who: tuple[User, str], now: datetime, zone: ZoneInfo
) -> E:
    """A step in the life of a complaint (C10.3 to C10.6), by a user with this position. Raises ``WrongForm``."""
    user, position = who
    reader = Reader(form, zone, now)
    data: dict[str, Any] = {"complaint_id": complaint_id, "clinic_id": user.clinic_id, "at": in_zone(now, zone)}
    if model is ComplaintAssigned:
        data["executor"] = {
            "full_name": reader.text("executor_full_name"),
            "position": reader.text("executor_position"),
        }
        data["assigned_by"] = {"full_name": user.full_name, "position": position}
    elif model is ComplaintExecuted:
        data["measures"] = reader.text("measures", lines=True)
    elif model is ComplaintAnswered:
        data |= {name: reader.text(name, lines=name == "text") for name in ("text", "decision", "sent_by")}
    elif model is ComplaintRefused:
        data["grounds"] = reader.text("grounds", lines=True)
    return reader.event(model, data, where=lambda path: path.replace("executor.", "executor_"))


def _staff(user: User) -> dict[str, str]:
    return {"id": user.name, "full_name": user.full_name}
