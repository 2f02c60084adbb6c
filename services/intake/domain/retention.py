"""What remains of a request when its personal data are erased, and from which day on they may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from homecall.runtime.engine.decision import replace
from services.intake.domain.state import RequestState, awaits_number, awaits_successor, rests

# Listed is what stays: a field of a later release is erased unless somebody decides otherwise.
_FACTS = frozenset(
    {"request_id", "clinic_id", "channel", "queued_at", "service_started_at", "submitted_at", "reasons", "registrar"}
    | {"urgency", "red_flags", "flags", "transferred_from"}
)
_SAID = _FACTS | {
    *("register_date", "register_number", "accepted_at", "clock_started_at", "due_at", "visit_date", "opens_at"),
    *("code", "fields", "existing_request_id", "next_acceptance_at", "at", "waits_for", "outcome", "ruling"),
    *("transferred_to", "transferred_by"),
}


def over_on(state: RequestState) -> date | None:
    """The day of the visit; the first of all days for a refused or withdrawn request: its last change counts as well.

    None while it is open, and where nothing is left to be erased.
    """
    waits = (
        state.status in {"held", "deferred"} or (awaits_number(state) and not rests(state)) or awaits_successor(state)
    )
    if waits or remains(state) == state:
        return None
    if state.status in {"refused", "cancelled"} or state.visit_date is None:
        return date.min
    return state.visit_date


def remains(state: RequestState) -> RequestState:
    """The request without personal data: its ruling, ids, times and number stay."""
    return replace(
        state,
        request=_remaining(state.request, _FACTS),
        claim=None,
        cancel_reason=None if state.cancel_reason is None else "",
        kept=None,
        try_again_at=None,
        unconfirmed=None,
        ask_again_at=None,
    )


def said(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return _remaining(data, _SAID) if event_type.startswith("request.") else dict(data)


def _remaining(facts: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if name in names:
            found[name] = value
        elif name == "patient" and "age_years" in value:
            found[name] = {"age_years": value["age_years"]}
        elif name == "applicant" and "kind" in value.get("authority", {}):
            # That somebody stood in, and by what right, is part of the ruling (R15); who it was is not.
            found[name] = {"authority": {"kind": value["authority"]["kind"]}}
        elif name == "address" and "district_id" in value:
            found[name] = {"district_id": value["district_id"]}
        elif name == "reason":
            found[name] = ""
    return found
