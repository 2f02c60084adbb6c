"""The register as CSV, a row for each call. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from homecall.documents.register.page import flags, outcome, reasons, refusal, told_by
from homecall.documents.register.register import Call, Register
from homecall.documents.spreadsheet import written
from homecall.documents.wording import clean, window
from homecall.texts import documents as words
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import Text, local


def write(register: Register, language: PageLanguage) -> bytes:
    """The accepted calls by their numbers, then the refused; times are local, ``2026-11-23 09:14:05``."""
    head = (said(each, language) for each in _COLUMNS)
    calls = (*register.accepted, *register.refused)
    return written(head, ([cell(call, language) for cell in _COLUMNS.values()] for call in calls))


def _time(at: datetime | None) -> str:
    return "" if at is None else local(at).replace(tzinfo=None, microsecond=0).isoformat(" ")


def _of(part: str, name: str) -> Callable[[Call, PageLanguage], str]:
    """A field of a part of the entry that may be missing: its doctor, its address."""
    return lambda call, _: clean(getattr(getattr(call.entry, part), name, None))


def _specialty(call: Call, language: PageLanguage) -> str:
    doctor = call.entry.doctor
    return "" if doctor is None else coded(words.SPECIALTIES, doctor.specialty, language)


_COLUMNS: Mapping[Text, Callable[[Call, PageLanguage], str]] = {
    words.NUMBER: lambda call, _: str(call.entry.register_number or ""),
    words.CALLED: lambda call, _: _time(call.came_at),
    words.CHANNEL: lambda call, language: clean(coded(words.CHANNELS, call.entry.channel, language)),
    words.PATIENT: lambda call, _: clean(call.entry.patient_name),
    words.ADDRESS: _of("address", "text"),
    words.ENTRANCE: _of("address", "entrance"),
    words.FLOOR: _of("address", "floor"),
    words.FLAT: _of("address", "flat"),
    words.INTERCOM: _of("address", "intercom"),
    words.PHONE: lambda call, _: clean(call.entry.phone),
    words.REASONS: lambda call, language: "; ".join(reasons(call.entry, language)),
    words.DOCTOR: _of("doctor", "full_name"),
    words.SPECIALTY: _specialty,
    words.ARRIVES_FROM: lambda call, _: _time(call.entry.arrives_from),
    words.ARRIVES_TO: lambda call, _: _time(call.entry.arrives_to),
    words.TOLD_BY: lambda call, language: told_by(call.entry, language),
    words.TOLD_AT: lambda call, _: _time(call.entry.answered_at),
    words.SET_AT: lambda call, _: _time(call.answer_at),
    words.OUTCOME: lambda call, language: outcome(call.entry, language),
    words.REFUSAL: lambda call, language: refusal(call.entry, language),
    words.FLAGS: lambda call, language: "; ".join(flags(call.entry, language)),
    words.REQUEST_ID: lambda call, _: call.entry.request_id,
    words.MOVED_AT: lambda call, _: _time(call.moved_at),
    words.MOVED_FROM: lambda call, _: "" if call.moved_from is None else window(*call.moved_from),
    words.HANDED_ON_TO: _of("transferred_to", "clinic_id"),
    words.HANDED_ON_BY: _of("transferred_from", "clinic_id"),
    words.AMBULANCE_CARD: _of("referral", "card_number"),
    words.AMBULANCE_CATEGORY: _of("referral", "category"),
    words.AMBULANCE_AT: lambda call, _: _time(call.entry.referral.handed_over_at if call.entry.referral else None),
}
