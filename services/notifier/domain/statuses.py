"""What ``status.changed`` says of a call, and the facts of which its texts are made (C6.2, C14)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from homecall.contract.events import CallAt, FieldError, Refusal, RequestStatus, StatusChanged, Trilingual, VisitTimes
from homecall.standard.rules import RuleSet
from homecall.texts.addresses import directory_of, ministry_of
from homecall.texts.statuses import StatusFacts, status_text
from services.notifier.domain.deadlines import seconds
from services.notifier.domain.facts import ClinicFacts
from services.notifier.domain.state import WITH_VISIT, Call, OtherCall, Refused, Visit


def visit_told(call: Call, status: RequestStatus) -> Visit | None:
    return call.visit if status in WITH_VISIT else None


def text_facts(
    call: Call, status: RequestStatus, at: datetime, clinic: ClinicFacts, rules: RuleSet, more: Mapping[str, Any]
) -> StatusFacts:
    """What the texts of a status are made of. ``more`` are facts of this status alone; ``rules`` are today's."""
    told: dict[str, Any] = {**more, "due_at": call.due_at}
    if visit := visit_told(call, status):
        told |= {
            "visit_date": visit.visit_date,
            "arrives_from": visit.arrives_from,
            "arrives_to": visit.arrives_to,
            "doctor_name": visit.doctor.full_name,
            "doctor_specialty": visit.doctor.specialty,
        }
    # People are told by their clinic's clock (R20).
    here = {name: each.astimezone(clinic.zone) for name, each in told.items() if isinstance(each, datetime)}
    return StatusFacts(
        emergency=call.emergency,
        channel=call.channel,
        clinic_name=clinic.name,
        clinic_phone=clinic.phone,
        register_number=call.register_number,
        minutes=None if call.due_at is None else int(seconds(at, call.due_at) // 60),
        ministry=ministry_of(rules),
        directory=directory_of(rules),
        **told | here,
    )


def status_event(
    call: Call, status: RequestStatus, at: datetime, facts: StatusFacts, *, on_time: bool | None
) -> StatusChanged:
    visit = visit_told(call, status)
    return StatusChanged.of_ours(
        request_id=call.request_id,
        clinic_id=call.clinic_id,
        channel=call.channel,
        sequence=call.sequence,
        status=status,
        occurred_at=at,
        text=Trilingual.of_ours(**status_text(status, facts).as_dict()),
        register_number=call.register_number,
        due_at=call.due_at,
        visit=None if visit is None else _times(visit),
        refusal=None if call.refusal is None else _refusal(call.refusal),
        transferred_to=other_call(call.transferred_to),
        transferred_from=other_call(call.transferred_from),
        on_time=on_time,
        emergency=call.emergency,
    )


def other_call(other: OtherCall | None) -> CallAt | None:
    return None if other is None else CallAt(request_id=other.request_id, clinic_id=other.clinic_id)


def _times(visit: Visit) -> VisitTimes:
    return VisitTimes.of_ours(
        visit_date=visit.visit_date,
        arrives_from=visit.arrives_from,
        arrives_to=visit.arrives_to,
        doctor_name=visit.doctor.full_name,
    )


def _refusal(refused: Refused) -> Refusal:
    return Refusal(
        code=refused.code,
        fields=[FieldError(path=each.path, message=each.message) for each in refused.fields],
        existing_request_id=refused.existing_request_id,
        next_acceptance_at=refused.next_acceptance_at,
    )
