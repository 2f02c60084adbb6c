"""Officials: who answers for what the system accepts by itself (C10.2), and their names as they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homecall.contract.events import ClinicPublished, ComplaintStage, Language
from homecall.contract.events import Official as SentOfficial
from homecall.contract.iins import without_iins
from services.complaints.domain.state import Official

SYSTEM: Final = "Homecall"
"""Who accepted it where nobody is on duty."""
_HEAD: Final[Mapping[Language, str]] = {
    "kk": "Емхана басшысы",
    "ru": "Руководитель поликлиники",
    "en": "Head of the clinic",
}
_SYSTEM: Final[Mapping[Language, str]] = {
    "kk": "автоматты тіркеу жүйесі",
    "ru": "система автоматической регистрации",
    "en": "automatic registration system",
}


def on_duty(
    stage: ComplaintStage, clinic: ClinicPublished | None, officer: Official | None, language: Language
) -> Official:
    """Who answers for what the system accepts by itself: the officer on duty, by setting; at the clinic, where none is
    set, its head; elsewhere the system alone.
    """
    if officer is not None:
        return officer
    if stage == "clinic" and clinic is not None:
        return Official(full_name=clinic.head.full_name, position=_HEAD[language])
    return Official(full_name=SYSTEM, position=_SYSTEM[language])


def named(official: SentOfficial) -> Official:
    """An official as an event names them; an IIN that was typed into it goes no further."""
    return Official(full_name=without_iins(official.full_name), position=without_iins(official.position))
