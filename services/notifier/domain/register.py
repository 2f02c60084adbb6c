"""The line of a call in the clinic's register (C6.1)."""

from __future__ import annotations

from homecall.contract.events import JournalEntry, RefusalCodeOnly, StaffMember, Trilingual
from homecall.contract.events.intake_events import AddressFacts, ReferralFacts
from homecall.contract.events.schedule_events import VisitDoctor
from services.notifier.domain.state import Call, Doctor, Staff
from services.notifier.domain.statuses import other_call


def journal_entry(call: Call) -> JournalEntry:
    """The line as it now stands. The call has a ``register_date``."""
    assert call.register_date is not None
    person, visit = call.person, call.visit
    return JournalEntry.of_ours(
        clinic_id=call.clinic_id,
        register_date=call.register_date,
        register_number=call.register_number,
        revision=call.revision,
        request_id=call.request_id,
        channel=call.channel,
        patient_name=person.patient_name or "",
        phone=person.phone,
        address=None if person.address is None else AddressFacts.model_validate(person.address),
        reasons=person.reasons,
        accepted_at=call.accepted_at,
        flags=person.flags or [],
        doctor=None if visit is None else _doctor(visit.doctor),
        arrives_from=None if visit is None else visit.arrives_from,
        arrives_to=None if visit is None else visit.arrives_to,
        oral_answer=Trilingual.of_ours(**call.oral_answer),
        answered_at=call.answered_at,
        answered_by=_member(call.answered_by),
        registrar=_member(person.registrar),
        outcome=call.outcome,
        referral=None if person.referral is None else ReferralFacts.model_validate(person.referral),
        transferred_to=other_call(call.transferred_to),
        transferred_from=other_call(call.transferred_from),
        refusal=None if call.refusal is None else RefusalCodeOnly(code=call.refusal.code),
    )


def _doctor(doctor: Doctor) -> VisitDoctor:
    return VisitDoctor.of_ours(doctor_id=doctor.doctor_id, full_name=doctor.full_name, specialty=doctor.specialty)


def _member(staff: Staff | None) -> StaffMember | None:
    return None if staff is None else StaffMember(id=staff.id, full_name=staff.full_name)
