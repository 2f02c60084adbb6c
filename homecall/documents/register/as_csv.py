"""The register as CSV, a row for each call. Pure."""

from __future__ import annotations

from datetime import datetime

from homecall.documents.register.page import flags, outcome, reasons, refusal, told_by
from homecall.documents.register.register import Call, Register
from homecall.documents.spreadsheet import written
from homecall.documents.wording import clean, window
from homecall.texts import documents as words
from homecall.texts.documents import PageLanguage, coded, said
from homecall.texts.language import local

_HEAD = (
    words.NUMBER,
    words.CALLED,
    words.CHANNEL,
    words.PATIENT,
    words.ADDRESS,
    words.ENTRANCE,
    words.FLOOR,
    words.FLAT,
    words.INTERCOM,
    words.PHONE,
    words.REASONS,
    words.DOCTOR,
    words.SPECIALTY,
    words.ARRIVES_FROM,
    words.ARRIVES_TO,
    words.TOLD_BY,
    words.TOLD_AT,
    words.SET_AT,
    words.OUTCOME,
    words.REFUSAL,
    words.FLAGS,
    words.REQUEST_ID,
    words.MOVED_AT,
    words.MOVED_FROM,
)


def write(register: Register, language: PageLanguage) -> bytes:
    """The accepted calls by their numbers, then the refused; times are local, ``2026-11-23 09:14:05``."""
    head = (said(each, language) for each in _HEAD)
    return written(head, (_row(call, language) for call in (*register.accepted, *register.refused)))


def _row(call: Call, language: PageLanguage) -> tuple[str, ...]:
    entry = call.entry
    doctor, where = entry.doctor, entry.address
    return (
        "" if entry.register_number is None else str(entry.register_number),
        _time(call.came_at),
        clean(coded(words.CHANNELS, entry.channel, language)),
        clean(entry.patient_name),
        *(
            (clean(each) for each in (where.text, where.entrance, where.floor, where.flat, where.intercom))
            if where
            else [""] * 5
        ),
        clean(entry.phone),
        "; ".join(reasons(entry, language)),
        "" if doctor is None else clean(doctor.full_name),
        "" if doctor is None else coded(words.SPECIALTIES, doctor.specialty, language),
        _time(entry.arrives_from),
        _time(entry.arrives_to),
        told_by(entry, language),
        _time(entry.answered_at),
        _time(call.answer_at),
        outcome(entry, language),
        refusal(entry, language),
        "; ".join(flags(entry, language)),
        entry.request_id,
        _time(call.moved_at),
        "" if call.moved_from is None else window(*call.moved_from),
    )


def _time(at: datetime | None) -> str:
    return "" if at is None else local(at).replace(tzinfo=None, microsecond=0).isoformat(" ")
