"""What intake says of a request: accepted, deferred, held, refused, withdrawn, its identity checked."""

from __future__ import annotations

import dataclasses
from datetime import UTC, timedelta
from typing import Any, Final

from homecall.contract.events import (
    RequestAccepted,
    RequestCancelled,
    RequestDeferred,
    RequestEvent,
    RequestHeld,
    RequestIdentityChecked,
    RequestRefused,
)
from homecall.contract.types import zoned
from homecall.standard.handing_on import TRANSFER_UNCONFIRMED
from services.notifier.domain.deadlines import answer_clock, service_clock_of
from services.notifier.domain.draft import Draft
from services.notifier.domain.state import (
    NOTICE_TYPES,
    UNKNOWN_CHANNEL,
    FieldToCorrect,
    OtherCall,
    Person,
    Reader,
    Refused,
    Staff,
)

_IDENTITY_FLAGS: Final = frozenset({"identity_unconfirmed", "identity_not_found"})


def accept(draft: Draft, data: RequestAccepted) -> None:
    """Registered: the clocks of the answer and of the service run."""
    channel = data.channel or UNKNOWN_CHANNEL
    if draft.call.opens_at is None and _was_deferred(data):
        # Its request.deferred is a dead letter, or comes late: R19 has it said first all the same.
        draft.change(**_heard(data), opens_at=zoned(data.clock_started_at), due_at=zoned(data.due_at))
        draft.tell("deferred", opens_at=data.clock_started_at, deferred_again=False, opens_later=False)
    draft.change(
        **_heard(data),
        register_date=data.register_date,
        register_number=data.register_number,
        accepted_at=zoned(data.accepted_at),
        due_at=zoned(data.due_at),
        clock_started_at=zoned(data.clock_started_at),
        answer_confirmed=draft.clinic.oral_confirmation and channel in {"desk", "phone"},
    )
    rules, calendar = draft.law(data.submitted_at or data.clock_started_at)
    draft.start(answer_clock(channel, data.clock_started_at, data.due_at, rules, calendar))
    draft.start(service_clock_of(data, rules, calendar, max(draft.at, data.accepted_at)))
    draft.tell("registered")
    draft.enter()


def defer(draft: Draft, data: RequestDeferred) -> None:
    """Deferred to an opening, or from an opening day that turned out closed to a later one (R6, R16)."""
    known = draft.call.opens_at
    if known is not None and data.opens_at <= known:
        return
    if not draft.call.missed("answer"):
        draft.change(clocks={})  # its time starts again with that opening
    opens_at = zoned(data.opens_at, draft.clinic.zone)
    draft.change(**_heard(data), opens_at=opens_at, due_at=zoned(data.due_at))
    later = known is not None and known.date() == opens_at.date()
    draft.tell("deferred", opens_at=data.opens_at, deferred_again=known is not None, opens_later=later)


def hold(draft: Draft, data: RequestHeld) -> None:
    """Intake cannot decide yet, and watches the answer's deadline itself; the patient is told when it is missed."""
    if draft.call.missed("answer"):
        return
    channel = data.channel or UNKNOWN_CHANNEL
    before = draft.call.clocks.get("answer")
    said = (before.said if before else "") if data.deadline == "running" else NOTICE_TYPES[data.deadline]
    draft.change(channel=channel)
    rules, calendar = draft.law(data.submitted_at or data.clock_started_at)
    draft.start(answer_clock(channel, data.clock_started_at, data.due_at, rules, calendar))
    draft.leave_to_intake("answer", said)
    if data.deadline == "missed":
        draft.change(**_heard(data), due_at=zoned(data.due_at))
        draft.tell("delayed", at=data.due_at)


def check_identity(draft: Draft, data: RequestIdentityChecked) -> None:
    """What the register of persons said later: it takes nothing back, but the register's line shows it (C9.3)."""
    person = draft.call.person
    before = person.flags or []
    flags = [flag for flag in before if flag not in _IDENTITY_FLAGS]
    if data.outcome == "not_found":
        flags.append("identity_not_found")
    flags += [flag for flag in data.added_flags or [] if flag not in flags]
    if flags != before:
        draft.change(person=dataclasses.replace(person, flags=flags))
        draft.enter()


