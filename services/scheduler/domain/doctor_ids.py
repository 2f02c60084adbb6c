"""Doctors whose id holds an IIN get an alias, so that the IIN is neither stored nor sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homecall.contract.envelope import Incoming
from homecall.contract.events import RosterPublished
from homecall.contract.iins import without_iins

_LETTERS = str.maketrans("0123456789", "ghijklmnop")
_LENGTH = 20


def with_aliases(event: Incoming, index: Callable[[str], str] | None) -> Incoming:
    """The event with an alias for each ``doctor_id`` that holds an IIN: the same id has the same in every event.

    ``index`` is a keyed hash (`Vault.index`): without the key the IIN cannot be found by trying all of them.
    """
    data: Any = event.data
    if isinstance(data, RosterPublished):
        doctors = [each.model_copy(update={"doctor_id": _alias(each.doctor_id, index)}) for each in data.doctors]
        return replace(event, data=data.model_copy(update={"doctors": doctors})) if doctors != data.doctors else event
    doctor_id = getattr(data, "doctor_id", None)
    if not isinstance(doctor_id, str) or _alias(doctor_id, index) == doctor_id:
        return event
    return replace(event, data=data.model_copy(update={"doctor_id": _alias(doctor_id, index)}))


def _alias(doctor_id: str, index: Callable[[str], str] | None) -> str:
    hidden = without_iins(doctor_id)
    if hidden == doctor_id or index is None:
        return hidden
    # Letters alone: no digits of a hash are ever taken for an IIN.
    return "doctor-" + index(doctor_id)[:_LENGTH].translate(_LETTERS)