def refuse(draft: Draft, data: RequestRefused) -> None:
    """The refusal is an answer too: its clocks start and end here."""
    draft.change(
        **_heard(data),
        register_date=(data.submitted_at or draft.at).astimezone(draft.clinic.zone).date(),
        due_at=zoned(data.due_at) if data.due_at else draft.call.due_at,
        refusal=Refused(
            code=data.code,
            fields=[FieldToCorrect(each.path, each.message) for each in data.fields],
            existing_request_id=data.existing_request_id,
            next_acceptance_at=zoned(data.next_acceptance_at) if data.next_acceptance_at else None,
        ),
    )
    _start_clocks_of_refused(draft, data)
    draft.end(draft.at)
    draft.measure_spoken("entry", draft.at)
    draft.tell(
        "refused",
        on_time=draft.call.on_time,
        refusal_code=data.code,
        refusal_fields=[each.path for each in data.fields],
        next_acceptance_at=data.next_acceptance_at,
        existing_request_id=data.existing_request_id,
    )
    draft.enter()


def _start_clocks_of_refused(draft: Draft, data: RequestRefused) -> None:
    rules, _ = draft.law(data.submitted_at or draft.at)
    # Without a channel and a time of submission that could be read there is no limit to hold it against.
    started_at, due_at = draft.call.opens_at or data.submitted_at, draft.call.due_at
    if data.channel is not None and started_at is not None and due_at is not None:
        if rules is not None:
            # The clock that intake went by: at night that of the opening (R6), which may still be to come.
            limit = timedelta(seconds=rules.answer_limit(data.channel).seconds)
            started_at = min(due_at.astimezone(UTC) - limit, draft.at)
        draft.change(clock_started_at=zoned(started_at))
        draft.start(answer_clock(data.channel, started_at, due_at, rules, None))
    draft.start(service_clock_of(data, rules, None, draft.at))


def withdraw(draft: Draft, data: RequestCancelled) -> None:
    """A withdrawal ends every clock, and counts as neither met nor missed; so does handing the call on (R25)."""
    if not draft.call.status:
        draft.change(**_heard(data))
    if draft.call.register_number is None and data.register_number is not None and data.register_date is not None:
        # Its acceptance was not heard, and comes too late from now on: the register still shows the line.
        draft.change(**_heard(data), register_date=data.register_date, register_number=data.register_number)
    there = data.transferred_to
    if there is None:
        draft.change(clocks={}, outcome="withdrawn")
        draft.tell("withdrawn")
    else:
        draft.change(clocks={}, outcome="transferred", transferred_to=OtherCall(there.request_id, there.clinic_id))
        clinic = draft.facts.clinic(there.clinic_id)
        draft.tell("withdrawn", handed_on_to=clinic.name, handed_on_to_phone=clinic.phone)
    draft.enter()


def _was_deferred(data: RequestAccepted) -> bool:
    """Whether an accepted request had waited for an opening: only then its clock starts after it was made (R6)."""
    return (
        data.channel == "portal"
        and data.submitted_at is not None
        and data.submitted_at < data.clock_started_at == data.accepted_at
    )


def _heard(data: RequestEvent) -> dict[str, Any]:
    """What every event of a request says of it, as far as it could be read: fields of `Call`."""
    patient, applicant = data.patient, data.applicant
    return {
        "channel": data.channel or UNKNOWN_CHANNEL,
        "emergency": bool(data.red_flags),
        "person": Person(
            patient_name=(patient.full_name if patient else None) or "",
            # Whom to ring at the door: for a child, say, only the applicant has a telephone.
            phone=(patient.phone if patient else None) or (applicant.phone if applicant else None),
            address=data.address.model_dump(mode="json", exclude_none=True) if data.address else None,
            reasons=data.reasons,
            flags=data.flags,
            registrar=Staff(data.registrar.id, data.registrar.full_name) if data.registrar else None,
            referral=data.referral.model_dump(mode="json") if data.referral else None,
        ),
        "reader": Reader(
            phones=[phone for each in (patient, applicant) if each is not None and (phone := each.phone)],
            language=patient.language if patient else None,
            sms=patient.sms if patient else None,
            asked_at=zoned(data.submitted_at) if data.submitted_at else None,
        ),
        "transferred_from": _first_of(data),
    }


def _first_of(data: RequestEvent) -> OtherCall | None:
    """The call that this one goes on with; None also where that is only its sender's word."""
    first = data.transferred_from
    if first is None or TRANSFER_UNCONFIRMED in data.flags:
        return None
    return OtherCall(first.request_id, first.clinic_id)
